"""What a new worktree gets beside what git tracks, and what it lacks of what the checkout has, in sentences.

git says nothing of it: hooks that are not there, submodules that are empty, files of large file storage that are
pointers, what is uncommitted or ignored in the checkout, and a base that its remote has left behind.
"""

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine.git import hooks, own_files, program, records, repository
from ampsm_engine.git.entities import Base, Repo
from ampsm_engine.plain_text import list_some, plural, printable

if TYPE_CHECKING:
    from ampsm_engine.git.setup_source import SetupSource

MOST_NAMED = 5
_MOST_COUNTED = 2_000
"""Entries of ignored folders that are counted in all, to name the biggest ones."""

_UNMISSED = re.compile(
    r"(.*/)?(__pycache__|\.(mypy|pytest|ruff)_cache|\.hypothesis|\.DS_Store|\.coverage|.*\.(pyc|pyo|swp|log|tmp))/?"
)
"""Ignored files that are not missed: the programs that need them make them again."""

SUBMODULE_LIMIT = 600.0
"""Seconds that one submodule may take."""

SUBMODULE_DEPTH = 5
"""How deep submodules of submodules are filled."""

_LARGE_FILE_RULE = re.compile(rb"^[^#\n]*\sfilter=lfs\b", re.MULTILINE)
_ATTRIBUTES_READ = 1 << 20

_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How each pointer begins (git-lfs's docs/spec.md)."""

_MOST_READ = 1000
"""Files whose beginning is looked at."""


class Prepared(NamedTuple):
    """What a new worktree was given, as a sentence for the history, and what of it could not be."""

    copied: str = ""
    notes: tuple[str, ...] = ()
    empty: Sequence[str] = ()
    """The submodules that could not be filled."""


def source(repo: Repo, base: str) -> Repo:
    """The repository as seen from the checkout that new worktrees get their copies from.

    Only at the top of a bare layout that is another one: the worktree of the base's branch (of a remote one, of the
    branch of its name), else of the branch that HEAD names. Where there is none, and for sessions' worktrees, where amp
    decides what lies there, `repo` itself.
    """
    if not (repo.is_bare and repo.checkout == repo.root):
        return repo
    from ampsm_engine.git import worktrees

    name = base if repository.branch_tip(repo.root, base) else base.partition("/")[2]
    head = program.read(repo.root, "symbolic-ref", "--quiet", "--short", "HEAD").line
    places = {
        tree.branch: tree.path
        for tree in worktrees.listed(repo)[1:]
        if tree.prunable is None and not (worktrees.session_of(repo, tree.path) or worktrees.is_scratch(tree.path.name))
    }
    found = next((places[one] for one in (name, head) if one and one in places), None)
    return repo._replace(checkout=found) if found and found.is_dir() else repo


def prepare(repo: Repo, worktree: Path, source: "SetupSource", share: Sequence[str], most: float) -> Prepared:
    """Give a new worktree copies of ignored files of the checkout, and fill its submodules.

    `share`: ignored folders to copy beside those of the source, of which at most `most` bytes each are copied where
    the disk must hold them twice.
    """
    empty = fill_submodules(worktree, repo.common_dir / "modules")
    if empty and repo.checkout != repo.root:  # a linked worktree has its submodules in its own git folder
        empty = fill_submodules(worktree, repository.git_dir(repo.checkout) / "modules")
    shared = tuple(dict.fromkeys((*share, *source.share)))
    from ampsm_engine.git.worktrees import INCLUDE_FILE

    if not (shared or os.path.lexists(repo.checkout / INCLUDE_FILE)):
        return Prepared(notes=source.problems, empty=empty)
    if repo.is_bare and repo.checkout == repo.root:
        why = (
            f"Nothing was copied: {repo.root} is bare, and neither the base nor HEAD is checked out in a worktree."
            " A session that begins inside a worktree gets copies from there."
        )
        return Prepared(notes=(*source.problems, why), empty=empty)
    from ampsm_engine.git import included_files

    done = included_files.copy(repo.checkout, worktree, shared, most)
    copied = done.copied(str(repo.checkout) if repo.is_bare else "the checkout")
    return Prepared(copied, (*source.problems, *done.left_out()), empty)


def missing_parts(
    path: Path, root: Path, empty: Sequence[str] | None = None, *, usual_hooks: bool = False
) -> tuple[str, ...]:
    """What a worktree does not have of what the main worktree has: hooks, submodules, large files.

    `empty`: the submodules that are not filled, where that is known; `usual_hooks`: hooks are known to be where they
    usually are, and so to be had.
    """
    missing = None if usual_hooks else hooks.missing(path, root)
    found = [missing] if missing else []
    empty = empty_submodules(path) if empty is None else empty
    if empty:
        way = f"git -C {path} submodule update --init --recursive"
        found.append(f"The submodules are empty here ({list_some(empty)}). To fill them: {way}")
    if pointers := lacking_large_files(path, repository.common_dir(path)):
        found.append(pointers)
    return tuple(found)


class CheckoutState(NamedTuple):
    """What stands in a checkout beside what is committed, less what is ampsm's; folders of one kind as one."""

    uncommitted: tuple[str, ...] = ()
    """Paths that were changed, or that git neither tracks nor ignores."""
    untracked: tuple[str, ...] = ()
    """Paths that git neither tracks nor ignores."""
    ignored: tuple[str, ...] = ()
    """Paths that git ignores, except those that are not missed."""


def read_checkout_state(checkout: Path, *hidden: str) -> CheckoutState:
    """The state of a checkout; `hidden`: as `checkout_state`."""
    with begin_reading_checkout(checkout) as looking:
        return checkout_state(looking.wait(program.READ_LIMIT), *hidden)


def begin_reading_checkout(checkout: Path) -> program.Running:
    """Let git begin to list the state of a checkout; `checkout_state` takes its answer."""
    asked = ("--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty", "--untracked-files=normal", "--ignored")
    return program.begin_reading(checkout, "status", *asked)


def checkout_state(answer: program.Answer, *hidden: str) -> CheckoutState:
    """What stands in a checkout, by git's answer; nothing where git cannot tell, as in a bare repository.

    `hidden`: folders at its top of which nothing counts, beside ampsm's own.
    """
    found = [(record[:2], record[3:]) for record in records.split(answer.output)] if answer.ok else []
    found = [(kind, path) for kind, path in found if path.partition("/")[0] not in (*own_files.FOLDERS, *hidden)]
    return CheckoutState(
        tuple(path for kind, path in found if kind != "!!"),
        tuple(path for kind, path in found if kind == "??"),
        tuple(path for kind, path in found if kind == "!!" and not _UNMISSED.fullmatch(path)),
    )


def secret_files(checkout: Path, state: CheckoutState) -> tuple[Path, ...]:
    """The files of secrets that git does not track in a checkout.

    Folders that git names as one are looked through from their top down, `_MOST_COUNTED` entries in all.
    """
    if not (state.untracked or state.ignored):
        return ()
    from ampsm_engine.git.unwanted_files import is_secret_file

    found, folders, left = [], [], _MOST_COUNTED
    for path in (*state.untracked, *state.ignored):
        if path.endswith("/"):
            folders.append(path)
        elif is_secret_file(checkout, path):
            found.append(checkout / path)
    for folder in folders:  # which grows while it is walked through: the nearest come first
        with contextlib.suppress(OSError), os.scandir(checkout / folder) as entries:
            for entry in itertools.islice(entries, max(left, 0)):
                left -= 1
                path = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{path}/")
                elif is_secret_file(checkout, path):
                    found.append(checkout / path)
    return tuple(sorted(found))


def left_behind(repo: Repo, start: Base, state: CheckoutState) -> tuple[str, ...]:
    """What a session does not get of a checkout: its uncommitted edits, and what the base's remote has more."""
    return (*_uncommitted(state.uncommitted), *_behind(repo.root, start))


def _uncommitted(paths: Sequence[str]) -> Iterator[str]:
    if paths:
        yield f"What is uncommitted in your checkout stays there alone: {list_some(paths, MOST_NAMED)}."


def _behind(root: Path, start: Base) -> Iterator[str]:
    asked = "--format=%(upstream:short)%00%(upstream:track,nobracket)"
    answer = program.read(root, "for-each-ref", asked, f"{repository.BRANCHES}{start.name}")
    upstream, _, track = answer.line.partition("\0")
    if behind := re.search(r"behind (\d+)", track):
        commits = plural(int(behind[1]), "commit")
        yield f"{start.name} is {commits} behind {printable(upstream)} as it was fetched last: ampsm new --fetch"


def not_copied(checkout: Path, worktree: Path, ignored: Sequence[str]) -> tuple[str, ...]:
    """A sentence about the ignored files of a checkout that a new worktree does not have, the biggest named."""
    copies = own_files.read_copies(repository.git_dir(worktree))
    names = [name for name in ignored if not copies.holds(name) and not os.path.lexists(worktree / name)]
    if not names:
        return ()
    from ampsm_engine.git.unwanted_files import is_secret

    sizes = dict(_counted(checkout, names))
    names.sort(key=lambda name: (not is_secret(name.rstrip("/")), -sizes.get(name, 0)))
    told = list_some(names, MOST_NAMED)
    return (f"Ignored in your checkout, and not here: {told}. A file .worktreeinclude names what new worktrees get.",)


def _counted(checkout: Path, names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """How many entries are below each name, as far as it takes to tell big from small."""
    each = max(_MOST_COUNTED // len(names), 1)
    for name in names[:_MOST_COUNTED]:
        count = 0
        for _, folders, files in os.walk(checkout / name):
            count += len(folders) + len(files)
            if count >= each:
                break
        yield name, count


def lacking_large_files(worktree: Path, common_dir: Path) -> str:
    """A sentence where files are pointers in a worktree, with why and what fills them; empty where none is."""
    found = _pointers(worktree, common_dir)
    if not found:
        return ""
    pull = f"git -C {worktree} lfs pull"
    import shutil  # for the few that have pointers

    if shutil.which("git-lfs") is None:
        why, way = "git-lfs is not installed", "Install it, then: git lfs install && "
    elif not program.write(worktree, "config", "--get-regexp", r"^filter\.lfs\.(process|smudge)$").ok:
        why, way = "git does not know its filter", "To fill them: git lfs install && "
    else:
        why, way = "their content was not fetched", "To fill them: "
    return f"Files of large file storage are pointers here, {why} ({list_some(found)}). {way}{pull}"


def _pointers(worktree: Path, common_dir: Path) -> list[str]:
    """The files that git's attributes give to the filter and that are pointers.

    Only repositories are looked through whose own attributes ask for it, or in which git-lfs has worked.
    """
    if not (os.path.lexists(common_dir / "lfs") or _asks_for_large_files(worktree / ".gitattributes")):
        return []
    filtered = records.split(program.read(worktree, "ls-files", "-z", "--", ":(attr:filter=lfs)").output)
    return [path for path in filtered[:_MOST_READ] if _beginning(worktree / path, len(_POINTER)) == _POINTER]


def _asks_for_large_files(attributes: Path) -> bool:
    return _LARGE_FILE_RULE.search(_beginning(attributes, _ATTRIBUTES_READ)) is not None


def _beginning(file: Path, length: int) -> bytes:
    """The beginning of a regular file; nothing of anything else."""
    try:
        if file.is_symlink() or not file.is_file():
            return b""
        with file.open("rb") as opened:
            return opened.read(length)
    except OSError:
        return b""


def empty_submodules(worktree: Path) -> list[str]:
    """The submodules of a worktree that are not filled, by their paths."""
    return list(_unfilled(worktree))


def _unfilled(worktree: Path) -> dict[str, str]:
    """The commits that the index wants of the submodules that are not filled, by their paths."""
    if not os.path.lexists(worktree / ".gitmodules"):
        return {}
    links = records.gitlinks(worktree)
    return {path: commit for path, commit in links.items() if not os.path.lexists(worktree / path / ".git")}


def fill_submodules(worktree: Path, modules: Path, depth: int = SUBMODULE_DEPTH) -> list[str]:
    """Fill what is empty as far as `modules`, where git keeps the repositories of submodules, has what is needed.

    Each is cloned from a folder of this repository's own `modules`, with no other protocol than files allowed: what
    `.gitmodules` says of addresses is not followed. Answers the paths of those that stay empty in the worktree itself.
    """
    wanted = _unfilled(worktree) if depth else {}
    here = {path: name for name, path in (_submodule_names(worktree) if wanted else ()) if path in wanted}
    local = {path: found for path, name in here.items() if (found := _local_submodule(modules, name))}
    local = {path: found for path, found in local.items() if _has_commit(found, wanted[path])}
    if not local:
        return list(wanted)
    _clone_submodules(worktree, {path: (here[path], found) for path, found in local.items()})
    for path, found in local.items():
        if os.path.lexists(worktree / path / ".git"):
            _copy_setting(found, "remote.origin.url", worktree / path)
            if (
                depth < SUBMODULE_DEPTH
            ):  # git calls it initialised where that is set; the first ones share their configuration
                _copy_setting(modules.parent, f"submodule.{here[path]}.url", worktree)
            fill_submodules(worktree / path, found / "modules", depth - 1)
    return [path for path in wanted if not os.path.lexists(worktree / path / ".git")]


def _clone_submodules(worktree: Path, found: Mapping[str, tuple[str, Path]]) -> None:
    """Clone submodules: name and repository by path. By one git; where that fails, each by its own."""
    urls = {f"submodule.{name}.url": str(local) for name, local in found.values()}
    variables = {**program.configuration(urls), "GIT_ALLOW_PROTOCOL": "file"}
    asked = ("submodule", "--quiet", "update", "--init", "--checkout", "--no-fetch", "--", *found)
    if program.start(worktree, *asked, variables=variables).wait(SUBMODULE_LIMIT * len(found)).ok:
        return
    import shutil

    for path in found:  # half of one is what git, too, takes for filled
        shutil.rmtree(worktree / path, ignore_errors=True)
        (worktree / path).mkdir(exist_ok=True)
        if len(found) > 1:
            _clone_submodules(worktree, {path: found[path]})


def _copy_setting(repository: Path, name: str, to: Path) -> None:
    """Let a repository that was just made have a setting of another one, by its git folder."""
    if value := program.read(repository, "--git-dir", repository, "config", "--get", name).line:
        program.write(to, "config", name, value)


def _submodule_names(worktree: Path) -> Iterator[tuple[str, str]]:
    """Name and path of each submodule, as the commit says: a link in the place of the file says nothing."""
    asked = ("config", "--blob", "HEAD:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    for record in records.split(program.read(worktree, *asked).output):
        key, _, path = record.partition("\n")
        yield key.removeprefix("submodule.").removesuffix(".path"), path


def _local_submodule(modules: Path, name: str) -> Path | None:
    """The repository of a submodule below `modules`; None where there is none, or its name leads elsewhere."""
    found = modules / name
    is_inside = Path(os.path.realpath(found)).is_relative_to(os.path.realpath(modules)) and ".." not in found.parts
    return found if name and is_inside and (found / "HEAD").is_file() else None


def _has_commit(local: Path, commit: str) -> bool:
    """Whether a repository has a commit."""
    return program.read(local, "--git-dir", local, "cat-file", "-e", f"{commit}^{{commit}}").ok
