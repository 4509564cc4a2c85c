"""Notifications of the desktop, where there is one; without one they are dropped silently.

notify-py sends them in a short-lived child: it takes 92 ms to import, logs, starts threads and waits as long as the
desktop's daemon does. When to send one, and its text, are `notifications`' business.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ampsm_engine import plain_text, redact

PATIENCE = 5.0
"""Seconds after which a daemon that does not answer is left alone."""

TITLE_LENGTH = 80
BODY_LENGTH = 300
"""Characters; desktops show less."""

_MARKUP = str.maketrans({"<": "‹", ">": "›", "&": "＆"})  # noqa: RUF001
"""Some desktops read the body as markup, with links and pictures in it; others would show the escapes."""


def send(title: str, body: str) -> bool:
    """Show a notification; answers whether the desktop took it. Never raises, returns within PATIENCE."""
    if not has_desktop(os.environ):
        return False
    message = json.dumps([_clean(title, TITLE_LENGTH), _clean(body, BODY_LENGTH)]).encode()
    try:
        # -P and the root folder: nothing of the folder we are in, a worktree maybe, is ever imported.
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ampsm_engine.desktop_notification"],
            cwd="/",
            env=_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    with child:
        try:
            child.communicate(message, PATIENCE)
        except subprocess.TimeoutExpired:
            _end(child)
    return child.returncode == 0


def has_desktop(environ: Mapping[str, str]) -> bool:
    """Whether there may be a desktop: always on macOS, by its variables on Linux."""
    if sys.platform == "darwin":
        return True
    return sys.platform.startswith("linux") and any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")
    )


def _clean(text: str, length: int) -> str:
    """One line without secrets, control characters and markup, that no program takes for an option."""
    line = plain_text.printable(redact.text(text)).translate(_MARKUP)
    if len(line) > length:
        line = line[: length - 1].rstrip() + "…"
    return f" {line}" if line.startswith("-") else line


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Our environment, with our own package importable from the root folder."""
    ours = str(Path(__file__).resolve().parents[1])
    theirs = environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [ours, *(path for path in theirs if Path(path).is_absolute())]
    return {**environ, "PYTHONPATH": os.pathsep.join(paths)}


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and the program that it waits for."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        child.kill()


def _main() -> int:
    """Hand one message, `[title, body]` as JSON on standard input, to notify-py in the child process."""
    title, body = json.loads(sys.stdin.buffer.read())
    from notifypy import Notify

    notification = Notify(default_notification_application_name="ampsm")
    notification.title, notification.message = title, body
    notification.icon = ""  # else it shows a logo of its own
    return 0 if notification.send() else 1


if __name__ == "__main__":
    raise SystemExit(_main())
