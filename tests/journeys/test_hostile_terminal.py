"""What sessions and amp say is data: in the very bytes that reach a terminal, no order of theirs is left."""

import re

from tests.journeys.conftest import Open
from tests.waiting import until
from tests.worker.bench import Bench

EVIL = {
    "clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "title": "\x1b]0;owned\x07",
    "screen": "\x1b[?1049l\x1b[2J",
    "c1": "\x9b31mred\x9d0;owned\x9c",
    "tmux": "\x1bPtmux;\x1b\x1b]0;owned\x07\x1b\\",
    "bidi": "\u202egnp.exe\u2066",
    "nul": "a\x00b\x07c\x08d",
    "markup": "[red]not red[/red] [@click=app.exit]x[/]",
    "long": "w" * 10_000,
}
"""Each as part of a name, a prompt, what amp says, and a file."""

SEEN = "EVIL"

_OURS = re.compile(
    rb"\x1b(?:\[[0-9;:]*m|\[[0-9;]*[HfABCDGJKXrtndsST]|\[\?[0-9;]+[hl]|\[\?[0-9;]+\$p|\[[<>=?][0-9;]*u|\[[0-9] q|\[>[0-9]*q"
    rb"|\]7501;\?\x1b\\|\]22;[a-z-]*(?:\x1b\\|\x07)|\]8;[^\x1b\x07]*(?:\x1b\\|\x07)|\[4l|[78=>DM]|\([B0])"
)
"""What the driver and Textual themselves write after an ESC."""


def foreign(written: bytes) -> list[bytes]:
    """All that steers a terminal and is neither Textual's own nor our driver's, which moves its cursor by ESC alone."""
    text = written.decode("utf-8", "replace")
    steering = re.findall("[\x00-\x06\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    rest = re.sub(rb"\x1b(?:\[[0-9;:?]*)?\Z", b"", _OURS.sub(b"", written))  # the last one may be on its way still
    return [found.group() for found in re.finditer(rb"\x1b.{0,20}", rest, re.DOTALL)] + [
        one.encode() for one in steering
    ]


def test_nothing_hostile_reaches_the_terminal(bench: Bench, terminal: Open) -> None:
    said = "\n\n".join(f"{SEEN} {name} {text}" for name, text in EVIL.items())
    bench.scenario(
        {"say": said},
        {"create_file": "EVIL\x1b]0;owned\x07.txt", "content": said},
        {"shell": "printf 'EVIL \\033]0;owned\\007 \\233 \\000'"},
        {"say": f"{SEEN} at the end: \x1b]0;owned\x07 done"},
    )
    for name, text in EVIL.items():
        session = bench.new(f"{SEEN} {name} {text}".replace("\0", ""), name=f"{SEEN} {name}")
        bench.settled(session)
        bench.engine.store.sessions.update(session.id, name=f"{SEEN} {text}", notes=text)  # past all that checks a name
    screens = [terminal(size=size) for size in ((120, 40), (30, 24))]
    screens.append(terminal("watch", size=(30, 24)))
    for screen in screens:
        screen.sees(SEEN)
        for _ in EVIL:
            screen.press("enter").sees(SEEN)
            screen.press("G", "g", "tab", "enter", "escape", "escape").sees("enter open").press("j")
        screen.press("slash", "q")
    for screen in screens:
        screen.press("escape", "escape", "?").until(lambda s=screen: "help" in s.text.lower(), "help")
        assert foreign(screen.bytes) == []
        assert b"\x1b]0;" not in screen.bytes
        assert b"\x1b]52" not in screen.bytes
        screen.close()


def test_the_command_line_is_as_inert(bench: Bench, terminal: Open) -> None:
    bench.scenario({"say": f"{SEEN} \x1b]0;owned\x07 \x9b31m"})
    session = bench.new(f"{SEEN} {EVIL['clipboard']}", name=f"{SEEN} {EVIL['title']}{EVIL['c1']}")
    bench.settled(session)
    for arguments in (["ls"], ["show", session.id], ["log", session.id], ["events"], ["status"], ["diff", session.id]):
        screen = terminal(*arguments, size=(100, 30))
        assert screen.ended() == 0
        styles = re.sub(rb"\x1b\[[0-9;]*m", b"", screen.bytes)
        assert b"\x1b" not in styles, arguments
        assert not re.search("[\x80-\x9f]", screen.bytes.decode()), arguments


def test_a_notice_of_a_hostile_name_is_one_sequence(bench: Bench, terminal: Open) -> None:
    bench.scenario(
        {"touch": str(bench.flag("here"))},
        {"wait_for": str(bench.flag("go"))},
        {"say": "done"},
    )
    screen = terminal(size=(100, 30), environ={"TERM": "foot", "SSH_CONNECTION": "1 2 3 4"})
    screen.sees("ampsm")
    session = bench.new("Do it", name="EVIL;\x1b]52;c;QQ==\x07\x9c x")
    until(bench.flag("here").exists, "amp at work")
    screen.sees("● running")
    bench.flag("go").touch()
    bench.settled(session)
    told = screen.until(lambda: re.search(rb"\x1b\]777;([^\x07]*)\x07", screen.bytes), "the notice")
    assert re.fullmatch(r"notify;EVIL,[^;]* x: finished;no changes", told[1].decode())
    assert b"\x1b]52" not in screen.bytes
