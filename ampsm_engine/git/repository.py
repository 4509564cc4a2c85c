"""Where a repository is, what a session may start from, its refs, and which operation is in progress in a worktree.

Reads only: by libgit2 in a process that has it loaded (libgit2.py tells what), by the git program else. Damaged refs
and heads are told from what git says, so that they are not taken for absent.
"""

import contextlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from ampsm_engine.errors import AmpsmError, NotFound, Refused, Unfit
from ampsm_engine.git import bare_layout, libgit2, program
from ampsm_engine.git.entities import Base, Repo
from ampsm_engine.git.libgit2 import SYMBOLIC, AskGit
from ampsm_engine.plain_text import printable

WORKTREES = ".worktrees"
"""The folder below a repository's root that holds the sessions' worktrees."""

SESSION_MARK = "ampsm-session"
"""The file in git's folder for a worktree that names its session, where the worktree's own name does not."""

BRANCHES = "refs/heads/"

_NAMESPACES = (BRANCHES, "refs/remotes/", "refs/tags/")
_SESSION_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{10}")
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

Ask = Callable[[list[str]], list[str | None]]
_EXPRESSION = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|@\{|\.\.")
"""What no branch's name has: the rest of a revision, such as `main~1`."""

_OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),  # a file wherever refs are kept, as git has it
    ("BISECT_LOG", "bisect"),
)
"""Files of a worktree's git folder, and the operation that each of them means."""

_OPERATION_REFS = (("CHERRY_PICK_HEAD", "cherry-pick"), ("REVERT_HEAD", "revert"))

_GIT_DIR_PARTS = ("HEAD",)
"""What makes a folder a git folder, beside the objects; that it is there, not what it says."""

_BROKEN = r"ignoring broken ref (\S+)|missing object \S+ for (\S+)|bad ref (\S+)"


def locate(path: Path) -> Repo:
    """The repository that a path lies in, named by its main worktree, or by the top folder of a bare layout.

    NotFound without such a path; Unfit when it is in no repository, in a bare one that is hidden or a mirror, or in one
    without a commit; Refused inside a session's worktree, because a session of a session would vanish with it.
    """
    return locate_with_head(path)[0]


def locate_with_head(path: Path) -> tuple[Repo, Base | None]:
    """The repository around a path, and its checked out base where one start of git tells it; errors as `locate`."""
    folder = _folder(path)
    repo, head = _placed_by_git(folder)  # who finds all that is damaged
    _refuse_session_worktree(folder, repo.checkout)
    return repo, head


def around(path: Path) -> Repo:
    """The repository that a path lies in, which may be inside a session's worktree; NotFound and Unfit as `locate`."""
    folder = _folder(path)
    with contextlib.suppress(AskGit):
        return Repo(folder, libgit2.main_git_dir(folder), folder)
    return _placed_by_git(folder)[0]


def _placed_by_git(folder: Path) -> tuple[Repo, Base | None]:
    bare, git_folder, common, top, head, full = _places(folder)
    bare = bare or _is_bare(git_folder, common)
    root = bare_layout.top(common) if bare else _main_worktree(git_folder, common, top)
    if not head:
        refuse_damaged(root)
    if not head and not program.query(root, "for-each-ref", "--count=1"):
        message = f"The repository {root} has no commit yet: there is nothing to start from."
        raise Unfit(message, f'git -C {root} commit --allow-empty -m "Begin"')
    return Repo(root, common, top or root, bare), _based(head, full) if top and head and full else None


def base(repo: Repo, ref: str | None) -> Base:
    """What a session starts from: a branch, remote branch, tag, commit or expression; None is what is checked out.

    The name is the one to merge into: a branch's short name where there is one, else the commit.
    NotFound names the likely ones.
    """
    if ref is None:
        return _checked_out(repo)
    if not ref or ref.startswith("-") or printable(ref) != ref:
        raise _unknown(repo, ref)
    # A branch before a tag of the same name, which git itself would take: sessions are merged into branches.
    if tip := branch_tip(repo.root, ref):
        return Base(ref, tip)
    named = program.read(repo.checkout, "rev-parse", "--quiet", "--verify", ref)
    commit = program.read(repo.checkout, "rev-parse", "--quiet", "--verify", f"{named.line}^{{commit}}")
    if not named.ok or not commit.ok:
        raise _unknown(repo, ref)
    full = program.read(repo.checkout, "rev-parse", "--symbolic-full-name", ref).line
    return Base(short(full) if full.startswith("refs/") else commit.line, commit.line)


def is_busy(worktree: Path) -> str | None:
    """The operation in progress there that we did not start: rebase, am, merge, cherry-pick, revert or bisect."""
    return operation(git_dir(worktree))


def operation(folder: Path) -> str | None:
    """The operation in progress by the git folder of a worktree, as `is_busy` names it; None when there is none."""
    try:
        there = frozenset(os.listdir(folder))  # noqa: PTH208 - names alone; a merge asks this of every worktree
    except (FileNotFoundError, NotADirectoryError):
        return None
    for file, name in _OPERATIONS:
        if file.partition("/")[0] in there and (folder / file).exists():
            return name
    has_tables = (common_of(folder) / "reftable").exists()
    for ref, name in _OPERATION_REFS:
        if _is_set(folder, ref) if has_tables else ref in there:
            return name
    return "cherry-pick" if "sequencer" in there else None


def _is_set(folder: Path, ref: str) -> bool:
    """Whether a ref of the git folder itself is there, such as CHERRY_PICK_HEAD, where refs are tables.

    Elsewhere git has each of these in a file, and is not asked: an iteration asks ten times.
    """
    # By its full name: a branch may be called like that, too, and where both are there git says so in place of a name.
    asked = ("rev-parse", "--quiet", "--verify", "--symbolic-full-name", ref)
    answer = program.read(folder, "--git-dir", folder, *asked)
    return answer.line == ref or "is ambiguous" in answer.message


def git_dir(worktree: Path) -> Path:
    """The git folder of one worktree: its HEAD and index are in there. NotFound without such a worktree."""
    check_worktree(worktree)
    found = plain_git_dir(worktree)
    if found is not None:
        return found
    answer = program.read(worktree, "rev-parse", "--absolute-git-dir")
    if not answer.ok:
        raise _foreign(worktree, answer)
    return Path(answer.line)


def linked_git_dir(worktree: Path) -> Path:
    """The git folder of a session's worktree, to write to; NotFound without one, Unfit when it is a main worktree's."""
    folder = git_dir(worktree)
    if common_of(folder) == folder.resolve():
        message = f"{worktree} is a repository of its own now: its link to the session's was replaced."
        raise Unfit(message, f"ls -la {worktree}/.git")
    return folder


def check_worktree(worktree: Path) -> None:
    """NotFound when a worktree is gone, Unfit when its link to git is: git would take the repository around it."""
    if not worktree.is_dir():
        raise NotFound(f"The worktree {worktree} is gone.", "ampsm repair")
    if not os.path.lexists(worktree / ".git") and not is_git_folder(worktree):
        message = f"{worktree} is no worktree any more: its .git file is gone."
        raise Unfit(message, "ampsm repair --apply links it again")


def is_git_folder(folder: Path) -> bool:
    """Whether a folder is a git folder itself, as a bare repository is."""
    return (folder / "objects").is_dir() and all((folder / name).exists() for name in (*_GIT_DIR_PARTS, "config"))


def common_dir(worktree: Path) -> Path:
    """The git folder that all worktrees of a repository share."""
    return common_of(git_dir(worktree))


def resolve(where: Path, name: str) -> str:
    """The commit that a branch, remote branch, tag or expression names, looked for in this order; NotFound."""
    return resolve_all(where, name)[0]


def resolve_all(where: Path, *names: str) -> tuple[str, ...]:
    """The commits that several names stand for, in their order; NotFound when one of them stands for none."""
    for name in names:
        if not name or name.startswith("-") or printable(name) != name:
            raise unknown_commit(where, name)
    with contextlib.suppress(AskGit):
        return tuple(libgit2.resolve(where, name, _NAMESPACES) for name in names)
    spaces = (*_NAMESPACES, "")
    found = iter(_objects(where, [f"{space}{name}^{{commit}}" for name in names for space in spaces]))
    commits = [next(filter(None, [next(found, None) for _ in spaces]), "") for _ in names]
    if "" in commits:
        raise unknown_commit(where, names[commits.index("")])
    return tuple(commits)


def unknown_commit(where: Path, name: str) -> NotFound:
    """The error for a revision that names nothing. Unfit or Failed instead where git cannot read refs to tell that."""
    if printable(name) == name:
        refuse_damaged(where, "" if name == "HEAD" else f"{BRANCHES}{name}")  # git tells of no HEAD on a damaged branch
    message = f"There is no commit {printable(name)[:100]!r} in {where}."
    return NotFound(message, f"git -C {where} log --all --oneline")


def is_session_id(name: str) -> bool:
    """Whether a folder's name is one that only sessions have."""
    return _SESSION_ID.fullmatch(name) is not None


def is_object_id(name: str) -> bool:
    """Whether a name is the full id of an object."""
    return _OBJECT_ID.fullmatch(name) is not None


def short(full: str) -> str:
    """A ref's short name: `main`, `origin/main`, `v1`."""
    return next((full.removeprefix(space) for space in _NAMESPACES if full.startswith(space)), full)


def branch_tip(where: Path, branch: str) -> str | None:
    """The commit that a local branch points at; None when the branch does not exist."""
    if not branch or _EXPRESSION.search(branch):
        return None
    return ref_commit(where, f"{BRANCHES}{branch}")


def ref_commit(where: Path, full: str, kind: Literal["commit", "tree"] = "commit") -> str | None:
    """The commit, or its tree, that a ref names by its full name; None when the ref does not exist."""
    with contextlib.suppress(AskGit):
        return libgit2.ref_object(where, full, kind)
    answer = program.read(where, "rev-parse", "--quiet", "--verify", f"{full}^{{{kind}}}")
    return answer.line if answer.ok else None


def branch_tips(where: Path, *branches: str, ask: Ask | None = None) -> tuple[str | None, ...]:
    """The commits that branches point at, None for each that is not there; `ask` tells the objects of names."""
    with contextlib.suppress(AskGit):
        return tuple(libgit2.ref_object(where, f"{BRANCHES}{branch}") if branch else None for branch in branches)
    known = [branch for branch in branches if branch and not _EXPRESSION.search(branch)]
    names = [f"{BRANCHES}{branch}^{{commit}}" for branch in known]
    found = dict(zip(known, ask(names) if ask else _objects(where, names), strict=False))
    return tuple(found.get(branch) for branch in branches)


def resolves(where: Path, revision: str) -> bool:
    """Whether a branch, remote branch, tag or expression names a commit here and now."""
    try:
        return bool(resolve(where, revision))
    except NotFound:
        return False


def unresolved(where: Path, names: Sequence[str]) -> frozenset[str]:
    """Which of these names of branches, tags or commits name no commit here; nothing where git cannot be asked."""
    found = _objects(where, [f"{name}^{{commit}}" for name in names])
    return frozenset(name for name, oid in zip(names, found, strict=False) if oid is None)


def _objects(where: Path, names: Sequence[str]) -> list[str | None]:
    """The objects of several names, by one question: None for each that names none. Empty where git cannot answer."""
    feed = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    lines = program.read(where, "cat-file", "--batch-check=%(objectname)", feed=feed).output.decode("ascii", "replace")
    found = [line if _OBJECT_ID.fullmatch(line) else None for line in lines.splitlines()]
    return found if len(found) == len(names) else []


def is_ancestor(where: Path, old: str, new: str) -> bool:
    """Whether the one commit is the other or lies in its history."""
    with contextlib.suppress(AskGit):
        return libgit2.is_ancestor(where, old, new)
    return program.read(where, "merge-base", "--is-ancestor", old, new).ok


def _folder(path: Path) -> Path:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as reason:
        name = printable(str(path))[:200]
        raise NotFound(f"There is no folder {name}.", "Name a folder inside a git repository.") from reason
    return real if real.is_dir() else real.parent


def _places(where: Path) -> tuple[bool, Path, Path, Path | None, str, str]:
    """Bare?, git folder, common folder, top level (None inside the git folder), commit and ref of HEAD or nothing."""
    wanted = ("--is-bare-repository", "--absolute-git-dir", "--git-common-dir", "--show-toplevel")
    asked = (*wanted, "HEAD^{commit}", "--symbolic-full-name", "HEAD")
    answer = program.read(where, "rev-parse", "--path-format=absolute", *asked)
    lines = program.text(answer.output).split("\n")[:-1]
    if not lines:
        raise _foreign(where, answer)
    full = lines.pop() if len(lines) == 6 and answer.ok else ""
    if len(lines) > 5 or not all(line.startswith(("/", "true", "false")) for line in lines[:4]):
        one = ("rev-parse", "--path-format=absolute")  # a folder may have a line break in its name
        lines = [program.read(where, *one, name).line for name in (*wanted, "HEAD^{commit}")]
    lines += [""] * (5 - len(lines))
    bare, git_folder, common, top, head = lines
    # git goes on to the repository around one whose git folder is damaged.
    damaged = damaged_folder(where) if top and not _is_nearest(where, Path(top)) else None
    if damaged is not None:
        raise damaged
    head = head if _OBJECT_ID.fullmatch(head) else ""
    return bare == "true", Path(git_folder).resolve(), Path(common).resolve(), Path(top) if top else None, head, full


def _is_nearest(where: Path, top: Path) -> bool:
    """Whether no other git folder lies between a path and the top level that git found for it."""
    between = (folder for folder in (where, *where.parents) if folder != top and folder.is_relative_to(top))
    return not any(os.path.lexists(folder / ".git") for folder in between)


def _is_bare(git_folder: Path, common: Path) -> bool:
    """Whether a worktree is one of a repository without a main one: the worktree itself is not bare."""
    asked = ("--git-dir", common, "rev-parse", "--is-bare-repository")
    return git_folder != common and program.read(common, *asked).line == "true"


def _main_worktree(git_folder: Path, common: Path, top: Path | None) -> Path:
    if git_folder == common and top:
        return top
    configured = program.read(common, "--git-dir", common, "config", "--get", "core.worktree").line
    root = (common / configured).resolve() if configured else common.parent
    answer = program.read(root, "rev-parse", "--path-format=absolute", "--git-common-dir") if root.is_dir() else None
    if answer is None or not answer.ok or Path(answer.line).resolve() != common:
        message = f"The main worktree of {common} cannot be told from here."
        raise Unfit(message, "Name the repository by the folder of its main worktree.")
    return root


def _refuse_session_worktree(where: Path, top: Path) -> None:
    """A repository that amp cloned into a session's worktree counts as inside, too."""
    admin = plain_git_dir(top)
    if admin is not None and (admin / SESSION_MARK).exists():
        named = (admin / SESSION_MARK).read_text("ascii", "replace")[:10]
        raise Refused(
            f"{where} is inside the worktree of session {printable(named)}.", f"ampsm show {printable(named)}"
        )
    for folder in (where, *where.parents):
        owner = folder.parent.parent
        if folder.parent.name != WORKTREES or not ((owner / ".git").exists() or is_git_folder(owner)):
            continue
        if is_session_id(folder.name) or _is_on_our_branch(folder):
            message = f"{where} is inside the worktree of session {folder.name}."
            raise Refused(message, f"Name the repository itself: {owner}")


def _is_on_our_branch(folder: Path) -> bool:
    """Sessions' worktrees share their folder with the user's own, who may have had it first."""
    return program.read(folder, "symbolic-ref", "--quiet", "HEAD").line.startswith(f"{BRANCHES}amp/")


def _checked_out(repo: Repo) -> Base:
    answer = program.read(repo.checkout, "rev-parse", "HEAD^{commit}", "--symbolic-full-name", "HEAD")
    commit, _, full = answer.line.partition("\n")
    if not answer.ok:
        refuse_damaged(repo.checkout)
        message = f"What is checked out in {repo.checkout} has no commit yet."
        raise Unfit(message, f"Name a base with --base. git -C {repo.root} branch --all lists the branches.")
    return _based(commit, full)


def _based(commit: str, full: str) -> Base:
    return Base(short(full) if full.startswith(BRANCHES) else commit, commit)


def _unknown(repo: Repo, ref: str) -> NotFound:
    import difflib

    refuse_damaged(repo.root)
    names = [short(full) for full in refs(repo.root, *_NAMESPACES)]
    near = [name for name in names if name.endswith(f"/{ref}")] if ref else []
    near += difflib.get_close_matches(ref, names, n=3)
    message = f"There is no branch, tag or commit {printable(ref)[:100]!r} in {repo.root}."
    if near:
        return NotFound(message, f"Did you mean {' or '.join(dict.fromkeys(near[:3]))}?")
    names.sort(key=lambda name: name.startswith("amp/"))  # other sessions' branches are rarely what is meant
    some = f" There are {', '.join(names[:5])}{' and more' if len(names) > 5 else ''}." if names else ""
    return NotFound(message, f"git -C {repo.root} branch --all lists what there is.{some}")


def _foreign(where: Path, answer: program.Answer) -> AmpsmError:
    if "dubious ownership" in answer.message:
        message = f"The repository at {where} belongs to another user, and git does not trust it."
        return Unfit(message, f"git config --global --add safe.directory {where}")
    if "not a git repository" in answer.message:
        damaged = damaged_folder(where)
        if damaged is not None:
            return damaged
        return Unfit(f"{where} is not in a git repository.", f"git -C {where} init")
    return Unfit(f"The repository at {where} cannot be read: {answer.reason}.", f"git -C {where} status")


def plain_git_dir(worktree: Path) -> Path | None:
    """The git folder of a worktree, when it is whole and all of it belongs to this user, as git wants it."""
    own = worktree / ".git"
    try:
        if own.is_symlink():
            return None
        folder = (own if own.is_dir() else _dot_git_target(own)).resolve(strict=True)
        common = common_of(folder)
        mine = all(place.lstat().st_uid == os.geteuid() for place in (worktree, own, folder, common))
        whole = all((folder / name).exists() for name in _GIT_DIR_PARTS) and (common / "objects").is_dir()
    except (OSError, ValueError):
        return None
    return folder if mine and whole else None


def common_of(git_dir: Path) -> Path:
    """The git folder that all worktrees of a repository share, from the git folder of one of them."""
    try:
        return (git_dir / (git_dir / "commondir").read_text("utf-8", "surrogateescape").removesuffix("\n")).resolve()
    except FileNotFoundError:
        return git_dir.resolve()


def _dot_git_target(own: Path) -> Path:
    """The folder that a `.git` file points at."""
    head, gap, folder = program.text(own.read_bytes()).partition("gitdir: ")
    if head or not gap or not folder.startswith("/"):
        raise ValueError
    return Path(folder.rstrip("\r\n"))


def all_branch_tips(root: Path) -> dict[str, str]:
    """The commit of each local branch, by its short name."""
    tips: dict[str, str] = {}
    for full, value in refs(root, BRANCHES).items():
        tip = ref_commit(root, full) if value.startswith(SYMBOLIC) else value
        if tip:  # else it names a ref that is not there
            tips[full.removeprefix(BRANCHES)] = tip
    return tips


def refs(where: Path, *spaces: str) -> dict[str, str]:
    """All refs in name spaces such as `refs/heads/`: the object of each, or `SYMBOLIC` and the ref that it names."""
    with contextlib.suppress(AskGit):
        return libgit2.refs(where, *spaces)
    listed = program.query(where, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)", *spaces)
    lines = (line.split("\0") for line in program.text(listed).split("\n") if line)
    return {full: f"{SYMBOLIC}{target}" if target else name for full, name, target in lines}


def branches_in(root: Path, commit: str) -> frozenset[str]:
    """The local branches whose commits are all in the history of a commit, by their short names."""
    listed = program.query(root, "for-each-ref", "--format=%(refname)", f"--merged={commit}", BRANCHES)
    return frozenset(name.removeprefix(BRANCHES) for name in program.text(listed).splitlines())


def refuse_damaged(where: Path, ref: str = "", *, seen: str = "") -> None:
    """Unfit when a ref is damaged or names an object that is not there; without `ref`, any of them, HEAD included.

    `seen`: the commit that it had when we saw it last, for the way back.
    """
    answer = program.read(where, "for-each-ref", *((ref,) if ref else ()))
    found = re.search(_BROKEN, answer.message)
    if found:
        name = next(group for group in found.groups() if group)
        message = f"The ref {name} of the repository {where} is damaged: {answer.reason}."
        raise Unfit(message, _way_back(where, name, seen))
    if not answer.ok:
        raise program.failure(where, ("for-each-ref",), answer)
    if not ref:
        _refuse_damaged_head(where)


def _refuse_damaged_head(where: Path) -> None:
    named = program.read(where, "rev-parse", "--quiet", "--verify", "HEAD")
    if not named.ok or program.read(where, "cat-file", "-e", "HEAD^{commit}").ok:
        return
    message = f"HEAD of the repository {where} is damaged: the commit {named.line[:12]} is not there."
    raise Unfit(message, f"git -C {where} fsck --lost-found names what is there; then: git -C {where} switch BRANCH")


def _way_back(where: Path, name: str, seen: str) -> str:
    common = program.read(where, "rev-parse", "--path-format=absolute", "--git-common-dir").line
    again = f"rm -f {common}/{name} && git -C {where} update-ref {name} {seen or 'COMMIT'}"
    if seen:
        return again
    return f"git -C {where} fsck --lost-found names its last commit as dangling; then: {again}"


def damaged_folder(where: Path) -> Unfit | None:
    """The error for the git folder nearest to a path, where git does not take that for one; None without any."""
    near = next((folder for folder in (where, *where.parents) if os.path.lexists(folder / ".git")), None)
    if near is None:
        return None
    own = near / ".git"
    if own.is_file():
        return Unfit(f"{near} is damaged: its .git file leads to no repository.", f"cat {own}")
    if not (own / "objects").is_dir():
        return None
    message = f"The repository {near} is damaged: git does not take {own} for a git folder any more."
    head = own / "HEAD"
    return Unfit(message, f"cat {head}; where that is no ref: echo 'ref: refs/heads/BRANCH' > {head}")
