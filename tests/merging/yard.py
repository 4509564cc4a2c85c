"""Sessions for trains: what a train is given, what its script judged, and what has to hold after it."""

from pathlib import Path

from ampsm_engine.merging import train
from ampsm_engine.merging.train import TrainResult
from ampsm_engine.model import Session
from tests.conftest import git
from tests.merging.desk import Desk, options


class Yard:
    """Sessions for trains, each with a file of its own name, and a script that writes down each tree that it judges."""

    def __init__(self, desk: Desk, tmp_path: Path) -> None:
        self.desk = desk
        self.ran = tmp_path / "ran"
        self.start = desk.sha("main")

    def script(self, text: str) -> str:
        return (
            f"(git rev-parse HEAD^{{tree}}; ({text}); echo $?) | tr '\\n' ' ' >> {self.ran}; echo >> {self.ran}; {text}"
        )

    def sessions(self, names: str, script: str = "true") -> list[Session]:
        return [self.session(name, {name: f"{name}\n"}, script) for name in names.split()]

    def session(self, name: str, files: dict[str, str | bytes | None], script: str = "true") -> Session:
        made = self.desk.session(name, script=self.script(script))
        self.desk.amp(made, files, f"amp: work on {name}")
        return made

    def run(self, sessions: list[Session], **more: object) -> TrainResult:
        ids = [session.id for session in sessions]
        return train.run(self.desk.engine, ids, options("", answered=(), **more), again="ampsm merge A B --train")

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Tree and exit code of each run so far."""
        told = self.ran.read_text().splitlines() if self.ran.exists() else []
        return [(line.split()[0], int(line.split()[1])) for line in told]

    def holds(self) -> None:
        """Each place where the base has stood since has passed the script, and nothing of a train lies about."""
        stood = git(self.desk.repo, "reflog", "show", "--format=%H", "main").split()
        passed = {tree for tree, code in self.runs if code == 0}
        since = stood[: stood.index(self.start)]
        assert [one for one in since if self.desk.sha(f"{one}^{{tree}}") not in passed] == []
        assert list((self.desk.repo / ".worktrees").glob("check-*")) == []
        assert list(self.desk.engine.home.scratch.iterdir()) == []
        assert self.desk.engine.store.merges.working() == ()
        assert git(self.desk.repo, "status", "--porcelain") == ""
        assert "check-" not in git(self.desk.repo, "worktree", "list")
