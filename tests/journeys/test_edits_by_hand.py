"""What a person edits in a worktree shows in the list, new folders and commits too; what git ignores does not."""

from pathlib import Path

from tests.conftest import git
from tests.journeys.conftest import Open
from tests.worker.bench import Bench


def test_edits_by_hand_show_in_the_list(bench: Bench, terminal: Open) -> None:
    session = bench.new(None, name="Mend the gate")
    worktree = Path(session.worktree_path)
    app = terminal(size=(160, 24)).sees("Mend the gate", "no iteration yet", "·")
    (worktree / "new.txt").write_text("one\ntwo\n")
    app.sees("+2 -0")
    (worktree / "deep").mkdir()
    (worktree / "deep" / "more.txt").write_text("three\n")
    app.sees("+3 -0")
    (worktree / "deep" / "more.txt").write_text("three\nfour\n")
    app.sees("+4 -0")
    git(worktree, "add", "-A")
    git(worktree, "commit", "-qm", "By hand")
    app.sees("↑1")
    app.press("q")
    assert app.ended() == 0
