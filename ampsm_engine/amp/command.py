"""What one run of amp is given: its argument list, environment, settings file and prompt.

Pure but for reading the user's own settings. Only options that the program lists are used; a thread id is
never invented, and nothing that a person typed becomes a subcommand.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from ampsm_engine.amp.stream import THREAD_ID
from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.home import RUN_MARK, IterationDirectory
from ampsm_engine.plain_text import printable

PROMPT_LIMIT = 1_048_576
"""UTF-8 bytes of a prompt that amp takes."""

TITLE_LENGTH = 100

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])', re.DOTALL)

_FLAGS = (
    *("--no-archive-after-execute", "--no-ide", "--no-notifications", "--no-color"),
    "--no-remote-control-terminal",
)
_WITH_VALUE = frozenset({"--settings-file", "--log-file", "--log-level", "--mode", "--title"})

_REMOVED = (
    # Started by amp itself, the new thread would become a child of that one.
    *("AMP_THREAD_ID", "AMP_CURRENT_THREAD_ID", "AGENT_THREAD_ID"),
    # Given as options; the user's settings file is merged into ours.
    *("AMP_SETTINGS_FILE", "AMP_LOG_FILE", "AMP_LOG_LEVEL"),
    # The worktree says which repository it is. A git hook or alias may have set these.
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
    RUN_MARK,
)
_SET = {
    "AMP_SKIP_UPDATE_CHECK": "1",
    "NO_COLOR": "1",
    "NO_ANIMATION": "1",
    # Nobody is there to answer.
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "PAGER": "cat",
}


def first(
    path: Path,
    options: frozenset[str],
    run: IterationDirectory,
    mode: str | None,
    *,
    allow_all: bool,
    title: str | None,
) -> list[str]:
    """The argument list that begins a thread; the prompt comes on standard input."""
    line = [str(path), *_common(options, run, mode, allow_all=allow_all)]
    name = printable(title or "")[:TITLE_LENGTH]
    if name and "--title" in options:
        line += _valued("--title", name)
    return line


def follow_up(
    path: Path, options: frozenset[str], run: IterationDirectory, thread_id: str, mode: str | None, *, allow_all: bool
) -> list[str]:
    """The argument list that goes on with a thread; the prompt comes on standard input."""
    return [
        *(str(path), "threads", "continue", checked_thread(thread_id)),
        *_common(options, run, mode, allow_all=allow_all),
    ]


def unarchive(path: Path, thread_id: str) -> list[str]:
    """The argument list that makes an archived thread one that can be continued; harmless for others."""
    return [str(path), "threads", "archive", "--unarchive", checked_thread(thread_id)]


def archive(path: Path, thread_id: str) -> list[str]:
    """The argument list that hides a thread from amp's lists until it is made active again."""
    return [str(path), "threads", "archive", checked_thread(thread_id)]


def usage(path: Path, thread_id: str) -> list[str]:
    """The argument list that asks what a thread cost since it began; amp allows sixty such questions an hour."""
    return [str(path), "threads", "usage", checked_thread(thread_id)]


def without(argv: list[str], option: str) -> list[str]:
    """Return a copy of an argument list without an option and its value."""
    left: list[str] = []
    skip = False
    for argument in argv:
        if skip:
            skip = False
        elif argument == option:
            skip = option in _WITH_VALUE
        elif not argument.startswith(f"{option}="):
            left.append(argument)
    return left


def checked_thread(thread_id: str) -> str:
    """A thread id that may stand in an argument list; Failed when it has not amp's form."""
    if not THREAD_ID.fullmatch(thread_id):
        raise Failed(f"{printable(thread_id)[:60]!r} is no thread of amp.", 'ampsm new "..."')
    return thread_id


def _common(options: frozenset[str], run: IterationDirectory, mode: str | None, *, allow_all: bool) -> list[str]:
    thinking = "--stream-json-thinking"  # implies --stream-json, which every version has
    line = ["--execute", thinking if thinking in options else "--stream-json"]
    line += [flag for flag in _FLAGS if flag in options]
    if allow_all and "--dangerously-allow-all" in options:
        line.append("--dangerously-allow-all")
    values = {"--settings-file": str(run.settings), "--log-file": str(run.log), "--log-level": "info"}
    if mode:
        values["--mode"] = checked_mode(mode)
    for option, value in values.items():
        line += _valued(option, value) if option in options else []
    return line


def _valued(option: str, value: str) -> list[str]:
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def checked_mode(mode: str) -> str:
    """The mode, any printable word; Refused otherwise."""
    if not mode.isprintable() or not mode.strip():
        raise Refused(f"The mode {mode!r} is no word that amp could know.", "ampsm edit SESSION --mode medium")
    return mode


def environment(environ: Mapping[str, str], iteration_id: str | None = None) -> dict[str, str]:
    """The environment of a run, marked with its iteration; without an id that of a question to amp."""
    kept = {name: value for name, value in environ.items() if name not in _REMOVED}
    mark = {RUN_MARK: iteration_id} if iteration_id else {}
    return {**kept, **_SET, **mark}


def settings(environ: Mapping[str, str]) -> bytes:
    """The settings file of a run: the user's own, with updates, notifications and questions turned off.

    Unfit when the user's file cannot be used. Permissions and commit trailers stay as the user set them.
    """
    path = user_settings(environ)
    merged = _user_values(path)
    disabled = merged.get("amp.tools.disable", [])
    if not isinstance(disabled, list):
        raise _unusable(path, "amp.tools.disable is no list")
    merged["amp.tools.disable"] = [
        *disabled,
        *({"ask_user_choice"} - {name for name in disabled if isinstance(name, str)}),
    ]
    merged["amp.updates.mode"] = "disabled"
    merged["amp.notifications.enabled"] = False
    return json.dumps(merged, indent=2).encode()


def user_settings(environ: Mapping[str, str]) -> Path:
    """The settings file that amp would read for this user; it need not exist."""
    named = environ.get("AMP_SETTINGS_FILE", "")
    if named:
        return Path(named)
    config = environ.get("XDG_CONFIG_HOME", "")
    base = Path(config) if Path(config).is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    plain = base / "amp" / "settings.json"
    commented = plain.with_suffix(".jsonc")
    return commented if commented.exists() and not plain.exists() else plain


def _user_values(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        values = parse_jsonc(text) if text.strip() else {}
    except FileNotFoundError:
        return {}
    except OSError as reason:
        raise _unusable(path, reason.strerror or "it cannot be read") from reason
    except ValueError as reason:  # not UTF-8, or no JSON
        raise _unusable(path, str(reason)) from reason
    if not isinstance(values, dict):
        raise _unusable(path, "it holds no object")
    return values


def _unusable(path: Path, reason: str) -> Unfit:
    return Unfit(f"amp's settings {path} cannot be used: {reason}.", f"Mend the file: {path}")


def check_prompt(prompt: str) -> bytes:
    """The prompt as amp reads it, UTF-8; Refused when it is empty, too long or not text."""
    if "\0" in prompt:
        message = f"The prompt holds a NUL (character {prompt.index(chr(0)) + 1}): that is no text."
        raise Refused(message, "Write it to a UTF-8 file: ampsm new --prompt-file FILE")
    if not prompt.strip(" \t\r\n\v\f\ufeff") or not prompt.strip():
        raise Refused("The prompt is empty.", 'ampsm new "what amp shall do"')
    try:
        encoded = prompt.encode()
    except UnicodeEncodeError:
        message = "The prompt holds bytes that are not UTF-8 text."
        raise Refused(message, "Write it to a UTF-8 file: ampsm new --prompt-file FILE") from None
    if len(encoded) > PROMPT_LIMIT:
        message = f"The prompt has {len(encoded):,} bytes; amp takes {PROMPT_LIMIT:,}."
        raise Refused(message, "Put the long part into a file of the repository, and name it in the prompt.")
    return encoded


def parse_jsonc(text: str) -> object:
    """The value of a JSON text with comments and trailing commas, as amp's settings are written.

    ValueError, with the line of the fault, when it is no such text.
    """
    plain = _COMMA.sub(
        lambda found: _blank_unless_string(found[0]),
        _TOKEN.sub(lambda found: _blank_unless_string(found[0]), text.removeprefix("\ufeff")),
    )
    try:
        return json.loads(plain)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _blank_unless_string(token: str) -> str:
    # Line ends stay: faults are told by line.
    return token if token.startswith('"') else re.sub(r"[^\n]", " ", token)
