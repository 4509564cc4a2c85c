"""Where a worktree's HEAD stands, and the rescue of commits that the agent made elsewhere than on its branch.

Branches move by compare-and-swap. Files change in one case only: back to the branch from an older commit of it,
in a clean worktree.
"""

from collections.abc import Collection
from pathlib import Path

from ampsm_engine.git import listing, program, repository
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.git.values import Head

KEPT = "refs/ampsm/stray"


def head(worktree: Path) -> Head:
    """The commit and the branch that a worktree has checked out."""
    git_dir = repository.git_dir(worktree)
    both = program.read(worktree, "rev-parse", "HEAD^{commit}", "--symbolic-full-name", "HEAD")
    lines = both.line.split("\n")
    if both.ok and len(lines) == 2:
        return Head(lines[0], None if lines[1] == "HEAD" else repository.short(lines[1]))
    # Without a commit, or with a branch that is called HEAD as well, git does not answer both at once.
    commit = program.read(worktree, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    branch = program.read(git_dir, "--git-dir", git_dir, "symbolic-ref", "--quiet", "HEAD")
    return Head(commit.line if commit.ok else "", repository.short(branch.line) if branch.ok else None)


def agent_commits(worktree: Path, start: str, branch: str, ours: Collection[str] = ()) -> tuple[str, ...]:
    """The commits on HEAD or on the branch that were not there at `start`, oldest first, less `ours`."""
    tips = [tip for tip in (head(worktree).commit, repository.branch_tip(worktree, branch)) if tip]
    if not tips:
        return ()
    listed = program.told(worktree, "rev-list", "--reverse", "--topo-order", *tips, f"^{start}", "--")
    return tuple(commit for commit in listed.decode().split() if commit not in ours)


def keep_stray(worktree: Path, *, branch: str, start: str, iteration_id: str) -> str | None:
    """See to it that no commit of an iteration is lost, whatever the agent did to HEAD; a sentence to tell, or None.

    HEAD ahead of the branch: the branch moves up to it and HEAD is on it again. HEAD elsewhere: it stays, and is
    kept under refs/ampsm/stray/<iteration>. A branch without `start` in its history was rewritten: `start` is kept
    under refs/ampsm/stray/<iteration>-before.
    """
    repository.linked_git_dir(worktree)
    now = head(worktree)
    if not branch or not now.commit or repository.is_busy(worktree):
        return None
    told = _put_on_branch(worktree, now, branch, iteration_id) if now.branch != branch else None
    tip = now.commit if told is None else repository.branch_tip(worktree, branch)
    if tip in (None, start) or repository.is_ancestor(worktree, start, tip):
        return told
    kept = f"{KEPT}/{iteration_id}-before"
    program.done(worktree, "update-ref", kept, start)
    rewritten = f"The branch {branch} was rewritten; where it stood before is kept as {kept}."
    return f"{told} {rewritten}" if told else rewritten


def _put_on_branch(worktree: Path, now: Head, branch: str, iteration_id: str) -> str:
    # Whoever put it there: the agent, or a person before it began.
    stood = f"HEAD stood on {now.branch}" if now.branch else "HEAD was detached"
    tip = repository.branch_tip(worktree, branch)
    if tip is None or repository.is_ancestor(worktree, tip, now.commit):
        if tip == now.commit or _moved(worktree, branch, tip, now.commit):
            program.done(worktree, "symbolic-ref", "-m", "ampsm: back on it", "HEAD", f"{BRANCHES}{branch}")
            return f"{stood}; the work there is on {branch} again."
    elif repository.is_ancestor(worktree, now.commit, tip):
        options = ("-c", "advice.detachedHead=false", "-c", "core.hooksPath=/dev/null")
        checkout = ("checkout", "-q", "--no-overwrite-ignore", branch, "--")
        if not listing.entries(worktree) and program.write(worktree, *options, *checkout).ok:
            return f"{stood} at an older commit; the worktree is on {branch} again."
        return f"{stood} at an older commit of {branch}, with changes there: see git -C {worktree} status."
    kept = f"{KEPT}/{iteration_id}"
    program.done(worktree, "update-ref", kept, now.commit)
    return f"{stood}, away from {branch}; its commits are kept as {kept}."


def _moved(worktree: Path, branch: str, old: str | None, new: str) -> bool:
    """Move a branch that still points at `old`, or create it; False when somebody else was first."""
    moved = program.write(
        worktree, "update-ref", "-m", "ampsm: the agent's work", f"{BRANCHES}{branch}", new, old or "0" * len(new)
    )
    return moved.ok
