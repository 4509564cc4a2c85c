"""Which operations libgit2 does in this process, which the git program does, and why (`ROUTES`); and libgit2's answers.

A start of the git program takes 3.5 ms, an answer of libgit2 0.2 to 0.4 with the repository opened anew each time.
pygit2 itself takes 60 ms to load and holds the interpreter while it works: verbs in the side process, workers and the
diff process have it loaded and use it; a command that has not asks git, as all do wherever libgit2 cannot tell.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

if TYPE_CHECKING:
    import pygit2

    Kind = TypeVar("Kind", pygit2.Commit, pygit2.Tree)


class Route(NamedTuple):
    """Who does one kind of operation, why, and the test in tests/git/test_libgit2.py that shows it."""

    operation: str
    by: Literal["libgit2", "git", "files"]
    """`files`: what git has written is read or deleted here, which takes neither of the two."""
    why: str
    test: str


ROUTES = (
    Route("list worktrees, with what each has checked out", "libgit2", "0.3 ms each", "worktrees_are_listed_alike"),
    Route("branches and other refs", "libgit2", "many small questions", "refs_are_read_alike"),
    Route(
        "refs moved, made and deleted", "git", "pygit2 has no compare-and-swap, and no hooks", "refs_are_moved_by_git"
    ),
    Route("HEAD of a worktree", "libgit2", "asked several times an iteration", "heads_are_read_alike"),
    Route(
        "where HEAD of a worktree was last",
        "libgit2",
        "git has no log of an unborn HEAD",
        "a_deleted_branchs_last_head",
    ),
    Route("ancestors, a merge base, ahead and behind", "libgit2", "for whole lists of sessions", "histories_agree"),
    Route("objects read, and a few written", "libgit2", "a merge reads thousands", "histories_agree"),
    Route("objects read where it is not loaded", "git", "one `cat-file` that stays: 3 ms", "histories_agree"),
    Route("two trees or contents compared for the screens", "libgit2", "file by file, no attributes", "compared_alike"),
    Route("the first patches of a review", "git", "libgit2 takes 70 ms to load", "compared_alike"),
    Route("which files differ between two trees", "libgit2", "several times an iteration", "compared_alike"),
    Route("renames, copies and numbers of lines", "git", "libgit2 finds others", "compared_alike"),
    Route("find a worktree by its path", "files", "libgit2 looks up by name", "found_by_its_path"),
    Route("whether a worktree is whole", "files", "is_prunable misses a lost .git file", "lost_link_is_noticed"),
    Route("why a worktree is locked", "files", "pygit2 has no locks", "pygit2_lacks_locks"),
    Route("forget a worktree", "files", "prune refuses locked ones, git's takes all", "locked_worktrees_are_forgotten"),
    Route("lock, unlock, add and repair worktrees", "git", "pygit2 has no locks; filters, hooks", "pygit2_lacks_locks"),
    Route("all merge bases", "git", "pygit2 has one of them", "several_merge_bases_are_gits"),
    Route("status", "git", "libgit2 runs no clean filters, and takes 1.4 times as long", "filters_decide_what_differs"),
    Route(
        "checkout, commit, fetch, push", "git", "filters, hooks, signing, credentials", "filters_decide_what_differs"
    ),
    Route("configuration", "git", "libgit2 knows no GIT_CONFIG_COUNT", "configuration_is_gits"),
    Route("replaced commits", "git", "libgit2 sees them as they were", "replaced_histories_are_gits"),
    Route("reftable and SHA-256", "git", "libgit2 opens neither", "what_libgit2_cannot_open_is_gits"),
    Route("names that are expressions (main~1, @{upstream})", "git", "its own rules", "refs_are_read_alike"),
)
"""Which way each kind of operation goes. Where libgit2 has no answer, `AskGit` sends the caller to the git program."""

SYMBOLIC = "ref: "
"""Begins the value of a ref that names another one."""

_FULL = re.compile(r"[0-9a-f]{40}")


class AskGit(Exception):
    """libgit2 is not loaded, cannot open the repository, or may see it otherwise than git does."""


class CheckedOut(NamedTuple):
    """The commit and the branch that a HEAD points at."""

    commit: str
    """Empty when there is no commit yet."""
    ref: str
    """The full name of the branch; empty when HEAD is detached."""


def load() -> None:
    """Load pygit2, for a process that has many questions.

    It would read the certificates of all authorities for a network that it is not used for here: a quarter of what
    loading it takes, and 2 MB of each process. With a folder of them alone it reads one when it needs it.
    """
    if "pygit2" in sys.modules:
        return
    import ssl

    usual = ssl.get_default_verify_paths
    paths = usual()
    none = paths._replace(cafile=None, capath=paths.openssl_capath)  # type: ignore[arg-type]
    ssl.get_default_verify_paths = lambda: none
    try:
        import pygit2  # noqa: F401
    finally:
        ssl.get_default_verify_paths = usual


@contextlib.contextmanager
def opened(where: Path) -> Iterator["pygit2.Repository"]:
    """The repository of a worktree or git folder, and of no other around it; AskGit for any error inside."""
    if "pygit2" not in sys.modules:
        raise AskGit
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    try:
        yield pygit2.Repository(os.fspath(where), RepositoryOpenFlag.NO_SEARCH)
    except (pygit2.GitError, LookupError, ValueError, OSError) as reason:
        raise AskGit from reason


def head(where: Path) -> CheckedOut:
    """The commit and the branch of HEAD, of a worktree or its git folder; AskGit where nothing is checked out."""
    with opened(where) as repository:
        if repository.is_bare:
            raise AskGit
        return _head(repository)


def last_head(worktree: Path) -> str | None:
    """The commit that a worktree's log of HEAD names last, also when its branch was deleted; None without a log."""
    with opened(worktree) as repository:
        entry = next(iter(repository.lookup_reference("HEAD").log()), None)
        return str(entry.oid_new) if entry is not None and entry.oid_new in repository else None


def main_git_dir(folder: Path) -> Path:
    """The git folder of the repository that has its main worktree, with a commit, at a folder; AskGit for all else."""
    with opened(folder) as repository:
        git_dir = Path(repository.path).resolve()
        is_main = repository.workdir is not None and Path(repository.workdir) == folder
        if not is_main or repository.is_bare or (git_dir / "commondir").exists() or not _head(repository).commit:
            raise AskGit
        return git_dir


def ref_object(where: Path, full: str, kind: Literal["commit", "tree"] = "commit") -> str | None:
    """The commit, or its tree, that a ref names by its full name; None when the ref does not exist."""
    with opened(where) as repository:
        import pygit2

        if kind == "tree":
            refuse_other_graph(repository)
        found = repository.references.get(full)
        return None if found is None else str(found.peel(pygit2.Tree if kind == "tree" else pygit2.Commit).id)


def resolve(where: Path, name: str, spaces: Sequence[str]) -> str:
    """The commit of a ref in the first of these name spaces that has one, or of a full id; AskGit for all else."""
    with opened(where) as repository:
        found = (repository.references.get(f"{space}{name}") for space in spaces)
        ref = next((one for one in found if one is not None), None)
        return str(_commit(repository, name)) if ref is None else _peeled(ref)


def refs(where: Path, *spaces: str) -> dict[str, str]:
    """All refs whose full names begin so, in order: the object that each names, or `SYMBOLIC` and another ref."""
    with opened(where) as repository:
        found = ((os.fsdecode(ref.raw_name), ref.target) for ref in repository.references.iterator())
        return {
            name: f"{SYMBOLIC}{target}" if isinstance(target, str) else str(target)
            for name, target in sorted(found, key=lambda one: one[0])
            if name.startswith(spaces)
        }


def changed(where: Path, old: str, new: str) -> list[tuple[str, tuple[int, str], tuple[int, str]]]:
    """What differs between two trees, without renames: each path, mode and object before and after; 0 for nothing."""
    with opened(where) as repository:
        import pygit2
        from pygit2.enums import DiffOption

        refuse_other_graph(repository)  # a replaced commit may have another tree
        before, after = (_named(repository, name, pygit2.Tree) for name in (old, new))
        diff = before.diff_to_tree(after, flags=DiffOption.INCLUDE_TYPECHANGE)
        return [
            (
                os.fsdecode((new if new.mode else old).raw_path),
                (int(old.mode), str(old.id)),
                (int(new.mode), str(new.id)),
            )
            for old, new in ((delta.old_file, delta.new_file) for delta in diff.deltas)
        ]


def sizes(where: Path, names: Iterable[str]) -> dict[str, int]:
    """The bytes of objects by their full names; AskGit where one is not there."""
    with opened(where) as repository:
        return {name: int(repository.odb.read_header(name)[1]) for name in names}


def worktrees(common_dir: Path) -> dict[Path, tuple[Path, CheckedOut]]:
    """The git folder of each worktree and what it has checked out, whether its files are there or not.

    The main worktree is not among them.
    """
    with opened(common_dir) as repository:
        names = repository.list_worktrees()
        with contextlib.suppress(FileNotFoundError):
            if {entry.name for entry in os.scandir(common_dir / "worktrees")} - set(names):
                raise AskGit  # one that git is writing at this moment, or that is damaged
        found = {}
        for name in names:
            git_dir = common_dir / "worktrees" / name
            with opened(git_dir) as inner:
                found[Path(repository.lookup_worktree(name).path)] = git_dir, _head(inner)
        return found


def is_ancestor(where: Path, old: str, new: str) -> bool:
    """Whether a commit is another one or lies in its history; both by full names of commits or refs."""
    with opened(where) as repository:
        one, other = _in_graph(repository, old, new)
        return one == other or repository.descendant_of(other, one)


def ahead_behind(where: Path, branch: str, base: str) -> tuple[int, int]:
    """How many commits are only on a branch, and how many only on its base; by full names of commits or refs."""
    with opened(where) as repository:
        return repository.ahead_behind(*_in_graph(repository, branch, base))


def merge_base(where: Path, one: str, other: str) -> str | None:
    """A best common ancestor; None when the two share no history. By full names of commits or refs."""
    with opened(where) as repository:
        found = repository.merge_base(*_in_graph(repository, one, other))
        return str(found) if found is not None else None


def refuse_other_graph(repository: "pygit2.Repository") -> None:
    """AskGit where git sees other parents than libgit2: those of replaced commits."""
    git_dir = Path(repository.path)
    pointer = git_dir / "commondir"
    common = git_dir / os.fsdecode(pointer.read_bytes()).rstrip("\n") if pointer.exists() else git_dir
    packed = common / "packed-refs"
    replaced = common / "refs" / "replace"
    if replaced.is_dir() and any(replaced.iterdir()):
        raise AskGit
    if packed.exists() and b" refs/replace/" in packed.read_bytes():
        raise AskGit


def repository_of_same_graph(where: Path) -> "pygit2.Repository | None":
    """The repository at a place for many questions, where git sees no other parents in it; None where git is to ask."""
    with contextlib.suppress(AskGit), opened(where) as repository:
        refuse_other_graph(repository)
        return repository
    return None


def _in_graph(repository: "pygit2.Repository", *names: str) -> list["pygit2.Oid"]:
    """The commits of these names, for a question about the graph."""
    refuse_other_graph(repository)
    return [_commit(repository, name) for name in names]


def _commit(repository: "pygit2.Repository", name: str) -> "pygit2.Oid":
    import pygit2

    return _named(repository, name, pygit2.Commit).id


def _named(repository: "pygit2.Repository", name: str, kind: "type[Kind]") -> "Kind":
    """What a full id, the full name of a ref or HEAD names; AskGit for the rest of revisions."""
    if _FULL.fullmatch(name):
        return repository[name].peel(kind)
    if name == "HEAD" or name.startswith("refs/"):
        return repository.references[name].peel(kind)
    raise AskGit


def _peeled(ref: "pygit2.Reference") -> str:
    import pygit2

    return str(ref.peel(pygit2.Commit).id)


def _head(repository: "pygit2.Repository") -> CheckedOut:
    ref = repository.lookup_reference("HEAD")
    name = ref.target if isinstance(ref.target, str) else ""
    return CheckedOut("" if repository.head_is_unborn else _peeled(ref), name)
