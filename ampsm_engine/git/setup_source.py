"""How worktrees of a repository are made ready: `ampsm.setup` in git's configuration, and `.ampsm.toml`.

`.ampsm.toml` is an object of the commit that a session begins from: neither a checkout nor the session's branch has a
say, nor any link, filter or attribute. What comes out of the repository's files is not run before a person trusts it,
nor is what stands in the repository's own configuration: amp can write there. Only what the user has for all of his
repositories, or gives by variables, is his without a question.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ampsm_engine import redact
from ampsm_engine.config import line_of
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import own_files, program, records, repository, worktrees
from ampsm_engine.plain_text import printable, visible

FILE = ".ampsm.toml"
VARIABLE = "ampsm.setup"

LARGEST = 64 << 10
"""Bytes of the file beyond which it is not read."""

LONGEST = 1_000
MOST_LINES = 20
"""Characters and lines of a command: who is asked to trust it has to see all of it in one box."""

_UNCLEAR = r"[\u200c\u200d]|[^\S \n\t]"
"""Joiners, and blanks that no shell takes for one: scripts of a language need them, and no command does."""

MOST_SHARED = 50
_KEYS = ("setup", "share")


class SetupSource(NamedTuple):
    """How a new worktree is to be set up, and where that is configured."""

    command: str = ""
    """A shell command, run in a new worktree before amp begins; empty: none."""
    origin: str = ""
    """Where the command stands, for people."""
    is_foreign: bool = False
    """Whether the command comes out of the repository, and needs a person's trust."""
    folder: str = ""
    """The folder of the worktree that it runs in; empty: its top."""
    share: tuple[str, ...] = ()
    """Ignored folders of the checkout of which new worktrees are to have copies, as paths below its top."""
    problems: tuple[str, ...] = ()
    """A sentence for each thing in the file that does not count."""


def read(root: Path, commit: str, folder: str = "") -> SetupSource:
    """What holds for a worktree that begins from a commit; git's configuration comes before the file.

    Of a session about a `folder` that is the file in there, or the nearest one above it, whose command runs where it
    stands. A command of git's configuration runs at the top.
    """
    asked = ("config", "--show-scope", "--show-origin", "-z", "--get-all", VARIABLE)
    with program.begin_reading(root, *asked) as asking:
        found = of_commit(root, commit, folder)
        own = _configured(root, asking.wait(program.READ_LIMIT))
    if own is None:
        return found
    text, place, is_foreign = own
    reason = why_unfit(text) if is_foreign else ""
    if reason:
        return found._replace(command="", problems=(*found.problems, f"{VARIABLE} in {place} is not run: {reason}."))
    command = text.strip()  # an empty one turns the file's off, and needs no trust
    return found._replace(
        command=command, origin=f"{VARIABLE} in {place}", is_foreign=is_foreign and bool(command), folder=""
    )


def why_unfit(command: str) -> str:
    """Why a command out of a repository is not one that a person could trust; empty when it is."""
    if visible(command, "\n\t") != command or re.search(_UNCLEAR, command):
        return "it holds characters that nobody sees"
    if len(command) > LONGEST or command.count("\n") >= MOST_LINES:
        return f"it is longer than {LONGEST} characters or {MOST_LINES} lines: a script in the repository has room"
    return "it holds a secret" if redact.text(command) != command else ""


def _configured(root: Path, answer: program.Answer) -> tuple[str, str, bool] | None:
    """The command of git's configuration, where it stands, and whether that is a file of the repository; or None."""
    fields = program.text(answer.output).split("\0")
    if not answer.ok or len(fields) < 4:
        return None
    scope, origin, text = fields[-4:-1]
    kind, _, name = origin.partition(":")
    if kind != "file":
        return text, "git's variables", False
    path = os.path.realpath(root / name)
    if _is_in_repository(root, path):
        return text, printable(path), True
    writable = scope in ("local", "worktree")  # with all that they include
    doubt = " (written by you, or by a program that ran in this repository, amp too)" if writable else ""
    return text, f"{printable(path)}{doubt}", writable


def _is_in_repository(root: Path, path: str) -> bool:
    """Whether a file is below the git folder, where amp can write, or below a worktree, where a commit may bring it.

    The repository's own configuration is told apart by its scope.
    """
    common = os.path.realpath(repository.around(root).common_dir)
    if Path(path).is_relative_to(common):
        return Path(path) not in (Path(common, "config"), Path(common, "config.worktree"))
    places = [root, *(tree.path for tree in worktrees.listed(repository.around(root)))]
    return any(Path(path).is_relative_to(os.path.realpath(place)) for place in places)


def of_commit(root: Path, commit: str, folder: str = "") -> SetupSource:
    """What the file of a commit says that is nearest to a folder, whatever git's configuration here does.

    What cannot be used of it is in `problems`.
    """
    name = FILE
    try:
        listed = _listed(root, commit, folder)
        if listed is None:
            return SetupSource()
        name, text = listed[0], _content(root, listed[1])
    except AmpsmError as reason:
        return _unread(name, reason.message.removesuffix("."))
    except ValueError as reason:
        return _unread(name, f"{reason}")
    if not text:
        return SetupSource()
    import tomllib  # few repositories have the file

    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as reason:
        return _unread(name, f"it is not valid TOML: {printable(str(reason))[:200]}")
    return _understood(name, text, document)


def _unread(name: str, reason: str) -> SetupSource:
    return SetupSource(problems=(f"Nothing of {printable(name)} counts: {reason}.",))


def _listed(root: Path, commit: str, folder: str) -> tuple[str, str] | None:
    """The path of the file that is nearest to a folder, and what git lists of it; None where there is none."""
    above = [folder, *(str(one) for one in PurePosixPath(folder).parents)] if folder else []
    wanted = dict.fromkeys(f"{one}/{FILE}" for one in above if one != ".")
    asked = ("ls-tree", "-z", "-l", "--full-tree", commit, "--", *wanted, FILE)
    listed = records.split(program.query(root, "--literal-pathspecs", *asked))
    there = {path: about for about, _, path in (record.partition("\t") for record in listed)}
    return next(((path, there[path]) for path in (*wanted, FILE) if path in there), None)


def _content(root: Path, listed: str) -> str:
    """The file that git lists. ValueError with a reason where it is none that counts."""
    mode, kind, name, size = listed.split()
    if kind != "blob" or mode == records.SYMLINK:
        raise ValueError("it is a link" if mode == records.SYMLINK else "it is no file")
    if not size.isdigit() or int(size) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 10} KB")
    content = program.query(root, "cat-file", "blob", name)
    try:
        return content.decode()
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise ValueError(f"it is no UTF-8 text (line {line})") from None


def _understood(file: str, text: str, document: dict[str, object]) -> SetupSource:
    problems, folder = list(_unknown(file, text, document)), file.rpartition("/")[0]
    command, share = "", []
    if "setup" in document:
        given, place = document["setup"], _place(file, text, "setup")
        if not isinstance(given, str):
            problems.append(f"setup takes one text, a shell command ({place}).")
        elif reason := why_unfit(given):
            problems.append(f"setup is not run: {reason} ({place}).")
        else:
            command = given.strip()
    if "share" in document:
        given, place = document["share"], _place(file, text, "share")
        names = given if isinstance(given, list) else [given]
        for name in names[:MOST_SHARED]:
            if reason := why_not_shared(name):
                problems.append(f"share does not take {printable(repr(name))[:80]}: {reason} ({place}).")
            else:
                share.append("/".join(filter(None, (folder, str(name).strip("/")))))
    origin = f"{printable(file)}, line {line_of(text, 'setup')}" if command else ""
    return SetupSource(command, origin, bool(command), folder, tuple(dict.fromkeys(share)), tuple(problems))


def _unknown(file: str, text: str, document: dict[str, object]) -> Iterator[str]:
    for key in document:
        if key not in _KEYS:
            import difflib

            near = difflib.get_close_matches(key, _KEYS, n=1)
            meant = f"Did you mean {near[0]}?" if near else f"It takes {' and '.join(_KEYS)}."
            yield f"There is no setting {printable(key)[:80]!r} ({_place(file, text, key)}). {meant}"


def _place(file: str, text: str, key: str) -> str:
    line = line_of(text, key)
    return f"line {line} of {printable(file)}" if line else printable(file)


def named_folders(text: str) -> tuple[str, ...]:
    """The folders that a setting names, with blanks or commas between them; what cannot be shared is left out."""
    return tuple(name.strip("/") for name in text.replace(",", " ").split() if not why_not_shared(name))


def why_not_shared(name: object) -> str:
    """Why no folder of that name is shared with new worktrees; empty when it may be."""
    if not isinstance(name, str) or not name.strip("/"):
        return "it is no name of a folder"
    parts = name.strip("/").split("/")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        return "it has to be a path below the repository's top"
    if any(part.casefold() == ".git" for part in parts) or printable(name) != name or "\\" in name:
        return "there is no such folder to share"
    return "it is a folder of ampsm's own" if parts[0] in own_files.FOLDERS else ""
