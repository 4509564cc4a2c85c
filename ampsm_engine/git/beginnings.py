"""What a new worktree begins with beside its place: a branch that is made for it, or is there already; its folder."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from ampsm_engine import naming, templates
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused
from ampsm_engine.git import branch_files, libgit2, program, repository
from ampsm_engine.git.entities import Base, Repo
from ampsm_engine.plain_text import printable
from ampsm_engine.templates import Names

_ATTEMPTS = 200
"""Names that are tried for one branch before we give up."""

_MISSES = 16
"""How many of them may be free and still not be had: somebody else creates them at this moment, or nobody can."""


class ExistingBranch(NamedTuple):
    """A branch that a session works on and that ampsm did not make."""

    name: str
    commit: str
    upstream: str = ""
    """The remote branch that it is to follow, where there is no local branch yet; else empty."""


class WorktreePlan(NamedTuple):
    """Where a worktree is to be made, and on which branch."""

    place: str = templates.WORKTREE
    branch: str = templates.BRANCH
    on: ExistingBranch | None = None
    """None: on a branch that is made for it, and called as `branch` has it."""


class Witness(Protocol):
    """Who is told of each thing before it is made, so that it can be undone when this process is killed."""

    def place(self, path: Path, *, is_ours: bool) -> None:
        """The worktree will be there; with `is_ours` nobody else can have made what is there."""

    def announce(self, branch: str) -> None:
        """Tell that a branch will be made."""

    def keep(self, branch: str) -> None:
        """Tell that a branch is there already, and stays."""


class Nobody:
    """A witness for who need not know."""

    def place(self, path: Path, *, is_ours: bool) -> None:
        """Note nothing of a worktree."""

    def announce(self, branch: str) -> None:
        """Note nothing of a branch that will be made."""

    def keep(self, branch: str) -> None:
        """Note nothing of a branch that is there already."""


PLAIN = WorktreePlan()
NOBODY = Nobody()


def begin_branch(repo: Repo, base: Base, plan: WorktreePlan, names: Names, witness: Witness) -> str:
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


def wanted_branch(plan: WorktreePlan, names: Names) -> str:
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
    """Refused where a branch such as `amp` or `amp/<slug>` leaves no room for branches below it."""
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
