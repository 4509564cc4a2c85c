"""What changed: in a worktree, between two trees, and on a branch since its base.

Diffs are always tree against tree, by the git program: one engine decides about renames, attributes and binary
files in the list of files as well as in the patch. External diff programs and text conversion are off.
"""

import contextlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import libgit2, own_files, program, records, repository, worktree_status
from ampsm_engine.git.entities import FileChange, Kind, LiveTree
from ampsm_engine.git.libgit2 import AskGit
from ampsm_engine.git.snapshot import live_index, object_variables

_KINDS: dict[str, Kind] = {
    "A": "added",
    "M": "modified",
    "D": "deleted",
    "R": "renamed",
    "C": "copied",
    "T": "typechange",
    "U": "conflicted",
}

_DIFF = ("-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=none")
_LISTING = ("--raw", "--numstat", "-z")
_PATCH = ("-p", "--binary", "--full-index", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/")
_FIXED = ("-c", "core.quotePath=true", "-c", "diff.suppressBlankEmpty=false")


def status(worktree: Path) -> tuple[FileChange, ...]:
    """The uncommitted changes of a worktree, by path, without line counts (`files` against None has them).

    Ignored files, and the context files of a session, are not in it.
    """
    return from_entries(worktree_status.entries(worktree))


def from_entries(entries: Iterable[worktree_status.StatusEntry]) -> tuple[FileChange, ...]:
    """The changes that entries of `git status` tell of, by path, without the context files of a session."""
    return tuple(
        FileChange(entry.path.rstrip("/"), None, _kind(entry))
        for entry in sorted(entries, key=lambda entry: entry.path)
        if not _is_context(entry)
    )


def _is_context(entry: worktree_status.StatusEntry) -> bool:
    """Whether a path is a context file; what a repository tracks beside those is its own."""
    own = own_files.OwnFiles() if entry.state == "untracked" else own_files.OwnFiles(frozenset({own_files.CONTEXT}))
    return entry.path.startswith(f"{own_files.CONTEXT}/") and own.holds(entry.path)


def _kind(entry: worktree_status.StatusEntry) -> Kind:
    if entry.state == "untracked":
        return "untracked"
    if entry.state == "unmerged":
        return "conflicted"
    letters = (entry.unstaged, entry.staged)
    if entry.head_mode == records.ABSENT:
        return "deleted" if entry.unstaged == "D" else "added"
    return next((_KINDS[letter] for letter in ("D", "T", "A") if letter in letters), "modified")


def files(path: Path, old: str, new: str | None, *, live: LiveTree | None = None) -> tuple[FileChange, ...]:
    """The files that differ between two revisions or trees; None for the new one is the live worktree."""
    with _sides(path, old, new, live) as (sides, variables):
        output = _diffed(path, _LISTING, sides, variables)
    return tuple(_parsed(output))


def with_uncommitted(worktree: Path, old: str) -> tuple[int, tuple[FileChange, ...]]:
    """How many paths no commit holds, and the files that differ from a revision with them, if any.

    By three starts of git; by one, and without files, where nothing waits to be committed.
    """
    with live_index(worktree) as now:
        waiting = len(from_entries(now.entries))
        return waiting, tuple(_parsed(_diffed(worktree, _LISTING, (old,), now.variables))) if waiting else ()


def line_counts(
    path: Path, old: str, new: str, *, ignore_whitespace: bool = False, variables: program.Variables | None = None
) -> dict[str, tuple[int, int] | None]:
    """The lines that were added and deleted in each file, as `files` has them; None for what git calls binary."""
    options = ("--numstat", "-z", "--ignore-all-space") if ignore_whitespace else ("--numstat", "-z")
    fields = iter(program.text(_diffed(path, options, (old, new), variables)).split("\0"))
    return dict(_counted(fields))


def patch(path: Path, old: str, new: str | None, *, live: LiveTree | None = None) -> bytes:
    """A patch from `old` to `new` (None: the live worktree) for `git apply`, with binary files and renames."""
    with _sides(path, old, new, live) as (sides, variables):
        return _diffed(path, _PATCH, sides, variables)


def patch_parts(path: Path, old: str, new: str | None, folder: str = "") -> Generator[bytes, None, None]:
    """A patch between two revisions (`new` None: the worktree) in the parts that git writes; of a `folder` alone."""
    with _sides(path, old, new, None) as (sides, variables):
        arguments = (*_arguments(path, _PATCH, sides), *((f":(top,literal){folder}",) if folder else ()))
        answer = yield from program.parts(path, *arguments, variables=variables)
        if not answer.ok:
            raise _why(path, sides, variables, answer)


def ahead_behind(repo_root: Path, branch: str, base: str) -> tuple[int, int]:
    """How many commits are only on the branch, and how many only on the base."""
    branch, base = _commits(repo_root, branch, base)
    with contextlib.suppress(AskGit):
        return libgit2.ahead_behind(repo_root, branch, base)
    between = f"{branch}...{base}"
    ahead, behind = program.query(repo_root, "rev-list", "--left-right", "--count", between, "--").split()
    return int(ahead), int(behind)


def merge_base(path: Path, a: str, b: str) -> str | None:
    """The best common ancestor of two commits; None when they share no history."""
    a, b = _commits(path, a, b)
    with contextlib.suppress(AskGit):
        return libgit2.merge_base(path, a, b)
    answer = program.read(path, "merge-base", a, b)
    return answer.line if answer.ok else None


def _commits(where: Path, *names: str) -> tuple[str, ...]:
    """What the names name; full ids are taken as they are, for who has resolved them."""
    return names if all(map(repository.is_object_id, names)) else repository.resolve_all(where, *names)


@contextlib.contextmanager
def _sides(
    path: Path, old: str, new: str | None, live: LiveTree | None
) -> Iterator[tuple[tuple[str, ...], program.Variables | None]]:
    """What is compared: two trees, or one with the index that the variables name."""
    if live is not None:
        yield (old, new or live.tree), object_variables(live.objects, live.own_objects)
    elif new is not None:
        yield (old, new), None
    else:
        with live_index(path) as now:
            yield (old,), now.variables


def _diffed(path: Path, options: tuple[str, ...], sides: tuple[str, ...], variables: program.Variables | None) -> bytes:
    answer = program.read(path, *_arguments(path, options, sides), variables=variables)
    if not answer.ok:
        raise _why(path, sides, variables, answer)
    return answer.output


def _arguments(path: Path, options: tuple[str, ...], sides: tuple[str, ...]) -> tuple[str, ...]:
    # A revision that begins with a dash would be an option.
    for side in sides:
        if side.startswith("-") or "\0" in side:
            raise repository.unknown_commit(path, side)
    verb = ("diff-tree",) if len(sides) == 2 else ("diff-index", "--cached", "--ita-invisible-in-index")
    return (*_FIXED, *verb, *_DIFF, *options, *sides, "--")


def _why(path: Path, sides: tuple[str, ...], variables: program.Variables | None, answer: program.Answer) -> AmpsmError:
    for side in sides:
        if not program.read(path, "rev-parse", "--quiet", "--verify", f"{side}^{{tree}}", variables=variables).ok:
            return repository.unknown_commit(path, side)
    return program.failure(path, ("diff",), answer)


def _parsed(output: bytes) -> Iterator[FileChange]:
    """`--raw --numstat -z`: first a record for each file with its kind, then as many with its counts."""
    fields = deque(program.text(output).split("\0"))
    kinds: deque[tuple[Kind, str | None]] = deque()
    while fields[0].startswith(":"):
        letter = fields.popleft().rsplit(" ", 1)[1][0]
        first = fields.popleft()
        kinds.append((_KINDS[letter], first if letter in "RC" else None))
        if letter in "RC":
            fields.popleft()
    for path, counts in _counted(iter(fields)):
        kind, old_path = kinds.popleft()
        if counts is None:
            yield FileChange(path, old_path, kind, binary=True)
        else:
            yield FileChange(path, old_path, kind, *counts)


def _counted(fields: Iterator[str]) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """`--numstat -z`: each path with its counts."""
    for field in fields:
        if not field:
            continue
        added, deleted, path = field.split("\t", 2)
        if not path:  # a rename or a copy: two names follow
            next(fields)
            path = next(fields)
        yield path, None if added == "-" else (int(added), int(deleted))
