"""Notices as bytes: each terminal's own way, the multiplexer's envelope, and nothing of a name that steers."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.known_terminals import NotificationProtocol, Terminal
from ampsm_tui import terminal
from tests.tui.builders import AWAITING, ERROR, RUNNING, a_board, a_session

WAYS = [NotificationProtocol.OSC9, NotificationProtocol.OSC99, NotificationProtocol.OSC777, NotificationProtocol.BELL]


def a_terminal(way: NotificationProtocol, inside: str = "") -> Terminal:
    return Terminal("a terminal", way, 256, clipboard=None, inside=inside)


def unwrapped(told: str, inside: str) -> str:
    """What the terminal around the multiplexer gets."""
    if inside == "tmux":
        return re.sub(r"\x1bPtmux;((?:\x1b\x1b|[^\x1b])*)\x1b\\", lambda f: f[1].replace("\x1b\x1b", "\x1b"), told)
    if inside == "screen":
        return re.sub(r"\x1bP((?:(?!\x1b\\).)*)\x1b\\", lambda f: f[1], told, flags=re.DOTALL)
    return told


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (NotificationProtocol.OSC9, "\x1b]9;ampsm: fix login: finished - 3 files changed\x07"),
        (NotificationProtocol.OSC777, "\x1b]777;notify;fix login: finished;3 files changed\x07"),
        (NotificationProtocol.BELL, "\x07"),
    ],
)
def test_each_terminal_is_told_in_its_way(way: NotificationProtocol, told: str) -> None:
    assert terminal.notification_sequence(a_terminal(way), "fix login: finished", "3 files changed") == told


def test_kitty_gets_title_and_body_in_base64() -> None:
    told = terminal.notification_sequence(a_terminal(NotificationProtocol.OSC99), "fix ü: finished", "done", 7)
    first, second = re.findall(r"\x1b\]99;([^;]*);([A-Za-z0-9+/=]*)\x07", told)
    assert first[0] == "i=ampsm7:d=0:e=1"
    assert base64.b64decode(first[1]).decode() == "fix ü: finished"
    assert second[0] == "i=ampsm7:d=1:e=1:p=body"
    assert base64.b64decode(second[1]).decode() == "done"


def test_a_multiplexer_hands_it_on_and_marks_its_window() -> None:
    plain = terminal.notification_sequence(a_terminal(NotificationProtocol.OSC777), "a", "b")
    in_tmux = terminal.notification_sequence(a_terminal(NotificationProtocol.OSC777, "tmux"), "a", "b")
    assert in_tmux == "\x1bPtmux;\x1b\x1b]777;notify;a;b\x07\x1b\\\x07"
    in_screen = terminal.notification_sequence(a_terminal(NotificationProtocol.OSC777, "screen"), "a", "b")
    assert in_screen == f"\x1bP{plain}\x1b\\\x07"


@pytest.mark.parametrize("inside", ["", "tmux", "screen"])
@pytest.mark.parametrize("way", WAYS)
@given(
    title=st.text() | st.sampled_from(["\x1b]52;c;QQ==\x07", "4;1;50", "\x9d0;x\x9c", "a\x1b\\b", "x" * 10_000]),
    body=st.text(),
)
def test_no_text_ends_or_begins_a_sequence(way: NotificationProtocol, inside: str, title: str, body: str) -> None:
    told = terminal.notification_sequence(a_terminal(way, inside), title, body)
    if inside == "screen":
        assert all(len(piece) <= 260 for piece in told.split("\x1b\\"))
    assert len(told.encode()) < 1200
    outer = unwrapped(told, inside)
    shapes = {
        NotificationProtocol.OSC9: r"\x1b\]9;ampsm: [^\x00-\x1f\x7f-\x9f;]*\x07",
        NotificationProtocol.OSC777: r"\x1b\]777;notify;[^\x00-\x1f\x7f-\x9f;]*;[^\x00-\x1f\x7f-\x9f;]*\x07",
        NotificationProtocol.OSC99: r"\x1b\]99;i=ampsm0:d=0:e=1;[\w+/=]*\x07\x1b\]99;i=ampsm0:d=1:e=1:p=body;[\w+/=]*\x07",
        NotificationProtocol.BELL: "",
    }
    assert re.fullmatch(shapes[way] + "\x07" * (bool(inside) or way is NotificationProtocol.BELL), outer)


def test_the_status_bar_counts() -> None:
    rows = [a_session(status=RUNNING, queued=2), a_session(status=AWAITING), a_session(status=ERROR), a_session()]
    counts = terminal.status_options(a_board(*rows))
    assert counts == {"@ampsm_running": "1", "@ampsm_attention": "2", "@ampsm_status": "●1 ◆1 ✗1"}
    assert terminal.status_options(a_board()) == {"@ampsm_running": "0", "@ampsm_attention": "0", "@ampsm_status": ""}
    assert terminal.changed_options({}, counts) == counts
    assert terminal.changed_options(counts, counts) == {}
