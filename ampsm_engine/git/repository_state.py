"""What the worktrees of a repository share, and how the user's own checkout stands, at one moment. Reads only.

Refs (ours aside), stash, worktrees with what each has checked out, configuration, files of the git folder that bend
git, the checkout's status. Two such states compared say what happened outside of a session's worktree. Contents of
files are never kept: a status entry is its letters, size and time. Nothing of the repository runs: no hook, no file
system monitor; no index is written.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ampsm_engine.git import own_files, program, repository, worktree_status, worktrees
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.unwanted_files import is_secret
from ampsm_engine.lean_dataclass import dataclass

RepositoryState = Mapping[str, Mapping[str, str]]
"""The parts of a repository's state, by kind and name; all of it text, so that it can be written down as JSON."""

REF, STASH, WORKTREE, CHECKOUT = "ref", "stash", "worktree", "checkout"
CONFIGURATION, FILE, OPERATION = "configuration", "file", "operation"

STASH_REF = "refs/stash"
OURS = "refs/ampsm/"
GONE = " (gone)"
"""Ends the value of a worktree that git knows and whose folder is not there."""

MOST_ENTRIES = 20_000
"""Status entries of a checkout that are compared; what has more is not worked in, but filled by a program."""
TOO_MANY = "too many"

_HASHED = 1 << 20
"""Bytes up to which a file of the git folder is known by its content, larger ones by size and time."""
_NAMED_FILES = ("info/exclude", "info/attributes", "info/grafts", "objects/info/alternates", "shallow")


@dataclass(frozen=True, slots=True)
class StateDifference:
    """One thing that differs between two states; None for what is not there."""

    kind: str
    name: str
    before: str | None
    after: str | None


def read(root: Path) -> RepositoryState:
    """The state of the repository whose main worktree is `root`; Failed or NotFound when it cannot be read."""
    common = repository.common_dir(root)
    refs = _refs(root)
    configuration = _configuration(root)
    in_progress = repository.operation(repository.git_dir(root))
    return {
        REF: refs,
        STASH: _stash(root) if refs.pop(STASH_REF, None) else {},
        WORKTREE: _worktrees(Repo(root, common, root)),
        CHECKOUT: _checkout(root),
        CONFIGURATION: configuration,
        FILE: _files(common, configuration.get("global core.hookspath"), configuration.get("local core.hookspath")),
        OPERATION: {in_progress: "in progress"} if in_progress else {},
    }


def difference(before: RepositoryState, after: RepositoryState) -> tuple[StateDifference, ...]:
    """What differs, by kind and name. A checkout of which one state knows too much to compare is left out."""
    parts = []
    for kind in (WORKTREE, REF, STASH, CHECKOUT, OPERATION, CONFIGURATION, FILE):
        old, new = before.get(kind, {}), after.get(kind, {})
        if kind == CHECKOUT and (TOO_MANY in old or TOO_MANY in new):
            continue
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        parts += [StateDifference(kind, name, old.get(name), new.get(name)) for name in names]
    return tuple(parts)


def is_as_left(part: StateDifference, now: RepositoryState) -> bool:
    """Whether the repository is still as a difference left it."""
    return now.get(part.kind, {}).get(part.name) == part.after


def _refs(root: Path) -> dict[str, str]:
    found = repository.refs(root, "refs/")
    return {name: value for name, value in found.items() if not name.startswith(OURS)}


def _stash(root: Path) -> dict[str, str]:
    """The entries of the stash, which all worktrees share: what each is called, by its commit."""
    answer = program.read(root, "log", "--walk-reflogs", "--format=%H%x00%gs", "--no-color", STASH_REF, "--")
    lines = answer.output.decode("utf-8", "replace").splitlines()
    return {commit: text for commit, gap, text in (line.partition("\0") for line in lines) if gap}


def _worktrees(repo: Repo) -> dict[str, str]:
    """The branch of each worktree, or the commit of a detached one."""
    found = {}
    for tree in worktrees.listed(repo):
        gone = GONE if tree.prunable is not None or not tree.path.is_dir() else ""
        found[str(tree.path)] = (tree.branch or tree.head) + gone
    return found


def _configuration(root: Path) -> dict[str, str]:
    """The values of each key, by scope and key; a secret in one is known by its digest alone."""
    from ampsm_engine.redact import text as redacted  # its rules take a while to read in

    values: dict[str, list[str]] = {}
    fields = program.query(root, "config", "--list", "--show-scope", "-z").decode("utf-8", "replace").split("\0")
    for scope, pair in zip(fields[::2], fields[1::2], strict=False):
        key, _, value = pair.partition("\n")
        if scope != "command":
            values.setdefault(f"{scope} {key}", []).append(value)
    found = {}
    for name, several in values.items():
        whole = "\n".join(several)
        is_plain = name.partition(" ")[2].startswith("branch.")
        shown = whole if is_plain else redacted(whole)
        found[name] = shown if shown == whole else f"{shown} #{hashlib.sha256(whole.encode()).hexdigest()[:12]}"
    return found


def _files(common: Path, *hook_folders: str | None) -> dict[str, str]:
    """What hooks and the other files beside the configuration are, by their path; our own lines do not count."""
    places = [common / name for name in _NAMED_FILES]
    folders = [common / "hooks"]
    # A relative one lies in each worktree, where it is a file as others are.
    folders += [Path(named).expanduser() for named in hook_folders if named and named.startswith(("/", "~"))]
    for folder in folders:
        with contextlib.suppress(OSError):
            places += [path for path in folder.iterdir() if path.suffix != ".sample"]
    stamps = ((path, _file_stamp(path)) for path in places)
    return {str(path): stamp for path, stamp in stamps if stamp}


def _file_stamp(path: Path) -> str:
    """A value that changes with a file; empty when there is none."""
    try:
        about = path.lstat()
        if stat.S_ISLNK(about.st_mode):
            return f"link {path.readlink()}"
        if not stat.S_ISREG(about.st_mode) or about.st_size > _HASHED:
            return f"{about.st_mode:o} {about.st_size} {about.st_mtime_ns}"
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return ""
    if path.name == "exclude":
        ours = {line.encode() for line in own_files.LINES}
        lines = [line for line in lines if line.strip() not in ours]
        if not lines:
            return ""
    return f"{about.st_mode & 0o111:o} {hashlib.sha256(b''.join(lines)).hexdigest()}"


def _checkout(root: Path) -> dict[str, str]:
    """What differs from HEAD in a checkout, and ignored secrets files: `letters size:time blob-in-the-index`.

    Nothing where there is none, as in the top folder of a bare layout.
    """
    found: dict[str, str] = {}
    if is_bare(root):
        return found
    for entry in worktree_status.entries(root, ignored=True):
        path = entry.path
        if path.startswith(f"{repository.WORKTREES}/") or (entry.state == "ignored" and not is_secret(path)):
            continue
        letters = {"untracked": "??", "ignored": "!!"}.get(entry.state, entry.staged + entry.unstaged)
        found[path] = f"{letters} {_time_stamp(root / path)} {entry.index_object}".rstrip()
        if len(found) > MOST_ENTRIES:
            return {TOO_MANY: ""}
    return found


def is_bare(root: Path) -> bool:
    """Whether a repository has no main worktree; git is asked where no index is in the usual place."""
    if (root / ".git" / "index").exists():
        return False
    return program.read(root, "rev-parse", "--is-bare-repository").line == "true"


def _time_stamp(path: Path) -> str:
    try:
        about = os.lstat(path)
    except OSError:
        return "-"
    return "-" if stat.S_ISDIR(about.st_mode) else f"{about.st_size}:{about.st_mtime_ns}"
