"""The settings: TOML in the platform's config folder, read into one frozen value.

`SETTINGS` is the whole list, with type, default and meaning; help and errors come from it.
Settings are loaded at the edges and handed down; no room below reads the file itself.
"""

import math
import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Literal

from ampsm_engine import templates
from ampsm_engine.errors import AmpsmError, NotFound, Refused, Unfit
from ampsm_engine.home import platform_folder, write_private
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.templates import BRANCH, SUBJECT, WORKTREE

Value = str | int | float | bool

_KEYS = "keys."

THEMES = (
    *("ampsm", "ampsm-light", "ansi-dark", "ansi-light", "atom-one-dark", "atom-one-light"),
    *("catppuccin-frappe", "catppuccin-latte", "catppuccin-macchiato", "catppuccin-mocha", "dracula", "flexoki"),
    *("gruvbox", "monokai", "nord", "rose-pine", "rose-pine-dawn", "rose-pine-moon", "solarized-dark"),
    *("solarized-light", "textual-dark", "textual-light", "tokyo-night"),
)
"""The themes of the screens: ours (`ampsm`, `ampsm-light`) and Textual's; a test holds that the list is complete."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: its dotted name, default (which gives the type), meaning and bounds."""

    name: str
    default: Value
    meaning: str
    """Reads on from the value: `4 iterations may run at once`."""
    least: float | None = None
    choices: tuple[str, ...] = ()
    """The words that it takes, where it takes but few."""
    is_duration: bool = False
    """Whether it is a length of time: seconds, which people read and write as `2h` or `1h 30m`."""
    most: float | None = None
    """What is above it is a slip of the hand."""

    def written(self, value: Value) -> str:
        """A value of the setting as a person would type it."""
        if isinstance(value, bool):
            return str(value).lower()
        if self.is_duration and isinstance(value, int | float):
            from ampsm_engine import durations  # as everywhere here: few commands read or write a length of time

            return durations.written(value)
        return f"{value:g}" if isinstance(value, float) else str(value)


_LONGEST = 30 * 86_400
"""Seconds of the longest time that a setting takes."""


def _time(name: str, default: float, meaning: str, least: float = 0) -> Setting:
    return Setting(name, default, meaning, least, is_duration=True, most=_LONGEST)


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("slots", 4, "iterations may run at once", 1, most=256),
        Setting("amp.path", "", "the amp program; empty: AMP_CLI_PATH, else the PATH"),
        Setting("amp.mode", "", "amp's mode for new sessions, such as medium or high; empty: amp's own default"),
        Setting("amp.allow-all", False, "allow every tool in amp versions that would ask (before July 2026)"),
        Setting("amp.archive", False, "archive a session's thread at amp's when the session goes to the trash"),
        Setting(
            "cost.queries", 40, "times an hour amp is asked what a thread cost (it allows 60); 0: never", 0, most=60
        ),
        Setting("session.tokens", 0, "tokens of a session in all at which amp is stopped; 0: no limit", 0, most=1e12),
        Setting("session.amount", 0.0, "dollars by amp's own figure at which a session ends; 0: no limit", 0, most=1e6),
        _time("iteration.timeout", 7200, "at most for one iteration; 0: no limit"),
        Setting("iteration.retries", 3, "times a rate limit or an overload is tried again", 0, most=100),
        _time("iteration.retry-delay", 20, "before the first retry; doubled for each further one"),
        Setting("iteration.keep-strays", False, "do not end programs that amp or a script left running"),
        _time("silence.tell", 600, "without output from amp before you are notified", 1),
        _time("silence.tell-in-tool", 1800, "without output while amp runs a tool before you are notified", 1),
        _time("silence.stop", 3600, "of silence, no tool running, before amp is stopped; 0: never"),
        _time("silence.lost-connection", 180, "of silence after amp lost its server before it is stopped", 1),
        _time("stop.interrupt", 10, "for amp to end after SIGINT"),
        _time("stop.terminate", 5, "for amp to end after SIGTERM, before SIGKILL"),
        _time("stop.commit", 15, "for a commit with its hooks and signing to end after a stop"),
        _time("stop.after-result", 10, "for amp to exit after its result"),
        _time("script.timeout", 900, "at most for a session's script; 0: no limit"),
        _time("setup.timeout", 1800, "at most for the setup command of a new worktree; 0: no limit"),
        Setting("setup.share", "", "ignored folders of which new worktrees get copies, as 'node_modules target'"),
        Setting("setup.share-limit", 1000, "megabytes to copy of each where the disk cannot share blocks; 0: none", 0),
        Setting(
            "worktree.place", WORKTREE, "where worktrees are made, as '../{repo}.{slug}'; {id}, {slug}, {time}, {repo}"
        ),
        Setting(
            "branch.name", BRANCH, "how sessions' branches are called, as 'feature/{slug}'; the same words in braces"
        ),
        Setting("commit.hooks", True, "run the repository's commit hooks for amp's commits"),
        Setting("commit.subject", SUBJECT, "the first line of amp's commits, as 'chore(amp): {subject}'"),
        Setting(
            "commit.hand-edits",
            "commit",
            "what becomes of your uncommitted edits when amp begins; leave: they stay uncommitted, beside amp's commit",
            choices=("commit", "leave"),
        ),
        Setting("notify.desktop", True, "send a desktop notification when an iteration ends"),
        Setting(
            "notify.terminal",
            "auto",
            "how the screens notify you where there is no desktop; auto: what this terminal can do",
            choices=("auto", "osc9", "osc99", "osc777", "bell", "off"),
        ),
        Setting("notify.finished", True, "notify when a session has finished"),
        Setting("notify.needs-input", True, "notify when a session is waiting for you"),
        Setting("notify.tests-failed", True, "notify when a session's script has failed"),
        Setting("notify.conflict", True, "notify when a merge meets a conflict"),
        Setting("notify.error", True, "notify when amp has failed"),
        Setting("ui.theme", "ampsm", "the colours of the screens", None, THEMES),
        Setting(
            "ui.mouse",
            True,
            "clicks and the wheel are for the app; off, from the next start: the terminal selects text by dragging",
        ),
        Setting("review.context", 3, "unchanged lines that a review shows around each change", 3, most=1000),
        Setting("review.tab-width", 4, "columns from one tab stop to the next in a review", 1, most=16),
        Setting(
            "review.split",
            "auto",
            "both sides of a review side by side; auto: where there is room",
            choices=("auto", "always", "never"),
        ),
        Setting("review.wrap", False, "wrap long lines in a review"),
        Setting(
            "review.order",
            "path",
            "the order of the files in a review; size: the largest change first",
            choices=("path", "tests-last", "size"),
        ),
        Setting(
            "keys.layout",
            "vim",
            "the keys of the screens; iso: no AltGr on European keyboards; emacs: its moving, searching and ctrl+g",
            choices=("vim", "iso", "emacs"),
        ),
        Setting(
            "ui.renderer",
            "auto",
            "what the screens write from the next start; auto: only what changes; plain: all that Textual writes",
            choices=("auto", "plain"),
        ),
    )
}
"""The settings that a list shows. Beside them, `keys.<id>` gives something on a screen another key (keymap.py)."""


Severity = Literal["unknown", "wrong", "broken"]
"""An unknown name, a wrong value, an unreadable file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of the settings file: an entry, or the whole file, that cannot be used."""

    name: str
    """The setting; empty where it is the file itself."""
    message: str
    hint: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force: those of the file over the defaults."""

    values: Mapping[str, Value] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    """What of the file is not in force, and why."""

    def __getitem__(self, name: str) -> Value:
        return self.values[name] if name in self.values else known(name).default

    def text(self, name: str) -> str:
        """A setting that holds text."""
        return str(self[name])

    def needed(self, name: str) -> str:
        """A setting whose default must not replace a wrong value; Unfit when the file's value cannot be used."""
        for problem in self.problems:
            if problem.name == name or problem.severity == "broken":
                raise Unfit(problem.message, problem.hint)
        return self.text(name)

    def number(self, name: str) -> float:
        """A setting that holds a number."""
        return float(self[name])

    def switch(self, name: str) -> bool:
        """A setting that is on or off."""
        return bool(self[name])

    def with_values(self, values: Mapping[str, Value]) -> "Settings":
        """A copy of the settings with other values for some names; nothing is written."""
        return Settings({**self.values, **values}, self.problems) if values else self

    @property
    def keys(self) -> dict[str, str]:
        """Keys by id, as the screens call them: those of the layout, and over them those of the table [keys]."""
        own = {name.removeprefix(_KEYS): str(value) for name, value in self.values.items() if _is_key(name)}
        layout = self.text("keys.layout")
        if layout == SETTINGS["keys.layout"].default:
            return own
        from ampsm_engine import key_layouts

        return key_layouts.in_layout(layout) | own


def _is_key(name: str) -> bool:
    """Whether a setting is the key of an id."""
    return name.startswith(_KEYS) and name not in SETTINGS


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """The configuration file: `config.toml` in AMPSM_HOME where there is one, else in the platform's folder."""
    env = os.environ if environ is None else environ
    if env.get("AMPSM_HOME"):
        beside = Path(env["AMPSM_HOME"]).expanduser().absolute() / "config.toml"
        if beside.exists():
            return beside
    return platform_folder("config", env) / "config.toml"


def load(path: Path) -> Settings:
    """The settings of a file; the defaults when it does not exist, and for each value that cannot be used.

    Such values are in `problems`: an error in the file must not prevent `ampsm stop`.
    """
    try:
        text = _text(path)
    except Unfit as reason:
        return _unread(reason)
    if text is None:
        return Settings()
    import tomllib  # 3 ms that a start without a file need not pay

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        return _unread(_broken(path, reason))
    values: dict[str, Value] = {}
    problems = []
    for name, value in _flat(document):
        try:
            values[name] = checked(name, value)
        except AmpsmError as reason:
            line = line_of(text, name)
            place = f"line {line} of {path}" if line else str(path)
            problems.append(Problem(name, f"{reason.message} It stands in {place}.", reason.hint, _severity(reason)))
    return Settings(values, tuple(problems))


def _unread(reason: Unfit) -> Settings:
    return Settings(problems=(Problem("", reason.message, f"{reason.hint}  (till then the defaults hold)", "broken"),))


def _severity(reason: AmpsmError) -> Severity:
    return "unknown" if isinstance(reason, NotFound) else "wrong"


def line_of(text: str, name: str) -> int:
    """The line number of a setting in the file; 0 where a simple search does not find it."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([\w.\s\"'-]+)\]", line):
            table = re.sub(r"[\s\"']", "", header[1]) + "."
            continue
        key = re.match(r"\s*([\w.\s\"'-]+?)\s*=", line)
        if key and table + re.sub(r"[\s\"']", "", key[1]) == name:
            return number
    return 0


def _text(path: Path) -> str | None:
    """What the file holds, None without a file; Unfit when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as reason:
        message = f"The configuration {path} cannot be read: {reason.strerror}."
        raise Unfit(message, f"ls -ld {path}") from reason
    except UnicodeDecodeError as reason:
        raise _broken(path, reason) from reason


def _broken(path: Path, reason: Exception) -> Unfit:
    message = f"The configuration {path} is not valid TOML: {reason}."
    return Unfit(message, f"Mend it with an editor, or put it aside: mv {path} {path}.broken")


def _flat(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            found += _flat(value, f"{name}.")
        else:
            found.append((name, value))
    return found


def checked(name: str, value: object) -> Value:
    """The value of a setting in its own type, from TOML or from text; NotFound or Unfit otherwise."""
    setting = known(name)
    if _is_key(name) and isinstance(value, str):
        from ampsm_engine import keymap  # a hundred keys that few settings files name

        return keymap.checked(name.removeprefix(_KEYS), value)
    wanted = type(setting.default)
    result: Value | None = None
    if wanted is str and isinstance(value, str):
        result = value
    elif wanted is bool:
        words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
        result = value if isinstance(value, bool) else words.get(str(value).lower())
    elif setting.is_duration and not isinstance(value, bool):
        result = _seconds(value)
    elif wanted in (int, float) and not isinstance(value, bool):
        result = _number(value, whole=wanted is int)
    if setting.choices and result not in setting.choices:
        raise _unfit(setting, f"one of {', '.join(setting.choices)}", value)
    if result is None or not _is_within(setting, result):
        raise _unfit(setting, _kind(setting), value)
    if isinstance(result, str):
        templates.check(name, result)
    return result


def _is_within(setting: Setting, value: Value) -> bool:
    if setting.least is None or isinstance(value, str):
        return True
    return setting.least <= float(value) <= (math.inf if setting.most is None else setting.most)


def _seconds(value: object) -> int | float | None:
    if isinstance(value, int | float):  # as files have it that are older than lengths of time with a unit
        whole = math.isfinite(value) and 0 <= value < 1e12
        return (int(value) if float(value).is_integer() else round(value, 3)) if whole else None
    from ampsm_engine import durations

    return durations.seconds(str(value))


def _unfit(setting: Setting, wanted: str, value: object) -> Unfit:
    message = f"The setting {setting.name} takes {wanted}, not {value!r}."
    return Unfit(message, f"ampsm config set {setting.name} {setting.written(setting.default)}")


def _kind(setting: Setting) -> str:
    """The kind of value that a setting takes, in words."""
    if setting.is_duration:
        from ampsm_engine import durations

        least = f"at least {setting.written(setting.least)} and " if setting.least else ""
        return f"a length of time such as {durations.EXAMPLES}, {least}at most {setting.written(setting.most or 0)}"
    kinds = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    bounds = f" from {setting.least:,g} to {setting.most:,.0f}" if setting.most is not None else ""
    return kinds[type(setting.default)] + bounds


def _number(value: object, *, whole: bool) -> int | float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    if not math.isfinite(number) or (whole and not number.is_integer()):
        return None
    return int(number) if whole else number


def known(name: str) -> Setting:
    """The setting of that name; NotFound with the likely one otherwise."""
    if _is_key(name):
        from ampsm_engine import keymap

        key = keymap.known(name.removeprefix(_KEYS))
        return Setting(name, key.keys, key.meaning)
    try:
        return SETTINGS[name]
    except KeyError:
        import difflib

        near = difflib.get_close_matches(name, SETTINGS, n=1)
        message = f"There is no setting {name!r}."
        hint = f"Did you mean {near[0]}?" if near else "ampsm config get lists them all."
        raise NotFound(message, hint) from None


def store(path: Path, name: str, text: str) -> Value:
    """Write one setting into the file, whose comments and order stay; the value in its type.

    The other values are not checked: this is how wrong ones are corrected.
    """
    import tomlkit  # writing is rare, and reading has the standard library
    from tomlkit.exceptions import TOMLKitError

    value = checked(name, text)
    if name.startswith(_KEYS):
        _refuse_clash(path, name, value)
    try:
        document = tomlkit.parse(_text(path) or "")
    except TOMLKitError as reason:
        raise _broken(path, reason) from reason
    *tables, key = _place(document, name)
    table: MutableMapping[str, Any] = document
    for part in tables:
        if part not in table:
            table[part] = tomlkit.table()
        inner = table[part]
        if not isinstance(inner, MutableMapping):
            message = f"In {path}, {part} is a value, where a table belongs."
            raise Unfit(message, f"Mend it with an editor, or put it aside: mv {path} {path}.broken")
        table = inner
    setting = known(name)
    table[key] = setting.written(value) if setting.is_duration else value
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, tomlkit.dumps(document).encode())
    except OSError as reason:
        message = f"The configuration {path} cannot be written: {reason.strerror}."
        raise Unfit(message, f"ls -ld {path.parent}") from reason
    return value


def _refuse_clash(path: Path, name: str, value: Value) -> None:
    """Refused when a key, or one of a layout beside the keys of one's own, means something else on the same screen."""
    from ampsm_engine import keymap

    settings = load(path)
    own = {one for one in keymap.KEYS if f"{_KEYS}{one}" in settings.values}
    for clash in keymap.clashes(settings.with_values({name: value}).keys):
        if name == f"{_KEYS}layout" and (given := own.intersection(clash.ids)):
            hint = f"Another layout, or first another key: ampsm config set {_KEYS}{min(given)} KEY"
            raise Refused(f"{clash}.", hint)
        if (key_id := name.removeprefix(_KEYS)) in clash.ids:
            other = next(one for one in clash.ids if one != key_id)
            raise Refused(f"{clash}.", f"Another key, or first another one for it: ampsm config set keys.{other} KEY")


def _place(document: Mapping[str, object], name: str) -> list[str]:
    """The tables and the word that a setting is written under; the id of a key may be one quoted word."""
    written = document.get("keys")
    if _is_key(name) and isinstance(written, dict) and name.removeprefix(_KEYS) in written:
        return ["keys", name.removeprefix(_KEYS)]
    return name.split(".")
