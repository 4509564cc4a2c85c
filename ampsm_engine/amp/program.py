"""The installed amp: its version, its abilities, and whether a user is logged in.

Facts are asked from the program and from its own files; nothing is assumed from its age. No run is started
here, and no key is ever read out.
"""

import contextlib
import itertools
import os
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ampsm_engine.amp import command, process
from ampsm_engine.amp.command import environment
from ampsm_engine.config import Settings
from ampsm_engine.errors import Unfit
from ampsm_engine.home import read_json_object, write_json_object
from ampsm_engine.lean_dataclass import dataclass

INSTALL = "npm install -g @ampcode/cli"
"""The command that installs amp."""

PATIENCE = 20.0
"""Seconds that amp has to answer a question about itself."""

EVERY_VERSION = frozenset(
    {
        *("--execute", "--stream-json", "--settings-file", "--log-file", "--log-level"),
        *("--mode", "--no-ide", "--no-notifications"),
    }
)
"""What every amp of 2026 knows; used while `--help` cannot be had."""

_PROGRAM_STARTS = (b"#!", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""How a file begins that a system can run: a script, and programs of Linux and macOS."""

_OPTION = re.compile(r"^\s{2,}(?:-\w, )?(--[a-z][a-z0-9-]+)", re.MULTILINE)
_MODES = re.compile(r"--mode <\w+>\s+Set the agent mode \(([^)]*)\)")
_MODE = re.compile(r"[a-z][a-z0-9-]*")
_VERSION = re.compile(r"^(0\.0\.(\d+)-g([0-9a-f]+))", re.MULTILINE)
_CACHED_PROGRAMS = 8


@dataclass(frozen=True, slots=True)
class Version:
    """A version of amp."""

    text: str
    number: int
    """The moment of the release in Unix seconds; orders versions."""

    @property
    def released(self) -> datetime | None:
        """When the version was released, UTC; None when its number is no time that can be shown."""
        with contextlib.suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(self.number, UTC)
        return None


@dataclass(frozen=True, slots=True)
class Login:
    """Whether credentials are there, not whether the server takes them."""

    ok: bool
    how: str
    """Where they are, or where they were looked for."""


def find(settings: Settings, environ: Mapping[str, str]) -> Path:
    """The amp program: AMP_CLI_PATH, the setting amp.path, the PATH, amp's own folders. Unfit when there is none."""
    for origin, named in (
        ("AMP_CLI_PATH", environ.get("AMP_CLI_PATH", "")),
        ("The setting amp.path", settings.needed("amp.path")),
    ):
        if named.strip():
            return _complete(_named(origin, named.strip(), environ))
    own = (_home(environ) / folder / "amp" for folder in (".local/bin", ".amp/bin"))
    found = _on_path("amp", environ) or next((path for path in own if _is_program(path)), None)
    if found is None:
        message = "The amp program was not found in the PATH, in ~/.local/bin or in ~/.amp/bin."
        raise Unfit(message, f"{INSTALL}   (without it: ampsm demo; elsewhere: ampsm config set amp.path /path/to/amp)")
    return _complete(found)


def _complete(path: Path) -> Path:
    """The path of a program that a system can run; Unfit for what npm leaves without amp's native program: a text."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError:  # a program that may be run, but not read
        return path
    if start.startswith(_PROGRAM_STARTS):
        return path
    message = f"The amp program {path} is incomplete: its native program was not installed beside it."
    raise Unfit(message, f"{INSTALL} --include=optional --ignore-scripts=false")


def _named(origin: str, named: str, environ: Mapping[str, str]) -> Path:
    if "/" not in named:
        found = _on_path(named, environ)
        if found is None:
            raise Unfit(f"{origin} names {named}, which is no program in the PATH.", INSTALL)
        return found
    path = _home(environ) / named[2:] if named.startswith("~/") else Path(named)
    wrong = hint = ""
    if not path.is_absolute():
        # A worker runs in another folder, where the same words would name another file.
        wrong, hint = "is no whole path", f"Give the whole path: {path.absolute()}"
    elif not os.path.lexists(path):
        wrong, hint = "does not exist", f"Mend the path, or install amp: {INSTALL}"
    elif not _is_program(path):
        wrong, hint = "is no program that may be run", f"Name the program itself, or: chmod +x {path}"
    if wrong:
        raise Unfit(f"{origin} names {named}, which {wrong}.", hint)
    return path


def _on_path(name: str, environ: Mapping[str, str]) -> Path | None:
    # Relative entries would let a repository bring its own amp.
    entries = environ.get("PATH", os.defpath).split(os.pathsep)
    search = os.pathsep.join(entry for entry in entries if Path(entry).is_absolute())
    found = shutil.which(name, path=search) if search else None
    return Path(found) if found else None


def _is_program(path: Path) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 - answers False where Path raises


def _home(environ: Mapping[str, str]) -> Path:
    named = environ.get("HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home()


def options(path: Path, cache: Path, environ: Mapping[str, str]) -> frozenset[str]:
    """The long options that this amp lists in `--help`; kept in the folder `cache` until the program changes.

    When the help cannot be had, what every version knows; that answer is not kept.
    """
    return _abilities(path, cache, environ).options


def modes(path: Path, cache: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The modes that this amp lists in `--help`, in its order; kept as its options are. Plugins may add others.

    Empty when it lists none, or the help cannot be had.
    """
    return _abilities(path, cache, environ).modes


def kept_modes(path: Path, cache: Path) -> tuple[str, ...]:
    """The modes that this amp listed when it was last asked; empty when it was not yet. amp is not started."""
    kept = _kept(path, cache, _identity(path))
    return kept.modes if kept else ()


@dataclass(frozen=True, slots=True)
class _Abilities:
    """What amp's help lists."""

    options: frozenset[str]
    modes: tuple[str, ...] = ()


def _abilities(path: Path, cache: Path, environ: Mapping[str, str]) -> _Abilities:
    identity = _identity(path)
    if kept := _kept(path, cache, identity):
        return kept
    text = _answer(path, "--help", environ)
    listed = _Abilities(frozenset(_OPTION.findall(text)), _modes_in(text))
    if "--execute" not in listed.options:
        return _Abilities(EVERY_VERSION)
    _remember(cache, path, identity, listed)
    return listed


def _modes_in(text: str) -> tuple[str, ...]:
    """The words in the brackets after "Set the agent mode", up to the first that is a sentence."""
    found = _MODES.search(text)
    words = (part.strip().removeprefix("or ") for part in found[1].split(",")) if found else ()
    return tuple(itertools.takewhile(_MODE.fullmatch, words))


def _kept(path: Path, cache: Path, identity: list[object]) -> _Abilities | None:
    kept = read_json_object(_cache_file(cache)).get(str(path))
    if not isinstance(kept, dict) or kept.get("identity") != identity:
        return None
    options, listed = kept.get("options"), kept.get("modes")
    if not isinstance(options, list) or not isinstance(listed, list):
        return None
    return _Abilities(
        frozenset(option for option in options if isinstance(option, str)),
        tuple(mode for mode in listed if isinstance(mode, str) and _MODE.fullmatch(mode)),
    )


def version(path: Path, environ: Mapping[str, str]) -> Version | None:
    """The version that this amp says it is; None when it says nothing of the kind."""
    said = _VERSION.search(_answer(path, "--version", environ))
    return Version(said[1], int(said[2][:18])) if said else None


def login(environ: Mapping[str, str]) -> Login:
    """Whether amp would find a key: AMP_API_KEY, or one for the server in use among amp's own secrets."""
    if environ.get("AMP_API_KEY", "").strip():
        return Login(ok=True, how="AMP_API_KEY is set")
    named = environ.get("XDG_DATA_HOME", "")
    data = Path(named) if Path(named).is_absolute() else _home(environ) / ".local" / "share"
    secrets = data / "amp" / "secrets.json"
    address = server(environ)
    for key, value in read_json_object(secrets).items():
        if key.rstrip("/") == f"apiKey@{address}" and isinstance(value, str) and value:
            return Login(ok=True, how=f"a key for {address} is in {secrets}")
    return Login(ok=False, how=f"AMP_API_KEY is not set, and no key for {address} is in {secrets}")


def server(environ: Mapping[str, str]) -> str:
    """The address of the server that amp talks to."""
    return (environ.get("AMP_URL", "").strip() or "https://ampcode.com/").rstrip("/")


def key_hint(environ: Mapping[str, str]) -> str:
    """What to do about a key that the server does not take: amp prefers the variable to a login."""
    if environ.get("AMP_API_KEY", "").strip():
        return (
            "AMP_API_KEY holds that key, and amp prefers it to a login: mend the variable, or unset it and: amp login"
        )
    return "amp login"


def _answer(path: Path, question: str, environ: Mapping[str, str]) -> str:
    """What amp prints; empty when it fails, cannot be run or takes too long."""
    code, output = process.answer([str(path), question], environment(environ), limit=PATIENCE)
    return output.decode("utf-8", "replace") if code == 0 else ""


def _identity(path: Path) -> list[object]:
    try:
        real = path.resolve()
        facts = real.stat()
    except OSError as reason:
        raise Unfit(f"The amp program {path} cannot be read: {reason.strerror}.", INSTALL) from reason
    return [str(real), facts.st_mtime_ns, facts.st_size]


def _cache_file(cache: Path) -> Path:
    return cache / "amp-options.json"


def _remember(cache: Path, path: Path, identity: list[object], listed: _Abilities) -> None:
    kept = {name: entry for name, entry in read_json_object(_cache_file(cache)).items() if name != str(path)}
    newest = dict(list(kept.items())[1 - _CACHED_PROGRAMS :])
    newest[str(path)] = {"identity": identity, "options": sorted(listed.options), "modes": listed.modes}
    with contextlib.suppress(OSError):  # asking again costs half a second, and nothing else
        write_json_object(_cache_file(cache), newest)


_MOST_DOLLARS = 10**9
"""Dollars beyond which a figure is no cost of a thread."""

_AMOUNT = re.compile(r"\$\s?(\d[\d,]{0,15}(?:\.\d{1,8})?)(?![\d.,]*\d)")
_COST_LINE = re.compile(r"^[\s*_#>-]*Cost\b[\s*_]*:", re.IGNORECASE | re.MULTILINE)


def cost_of_thread(amp: Path, thread_id: str, environ: Mapping[str, str]) -> int | None:
    """What amp says that a thread cost since it began, in millionths of a dollar; None where it does not.

    It is never computed from tokens or prices, and what a subscription pays is in no figure. Failed for no id.
    """
    code, output = process.answer(command.usage(amp, thread_id), environment(environ), limit=PATIENCE)
    return parse_cost(output.decode("utf-8", "replace")) if code == 0 else None


def parse_cost(text: str) -> int | None:
    """The amount in amp's answer in millionths of a dollar: that of the line `Cost:`, else the first one."""
    from decimal import Decimal

    from ampsm_engine.amp.transcript import without_escapes  # only who asks for costs pays for these two

    plain = without_escapes(text)
    named = _COST_LINE.search(plain)
    line = plain[named.end() :].partition("\n")[0] if named else plain
    found = _AMOUNT.search(line)
    if found is None:
        return None
    amount = Decimal(found[1].replace(",", ""))
    return int((amount * 1_000_000).to_integral_value()) if amount <= _MOST_DOLLARS else None
