"""The form of a new session: what it offers, and what is wrong with its fields, before anything is made. Reads only."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.amp import command, program
from ampsm_engine.context import Engine
from ampsm_engine.engine import existing_branches
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git import beginnings, repository
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import printable

if TYPE_CHECKING:
    from ampsm_engine.git.entities import Base, Repo

MOST_FOLDERS = 50
"""Completions of a path; more would only mean that more has to be typed."""

MOST_COPIES = 100
"""Copies of one prompt in one mode; more is more likely a slip than a wish."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A field of the form for a new session that would be refused, and why.

    It is `repo`, `base`, `branch`, `folder`, `name`, `prompt`, `script`, `mode`, `copies` or `start`.
    """

    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """A form as typed; what is empty is left to its default."""

    repo: str
    base: str = ""
    name: str = ""
    prompt: str = ""
    script: str = ""
    mode: str = ""
    """amp's mode; several, joined by commas, make a variant each."""
    copies: str = ""
    """How many of each mode, as typed; empty: one."""
    branch: str = ""
    """The one that is there already and that it is to work on; empty for a new one."""
    folder: str = ""
    """The folder of the repository that it is about; empty for all of it."""
    run: bool = True

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes, each once; one empty word where the mode is left to amp."""
        named = dict.fromkeys(part.strip() for part in self.mode.split(",") if part.strip())
        return tuple(named) or ("",)

    @property
    def variants(self) -> int:
        """How many sessions the draft makes; Refused for a number of copies that is not allowed."""
        return len(self.modes) * copies_of(self.copies)


@dataclass(frozen=True, slots=True)
class RepositoryOffer:
    """A repository that a new session can be made in, with its base."""

    root: str
    base: str
    """What is checked out there; empty when that has no commit."""
    branches: tuple[str, ...]
    script: str
    """The script of its newest session that has one."""
    mode: str
    modes: tuple[str, ...] = ()
    """What amp lists; empty until it was asked for the first time."""
    notes: tuple[str, ...] = ()
    """What a session will not have of the checkout, and how its worktree is set up."""


@dataclass(frozen=True, slots=True)
class FirstRunCheck:
    """A condition of the first session: whether it is met, and what to do."""

    name: str
    ok: bool
    text: str
    hint: str = ""


def first_run_checks(engine: Engine, path: str) -> tuple[FirstRunCheck, ...]:
    """Whether there is an amp, a login, and a repository around a path; quick, amp itself is not started."""
    return (*_earlier(engine), _amp(engine), _login(), _repository(engine, path))


def _earlier(engine: Engine) -> Iterator[FirstRunCheck]:
    if lost := lost_sessions(engine):
        yield FirstRunCheck("earlier", ok=False, text=lost.message, hint=lost.hint)


def lost_sessions(engine: Engine) -> Refused | None:
    """The error where the store has no session, but run directories exist: the database was deleted. None otherwise."""
    store = engine.store
    if not engine.home.has_iterations or not store.sessions.is_empty():
        return None
    message = (
        f"No sessions are known, but earlier ones left transcripts in {engine.home.iterations}: was the database lost?"
    )
    return Refused(message, "ampsm repair looks for them.")


def _amp(engine: Engine) -> FirstRunCheck:
    try:
        return FirstRunCheck("amp", ok=True, text=f"amp is {program.find(engine.settings, os.environ)}")
    except AmpsmError as reason:
        return FirstRunCheck("amp", ok=False, text=reason.message, hint=reason.hint)


def _login() -> FirstRunCheck:
    login = program.login(os.environ)
    if login.ok:
        return FirstRunCheck("login", ok=True, text=f"amp has a login: {login.how}")
    return FirstRunCheck("login", ok=False, text="amp has no login yet.", hint="amp login")


def _repository(engine: Engine, path: str) -> FirstRunCheck:
    try:
        return FirstRunCheck("repository", ok=True, text=f"The repository is {_located(engine, folder(path)).root}")
    except AmpsmError as reason:
        hint = "Start ampsm in a git repository, or type its path in the form of a new session."
        return FirstRunCheck("repository", ok=False, text=reason.message, hint=hint)


def check(engine: Engine, draft: SessionDraft) -> tuple[Trouble, ...]:
    """All that would make `sessions.new` refuse this, field by field; empty when nothing would."""
    found = []
    for field, question in _questions(engine, draft):
        try:
            question()
        except AmpsmError as reason:
            found.append(Trouble(field, reason.message, reason.hint))
    return tuple(found)


def _questions(engine: Engine, draft: SessionDraft) -> Iterator[tuple[str, Callable[[], object]]]:
    """The check of each field; a later one may use the result of an earlier one."""
    repos: list[Repo] = []
    yield "repo", lambda: repos.append(_located(engine, folder(draft.repo)))
    if repos:
        bases: list[Base] = []
        yield "base", lambda: bases.append(repository.base(repos[0], draft.base or None))
        if bases and draft.branch:
            yield "branch", lambda: existing_branches.free_branch(engine, repos[0], draft.branch, bases[0].name)
        if bases and draft.folder:
            at = draft.branch if draft.branch and repository.resolves(repos[0].root, draft.branch) else bases[0].commit
            yield "folder", lambda: beginnings.folder_in(repos[0], at, folder(draft.repo), draft.folder)
    yield "name", lambda: _name(draft.name)
    if draft.run or draft.prompt:
        yield "prompt", lambda: _prompt(draft.prompt)
    yield "script", lambda: _no_nul("script", draft.script)
    yield "mode", lambda: _no_nul("mode", draft.mode)
    yield "copies", lambda: _variants(draft)
    if draft.run:
        yield "start", lambda: program.find(engine.settings, os.environ)


def _located(engine: Engine, path: Path) -> "Repo":
    engine.check_repository(path)
    return repository.locate(path)


def _prompt(typed: str) -> None:
    from ampsm_engine.engine.iterations import check_unredacted

    if not typed.strip():
        raise Refused("The prompt is empty.", "Write what amp is to do.")
    command.check_prompt(typed)
    check_unredacted(typed)


def _name(typed: str) -> None:
    if typed and not printable(typed):
        raise Refused("A session's name needs at least one visible character.", "Left empty, it is made of the prompt.")


def copies_of(typed: str) -> int:
    """A number of copies as a person types it, 1 when nothing was typed; Refused for anything but 1 to MOST_COPIES."""
    text = typed.strip() or "1"
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_COPIES):
        message = f"{printable(typed)[:40]} is no number of copies."
        raise Refused(message, f"Type a number from 1 to {MOST_COPIES}.")
    return int(text)


def _variants(draft: SessionDraft) -> None:
    if draft.variants > 1 and not draft.run:
        raise Refused("Variants of a prompt begin at once.", "Start them, or make one session.")
    if draft.variants > 1 and draft.branch:
        raise Refused("Each variant has a branch of its own.", "Leave the branch empty.")


def _no_nul(field: str, typed: str) -> None:
    if "\0" in typed:
        raise Refused(f"The {field} holds a NUL character.", "Take it out.")


def repository_offer(engine: Engine, path: str) -> RepositoryOffer:
    """What a new session there may start from and begin with. NotFound, Unfit or Refused as `sessions.new`."""
    repo = _located(engine, folder(path))
    try:
        checked_out = repository.base(repo, None).name
    except AmpsmError:
        checked_out = ""
    sessions = engine.store.sessions.all(repo_root=str(repo.root))
    script = next((session.script_command for session in sessions if session.script_command), "")
    branches = beginnings.branches(repo)
    made = {session.branch_name for session in sessions if session.owns_branch}
    ours = tuple(name for name in branches if name in made or name.startswith("amp/"))
    others = tuple(name for name in branches if name not in ours)
    mode = engine.settings.text("amp.mode")
    notes = _notes(engine, repo.root) if checked_out else ()
    return RepositoryOffer(str(repo.root), checked_out, (*others, *ours), script or "", mode, _modes(engine), notes)


def _notes(engine: Engine, root: Path) -> tuple[str, ...]:
    from ampsm_engine.engine import setup

    try:
        offered = setup.offer(engine, root)
    except AmpsmError:
        return ()
    word = "is run before amp begins" if offered.is_trusted else "waits for your trust"
    setup_note = f"Its setup {word}: {printable(offered.command)[:200]}" if offered.command else ""
    return tuple(text for text in (setup_note, *offered.problems, *offered.left_behind) if text)


def _modes(engine: Engine) -> tuple[str, ...]:
    try:
        return program.kept_modes(program.find(engine.settings, os.environ), engine.home.cache)
    except AmpsmError:
        return ()


def folder(typed: str) -> Path:
    """The folder that a person means; `~` is home. NotFound when nothing was typed."""
    if not typed.strip() or "\0" in typed:
        raise NotFound("No folder is named.", "Type the path of a folder inside a git repository.")
    path = Path(typed.strip())
    with suppress(RuntimeError):  # no such user
        path = path.expanduser()
    return path.absolute()


def completions(typed: str) -> tuple[str, ...]:
    """Folders that complete a path as typed, repositories first; hidden ones only when asked for with a dot."""
    head, _, begun = typed.rpartition("/")
    head += "/" if "/" in typed else ""
    try:
        where = folder(head) if head else Path.cwd()
        with os.scandir(where) as entries:
            names = sorted(entry.name for entry in entries if entry.name.startswith(begun) and entry.is_dir())
    except (OSError, ValueError, AmpsmError):
        return ()
    fit = [name for name in names if printable(name) == name and (begun or not name.startswith("."))]
    shown = fit[:MOST_FOLDERS]
    shown.sort(key=lambda name: not (where / name / ".git").exists())
    return tuple(f"{head}{name}" for name in shown)


def prompt_in(path: str) -> str:
    """The prompt that a file holds; NotFound, or Refused when it is no text or too long."""
    file = folder(path)
    if file.exists() and not file.is_file():  # a pipe would never end
        raise Refused(f"{printable(str(file))[:200]} is no file.", "Name a text file.")
    try:
        with file.open("rb") as opened:
            content = opened.read(command.PROMPT_LIMIT + 1)
        text = content.decode()
    except UnicodeDecodeError as reason:
        raise Refused(f"{printable(str(file))} is no UTF-8 text.", "Name a text file.") from reason
    except (OSError, ValueError) as reason:
        why = getattr(reason, "strerror", None) or "that is no path"
        raise NotFound(f"{printable(str(file))[:200]} cannot be read: {why}.", "Name a text file.") from reason
    command.check_prompt(text)
    return text
