"""The clipboard of the terminal by OSC 52, also from within tmux and screen."""

import base64
from collections.abc import Mapping

from textual.app import App

from ampsm_engine.errors import Refused
from ampsm_tui.app_context import app_of
from ampsm_tui.terminal import wrap_for_multiplexer

LONGEST = 74_994
"""Bytes that every terminal takes; some drop the whole of what is longer."""


def copy(app: App[object], text: str, environ: Mapping[str, str], *, instead: str = "Copy less of it.") -> None:
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
    if beyond := through(text, environ):
        app_of(app).write_ours(beyond)


def through(content: str, environ: Mapping[str, str]) -> str:
    """The sequence that a multiplexer hands on to its own terminal; empty where there is none.

    tmux hands it on with `allow-passthrough on`; the plain one it takes itself with `set-clipboard on`.
    """
    inside = "tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else ""
    plain = f"\x1b]52;c;{base64.b64encode(content.encode()).decode()}\x07"
    return wrap_for_multiplexer(plain, inside) if inside else ""
