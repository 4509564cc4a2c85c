"""What is sent to a terminal: notifications, the clipboard by OSC 52, through tmux and screen, counts for a status bar.

All text of a notification is made inert and bounded here: whatever a session is called, it ends no sequence and begins
none.
"""

import base64
import re
from collections.abc import Mapping

from textual.app import App

from ampsm_engine import labels
from ampsm_engine.errors import Refused
from ampsm_engine.known_terminals import NotificationProtocol, Terminal
from ampsm_engine.model import Board
from ampsm_engine.state_styles import status_line
from ampsm_tui.app_context import app_of
from ampsm_tui.clean import one_line

TITLE_BYTES = 120
BODY_BYTES = 360
"""UTF-8; terminals and multiplexers drop what is long."""

_BELL = "\x07"
_SCREEN_CHUNK = 240
"""Characters that screen passes on in one piece; it drops what is longer."""

OPTIONS = ("@ampsm_running", "@ampsm_attention", "@ampsm_status")
"""The user options that a status bar of tmux may show."""


def notification_sequence(terminal: Terminal, title: str, body: str, number: int = 0) -> str:
    """The sequence that makes a terminal show a notification; `number` distinguishes one from the next."""
    title, body = _safe(title, TITLE_BYTES), _safe(body, BODY_BYTES)
    sequence = (
        ""
        if terminal.protocol is NotificationProtocol.BELL
        else wrap_for_multiplexer(_sequence(terminal.protocol, title, body, number), terminal.inside)
    )
    return sequence + _BELL * terminal.rings_bell


def _sequence(way: NotificationProtocol, title: str, body: str, number: int) -> str:
    if way is NotificationProtocol.OSC99:
        # In base64, kitty's own way to carry any text.
        one, other = (base64.b64encode(text.encode()).decode() for text in (title, body))
        head = f"\x1b]99;i=ampsm{number}:d=0:e=1;{one}{_BELL}"
        return f"{head}\x1b]99;i=ampsm{number}:d=1:e=1:p=body;{other}{_BELL}"
    if way is NotificationProtocol.OSC777:
        return f"\x1b]777;notify;{title};{body}{_BELL}"
    # A number at its beginning would be another order to some terminals.
    return f"\x1b]9;ampsm: {title}{f' - {body}' if body else ''}{_BELL}"


def _safe(text: str, longest: int) -> str:
    """The text on one line, inert, without what separates parts of a sequence, in so many bytes."""
    shown = one_line(text, longest).replace(";", ",")
    shown = re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "", shown)
    if len(shown.encode()) <= longest:
        return shown
    return shown.encode()[: longest - 3].decode(errors="ignore").rstrip() + "…"


def wrap_for_multiplexer(sequence: str, inside: str) -> str:
    """The sequence in the envelope with which a multiplexer, `tmux` or `screen`, hands it to its own terminal."""
    if inside == "tmux":
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if inside == "screen":
        pieces = (sequence[at : at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK))
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
    return sequence


def status_options(board: Board) -> dict[str, str]:
    """The user options of tmux for a board, by name: counts and glyphs, a question mark behind what may be old."""
    found = labels.status_counts(board.rows)
    status = status_line(found)
    if board.stale:
        status = f"{status} ?".lstrip()
    attention = found["awaiting-input"] + found["error"]
    return dict(zip(OPTIONS, (str(found["running"]), str(attention), status), strict=True))


def changed_options(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """The options whose values differ from those before, with their new values."""
    return {name: value for name, value in after.items() if before.get(name) != value}


LONGEST = 74_994
"""Bytes that every terminal takes; some drop the whole of what is longer."""


def copy_to_clipboard(app: App[object], text: str, environ: Mapping[str, str], instead: str) -> None:
    """Put a text into the clipboard, through the multiplexer where one stands between.

    Refused when it cannot go there whole and as it is: part of a patch applies wrongly, or not. `instead`: what works.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as reason:
        raise Refused("It has bytes that are no UTF-8, which no clipboard takes.", instead) from reason
    if size > LONGEST:
        message = f"It is {size:,} bytes long, and a terminal takes {LONGEST:,} into its clipboard. Nothing was copied."
        raise Refused(message, instead)
    app.copy_to_clipboard(text)
    if beyond := clipboard_sequence(text, environ):
        app_of(app).write_ours(beyond)


def clipboard_sequence(content: str, environ: Mapping[str, str]) -> str:
    """The sequence that a multiplexer hands on to its own terminal; empty where there is none.

    tmux hands it on with `allow-passthrough on`; the plain one it takes itself with `set-clipboard on`.
    """
    inside = "tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else ""
    plain = f"\x1b]52;c;{base64.b64encode(content.encode()).decode()}\x07"
    return wrap_for_multiplexer(plain, inside) if inside else ""
