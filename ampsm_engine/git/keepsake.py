"""What the trash writes down of a worktree, as commits: its files as they are, its index as it is, and a list.

    work     tree: the live worktree        parents: HEAD, kept
    kept     tree: index    the index file, byte for byte
                   staged/  what it holds, so that no object of it is swept away
                   stages/  the sides of conflicts, and other objects that only an index names
                   raw/     files that the configured filters would not give back byte for byte
                   list     what is where (JSON)

Writing goes to the repository's objects; nothing in the worktree is changed.
"""

import json
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.git import listing, live, program, repository, staging
from ampsm_engine.git.secret_files import is_secret

AUTHOR = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "ampsm"), ("EMAIL", "ampsm@localhost"))
}

_COMPARED = 50_000_000
"""Bytes of a file beyond which its filter is trusted to give it back: large file storage does."""

_USUAL_MODES = (0o644, 0o755)


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
    ignored: int = 0


def write(worktree: Path, branch: str) -> tuple[str, Contents]:
    """Write a worktree down; answers the commit `work` and the list in it."""
    git_dir = repository.git_dir(worktree)
    with tempfile.TemporaryDirectory(prefix="ampsm-trash-") as folder:
        index, copy = Path(folder) / "kept", Path(folder) / "work"
        live.copy_index(git_dir, index)
        if not index.exists():
            program.done(worktree, "read-tree", "--empty", variables={"GIT_INDEX_FILE": index})
        # An index may be split, and lean on a file that goes with the worktree; written anew it is whole.
        whole = {"GIT_INDEX_FILE": index}
        program.told(worktree, "update-index", "--force-write-index", variables=whole)
        live.copy_index(git_dir, copy)
        entries = listing.entries(worktree, ignored=True, index=copy)
        choice = staging.choose(worktree, entries)
        tree, _ = live.snapshot(worktree, copy)
        contents = _contents(worktree, git_dir, branch, entries, choice)
        contents = _with_raw(worktree, tree, contents)
        kept = _kept(worktree, index, contents)
    parents = [option for parent in (contents.commit, kept) if parent for option in ("-p", parent)]
    message = f"ampsm: what was not committed on {branch}\n".encode()
    work = program.done(worktree, "commit-tree", *parents, tree, feed=message, variables=AUTHOR)
    return work.decode().strip(), contents


def read(where: Path, work: str) -> Contents:
    """The list in a commit `work`."""
    contents = Contents(**json.loads(program.told(where, "cat-file", "blob", f"{kept_of(where, work)}:list")))
    for path in (*contents.written, *contents.removed, *contents.aside, *contents.raw, *contents.modes):
        # Whoever can write refs could have made this list up.
        if path.startswith("/") or ".." in path.split("/"):
            raise Failed(f"The trash names a path outside of its worktree: {path!r}.", f"git -C {where} show {work}")
    return contents


def kept_of(where: Path, work: str) -> str:
    """The commit `kept` of a commit `work`: its last parent."""
    return program.told(where, "rev-parse", f"{work}^@").decode().split()[-1]


def _contents(
    worktree: Path,
    git_dir: Path,
    branch: str,
    entries: Iterable[listing.Entry],
    choice: staging.Choice,
) -> Contents:
    ignored = [entry.path.rstrip("/") for entry in entries if entry.state == "ignored"]
    aside = {path for path in ignored if is_secret(path) or (worktree / path / ".git").exists()}
    aside |= {item.path for item in choice.left_out if item.reason in (staging.SECRET, staging.NESTED)}
    aside |= {path for path in _gitlinks(worktree) if (worktree / path / ".git").exists()}
    aside = {path for path in aside if path.partition("/")[0] not in staging.OURS} | set(staging.OURS)
    head = program.read(git_dir, "--git-dir", git_dir, "symbolic-ref", "--quiet", "HEAD")
    commit = program.read(worktree, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    modes = {path: stat.S_IMODE((worktree / path).lstat().st_mode) for path in _regular(worktree, choice.add)}
    return Contents(
        worktree=str(worktree),
        branch=branch,
        head=head.line if head.ok else "",
        commit=commit.line if commit.ok else "",
        written=list(choice.add),
        removed=list(choice.remove),
        aside=sorted(path for path in aside if (worktree / path).exists() or (worktree / path).is_symlink()),
        modes={path: mode for path, mode in modes.items() if mode not in _USUAL_MODES},
        ignored=len(set(ignored) - aside),
    )


def not_kept(worktree: Path) -> tuple[str, ...]:
    """What of a worktree the trash does not keep: ignored files and folders, but for secrets and repositories."""
    entries = listing.entries(worktree, ignored=True)
    paths = [entry.path.rstrip("/") for entry in entries if entry.state == "ignored"]
    return tuple(
        path
        for path in paths
        if not (is_secret(path) or (worktree / path / ".git").exists() or path.partition("/")[0] in staging.OURS)
    )


def _gitlinks(worktree: Path) -> list[str]:
    records = program.text(program.told(worktree, "ls-files", "--stage", "-z")).split("\0")
    return [record.partition("\t")[2] for record in records if record.startswith(listing.GITLINK)]


def _regular(worktree: Path, paths: Iterable[str]) -> list[str]:
    return [path for path in paths if stat.S_ISREG((worktree / path).lstat().st_mode)]


def _with_raw(worktree: Path, tree: str, contents: Contents) -> Contents:
    """Find the files that would not come back byte for byte through the filters."""
    paths = _regular(worktree, contents.written)
    if not paths:
        return contents
    feed = "".join(f"{_quoted(path)}\n" for path in paths).encode("utf-8", "surrogateescape")
    hashes = program.told(worktree, "hash-object", "--no-filters", "--stdin-paths", feed=feed).decode().split()
    listed = program.text(program.told(worktree, "ls-tree", "-r", "-z", tree)).split("\0")
    objects = {path: words.split(" ")[2] for words, _, path in (one.partition("\t") for one in listed if one)}
    raw = [
        path
        for path, unfiltered in zip(paths, hashes, strict=True)
        if objects.get(path) != unfiltered and not _comes_back(worktree, path, objects.get(path, ""))
    ]
    return Contents(**{**asdict(contents), "raw": raw})


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
    unmerged = program.told(worktree, "ls-files", "--unmerged", "-z", variables={"GIT_INDEX_FILE": index})
    stages = [record.split(" ", 2) for record in program.text(unmerged).split("\0") if record]
    # The empty one: files that are only intended to be added stand for it, and no tree holds those.
    blobs = sorted({words[1] for words in stages if words[0] != listing.GITLINK} | {_blob(worktree, b"")})
    raw = [_blob(worktree, (worktree / path).read_bytes()) for path in contents.raw]
    parts = [
        ("100644", "blob", _blob(worktree, index.read_bytes()), "index"),
        ("100644", "blob", _blob(worktree, json.dumps(asdict(contents)).encode()), "list"),
        ("040000", "tree", _staged(worktree, index, [words[2].partition("\t")[2] for words in stages]), "staged"),
        ("040000", "tree", _tree(worktree, [("100644", "blob", blob, blob) for blob in blobs]), "stages"),
        ("040000", "tree", _tree(worktree, [("100644", "blob", blob, str(i)) for i, blob in enumerate(raw)]), "raw"),
    ]
    tree = _tree(worktree, parts)
    done = program.done(worktree, "commit-tree", tree, feed=b"ampsm: the index\n", variables=AUTHOR)
    return done.decode().strip()


def _staged(worktree: Path, index: Path, unmerged: list[str]) -> str:
    """The tree of an index, conflicts aside; the index itself stays as it is."""
    with tempfile.TemporaryDirectory(prefix="ampsm-trash-") as folder:
        copy = Path(folder) / "index"
        copy.write_bytes(index.read_bytes())
        variables = {"GIT_INDEX_FILE": copy}
        if unmerged:
            feed = "".join(f"{path}\0" for path in unmerged).encode("utf-8", "surrogateescape")
            program.told(worktree, "update-index", "--force-remove", "-z", "--stdin", feed=feed, variables=variables)
        return program.told(worktree, "write-tree", variables=variables).decode().strip()


def _blob(worktree: Path, content: bytes) -> str:
    done = program.done(worktree, "hash-object", "-w", "--no-filters", "--stdin", feed=content)
    return done.decode().strip()


def _tree(worktree: Path, parts: Iterable[tuple[str, str, str, str]]) -> str:
    feed = "".join(f"{mode} {kind} {name}\t{path}\0" for mode, kind, name, path in parts).encode()
    return program.done(worktree, "mktree", "-z", feed=feed).decode().strip()
