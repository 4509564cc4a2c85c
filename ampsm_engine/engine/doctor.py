"""`ampsm doctor`: whether this machine has what ampsm needs. Every finding says what to do; nothing is changed.

What concerns the terminal, tmux and logging out is fine or worth knowing, and makes no machine unfit.
"""

import configparser
import errno
import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ampsm_engine import keymap, known_terminals, tmux
from ampsm_engine.amp import program
from ampsm_engine.config import Settings
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import program as git
from ampsm_engine.home import write_private
from ampsm_engine.known_terminals import NotificationProtocol, Terminal, Tmux
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import plural, printable
from ampsm_engine.store import Store
from ampsm_engine.worker import locks

WAYS = {
    NotificationProtocol.OSC9: "notifications (OSC 9)",
    NotificationProtocol.OSC99: "notifications (OSC 99)",
    NotificationProtocol.OSC777: "notifications (OSC 777)",
    NotificationProtocol.BELL: "no notifications but the bell",
}
CLIPBOARD = {True: "clipboard (OSC 52)", None: "clipboard where it is allowed (OSC 52)", False: "no clipboard"}

SLOW_ESCAPE = 100
"""Milliseconds that tmux may hold an Esc back before a person notices."""

_LOGIND = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
_LINGER = "var/lib/systemd/linger"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `ampsm doctor`; `ok` None: worth knowing, not wrong."""

    name: str
    ok: bool | None
    text: str
    hint: str = ""


def check_machine(engine: Engine, environ: Mapping[str, str] | None = None) -> tuple[Check, ...]:
    """All that ampsm needs from this machine, one check a line; no value of the environment is shown.

    The engine need not be ready: what keeps it from that is among the checks.
    """
    env = os.environ if environ is None else environ
    settings = engine.settings
    return (
        Check("python", ok=True, text=f"{sys.version.split()[0]} at {sys.executable}"),
        *_checked("git", lambda: (Check("git", ok=True, text=git.version()),)),
        *_checked("amp", lambda: _amp(engine, settings, env)),
        *_checked("home", lambda: (_home(engine),)),
        *_checked("store", lambda: (_store(engine),)),
        *_checked("workers", lambda: (_slots(engine, settings),)),
        _desktop(env),
        *_checked("terminal", lambda: _terminal_checks(env, chosen=settings.text("notify.terminal"))),
        *_checked("setup", lambda: tuple(_setup(engine))),
        *_configuration(engine, settings),
        *_keys(settings),
    )


def _setup(engine: Engine) -> Iterator[Check]:
    """How new worktrees of the repository around are set up, where it says so."""
    from ampsm_engine.engine import setup

    try:
        offered = setup.offer(engine, Path.cwd())
    except (AmpsmError, OSError):  # in no repository that sessions could begin in
        return
    for problem in offered.problems:
        yield Check("setup", ok=None, text=problem)
    if offered.command:
        text = f"{printable(offered.command)[:200]} ({offered.origin})"
        word = "" if offered.is_trusted else ": not trusted yet"
        yield Check("setup", ok=offered.is_trusted or None, text=f"{text}{word}", hint="ampsm trust" if word else "")


def _keys(settings: Settings) -> Iterator[Check]:
    """Keys of the configuration that mean two things on one screen."""
    for clash in keymap.clashes(settings.keys):
        free = next((key_id for key_id in clash.ids if key_id in settings.keys), clash.ids[0])
        text = f"{clash}; only one of them works there"
        yield Check("keys", ok=None, text=text, hint=f"ampsm config set keys.{free} KEY")


def _checked(name: str, check: Callable[[], tuple[Check, ...]]) -> tuple[Check, ...]:
    """The result of a check, or a failed one with the error that it raised."""
    try:
        return check()
    except AmpsmError as reason:
        return (Check(name, ok=False, text=reason.message, hint=reason.hint),)
    except (OSError, subprocess.SubprocessError) as reason:
        return (Check(name, ok=False, text=str(reason)),)


def _configuration(engine: Engine, settings: Settings) -> Iterator[Check]:
    if not settings.problems:
        yield Check(
            "configuration", ok=True, text=str(engine.config), hint="" if engine.config.exists() else "defaults"
        )
    for problem in settings.problems:
        fit = None if problem.severity == "unknown" else False
        yield Check("configuration", ok=fit, text=problem.message, hint=problem.hint)


def _home(engine: Engine) -> Check:
    """Whether there is a home, and room in it."""
    engine.home.ensure()
    root = engine.home.root
    probe = root / f".doctor.{os.getpid()}"
    try:
        write_private(probe, bytes(1 << 16))
        probe.unlink()
    except OSError as reason:
        hint = f"df -h {root}" if reason.errno in (errno.ENOSPC, errno.EDQUOT) else f"ls -ld {root}"
        return Check("home", ok=False, text=f"{root} cannot be written: {reason.strerror}", hint=hint)
    return Check("home", ok=True, text=str(root))


def _amp(engine: Engine, settings: Settings, env: Mapping[str, str]) -> tuple[Check, ...]:
    try:
        path = program.find(settings, env)
    except AmpsmError as reason:
        return (Check("amp", ok=False, text=str(reason), hint=reason.hint),)
    try:
        version = program.version(path, env)
    except AmpsmError as reason:
        return (Check("amp", ok=False, text=str(reason), hint=reason.hint),)
    told = f"{version.text} at {path}" if version else f"{path} does not say its version"
    login = program.login(env)
    return (
        Check("amp", ok=True if version else None, text=told),
        Check("login", ok=True if login.ok else None, text=login.how, hint="" if login.ok else "amp login"),
        *_modes(settings.text("amp.mode"), program.modes(path, engine.home.cache, env)),
    )


def _modes(chosen: str, listed: Sequence[str]) -> Iterator[Check]:
    """The modes that amp lists, and whether the one of the settings is among them."""
    text = ", ".join(listed)
    if listed and chosen and chosen.casefold() not in listed:
        wrong = f"the setting amp.mode is {chosen}, and this amp lists {text}"
        yield Check("modes", ok=None, text=wrong, hint=f"ampsm config set amp.mode {listed[len(listed) // 2]}")
    elif listed:
        yield Check("modes", ok=True, text=text)


def _store(engine: Engine) -> Check:
    database = engine.home.database
    store = Store(database)  # as the next program will find it
    try:
        sessions = len(store.sessions.all())
    except AmpsmError as reason:
        return Check("store", ok=False, text=str(reason), hint=reason.hint)
    store.check()
    loose = [path for path in (engine.home.root, database) if path.stat().st_mode & 0o077]
    if loose:
        return Check("store", ok=False, text=f"others may read {loose[0]}", hint=f"chmod go= {loose[0]}")
    copy = store.last_copy()
    copied = f"; its last copy is {copy}" if copy else ""
    return Check("store", ok=True, text=f"{plural(sessions, 'session')} in {database}{copied}")


def _slots(engine: Engine, settings: Settings) -> Check:
    unsettled = engine.store.iterations.unsettled()
    lost = [one for one in unsettled if not locks.is_leased(engine.home.iteration(one.id))]
    count = int(settings.number("slots"))
    if lost:
        return Check("workers", ok=None, text=f"{len(lost)} without a worker; any command sends one", hint="ampsm ls")
    return Check(
        "workers", ok=True, text=f"{len(unsettled)} at work, {engine.store.queue.count()} queued, {count} slots"
    )


def _desktop(env: Mapping[str, str]) -> Check:
    desktop = sys.platform == "darwin" or any(env.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    text = "this machine has one" if desktop else "none here: nothing pops up when an iteration ends"
    return Check("desktop", ok=True if desktop else None, text=text)


def _terminal_checks(environ: Mapping[str, str], *, chosen: str = "auto", root: Path = Path("/")) -> tuple[Check, ...]:
    """The terminal, tmux where we are in one, and lingering where logging out would end workers."""
    around = tmux.query(environ)
    here = known_terminals.identify(environ, around, chosen=chosen)
    return (check_terminal(here, environ), *check_multiplexer(here, around), *check_linger(environ, root))


def check_terminal(here: Terminal, environ: Mapping[str, str]) -> Check:
    """What the terminal can do, as far as its environment shows."""
    if not environ.get("TERM"):
        return Check("terminal", ok=None, text="none here", hint="the screens need a terminal; the commands do not")
    many = {0: "no colours", 1 << 24: "16 million colours"}.get(here.colours, f"{here.colours} colours")
    text = f"{here.name}: {many}, {WAYS[here.protocol]}, {CLIPBOARD[here.clipboard]}"
    unsure = here.protocol is NotificationProtocol.BELL and not environ.get("NO_COLOR")
    hint = "when it can do more: ampsm config set notify.terminal osc9 (or osc99, osc777)" if unsure else ""
    return Check("terminal", ok=None if here.protocol is NotificationProtocol.BELL else True, text=text, hint=hint)


def check_multiplexer(here: Terminal, around: Tmux | None) -> tuple[Check, ...]:
    """What the multiplexer holds back, and the lines for its configuration that let it through."""
    if here.inside == "screen":
        return (Check("screen", ok=True, text="notifications and the clipboard are handed through it"),)
    if here.inside != "tmux":
        return ()
    if around is None:
        text = "it is on another machine, or does not answer"
        return (Check("tmux", ok=None, text=text, hint="there: set -g allow-passthrough on"),)
    missing = tuple(_tmux_limits(around))
    if not missing:
        return (Check("tmux", ok=True, text=f"tmux {around.version} lets everything through"),)
    reasons = "; ".join(reason for reason, _ in missing)
    lines = " | ".join(line for _, line in missing)
    return (Check("tmux", ok=None, text=f"tmux {around.version}: {reasons}", hint=f"in ~/.tmux.conf: {lines}"),)


def _tmux_limits(around: Tmux) -> Iterator[tuple[str, str]]:
    """What tmux holds back, and the line that lets it through."""
    if not around.passes_notifications:
        # `all` lets through what comes from windows that are not shown: those that have something to tell.
        word = "all" if around.numbers >= (3, 4) else "on"
        yield "notifications do not reach the terminal", f"set -g allow-passthrough {word}"
    if around.clipboard == "off":
        yield "copying does not reach the clipboard", "set -s set-clipboard on"
    if around.focus_events in ("0", "off"):
        yield "ampsm is not told when you switch windows", "set -g focus-events on"
    if around.escape_time.isdigit() and int(around.escape_time) > SLOW_ESCAPE:
        yield f"Esc takes {around.escape_time} ms", "set -s escape-time 10"


def check_linger(environ: Mapping[str, str], root: Path = Path("/"), user: str | None = None) -> tuple[Check, ...]:
    """Whether logging out ends what runs: systemd does so where `KillUserProcesses` is on."""
    if not sys.platform.startswith("linux") or not (root / "run/systemd/system").is_dir():
        return ()
    if not kills_user_processes(root):
        return (Check("logging out", ok=True, text="workers go on when you log out"),)
    name = user or environ.get("USER") or getpass.getuser()
    if _lingers(root, name):
        text = "workers go on when you log out, for lingering is on"
        return (Check("logging out", ok=True, text=text),)
    text = "workers end when you log out: KillUserProcesses is on in logind.conf"
    return (Check("logging out", ok=None, text=text, hint=f"loginctl enable-linger {name}"),)


def kills_user_processes(root: Path = Path("/")) -> bool:
    """KillUserProcesses of logind.conf and its drop-ins; later files override earlier ones, drop-ins the main file."""
    ends_them = False
    for path in _logind_files(root):
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue
        value = parser.get("Login", "KillUserProcesses", fallback=None)
        if value is not None:
            ends_them = value.strip().lower() in ("yes", "true", "on", "1", "y", "t")
    return ends_them


def _logind_files(root: Path) -> tuple[Path, ...]:
    """The main file that counts, then the drop-ins by name; of one name that in /etc counts."""
    folders = [root / folder for folder in _LOGIND]
    main = [path for folder in folders if (path := folder / "logind.conf").is_file()][:1]
    by_name: dict[str, Path] = {}
    for folder in folders:
        for path in (folder / "logind.conf.d").glob("*.conf"):
            by_name.setdefault(path.name, path)
    return (*main, *(by_name[name] for name in sorted(by_name)))


def _lingers(root: Path, user: str) -> bool:
    """Lingering is a file of the user's name; where its folder is closed to us, loginctl knows."""
    if "/" in user or user in ("", ".", ".."):
        return False
    if os.access(root / _LINGER, os.X_OK):
        return (root / _LINGER / user).exists()
    program = shutil.which("loginctl")
    if program is None or root != Path("/"):
        return False
    try:
        asked = [program, "show-user", user, "--property=Linger", "--value"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == "yes"
