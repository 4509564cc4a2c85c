"""What the trash writes down of a worktree, as commits: its files, its index, and a list; and laying it out again.

    work     tree: the live worktree        parents: HEAD, kept
    kept     tree: index    the index file, byte for byte
                   staged/  what it holds, so that no object of it is swept away
                   stages/  the sides of conflicts, and other objects that only an index names
                   raw/     files that the configured filters would not give back byte for byte
                   list     what is where (JSON)

Writing goes to the repository's objects; nothing in the worktree is changed. Laid out again are first the index and its
files, then what differed from it: the order in which they came about.
"""

import contextlib
import itertools
import json
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.git import own_files, program, records, repository, snapshot, staging, worktree_status, worktrees
from ampsm_engine.git.entities import identity
from ampsm_engine.lean_dataclass import asdict, dataclass, field, replace
from ampsm_engine.private_folder import private_folder

_COMPARED = 50_000_000
"""Bytes of a file beyond which its filter is trusted to give it back: large file storage does."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The list: what is needed to lay a worktree out again. Paths are relative to it."""

    worktree: str
    branch: str
    head: str
    """The full name of the ref that HEAD was on; empty when detached."""
    commit: str
    """The commit of HEAD; empty on a branch without one."""
    written: list[str] = field(default_factory=list)
    """Files that differ from the index, untracked ones included: they come out of the tree of `work`."""
    removed: list[str] = field(default_factory=list)
    """Files of the index that were not in the worktree."""
    aside: list[str] = field(default_factory=list)
    """What is moved aside whole, because it must not or cannot become an object."""
    raw: list[str] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)
    """The permissions of files that git would lay out with others, whether they differ from the index or not."""
    folders: dict[str, int] = field(default_factory=dict)
    """The permissions of folders that are empty or have unusual ones."""
    times: dict[str, int] = field(default_factory=dict)
    """When the files of `written` were changed, in nanoseconds."""
    ignored: int = 0


def write(worktree: Path, branch: str) -> tuple[str, Contents]:
    """Write a worktree down; answers the commit `work` and the list in it."""
    git_dir = repository.git_dir(worktree)
    with private_folder("trash") as folder:
        index, copy = Path(folder) / "kept", Path(folder) / "work"
        usual = _usual_mode(Path(folder) / "new")
        snapshot.copy_index(git_dir, index)
        if not index.exists():
            program.change(worktree, "read-tree", "--empty", variables={"GIT_INDEX_FILE": index})
        # An index may be split, and need a file that goes with the worktree; written anew it is whole.
        whole = {"GIT_INDEX_FILE": index}
        program.query(worktree, "update-index", "--force-write-index", variables=whole)
        snapshot.copy_index(git_dir, copy)
        uncover(worktree, copy)
        entries = worktree_status.entries(worktree, ignored=True, index=copy)
        choice = staging.choose(worktree, entries)
        tree, _ = snapshot.snapshot(worktree, copy)
        found = worktree_status.survey(worktree, entries)
        contents = _contents(worktree, git_dir, branch, found, choice)
        folders = {path: mode for path, mode in found.modes.items() if mode != usual or path in found.empty}
        contents = replace(contents, folders=folders, modes=_unusual_modes(worktree, copy, usual))
        contents = _with_raw(worktree, tree, contents)
        kept = _kept(worktree, index, contents)
    parents = [option for parent in (contents.commit, kept) if parent for option in ("-p", parent)]
    message = f"ampsm: what was not committed on {branch}\n".encode()
    work = program.change(worktree, "commit-tree", *parents, tree, feed=message, variables=identity())
    return work.decode().strip(), contents


def read(where: Path, work: str) -> Contents:
    """The list in a commit `work`."""
    contents = Contents(**json.loads(program.query(where, "cat-file", "blob", f"{kept_of(where, work)}:list")))
    lists = (contents.written, contents.removed, contents.aside, contents.raw)
    for path in itertools.chain(*lists, contents.modes, contents.folders, contents.times):
        # Whoever can write refs could have made this list up.
        if path.startswith("/") or ".." in path.split("/"):
            raise Failed(f"The trash names a path outside of its worktree: {path!r}.", f"git -C {where} show {work}")
    return contents


def kept_of(where: Path, work: str) -> str:
    """The commit `kept` of a commit `work`: its last parent."""
    return program.query(where, "rev-parse", f"{work}^@").decode().split()[-1]


def _contents(
    worktree: Path,
    git_dir: Path,
    branch: str,
    found: worktree_status.Inventory,
    choice: staging.IndexChanges,
) -> Contents:
    aside = {item.path for item in choice.left_out if item.reason in (staging.SECRET, staging.NESTED)}
    aside |= {path for path in records.gitlinks(worktree) if _holds_something(worktree / path)}
    aside = {path for path in aside if path.partition("/")[0] not in own_files.FOLDERS} | set(own_files.FOLDERS)
    aside |= set(found.whole)
    head = program.read(git_dir, "--git-dir", git_dir, "symbolic-ref", "--quiet", "HEAD")
    commit = program.read(worktree, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    return Contents(
        worktree=str(worktree),
        branch=branch,
        head=head.line if head.ok else "",
        commit=commit.line if commit.ok else "",
        written=list(choice.add),
        removed=list(choice.remove),
        aside=sorted(path for path in _topmost(aside) if os.path.lexists(worktree / path)),
        times={path: (worktree / path).stat().st_mtime_ns for path in _regular(worktree, choice.add)},
        ignored=len(found.ignored.paths),
    )


def _topmost(paths: Collection[str]) -> Iterator[str]:
    """The paths that lie in no other of them: a folder is moved with all that is in it."""
    return (path for path in paths if not any(str(parent) in paths for parent in Path(path).parents))


def _holds_something(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(folder.iterdir())
    return False


def overlooked(worktree: Path, index: Path | None = None) -> dict[str, str]:
    """The files that git was told to overlook and that are there, each with its flag as `git update-index` has it."""
    variables: program.Variables = {"GIT_INDEX_FILE": index} if index else {}
    listed = records.split(program.query(worktree, "ls-files", "-v", "-z", variables=variables))
    flagged = [(record[0], record[2:]) for record in listed if record[0].islower() or record[0] == "S"]
    return {
        path: "skip-worktree" if tag in "sS" else "assume-unchanged"
        for tag, path in flagged
        if tag not in "sS" or os.path.lexists(worktree / path)
    }


def uncover(worktree: Path, index: Path) -> dict[str, str]:
    """Have git look, in this index, at the files that it was told to overlook; gives what `overlooked` does."""
    flags = overlooked(worktree, index)
    # Both options for each: a file can have both flags, and `ls-files` tells one.
    for option in ("--no-assume-unchanged", "--no-skip-worktree") if flags else ():
        feed = records.joined(flags)
        program.query(worktree, "update-index", option, "-z", "--stdin", feed=feed, variables={"GIT_INDEX_FILE": index})
    return flags


def _usual_mode(folder: Path) -> int:
    """The permissions that folders and executable files get here when they are made."""
    folder.mkdir()
    return stat.S_IMODE(folder.stat().st_mode)


def _unusual_modes(worktree: Path, index: Path, usual: int) -> dict[str, int]:
    """The files with permissions that git cannot restore: it knows of executable and not."""
    modes = {}
    for path, mode, _, _ in records.in_index(worktree, index=index):
        expected = usual if mode == "100755" else usual & 0o666
        with contextlib.suppress(OSError):
            found = (worktree / path).lstat().st_mode
            if stat.S_ISREG(found) and stat.S_IMODE(found) != expected:
                modes[path] = stat.S_IMODE(found)
    return modes


def _regular(worktree: Path, paths: Iterable[str]) -> list[str]:
    return [path for path in paths if stat.S_ISREG((worktree / path).lstat().st_mode)]


def _with_raw(worktree: Path, tree: str, contents: Contents) -> Contents:
    """Find the files that would not come back byte for byte through the filters."""
    paths = _regular(worktree, contents.written)
    if not paths:
        return contents
    feed = "".join(f"{_quoted(path)}\n" for path in paths).encode("utf-8", "surrogateescape")
    hashes = program.query(worktree, "hash-object", "--no-filters", "--stdin-paths", feed=feed).decode().split()
    objects = {path: entry.blob for path, entry in records.in_tree(worktree, tree).items()}
    raw = [
        path
        for path, unfiltered in zip(paths, hashes, strict=True)
        if objects.get(path) != unfiltered and not _comes_back(worktree, path, objects.get(path, ""))
    ]
    return replace(contents, raw=raw)


def _comes_back(worktree: Path, path: str, blob: str) -> bool:
    file = worktree / path
    if file.stat().st_size > _COMPARED:
        return True
    answer = program.read(worktree, "cat-file", "--filters", f"--path={path}", blob)
    return answer.ok and answer.output == file.read_bytes()


def _quoted(path: str) -> str:
    """A path as git reads it from a list of lines."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
    return '"' + "".join(escapes.get(letter, letter) for letter in path) + '"'


def _kept(worktree: Path, index: Path, contents: Contents) -> str:
    stages = records.in_index(worktree, "--unmerged", index=index)
    # The empty one: files that are only intended to be added stand for it, and no tree holds those.
    blobs = sorted({one.object for one in stages if one.mode != records.GITLINK} | {_blob(worktree, b"")})
    raw = [_blob(worktree, (worktree / path).read_bytes()) for path in contents.raw]
    parts = [
        ("100644", "blob", _blob(worktree, index.read_bytes()), "index"),
        ("100644", "blob", _blob(worktree, json.dumps(asdict(contents)).encode()), "list"),
        ("040000", "tree", _staged(worktree, index, [one.path for one in stages]), "staged"),
        ("040000", "tree", _tree(worktree, [("100644", "blob", blob, blob) for blob in blobs]), "stages"),
        ("040000", "tree", _tree(worktree, [("100644", "blob", blob, str(i)) for i, blob in enumerate(raw)]), "raw"),
    ]
    tree = _tree(worktree, parts)
    done = program.change(worktree, "commit-tree", tree, feed=b"ampsm: the index\n", variables=identity())
    return done.decode().strip()


def _staged(worktree: Path, index: Path, unmerged: list[str]) -> str:
    """The tree of an index, conflicts aside; the index itself stays as it is."""
    with private_folder("trash") as folder:
        copy = Path(folder) / "index"
        copy.write_bytes(index.read_bytes())
        variables = {"GIT_INDEX_FILE": copy}
        if unmerged:
            feed = records.joined(unmerged)
            program.query(worktree, "update-index", "--force-remove", "-z", "--stdin", feed=feed, variables=variables)
        return program.query(worktree, "write-tree", variables=variables).decode().strip()


def _blob(worktree: Path, content: bytes) -> str:
    done = program.change(worktree, "hash-object", "-w", "--no-filters", "--stdin", feed=content)
    return done.decode().strip()


def _tree(worktree: Path, parts: Iterable[tuple[str, str, str, str]]) -> str:
    feed = "".join(f"{mode} {kind} {name}\t{path}\0" for mode, kind, name, path in parts).encode()
    return program.change(worktree, "mktree", "-z", feed=feed).decode().strip()


def fill_files(worktree: Path, git_dir: Path, work: str) -> None:
    """The index, byte for byte, and the files that it speaks of."""
    index = program.query(worktree, "cat-file", "blob", f"{kept_of(worktree, work)}:index")
    (git_dir / "index").write_bytes(index)
    with private_folder("trash") as folder:
        lay_out = ("checkout-index", "--all", "--force", "--quiet")
        unborn = _empty_links(worktree)
        if not unborn:
            program.change(worktree, *program.parallel_checkout(), *lay_out, "--index")
            return
        variables = {"GIT_INDEX_FILE": Path(folder) / "index"}
        variables["GIT_INDEX_FILE"].write_bytes(index)
        feed = records.joined(unborn)
        program.query(worktree, "update-index", "--force-remove", "-z", "--stdin", feed=feed, variables=variables)
        program.change(worktree, *program.parallel_checkout(), *lay_out, variables=variables)


def _empty_links(worktree: Path) -> list[str]:
    """Symbolic links that are only intended to be added: their target is empty in the index, which no disk takes."""
    empty = program.query(worktree, "hash-object", "--no-filters", "--stdin", feed=b"").decode().strip()
    return [one.path for one in records.in_index(worktree) if (one.mode, one.object) == (records.SYMLINK, empty)]


def overlay(worktree: Path, work: str, contents: Contents) -> None:
    """What differed from the index: files that were gone, files that were written, and their modes."""
    for path in contents.removed:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            worktrees.delete_tree(worktree / path)
        worktrees.drop_empty_parents(worktree, path)
    with private_folder("trash") as folder:
        variables = {"GIT_INDEX_FILE": Path(folder) / "index"}
        program.change(worktree, "read-tree", work, variables=variables)
        feed = records.joined(contents.written)
        program.change(
            worktree,
            *program.parallel_checkout(),
            "checkout-index",
            "--force",
            "-z",
            "--stdin",
            feed=feed,
            variables=variables,
        )
    kept = kept_of(worktree, work)
    for number, path in enumerate(contents.raw):
        content = program.query(worktree, "cat-file", "blob", f"{kept}:raw/{number}")
        descriptor = os.open(worktree / path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    for path in filter(lambda path: _is_inside(worktree, path), contents.folders):
        (worktree / path).mkdir(parents=True, exist_ok=True)
    set_modes(worktree, contents.modes)
    for path, moment in contents.times.items():
        if _is_inside(worktree, path) and (worktree / path).exists():
            os.utime(worktree / path, ns=(moment, moment))


def set_modes(worktree: Path, modes: Mapping[str, int]) -> None:
    """The innermost first: an outer one may forbid to go in."""
    for path, mode in sorted(modes.items(), key=lambda item: -len(item[0])):
        if _is_inside(worktree, path) and (worktree / path).exists():
            (worktree / path).chmod(mode)


def _is_inside(worktree: Path, path: str) -> bool:
    """Whether a path leads nowhere else: it is no link, and none of its folders is one that leads out."""
    place = worktree / path
    return not place.is_symlink() and place.resolve().is_relative_to(worktree.resolve())
