"""The nodes of a plan read into values: every error at once, each with its line, unknown fields with the nearest one.

The field names are those of the Amp Session Orchestrator, whose plans are read as they are. PyYAML gives the nodes with
their lines, and nothing else is left to it: which text is a number or a switch is the field's business, so that
`prompt: yes` is a prompt.
"""

import difflib
import errno
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ampsm_engine import durations, redact
from ampsm_engine.amp import command
from ampsm_engine.batch.values import Limits
from ampsm_engine.engine import iterations, sessions
from ampsm_engine.errors import AmpsmError, Refused, unreadable
from ampsm_engine.lean_dataclass import fields
from ampsm_engine.model import camel
from ampsm_engine.plain_text import plural, printable

MOST_BYTES = 4 << 20
"""Bytes of a plan or of a file of prompts or repositories."""


class PlanError(NamedTuple):
    """A mistake in a plan: its line (0: the whole plan) and a sentence about it."""

    line: int
    """From 1; 0 where it is about the whole."""
    text: str


class PlanRefused(Refused):
    """A plan that cannot be run; its message has all errors, each with its line."""

    def __init__(self, message: str, hint: str, errors: tuple[PlanError, ...]) -> None:
        super().__init__(message, hint)
        self.args = (message, hint, errors)

    @property
    def errors(self) -> tuple[PlanError, ...]:
        """The errors of the plan, each once, in the order of their lines."""
        found: tuple[PlanError, ...] = self.args[2]
        return found


def refusal(where: Path, errors: Sequence[PlanError]) -> PlanRefused:
    """The exception that lists all mistakes of a plan, by line."""
    ordered = tuple(sorted(set(errors)))
    lines = "".join(f"\n  {f'line {line}: ' if line else ''}{text}" for line, text in ordered)
    message = f"{where} has {plural(len(ordered), 'error')}:{lines}"
    return PlanRefused(message, f"Mend it, then: ampsm batch start {where} --dry-run", ordered)


def file_text(path: Path, what: str) -> str:
    """The text of a file; NotFound or Unfit when it cannot be read, Refused when it is none."""
    try:
        # Somebody writes to `<(...)`, which is one of the folders of open files.
        if path.is_fifo() and not any(map(path.is_relative_to, ("/dev/fd", "/dev/stdin", "/proc"))):
            raise Refused(f"The {what} {path} is a pipe that may never be written to.", f"cat {path} > FILE")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise Refused(f"The {what} {path} is larger than {MOST_BYTES >> 20} MB.", f"ls -l {path}")
        return content.decode("utf-8-sig")
    except OSError as reason:
        raise unreadable(f"The {what}", str(path), reason) from reason
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise Refused(
            f"The {what} {path} is not UTF-8 text (byte {reason.start}, in line {line}).", f"file {path}"
        ) from reason


def path_from(folder: Path, text: str) -> Path:
    """A path that begins at a folder unless it says otherwise; Refused when there can be none of that name."""
    try:
        path = folder / Path(text).expanduser()
        path.stat()
    except RuntimeError as reason:  # of an unknown user
        raise Refused(f"There is no home of that user: {printable(text)[:200]}.", "ls -d ~") from reason
    except ValueError as reason:  # a zero byte, or what no file system takes
        raise Refused(f"This cannot be a path: {printable(text)[:200]}.", "ls") from reason
    except OSError as reason:
        if reason.errno == errno.ENAMETOOLONG:
            raise Refused(f"This is too long for a path: {printable(text)[:200]}.", "ls") from reason
    return path


class Entry(NamedTuple):
    """A mapping of the plan: its values by field, and the line of each."""

    values: Mapping[str, Any]
    lines: Mapping[str, int]
    line: int
    """The line of the plan at which this mapping begins, from 1."""
    end: int
    """The last line of this mapping."""

    def line_of(self, *names: str) -> int:
        """The line of the first of these fields that is there, else that of the whole."""
        return next((self.lines[name] for name in names if name in self.lines), self.line)


_YAML = "tag:yaml.org,2002:"
_TEXTS = frozenset({"str", "int", "float", "bool", "timestamp", "value", "null"})
"""What YAML takes a text for that stands there without a tag."""

_INVALID = object()
"""Stands in place of a value that is wrong and was reported."""

MOST = 10**15
"""The largest whole number of a plan: the store holds no larger ones."""

MOST_OF_A_MEASURE = 10**12
"""The most seconds or dollars of a plan: clocks and the store, which counts millionths, take no more."""

Read = Callable[["PlanReader", str, yaml.Node], Any]


class PlanReader:
    """Reads nodes into values, and collects what is wrong."""

    def __init__(self, where: Path) -> None:
        self.folder = where.expanduser().absolute().parent
        self.errors: list[PlanError] = []
        self._loader: yaml.SafeLoader | None = None
        self._seen: set[int] = set()
        """The mappings whose fields were looked through: an alias comes back to one that has taken in what << names."""

    def wrong(self, line: int, text: str) -> None:
        """Collect an error with its line; all are reported together."""
        self.errors.append(PlanError(line, text))

    def document(self, text: str) -> Entry | None:
        """The plan as an entry of PLAN fields; None when it cannot be read at all."""
        try:
            self._loader = yaml.SafeLoader(text)
            root = self._loader.get_single_node()
        except yaml.MarkedYAMLError as reason:
            mark = reason.problem_mark or reason.context_mark
            said = " ".join(part for part in (reason.context, reason.problem) if part)
            self.wrong(mark.line + 1 if mark else 0, f"This is not YAML: {said}.")
            return None
        except yaml.reader.ReaderError as reason:
            line = text.count("\n", 0, reason.position) + 1
            self.wrong(line, f"This is not YAML: it has the control character #x{reason.character:02x} in it.")
            return None
        except RecursionError:
            self.wrong(self._loader.line + 1 if self._loader else 0, "This is nested too deeply for a plan.")
            return None
        if not isinstance(root, yaml.MappingNode):
            self.wrong(1, "A plan has fields: at least matrix, a list of what is to be done.")
            return None
        return self.entry(root, PLAN, "the plan")

    def entry(self, node: yaml.Node, fields: Mapping[str, Read], what: str) -> Entry | None:
        """A mapping with some fields; None when it is no mapping."""
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode) or self._loader is None:
            self.wrong(line, f"{what} takes fields (`name: value`, one a line), not {_kind(node)}.")
            return None
        self._refuse_twice(node)
        try:
            self._loader.flatten_mapping(node)
        except yaml.MarkedYAMLError as reason:
            self.wrong(line, f"What << names is no mapping: {reason.problem}.")
            return None
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            name, at = str(key.value), key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(at, f"The name of a field is a word, not {_kind(key)}.")
            elif name not in fields:
                self.wrong(at, unknown(name, fields, what))
            elif not _is_null(value):
                read = fields[name](self, name, value)
                field = _IN_SECONDS.get(name, name)
                if field in values and field in _IN_SECONDS.values():
                    self.wrong(at, f"{name} and {_other_name(name)} say the same; one of them is enough.")
                elif read is not _INVALID:
                    values[field], lines[field] = read, at
        return Entry(values, lines, line, max(node.end_mark.line, line))

    def _refuse_twice(self, node: yaml.MappingNode) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "<<"
            if name in seen and name != "<<":
                self.wrong(key.start_mark.line + 1, f"{printable(name)[:60]} is there twice.")
            seen.add(name)

    def text(self, name: str, node: yaml.Node) -> Any:
        """A text; whatever stands there is one, `yes` and `1.20` too."""
        if not isinstance(node, yaml.ScalarNode):
            return self.refused(node, name, "text")
        if node.tag.removeprefix(_YAML) not in _TEXTS:
            self.wrong(node.start_mark.line + 1, f"{name} takes text, not {printable(node.tag)[:60]}.")
            return _INVALID
        return str(node.value)

    def filled(self, name: str, node: yaml.Node) -> Any:
        """The value of a node as text that is not blank."""
        found = self.text(name, node)
        return found if found is _INVALID or found.strip() else self.refused(node, name, "text that is not empty")

    def run_id(self, name: str, node: yaml.Node) -> Any:
        """What the id of a run is made of."""
        found = self.filled(name, node)
        if found is _INVALID or any(letter.isalnum() for letter in found):
            return found
        return self.refused(node, name, "text with a letter or a digit")

    def prompt(self, name: str, node: yaml.Node) -> Any:
        """A prompt: a text that amp takes, or `file:` with the path of one."""
        if isinstance(node, yaml.MappingNode):
            entry = self.entry(node, {"file": PlanReader.filled}, name)
            return self.prompt_of(entry.values["file"], node) if entry and "file" in entry.values else _INVALID
        found = self.text(name, node)
        return (
            found if found is _INVALID else self.checked(node, found, command.check_prompt, iterations.check_unredacted)
        )

    def prompt_file(self, _name: str, node: yaml.Node) -> Any:
        """The prompt in the file that a node names."""
        found = self.filled("promptFile", node)
        return found if found is _INVALID else self.prompt_of(found, node)

    def prompt_of(self, path: str, node: yaml.Node) -> Any:
        """The prompt in a file that the plan names."""
        try:
            text = file_text(self.path(path), "prompt")
        except AmpsmError as reason:
            return self.reject(node, reason)
        return self.checked(node, text, command.check_prompt, iterations.check_unredacted)

    def prompts(self, name: str, node: yaml.Node) -> Any:
        """The value of a node as a list of prompts."""
        return self._list(name, node, PlanReader.prompt, "a list of prompts (each after a dash)")

    def texts(self, name: str, node: yaml.Node) -> Any:
        """The value of a node, a text or a list of texts, as a tuple."""
        if isinstance(node, yaml.ScalarNode):
            found = self.filled(name, node)
            return found if found is _INVALID else (found,)
        wanted = "text or a list of texts (each after a dash)"
        if isinstance(node, yaml.SequenceNode) and not node.value:
            return self.refused(node, name, wanted)
        return self._list(name, node, PlanReader.filled, wanted)

    def _list(self, name: str, node: yaml.Node, read: Read, wanted: str) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            return self.refused(node, name, wanted)
        found = [read(self, name, each) for each in node.value]
        return _INVALID if any(each is _INVALID for each in found) else tuple(found)

    def script(self, name: str, node: yaml.Node) -> Any:
        """A shell command without a secret in it; an empty one is none."""
        found = self.text(name, node)
        return found if found is _INVALID else self.checked(node, found, sessions.check_script)

    def mode(self, name: str, node: yaml.Node) -> Any:
        """A mode of amp; which there are, amp knows."""
        found = self.text(name, node)
        return found if found is _INVALID else self.checked(node, found, sessions.check_mode)

    def modes(self, name: str, node: yaml.Node) -> Any:
        """The value of a node, a mode of amp or a list of modes, as a tuple."""
        found = self.texts(name, node)
        return found if found is _INVALID else self.checked(node, found, lambda each: _all(sessions.check_mode, each))

    def switch(self, name: str, node: yaml.Node) -> Any:
        """The true or false of a field; anything else is an error of the plan."""
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        found = words.get(str(node.value).lower()) if _is_plain(node) else None
        return self.refused(node, name, _unquoted(node, "true or false")) if found is None else found

    def source(self, name: str, node: yaml.Node) -> Any:
        """An address that git clones from, without a password in it."""
        found = self.filled(name, node)
        return found if found is _INVALID else self.checked(node, found, _check_source)

    def count(self, name: str, node: yaml.Node) -> Any:
        """The value of a node as a whole number of at least 1."""
        return self._number(name, node, least=1, whole=True)

    def tries(self, name: str, node: yaml.Node) -> Any:
        """The value of a node as a whole number of at least 0."""
        return self._number(name, node, least=0, whole=True)

    def amount(self, name: str, node: yaml.Node) -> Any:
        """The value of a node as a number above 0."""
        return self._number(name, node, least=0, whole=False)

    def duration(self, name: str, node: yaml.Node) -> Any:
        """A length of time above none, as people write it, in seconds."""
        found = durations.seconds(str(node.value)) if isinstance(node, yaml.ScalarNode) else None
        return found or self.refused(node, name, f"a length of time such as {durations.EXAMPLES}")

    def _number(self, name: str, node: yaml.Node, *, least: int, whole: bool) -> Any:
        kind, most = "a number above 0", MOST if whole else MOST_OF_A_MEASURE
        try:
            number = float(node.value) if _is_plain(node) else math.nan
        except ValueError:
            number = math.nan
        if number > most:
            kind = f"{'a whole number' if whole else 'a number'} of at most {most}"
        elif whole:
            kind = f"a whole number of at least {least}"
        is_good = math.isfinite(number) and (number >= least if whole else number > 0) and number <= most
        if not is_good or (whole and not number.is_integer()):
            return self.refused(node, name, _unquoted(node, kind))
        return int(number) if whole else number

    def matrix(self, name: str, node: yaml.Node) -> Any:
        """The entries of the plan's `matrix`, a tuple of those that can be read."""
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            return self.refused(node, name, "a list with at least one item (`- repo: ...`)")
        return tuple(entry for each in node.value if (entry := self.entry(each, ITEM, "An item")) is not None)

    def checked(self, node: yaml.Node, value: Any, *checks: Callable[[Any], object]) -> Any:
        """A value that passes checks, which raise our errors."""
        try:
            for check in checks:
                check(value)
        except AmpsmError as reason:
            return self.reject(node, reason)
        return value

    def reject(self, node: yaml.Node, reason: AmpsmError) -> Any:
        """Collect an error that a check raised, at the line of a node."""
        self.wrong(node.start_mark.line + 1, reason.message)
        return _INVALID

    def refused(self, node: yaml.Node, name: str, wanted: str) -> Any:
        """Collect that a field takes another kind of value than a node has."""
        self.wrong(node.start_mark.line + 1, f"{name} takes {wanted}, not {_kind(node)}.")
        return _INVALID

    def path(self, text: str) -> Path:
        """A path of the plan; a relative one starts at the plan's folder. Refused as `path_from`."""
        return path_from(self.folder, text)


def _check_source(address: str) -> None:
    if redact.text(address) != address:
        raise Refused("The source has a secret in it, which ampsm does not keep.", "git help credentials")
    if address.startswith("-") or "::" in address:
        raise Refused(f"This is no address of a repository: {printable(address)[:200]}.", "git help clone")


def _all(check: Callable[[Any], object], values: Sequence[Any]) -> None:
    for value in values:
        check(value)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _is_plain(node: yaml.Node) -> bool:
    """Whether a node is a scalar without quotes."""
    return isinstance(node, yaml.ScalarNode) and node.style is None


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "fields"
    if isinstance(node, yaml.SequenceNode):
        return "a list" if node.value else "an empty list"
    return f"{printable(str(node.value))[:60]!r}" if node.value else "nothing"


def _unquoted(node: yaml.Node, wanted: str) -> str:
    """What a field takes that is no text, as quotes make one of everything."""
    return wanted if not isinstance(node, yaml.ScalarNode) or _is_plain(node) else f"{wanted} without quotes"


def unknown(name: str, known: Mapping[str, object], what: str) -> str:
    """The sentence about an unknown field, with the most similar one that exists."""
    lowered = {one.lower().replace("_", ""): one for one in known}
    close = difflib.get_close_matches(name.lower().replace("_", "").replace("-", ""), lowered, n=1, cutoff=0.6)
    shown = printable(name)[:60]
    meant = f"Did you mean {lowered[close[0]]}?" if close else f"It knows {', '.join(_listed(known))}."
    return f"{what[:1].upper()}{what[1:]} has no field {shown!r}. {meant}"


def _listed(known: Mapping[str, object]) -> Iterator[str]:
    return (name for name in known if name != "jsonLogs")


def _limits(reader: PlanReader, name: str, node: yaml.Node) -> Any:
    entry = reader.entry(node, LIMITS, name)
    if entry is None:
        return _INVALID
    found = entry.values
    return Limits(**{one.name: found.get(camel(one.name)) for one in fields(Limits)})


_IN_SECONDS = {
    "timeout": "timeoutSec",
    "scriptTimeout": "scriptTimeoutSec",
    "wallTime": "wallTimeSec",
    "hostGrace": "hostGraceSec",
}
"""Fields that take a length of time as people write it, and those that take the same in seconds."""


def _other_name(name: str) -> str:
    return _IN_SECONDS.get(name) or next((short for short, field in _IN_SECONDS.items() if field == name), name)


SETTINGS: dict[str, Read] = {
    "baseBranch": PlanReader.filled,
    "folder": PlanReader.filled,
    "scriptCommand": PlanReader.script,
    "model": PlanReader.mode,
    "timeout": PlanReader.duration,
    "timeoutSec": PlanReader.amount,
    "scriptTimeout": PlanReader.duration,
    "scriptTimeoutSec": PlanReader.amount,
    "retries": PlanReader.tries,
    "mergeOnPass": PlanReader.switch,
    "followUpPrompts": PlanReader.prompts,
    "maxIterations": PlanReader.count,
    "followUpOnFailure": PlanReader.prompt,
    "maxTokens": PlanReader.count,
    "maxAmount": PlanReader.amount,
    "source": PlanReader.source,
    "setupOnHosts": PlanReader.switch,
    "jsonLogs": PlanReader.switch,  # the predecessor's; what amp says is always kept
}
"""What the defaults and each item may say."""

AXES: dict[str, Read] = {
    "model": PlanReader.modes,
    "repo": PlanReader.texts,
    "baseBranch": PlanReader.texts,
    "copies": PlanReader.count,
}

LIMITS: dict[str, Read] = {
    "tokens": PlanReader.count,
    "amount": PlanReader.amount,
    "wallTime": PlanReader.duration,
    "wallTimeSec": PlanReader.amount,
    "failuresInARow": PlanReader.count,
}


def _axes(reader: PlanReader, name: str, node: yaml.Node) -> Any:
    found = reader.entry(node, AXES, name)
    for axis in ("model", "baseBranch"):
        values = found.values.get(axis, ()) if found else ()
        for value in sorted({value for value in values if values.count(value) > 1}):
            text = f"{axis} has {printable(value)[:60]!r} twice; copies is how often each is run."
            reader.wrong(found.line_of(axis) if found else 0, text)
    return found or _INVALID


def _defaults(reader: PlanReader, name: str, node: yaml.Node) -> Any:
    return reader.entry(node, SETTINGS, name) or _INVALID


ITEM: dict[str, Read] = {
    "repo": PlanReader.texts,
    "repoFile": PlanReader.filled,
    "prompt": PlanReader.prompt,
    "promptFile": PlanReader.prompt_file,
    "name": PlanReader.filled,
    "axes": _axes,
    **SETTINGS,
}

PLAN: dict[str, Read] = {
    "runId": PlanReader.run_id,
    "name": PlanReader.filled,
    "concurrency": PlanReader.count,
    "hostGrace": PlanReader.duration,
    "hostGraceSec": PlanReader.amount,
    "defaults": _defaults,
    "matrix": PlanReader.matrix,
    "axes": _axes,
    "limits": _limits,
}
