"""Whether a session's work is in its base, and what of it exists nowhere else. Reads only."""

import contextlib
from pathlib import Path

from ampsm_engine import plain_text
from ampsm_engine.context import Engine
from ampsm_engine.errors import NotFound
from ampsm_engine.git import changes, commits, program, repository, worktree_status
from ampsm_engine.git.integrate.outcomes import PlannedCommit
from ampsm_engine.git.integrate.proof import proof, reverted_files
from ampsm_engine.git.worktree_status import Inventory
from ampsm_engine.lean_dataclass import dataclass, field, replace
from ampsm_engine.model import MergeState, Session
from ampsm_engine.plain_text import plural, printable

_HOW = {
    "ancestor": "its commits are in {0}",
    "same tree": "{0} has exactly its files",
    "patch-id": "{0} has its changes, squashed or picked",
    "nothing new": "it changes nothing",
}


@dataclass(frozen=True, slots=True)
class Proven:
    """Whether the work of a session is elsewhere, how that is known, and what is not."""

    in_base: bool
    how: str
    """`ancestor`, `same tree`, `patch-id`, `nothing new`, or `not`."""
    base: str
    """The branch that has it, else the one it was looked for in."""
    left: tuple[PlannedCommit, ...] = ()
    """Commits whose change the base does not have."""
    files: tuple[str, ...] = ()
    """What those commits change."""
    uncommitted: tuple[str, ...] = ()
    """Paths that are in no commit at all."""
    inventory: Inventory = field(default_factory=Inventory)
    """What the worktree holds that no commit can hold, kept by the trash or not."""
    taken_back: tuple[str, ...] = ()
    """Files that have nothing of the work in `base` any more, though it came there: a revert took it out."""

    @property
    def text(self) -> str:
        """What exists nowhere else, or how it is known that nothing does; the end of a sentence."""
        parts = []
        if self.left:
            many = plural(len(self.left), "commit")
            parts.append(f"{many} that {printable(self.base)} does not have ({plain_text.list_some(self.files)})")
        if self.uncommitted:
            many = plural(len(self.uncommitted), "uncommitted file")
            parts.append(f"{many} ({plain_text.list_some(self.uncommitted)})")
        if self.taken_back:
            base = printable(self.base)
            reverted = (
                f"work that {base} has in its history alone: it took {plain_text.list_some(self.taken_back)} back since"
            )
            return " and ".join([reverted, *parts])
        return " and ".join(parts) if parts else _HOW.get(self.how, "{0} has it").format(printable(self.base))

    @property
    def warning(self) -> str:
        """What only the trash has then and what it would not keep, in sentences; empty when git has or knows all."""
        whole, ignored = self.inventory.whole, self.inventory.ignored
        kept = f"With it go {plain_text.list_some(whole)}, which no commit has." if whole else ""
        lost = f"What git ignores in it is not kept: {ignored}." if ignored.paths else ""
        return f"{kept} {lost}".strip()


def prove(engine: Engine, session: Session) -> Proven:
    """Look for a session's work in its base, and in whatever else it was merged into; NotFound without any commit.

    Its work is its branch, and what its worktree has checked out beside that.
    """
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    tips = _tips(root, worktree, session)
    lying = worktree_status.inventory_of(worktree)
    uncommitted = tuple(change.path for change in changes.status(worktree)) if worktree.is_dir() else ()
    found: Proven | None = None
    for name in _places(engine, session, root):
        base = repository.resolve(root, name)
        told = [proof(root, tip, base) for tip in tips]
        missing = [one for one in told if not one.in_base]
        how = (missing or told)[0].how
        left = {commit.sha: commit for one in missing for commit in one.left}
        files = sorted({file for one in missing for file in one.files})
        proven = Proven(not missing, how, name, tuple(left.values()), tuple(files), uncommitted, lying)
        if proven.in_base:
            return replace(proven, taken_back=_reverted_files(engine, session, name, base, tips[-1]))
        found = found or proven
    return found or Proven(False, "not", session.base_branch, uncommitted=uncommitted, inventory=lying)


def in_base(engine: Engine, session: Session) -> Proven | None:
    """Where a session's commits are, by its branch alone; None while something of them is nowhere else.

    Quicker than `prove`: its worktree is not looked into.
    """
    root = Path(session.repo_root)
    tip = repository.resolve(root, session.branch_name)
    for name in _places(engine, session, root):
        base = repository.resolve(root, name)
        told = proof(root, tip, base)
        if told.in_base and not _reverted_files(engine, session, name, base, tip):
            return Proven(True, told.how, name)
    return None


def _reverted_files(engine: Engine, session: Session, name: str, base: str, tip: str) -> tuple[str, ...]:
    """Files of the merged work that a branch has reverted since, by our merges or by the session's start."""
    root = Path(session.repo_root)
    done = [one for one in engine.store.merges.of(session.id) if one.state is MergeState.DONE and one.target == name]
    spans = [(one.base_before, one.base_after) for one in done] or [(session.base_commit, tip)]
    known = [(old, new) for old, new in spans if repository.resolves(root, old) and repository.resolves(root, new)]
    return tuple(sorted({path for old, new in known for path in reverted_files(root, old, new, base)}))


def _tips(root: Path, worktree: Path, session: Session) -> list[str]:
    """The branch's commit, and the worktree's own where the branch does not have it: HEAD may have left the branch."""
    tip = repository.branch_tip(root, session.branch_name)
    head = commits.head(worktree).commit if (worktree / ".git").exists() else None
    if head and (tip is None or not repository.is_ancestor(root, head, tip)):
        return [head, tip] if tip else [head]
    return [tip or repository.resolve(root, session.branch_name)]


def _places(engine: Engine, session: Session, root: Path) -> list[str]:
    merged = [one.target for one in engine.store.merges.of(session.id) if one.state is MergeState.DONE and one.target]
    places: dict[str, str] = {}  # by commit: two branches that stand at one say the same
    for name in (session.base_branch, *upstreams(root, session.base_branch), *merged):
        with contextlib.suppress(NotFound):
            places.setdefault(repository.resolve(root, name), name)
    names = list(places.values())
    return names or ([session.base_commit] if repository.resolves(root, session.base_commit) else [])


def upstreams(root: Path, base: str) -> list[str]:
    """The remote branches that a base follows or, where it follows none, those of its name."""
    follows = program.read(root, "rev-parse", "--abbrev-ref", "--symbolic-full-name", f"{base}@{{upstream}}")
    if follows.ok:
        return [follows.line]
    names = (repository.short(full) for full in repository.refs(root, "refs/remotes/"))
    return sorted(name for name in names if name.partition("/")[2] == base)
