"""A conflict that waits in a session's worktree: looked at, resolved file by file, handed to amp, reviewed.

What amp resolved counts only after a person took that very tree for good.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from ampsm_engine.context import Engine
from ampsm_engine.errors import Refused
from ampsm_engine.git import attributes, changes, lock, pinned_refs, repository, snapshot, stash_commit
from ampsm_engine.git.entities import FileChange
from ampsm_engine.git.integrate import conflict_checkout, conflict_resolution, laid_conflict, markers
from ampsm_engine.git.integrate.markers import MarkersLeft as MarkersLeft  # noqa: PLC0414 - for who resolves
from ampsm_engine.git.integrate.outcomes import Choice, ConflictHunk, OpenFile
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.merging import journal, operations
from ampsm_engine.model import Merge, Session, State
from ampsm_engine.plain_text import list_some, plural, printable

Resolution = Choice | Literal["edited", "meant"] | Mapping[int, Choice]
"""`ours` is the base, `theirs` the session's work; `edited`: as the file lies there; `meant`: and what looks like
conflict markers in it is meant; or one choice for each hunk."""


@dataclass(frozen=True, slots=True)
class Conflicts:
    """An open conflict of a merge: what does not fit, which files are still open and who is at them."""

    merge: Merge
    worktree: str
    onto: str
    """The commit that the work comes to: the base, or what is in place of the session's work so far."""
    commit: str
    """What does not fit."""
    files: tuple[OpenFile, ...]
    """What is still open; empty when `--continue` can go on."""
    resolved: tuple[str, ...]
    """Paths that were in conflict and are resolved by now."""
    number: int
    """Which conflict of this operation it is, from 1."""
    given: str = ""
    """The iteration that was asked to resolve it."""
    given_tree: str = ""
    """The worktree as it was then, conflict and all, as a commit."""
    at_work: bool = False
    """Whether amp is at it, or waits for a slot."""
    needs_review: bool = False
    """Whether amp's resolution waits for a review."""
    edited: tuple[str, ...] = ()
    """Tracked files that were changed after they were added, if they ever were: git would leave that out."""
    marked: tuple[str, ...] = ()
    """Paths of `resolved` that hold conflict markers which are not declared as meant."""


def _marked(merge: Merge, worktree: Path, touched: Iterable[str]) -> list[str]:
    """The files in the worktree that hold conflict markers which are not declared as meant."""
    laid = laid_conflict.laid(worktree)
    if laid is None:
        return []
    paths = sorted({*touched, *(file.path for file in laid.files)})
    found = [*markers.in_worktree(worktree, laid, paths)]
    meant = journal.read(merge).meant
    as_added = {path for path, blob in conflict_resolution.blobs(worktree, found).items() if blob in meant}
    return [path for path in found if path not in as_added - {*conflict_checkout.unadded(worktree)}]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What amp made of a conflict: the diff from the conflict as it was laid out to the worktree as it is now."""

    tree: str
    """Names exactly what was looked at; `accept` takes it."""
    files: tuple[FileChange, ...]
    patch: bytes


def conflicts(engine: Engine, session_id: str) -> Conflicts:
    """What is open, by file and hunk. Refused when no conflict of the session waits."""
    merge = operations.waiting_operation(engine, session_id)
    session = engine.store.sessions.get(session_id)
    worktree = Path(session.worktree_path)
    laid = laid_conflict.laid(worktree)
    if laid is None:
        message = f"The conflict of {session.name} does not lie in {worktree} any more."
        raise Refused(message, f"ampsm merge {session.id} --abort")
    plan = journal.read(merge)
    files = conflict_resolution.conflicts(worktree)
    left = {file.path for file in files}
    at_work = any(one.state is not State.SETTLED for one in engine.store.iterations.of(session_id))
    return Conflicts(
        merge=merge,
        worktree=str(worktree),
        onto=laid.onto,
        commit=laid.commit,
        files=files,
        resolved=tuple(file.path for file in laid.files if file.path not in left),
        edited=conflict_checkout.unadded(worktree),
        marked=tuple(path for path in _marked(merge, worktree, ()) if path not in left),
        number=max(plan.conflicts, 1),
        given=plan.given,
        given_tree=plan.given_tree,
        at_work=at_work,
        needs_review=bool(plan.given) and not plan.accepted and not at_work,
    )


def readable_file(worktree: Path, path: str) -> tuple[str, str]:
    """The text of a file of a conflict as it lies there, and what it is in; both empty where it cannot be read."""
    try:
        return attributes.read_text(worktree, path)
    except OSError:  # gone, or another kind of file by now
        return "", ""


SideWords = tuple[tuple[tuple[int, int], ...], ...]
"""The changed words of each line of a side, as start and end."""


def changed_words(hunks: Sequence[ConflictHunk]) -> tuple[tuple[SideWords, SideWords], ...]:
    """The words that ours and theirs changed in each hunk: told from what was before both, else from each other."""
    from ampsm_engine.git import diff_words  # pygit2: only where the words are looked for, and never in a screen

    found = []
    for hunk in hunks:
        if hunk.base is None:
            ours, theirs = diff_words.of_sides(hunk.ours, hunk.theirs)
        else:
            ours, theirs = (diff_words.of_sides(hunk.base, side)[1] for side in (hunk.ours, hunk.theirs))
        found.append((tuple(map(tuple, ours)), tuple(map(tuple, theirs))))
    return tuple(found)


def resolve(engine: Engine, session_id: str, path: str, choice: Resolution) -> Conflicts:
    """Resolve one file; Refused while amp is at it, or for a choice that this kind of conflict does not have.

    MarkersLeft when the file lies there with markers.
    """
    merge, session = _mine(engine, session_id)
    worktree = Path(session.worktree_path)
    with lock.writer(repository.common_dir(Path(session.repo_root)), f"resolve {session_id}"):
        conflict_resolution.resolve(worktree, path, choice)
        if choice == "meant":
            _keep_markers(engine, merge, worktree, [path])
    return conflicts(engine, session_id)


def _keep_markers(engine: Engine, merge: Merge, worktree: Path, paths: Sequence[str]) -> None:
    """Write down that files are meant as the index has them, lines that look like conflict markers and all."""
    plan = journal.read(engine.store.merges.get(merge.id))  # as it is in the lock
    plan = replace(plan, meant=(*plan.meant, *conflict_resolution.blobs(worktree, paths).values()))
    engine.store.merges.step(merge.id, journal.WAIT, plan=journal.written(plan))


def reopen(engine: Engine, session_id: str, path: str) -> Conflicts:
    """Lay a resolved file out in conflict again; its resolution is lost."""
    _, session = _mine(engine, session_id)
    worktree = Path(session.worktree_path)
    with lock.writer(repository.common_dir(Path(session.repo_root)), f"reopen {session_id}"):
        conflict_resolution.reopen(worktree, path)
    return conflicts(engine, session_id)


def _mine(engine: Engine, session_id: str) -> tuple[Merge, Session]:
    """The waiting operation of a session and the session; Refused while an iteration of it is open."""
    merge = operations.waiting_operation(engine, session_id)
    session = engine.store.sessions.get(session_id)
    if any(one.state is not State.SETTLED for one in engine.store.iterations.of(session_id)):
        message = f"amp is at the conflicts of {session.name}."
        raise Refused(message, f"ampsm wait {session.id}, or: ampsm stop {session.id}")
    return merge, session


def prompt_for(engine: Engine, session_id: str) -> str:
    """The prompt that has amp resolve an open conflict."""
    found = conflicts(engine, session_id)
    session = engine.store.sessions.get(session_id)
    target = found.merge.target or session.base_branch
    listed = [f"- `{printable(file.path)}` ({file.kind})" for file in found.files]
    return "\n".join(
        [
            f"Resolve the merge conflicts in this worktree: the work on `{session.branch_name}` comes onto `{target}`.",
            "",
            f"Between the markers, *ours* is `{target}`, *theirs* is this session's work. Keep what both sides want.",
            "",
            "Files in conflict:",
            *listed,
            "",
            "Edit the files so that no conflict marker is left, and check that they work together.",
            "Do not commit, and run no `git cherry-pick`, `git merge`, `git rebase`, `git reset`, `git stash`,",
            "`git checkout` or `git switch`. Delete a file with `git rm` when it should go.",
            "AGENT_CONTEXT/REBASE_HELP.md tells more. A person reviews your resolution before it counts.",
        ]
    )


def give(engine: Engine, session_id: str) -> Merge:
    """Write down that amp gets the conflict, and keep it as it lies there now. Refused when nothing is open."""
    merge, session = _mine(engine, session_id)
    worktree = Path(session.worktree_path)
    if not conflict_checkout.unmerged(worktree):
        message = f"No conflict of {session.name} is open: there is nothing for amp to resolve."
        raise Refused(message, f"ampsm merge {session.id} --continue")
    plan = journal.read(merge)
    kept, _ = stash_commit.write(worktree, session.branch_name)
    name = f"given-{plan.conflicts}-{sum(1 for one in _names(session, plan.moment) if one.startswith('given'))}"
    pinned_refs.backup(Path(session.repo_root), session.id, plan.moment, name, kept)
    plan = replace(plan, given="waiting", given_tree=kept, shown="", accepted="")
    return engine.store.merges.step(merge.id, journal.WAIT, plan=journal.written(plan))


def given(engine: Engine, merge_id: str, iteration_id: str) -> None:
    """Note which iteration it is; an empty id: it was not begun after all."""
    merge = engine.store.merges.get(merge_id)
    plan = replace(journal.read(merge), given=iteration_id)
    engine.store.merges.step(merge.id, journal.WAIT, plan=journal.written(plan))


def _names(session: Session, moment: str) -> list[str]:
    return [one.name for one in pinned_refs.backups(Path(session.repo_root), session.id) if one.moment == moment]


def resolution(engine: Engine, session_id: str) -> Reviewed:
    """What amp changed since it got the conflict. Refused when it was not asked, or is still at it."""
    merge, session = _mine(engine, session_id)
    plan = journal.read(merge)
    if not plan.given:
        message = f"amp was not asked to resolve the conflicts of {session.name}."
        raise Refused(message, f"ampsm merge {session.id} --continue")
    worktree = Path(session.worktree_path)
    with snapshot.live_tree(worktree) as now:
        files = changes.files(worktree, plan.given_tree, None, live=now)
        patch = changes.patch(worktree, plan.given_tree, None, live=now)
        return Reviewed(now.tree, files, patch)


def show_resolution(engine: Engine, session_id: str) -> Reviewed:
    """What `resolution` gives, with its tree written down as shown: `accept` takes no other."""
    merge, _ = _mine(engine, session_id)
    found = resolution(engine, session_id)
    plan = replace(journal.read(engine.store.merges.get(merge.id)), shown=found.tree)  # the diff took its time
    engine.store.merges.step(merge.id, journal.WAIT, plan=journal.written(plan))
    return found


def accept(engine: Engine, session_id: str, tree: str = "", *, keep_markers: bool = False) -> Conflicts:
    """Take amp's resolution for good: that of `tree`, or the one that was shown last.

    Each file without markers counts as resolved; with `keep_markers`, each file. Refused when it was not reviewed, or
    it changed since, and when a file is still in conflict: choices that cannot be told from a file's lines (binary,
    deleted, submodules) that amp did not touch stay open.
    """
    merge, session = _mine(engine, session_id)
    worktree = Path(session.worktree_path)
    now = resolution(engine, session_id)
    seen = tree or journal.read(merge).shown
    if now.tree != seen:
        message = f"The resolution of {session.name} changed since it was looked at."
        if not seen:
            message = f"Nobody looked at amp's resolution of the conflicts of {session.name} yet."
        raise Refused(message, f"ampsm merge {session.id} --show")
    touched = {path for file in now.files for path in (file.path, file.old_path) if path is not None}
    with lock.writer(repository.common_dir(Path(session.repo_root)), f"accept {session_id}"):
        open_files = conflict_resolution.conflicts(worktree)
        marked = _marked(merge, worktree, touched)
        untouched = [file.path for file in open_files if file.path not in touched and file.path not in marked]
        if untouched or (marked and not keep_markers):
            paths = [*marked, *untouched]
            message = f"amp left {plural(len(paths), 'file')} in conflict: {list_some(paths)}."
            meant = "" if untouched else f"; where they are meant: ampsm merge {session.id} --continue --accept"
            hint = f"resolve it in {worktree}, or: ampsm merge {session.id} --abort"
            raise MarkersLeft(message, f"{hint}{meant and meant + ' --keep-markers'}")
        # All that was read counts, and not only what was in conflict.
        conflict_checkout.take_in(worktree, sorted({*touched, *(file.path for file in open_files)}))
        _keep_markers(engine, merge, worktree, marked)
    plan = replace(journal.read(engine.store.merges.get(merge.id)), accepted=now.tree)
    engine.store.merges.step(merge.id, journal.WAIT, plan=journal.written(plan))
    engine.store.facts.add(
        "accepted", "amp's resolution of the conflicts was looked at and accepted", session_id=session.id
    )
    return conflicts(engine, session_id)


def reject(engine: Engine, session_id: str) -> Conflicts:
    """Put the conflict back as amp got it, also after it was accepted; what amp made of it is kept under a backup ref.

    Refused when amp was not asked, or is still at it.
    """
    merge, session = _mine(engine, session_id)
    plan = journal.read(merge)
    if not plan.given_tree:
        message = f"amp was not asked to resolve the conflicts of {session.name}."
        raise Refused(message, f"ampsm merge {session.id} --show")
    worktree, root = Path(session.worktree_path), Path(session.repo_root)
    with lock.writer(repository.common_dir(root), f"reject {session_id}"):
        kept, _ = stash_commit.write(worktree, session.branch_name)
        number = sum(1 for name in _names(session, plan.moment) if name.startswith("rejected"))
        name = pinned_refs.backup(root, session.id, plan.moment, f"rejected-{number}", kept).ref
        conflict_checkout.put_back(worktree, plan.given_tree)
    plan = replace(plan, given="", given_tree="", shown="", accepted="")
    engine.store.merges.step(merge.id, journal.WAIT, plan=journal.written(plan))
    text = f"amp's resolution of the conflicts was rejected; it is kept as {name}"
    engine.store.facts.add("rejected", text, session_id=session.id)
    return conflicts(engine, session_id)
