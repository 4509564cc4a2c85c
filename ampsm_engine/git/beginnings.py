"""Finds the path of a new worktree, and makes its branch or takes one that is there already.

The path is in a folder of the repository that git does not look into, or outside of it.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from ampsm_engine import naming, templates
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit
from ampsm_engine.git import branch_files, libgit2, own_files, program, records, repository
from ampsm_engine.git.entities import Base, Repo
from ampsm_engine.plain_text import list_some, printable
from ampsm_engine.templates import Names

_ATTEMPTS = 200
"""Names that are tried for one branch before we give up."""

_MISSES = 16
"""How many of them may be free and still not be had: another process creates them now, or none can."""


class ExistingBranch(NamedTuple):
    """A branch that a session works on and that ampsm did not make."""

    name: str
    commit: str
    upstream: str = ""
    """The remote branch that it is to follow, where there is no local branch yet; else empty."""


class WorktreeTemplate(NamedTuple):
    """Where a worktree is to be made, and on which branch."""

    place: str = templates.WORKTREE
    branch: str = templates.BRANCH
    on: ExistingBranch | None = None
    """None: on a branch that is made for it, and called as `branch` has it."""


class Witness(Protocol):
    """Records each thing before it is made, so that it can be undone when this process is killed."""

    def place(self, path: Path, *, is_ours: bool) -> None:
        """Record the path of the coming worktree; with `is_ours` no other program can have made what is there."""

    def announce(self, branch: str) -> None:
        """Record the name of a branch that is about to be made."""

    def keep(self, branch: str) -> None:
        """Record the name of an existing branch that stays."""


def begin_branch(repo: Repo, base: Base, plan: WorktreeTemplate, names: Names, witness: Witness) -> str:
    """The branch of a plan, there when this returns: a new one at the base, or one that was there before."""
    if plan.on is None:
        return _new_branch(repo, base, wanted_branch(plan, names), witness)
    if not plan.on.upstream:
        witness.keep(plan.on.name)
        return plan.on.name
    witness.announce(plan.on.name)
    answer = program.write(repo.root, "branch", "--quiet", "--track", plan.on.name, plan.on.upstream)
    if not answer.ok:
        message = f"The branch {plan.on.name} could not be made from {plan.on.upstream}: {answer.reason}."
        raise Failed(message, f"git -C {repo.root} branch --track {plan.on.name} {plan.on.upstream}")
    return plan.on.name


def wanted_branch(plan: WorktreeTemplate, names: Names) -> str:
    """How a new branch is to be called, when that is free."""
    return names._replace(repo=naming.slug(names.repo)).fill(plan.branch)


def _new_branch(repo: Repo, base: Base, wanted: str, witness: Witness) -> str:
    """Claim a branch name by creating it: of two with one name, the second gets the next number."""
    nothing = "0" * len(base.commit)
    reason, misses, branch = "", 0, wanted
    for attempt in range(1, _ATTEMPTS):
        branch = naming.numbered(wanted, attempt)
        full = f"{repository.BRANCHES}{branch}"
        witness.announce(branch)
        answer = program.write(repo.root, "update-ref", "-m", "ampsm: new session", full, base.commit, nothing)
        if answer.ok:
            return branch
        reason = answer.reason
        if repository.branch_tip(repo.root, branch) is None:
            misses += 1
            if misses > _MISSES:
                break
    raise Failed(f"The branch {branch} could not be created: {reason}.", f"git -C {repo.root} branch {branch}")


def refuse_blocked(repo: Repo, branch: str) -> None:
    """Refused where a branch such as `amp` or `amp/<slug>` takes the name that branches below it need."""
    parts = branch.split("/")
    candidates = ["/".join(parts[:many]) for many in range(1, len(parts))]
    if branch_files.are_absent(repo.common_dir, candidates):
        return
    asked = "".join(f"{repository.BRANCHES}{name}\n" for name in candidates).encode()
    answers = program.query(repo.root, "cat-file", "--batch-check=%(objecttype)", feed=asked).splitlines()
    for blocking, answer in zip(candidates, answers, strict=True):
        if answer == b"commit":
            message = f"The branch {blocking} leaves no room for sessions' branches below it ({branch})."
            way = f"git -C {repo.root} branch -m {blocking} {blocking.replace('/', '-')}-branch"
            other = "" if branch.startswith("amp/") else ", or: ampsm config set branch.name 'amp/{slug}/{time}'"
            raise Refused(message, f"{way}{other}")


def forget_upstream(repo: Repo, branch: str) -> None:
    """Take away what git's configuration says of a branch that is gone."""
    program.write(repo.root, "config", "--remove-section", f"branch.{branch}")


def existing_branch(repo: Repo, wanted: str) -> ExistingBranch:
    """The branch that a person names: a local one, a remote one, or the one that just one remote has by that name.

    NotFound with the likely ones; Refused where it is a tag or a commit, or where the local branch of its name is
    elsewhere.
    """
    if tip := repository.branch_tip(repo.root, wanted):
        return ExistingBranch(wanted, tip)
    remotes = program.text(program.query(repo.root, "remote")).split()
    spaces = [(remote, f"refs/remotes/{remote}/") for remote in remotes]
    named = [(f"{space}{wanted}", wanted) for _, space in spaces]
    named += [
        (f"refs/remotes/{wanted}", wanted.removeprefix(f"{one}/")) for one in remotes if wanted.startswith(f"{one}/")
    ]
    found = [(full, name, tip) for full, name in named if name and (tip := _remote_tip(repo, full))]
    if len(found) > 1:
        listed = " and ".join(repository.short(full) for full, _, _ in found)
        raise Refused(f"{listed} are called like that.", f"ampsm new --branch {repository.short(found[0][0])}")
    if not found:
        start = repository.base(repo, wanted)  # NotFound with what is like it
        message = f"{printable(wanted)[:100]} is no branch."
        raise Refused(message, f"ampsm new --base {start.name}")
    full, name, tip = found[0]
    upstream = repository.short(full)
    local = repository.branch_tip(repo.root, name)
    if local == tip:
        return ExistingBranch(name, tip)
    if local is not None:
        message = f"Your branch {name} is not where {upstream} is."
        raise Refused(message, f"ampsm new --branch {name}, or: ampsm new --base {upstream}")
    return ExistingBranch(name, tip, upstream)


def _remote_tip(repo: Repo, full: str) -> str | None:
    with contextlib.suppress(AmpsmError):
        return repository.ref_commit(repo.root, full)
    return None


def branches(repo: Repo) -> tuple[str, ...]:
    """The short names of local and remote branches, the one with the newest commit first, local ones before remote."""
    found: list[str] = []
    for space in (repository.BRANCHES, "refs/remotes/"):
        listed = program.query(repo.root, "for-each-ref", "--sort=-committerdate", "--format=%(refname)", space)
        names = (repository.short(full) for full in program.text(listed).splitlines())
        found += [name for name in names if not name.endswith("/HEAD")]
    return tuple(found)


def default_branches(repo: Repo) -> frozenset[str]:
    """The branches that others are likely to begin from: the remotes' default ones, git's, and the usual names."""
    heads = {
        full: value for full, value in repository.refs(repo.root, "refs/remotes/").items() if full.endswith("/HEAD")
    }
    remote = {named.removeprefix(f"{libgit2.SYMBOLIC}{head.removesuffix('HEAD')}") for head, named in heads.items()}
    configured = program.read(repo.root, "config", "--get", "init.defaultBranch").line
    return frozenset({*remote, configured, "main", "master", "trunk"} - {""})


def folder_in(repo: Repo, commit: str, path: Path, named: str) -> str:
    """The path in the repository of a folder that a person names; empty for its top.

    As seen from `path`, else from the top. NotFound where the commit has no such folder, with one that is like it;
    Refused for a link, a file, a submodule, and for what lies outside.
    """
    here = path.resolve()
    start = here if here.is_relative_to(repo.checkout) else repo.checkout
    inside = [_inside(repo, start / named), _inside(repo, repo.checkout / named)]
    wanted = [one for one in dict.fromkeys(inside) if one is not None]
    if not wanted:
        raise Refused(f"{printable(named)[:100]} lies outside of {repo.checkout}.", "ampsm new --in FOLDER")
    for one in wanted:
        kind = _kind_in_tree(repo, commit, one)
        if kind == "tree":
            return one
        if kind:
            what = {"120000": "a link", "160000": "a submodule"}.get(kind, "a file")
            message = f"{printable(one)[:100]} is {what} in {commit[:12]}, and no folder to work in."
            raise Refused(message, "ampsm new --in FOLDER")
    raise _no_folder(repo, commit, wanted[-1])


def _inside(repo: Repo, path: Path) -> str | None:
    """A path seen from the top of the checkout, links not followed; None for what lies outside."""
    plain = Path(os.path.normpath(path))
    if not plain.is_relative_to(repo.checkout):
        return None
    found = plain.relative_to(repo.checkout).as_posix()
    return "" if found == "." else found


def _kind_in_tree(repo: Repo, commit: str, path: str) -> str:
    """What a commit has at a path: `tree`, or the mode of what is no folder; empty for nothing."""
    if not path:
        return "tree"
    asked = ("ls-tree", "-z", "--full-tree", commit, "--", path)
    listed = program.text(program.read(repo.root, "--literal-pathspecs", *asked).output)
    mode, _, rest = listed.partition(" ")
    return "tree" if rest.startswith("tree ") else mode


def _no_folder(repo: Repo, commit: str, wanted: str) -> NotFound:
    import difflib

    asked = ("ls-tree", "-z", "-r", "-d", "--name-only", "--full-tree", commit)
    folders = program.text(program.query(repo.root, *asked)).split("\0")[:-1]
    near = [one for one in folders if one.endswith(f"/{wanted}")] + difflib.get_close_matches(wanted, folders, n=2)
    message = f"{commit[:12]} has no folder {printable(wanted)[:100]!r}."
    hint = f"Did you mean {printable(near[0])}?" if near else f"git -C {repo.root} ls-tree -d {commit[:12]}"
    return NotFound(message, hint)


_PLACES_TRIED = 200
"""Names that are tried for one folder before we give up."""

_OF_GIT = frozenset(
    ("branches", "hooks", "info", "lfs", "logs", "modules", "objects", "refs", "reftable", "rr-cache", "worktrees")
)
"""Folders of git's and of git-lfs in a bare repository."""

_WAY = "ampsm config set worktree.place '../{repo}.{slug}'"


def hidden_folder(repo: Repo) -> Path:
    """The folder below a repository's top in which worktrees are where no setting says otherwise."""
    return repo.root / repository.WORKTREES


def free_place(repo: Repo, name: str) -> Path:
    """The place of that name in the usual folder, which is free; Refused when something is in the way."""
    below = hidden_folder(repo)
    _refuse_link(below)
    path = below / name
    if name != path.name or name.startswith("."):
        raise Refused(f"{printable(name)[:80]!r} cannot name a folder.")
    if os.path.lexists(path):
        raise Refused(f"There is something at {path} already.", f"ls -ld {path}")
    return path


def make_room(repo: Repo) -> None:
    """The usual folder of worktrees, hidden from git before there is something in it."""
    _make_folder(hidden_folder(repo))
    own_files.ensure(repo)


def claim_place(repo: Repo, template: str, names: Names, witness: "Witness") -> Path:
    """Make the folder for a worktree by the template of the settings, so that no other process can take it.

    The second of a name gets a number. Refused where it would lie among the files of a repository.
    """
    if template == templates.WORKTREE:
        path = free_place(repo, names.id)
        witness.place(path, is_ours=True)
        make_room(repo)
        return path
    wanted = _wanted_place(repo, template, names)
    hide_room(repo, wanted)
    for attempt in range(1, _PLACES_TRIED):
        path = wanted.with_name(naming.numbered(wanted.name, attempt))
        if os.path.lexists(path):
            continue
        witness.place(path, is_ours=False)
        try:
            path.mkdir()
        except FileExistsError:
            continue
        except OSError as reason:
            leave(repo, path)
            raise Unfit(f"{path} cannot be made: {reason.strerror}.", f"ls -ld {path.parent}") from reason
        witness.place(path, is_ours=True)
        return path
    raise Refused(f"There is something at {wanted} and at each place of that name.", f"ls -ld {wanted}*")


def scratch_place(repo: Repo, template: str, name: str) -> Path:
    """Where a worktree of that name lies that is no session's and soon gone: beside those of the sessions.

    So tools that walk through the usual folder do not meet it where a person has moved the sessions' elsewhere.
    """
    if template == templates.WORKTREE:
        return free_place(repo, name)
    names = naming.names(name, name, datetime.now(UTC), repo.root.name)
    wanted = _wanted_place(repo, template, names).with_name(name)
    if os.path.lexists(wanted):
        raise Refused(f"There is something at {wanted} already.", f"ls -ld {wanted}")
    return wanted


def hide_room(repo: Repo, path: Path) -> None:
    """The folder that a worktree will lie in, hidden from git where that is below a repository's top."""
    own_files.ensure(repo)
    _make_folder(path.parent)
    if top := _top_within(repo, path):
        own_files.ensure(repo, top)


def _wanted_place(repo: Repo, template: str, names: Names) -> Path:
    try:
        wanted = Path(os.path.normpath(repo.root / Path(names.fill(template)).expanduser()))
    except RuntimeError as reason:
        raise Unfit(f"Nobody knows which folder ~ is in worktree.place: {reason}.", _WAY) from reason
    if top := _top_within(repo, wanted):
        if why := _why_not_hidden(repo, top, wanted):
            raise Refused(f"The worktree cannot be at {wanted}: {why}.", _WAY)
        return wanted
    wanted = wanted.parent.resolve() / wanted.name
    is_beside = repo.is_bare and wanted.parent == repo.root
    if not is_beside and any(wanted.is_relative_to(place) for place in (repo.root, repo.common_dir)):
        raise Refused(f"The worktree would be at {wanted}, among the files of the repository.", _WAY)
    return wanted


def _top_within(repo: Repo, path: Path) -> str:
    """The folder at a repository's top in which a worktree at a path would lie; empty where it is in none."""
    inside = path.relative_to(repo.root).parts if path.is_relative_to(repo.root) else ()
    return inside[0] if len(inside) > 1 else ""


def _why_not_hidden(repo: Repo, top: str, path: Path) -> str:
    """Why a folder at a repository's top cannot be one of worktrees alone, in words; empty where it can be."""
    folder = repo.root / top
    for one in _between(folder, path.parent):
        if one.is_symlink() or (one.exists() and not one.is_dir()):
            return f"{one} is a link or a file, and sessions' worktrees need a folder there"
        if os.path.lexists(one / ".git"):
            return f"{one} is a worktree or a repository itself"
    is_gits = repo.root == repo.common_dir and top in _OF_GIT
    if is_gits or top == own_files.CONTEXT or top.casefold() == ".git" or folder == repo.common_dir:
        return f"{top} is not for worktrees"
    return "" if top == repository.WORKTREES or repo.is_bare else _what_would_be_hidden(repo, top)


def _what_would_be_hidden(repo: Repo, top: str) -> str:
    """What a folder of a checkout has beside worktrees, in words; empty for nothing."""
    within = ("-z", "--", f":(top,literal){top}")
    if tracked := records.split(program.query(repo.root, "ls-files", *within)):
        return f"git tracks files in {top} ({list_some(tracked)}), and a folder of worktrees is hidden from git"
    listed = records.split(program.query(repo.root, "ls-files", "--others", "--exclude-standard", *within))
    loose = [name for name in listed if not name.endswith("/")]  # what ends so is a worktree of the user's
    return f"{top} has files that git would not show any more ({list_some(loose)})" if loose else ""


def _between(top: Path, folder: Path) -> Iterator[Path]:
    """A folder and those on the way down to another one, which comes last."""
    parts = folder.relative_to(top).parts
    return (top.joinpath(*parts[:depth]) for depth in range(len(parts) + 1))


def _refuse_link(below: Path) -> None:
    # A repository can bring a link of that name, and git would follow it out of the repository.
    if below.is_symlink() or (below.exists() and not below.is_dir()):
        message = f"{below} is in the way: sessions' worktrees need a folder there."
        raise Refused(message, f"ls -ld {below}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        near = next((one for one in folder.parents if one.exists()), folder.parent)
        raise Unfit(f"{folder} cannot be made: {reason.strerror}.", f"ls -ld {near}") from reason


def leave(repo: Repo, path: Path) -> None:
    """Take the folders away that were made for a worktree and have nothing in them any more."""
    own_files.leave(hidden_folder(repo))
    if top := _top_within(repo, path):
        for folder in reversed(list(_between(repo.root / top, path.parent))):
            own_files.leave(folder)
    elif path.parent not in (repo.root, repo.root.parent):
        with contextlib.suppress(OSError):
            path.parent.rmdir()
