"""The parameters of commands: their types and what the shell completes them with, those that several share, prompts.

Prints nothing.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ampsm_engine.cli.output import one_line
from ampsm_engine.config import SETTINGS
from ampsm_engine.errors import AmpsmError, Refused, unreadable
from ampsm_engine.model import Session, Status
from ampsm_engine.plain_text import printable

if TYPE_CHECKING:
    from ampsm_engine.store import Store


_KEYS = "keys."


class Utf8Text(click.types.StringParamType):
    """Text from the command line; what is not valid UTF-8 is wrong usage."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text unchanged; wrong usage when it is no UTF-8."""
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("this is not valid UTF-8 text.", param, ctx)
        return text

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """What completes the word that is typed, as click asks for it.

        Nothing where that cannot be known: an error would be written over what is being typed.
        """
        with suppress(AmpsmError, OSError):
            return list(self.completions_after(ctx, incomplete))
        return []

    def completions_after(self, ctx: click.Context, incomplete: str) -> Iterable[CompletionItem]:  # noqa: ARG002
        """What completes the word that is typed, where it depends on what stands before it; else as `completions`."""
        return self.completions(incomplete)

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:  # noqa: ARG002 - of those that have some
        """What completes the word that is typed: nothing known."""
        return ()


TEXT = Utf8Text()


class VisibleText(Utf8Text):
    """Text of which something is to be seen; an empty one is wrong usage."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text unchanged; wrong usage when it has no visible character."""
        text = super().convert(value, param, ctx)
        if not printable(text):
            self.fail("it needs at least one visible character.", param, ctx)
        return text


VISIBLE_TEXT = VisibleText()


class LengthOfTime(Utf8Text):
    """A length of time as people write it; seconds to the command."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The seconds that the text names; wrong usage where it names none."""
        from ampsm_engine import durations

        found = durations.seconds(super().convert(value, param, ctx))
        if found is None:
            self.fail(f"{value!r} is no length of time such as {durations.EXAMPLES}.", param, ctx)
        return found


class SessionReference(Utf8Text):
    """What names a session; completed with ids and with names that need no quotes."""

    name = "session"

    def __init__(self, *, trashed: bool = False) -> None:
        self._trashed = trashed

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """Ids and names that begin with what is typed."""
        found: list[CompletionItem] = []
        for known in _known_sessions(trashed=self._trashed):
            name = one_line(known.name)
            if known.id.startswith(incomplete):
                found.append(CompletionItem(known.id, help=name))
            if name.startswith(incomplete) and re.fullmatch(r"[\w.][\w.-]*", name, re.ASCII):
                found.append(CompletionItem(name, help=known.status.value))
        return found


def _known_store() -> "Store | None":
    # Completing must neither make a home nor start a worker: a database that is there is only read.
    from ampsm_engine.home import home

    database = home().database
    if not database.exists():
        return None
    from ampsm_engine.store import ReadOnlyStore

    return ReadOnlyStore(database)


def _known_sessions(*, trashed: bool = False) -> tuple[Session, ...]:
    store = _known_store()
    return store.sessions.all(trashed=trashed) if store is not None else ()


class SettingName(Utf8Text):
    """The dotted name of a setting, or of a key (`keys.<id>`)."""

    name = "name"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """Names that begin with what is typed; those of keys once `keys.` is."""
        named = {name: setting.meaning for name, setting in SETTINGS.items()}
        if incomplete.startswith(_KEYS):
            from ampsm_engine.keymap import KEYS

            named |= {f"{_KEYS}{name}": key.meaning for name, key in KEYS.items()}
        return _beginning(named, incomplete)


class SettingValue(Utf8Text):
    """The value of the setting that is named before it."""

    name = "value"

    def completions_after(self, ctx: click.Context, incomplete: str) -> Iterable[CompletionItem]:
        """The words that the setting takes; where it takes any, the one that ampsm comes with."""
        setting = SETTINGS.get(str(ctx.params.get("name")))
        if setting is None:
            return []
        if setting.name == "amp.mode":
            return AmpMode().completions(incomplete)
        words = ("true", "false") if isinstance(setting.default, bool) else setting.choices
        named = dict.fromkeys(words or (setting.written(setting.default),), "")
        return _beginning({word: text for word, text in named.items() if word}, incomplete)


class Revision(Utf8Text):
    """A branch, tag or commit of a repository."""

    name = "revision"

    def completions_after(self, ctx: click.Context, incomplete: str) -> Iterable[CompletionItem]:
        """Branches and tags of the session's repository, else of the one that is named, or stood in."""
        from ampsm_engine.git import program

        given = ctx.params
        # Where an option is last that lacks its value, click leaves the arguments before it unread.
        named = {given.get("reference"), *(given.get("references") or ()), *ctx.args}
        found = None
        with suppress(AmpsmError):  # a store that cannot be read has no say in what branches there are
            found = next((one.repo_root for one in _known_sessions() if named & {one.id, one.name}), None)
        place = Path(found or given.get("repo") or given.get("path") or ".")
        kinds = ("refs/heads", "refs/remotes", "refs/tags")
        answer = program.read(place, "for-each-ref", "--format=%(refname:short)", *kinds)
        names = answer.output.decode("utf-8", "replace").split("\n") if answer.ok else ()
        return _beginning(dict.fromkeys((name for name in names if name and printable(name) == name), ""), incomplete)


class BatchReference(Utf8Text):
    """A run of a batch; with `items`, an item of one."""

    name = "run"

    def __init__(self, *, items: bool = False) -> None:
        self._items = items

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """Ids that begin with what is typed."""
        store = _known_store()
        runs = store.batches.all() if store is not None else ()
        if store is None or not self._items:
            return _beginning({run.id: one_line(run.name) for run in runs}, incomplete)
        begun = (run for run in runs if incomplete.startswith(run.id) or run.id.startswith(incomplete))
        items = (item for run in begun for item in store.batches.items(run.id))
        return _beginning({item.id: f"{item.state} {one_line(item.name)}" for item in items}, incomplete)


class Tag(Utf8Text):
    """The type of a tag of a session."""

    name = "tag"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """The tags that there are."""
        return _beginning({tag: "" for known in _known_sessions() for tag in known.tags}, incomplete)


class TableName(Utf8Text):
    """A table of the store."""

    name = "table"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """The tables that can be exported."""
        from ampsm_engine.store.table_rows import NAMES

        return _beginning(dict.fromkeys(NAMES, ""), incomplete)


class PlaceInFile(Utf8Text):
    """A file of the repository, perhaps with lines."""

    name = "place"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """Files, as the shell completes them."""
        return [CompletionItem(incomplete, type="file")]


class FolderInRepository(Utf8Text):
    """A folder of the repository."""

    name = "folder"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """Folders, as the shell completes them."""
        return [CompletionItem(incomplete, type="dir")]


def _beginning(named: Mapping[str, str], incomplete: str) -> list[CompletionItem]:
    """The words that begin with what is typed, each with what it means."""
    return [CompletionItem(name, help=text or None) for name, text in named.items() if name.startswith(incomplete)]


class AmpMode(Utf8Text):
    """A mode of amp's, or several joined by commas; completed with those that amp lists."""

    name = "mode"

    def completions(self, incomplete: str) -> Iterable[CompletionItem]:
        """The modes of amp whose names begin like the last word typed, each after the modes typed before it."""
        from ampsm_engine.amp import program
        from ampsm_engine.context import engine_at

        engine = engine_at()
        before, comma, begun = incomplete.rpartition(",")
        listed = program.modes(program.find(engine.settings, os.environ), engine.home.cache, os.environ)
        return [CompletionItem(f"{before}{comma}{mode}") for mode in listed if mode.startswith(begun)]


PROMPT_LIMIT = 1_048_576
"""Bytes that amp takes on its standard input."""


FOLDER = click.Path(file_okay=False, path_type=Path)
STATUS = click.Choice([status.value for status in Status])

session_argument = click.argument("reference", metavar="SESSION", type=SessionReference())
here_option = click.option(
    "--repo", metavar="P", type=FOLDER, default=Path(), help="Any folder of the repository. [default: here]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
prompt_argument = click.argument("prompt", required=False, type=TEXT)
prompt_file_option = click.option(
    "--prompt-file",
    "-F",
    metavar="FILE",
    type=click.Path(),
    help="Read the prompt from a file; - reads standard input.",
)
wait_option = click.option(
    "--wait", "-w", is_flag=True, help="Stay until the iteration has ended; the exit code tells how."
)
script_option = click.option(
    "--script", metavar="CMD", type=TEXT, help="Shell command that checks each iteration, such as 'make test'."
)
mode_option = click.option(
    "--mode", metavar="M", type=AmpMode(), help="amp's mode, such as low, medium, high or ultra."
)


def prompt_text(prompt: str | None, file: str | None) -> str | None:
    """The prompt that was given in one of the two ways, None when in neither; wrong usage when in both or empty."""
    if prompt is not None and file is not None:
        raise click.UsageError("Give the prompt either as an argument or with --prompt-file, not both.")
    text = _read_prompt(file) if file is not None else prompt
    if text is not None and not text.strip():
        raise click.UsageError("The prompt is empty.")
    return text


def required_prompt(prompt: str | None, file: str | None) -> str:
    """The prompt; wrong usage when there is none."""
    text = prompt_text(prompt, file)
    if text is None:
        raise click.UsageError("A prompt is needed: 'what amp is to do', or --prompt-file FILE.")
    return text


def _read_prompt(file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(PROMPT_LIMIT + 1)
        else:
            with open(os.path.expanduser(file), "rb") as opened:  # noqa: PTH111, PTH123 - bytes as they are
                content = opened.read(PROMPT_LIMIT + 1)
    except OSError as reason:
        raise unreadable("The file", one_line(file), reason) from reason
    if len(content) > PROMPT_LIMIT:
        message = f"The prompt in {file} is larger than {PROMPT_LIMIT} bytes, which is all that amp takes."
        raise Refused(message, "Put the long part into a file of the repository and name that in the prompt")
    if b"\0" in content:
        message = f"{file} is no text: byte {content.index(0)} is NUL."
        raise click.BadParameter(message, param_hint="--prompt-file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        message = f"{file} is not UTF-8 text (byte {reason.start})."
        raise click.BadParameter(message, param_hint="--prompt-file") from reason
