"""The clipboard of the terminal by OSC 52, also from within tmux and screen."""

import base64
from collections.abc import Mapping

from textual.app import App

from ampsm_tui.house import house
from ampsm_tui.terminal import enveloped

LONGEST = 74_994
"""Bytes that every terminal takes; some drop the whole of what is longer."""


def copy(app: App[object], text: str, environ: Mapping[str, str]) -> None:
    """Put a text into the clipboard, through the multiplexer where one stands between."""
    content = text.encode("utf-8", "replace")[:LONGEST].decode("utf-8", "ignore")
    app.copy_to_clipboard(content)
    if beyond := through(content, environ):
        house(app).write_ours(beyond)


def through(content: str, environ: Mapping[str, str]) -> str:
    """The sequence that a multiplexer hands on to its own terminal; empty where there is none.

    tmux hands it on with `allow-passthrough on`; the plain one it takes itself with `set-clipboard on`.
    """
    inside = "tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else ""
    plain = f"\x1b]52;c;{base64.b64encode(content.encode()).decode()}\x07"
    return enveloped(plain, inside) if inside else ""
