"""Random journeys in real terminals: what the driver leaves there is what Textual means, whatever happens to them."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests import soak
from tests.journeys.walks import SCREEN, TMUX, WAYS, ScreenWalk, TmuxWalk, Walk, prepared
from tests.waiting import until
from tests.worker.bench import Bench

KEYS = (
    *("j", "k", "J", "K", "f", "b", "d", "u", "g", "G", "]", "[", "}", "{", "tab", "down", "up", "pagedown"),
    *("?", "@", ",", "/", "n", "enter", "escape", "escape", "escape", "v", "V", "w", "o", "t", "\\", "|", "z", "Z"),
    *("c", "m", "=", "+", "i", "s", "1", "2", "space", "left", "right", "a", "é", "漢", "H", "L"),
)
"""What moves, opens and types; nothing that ends the app or hands the terminal to another program."""


@pytest.fixture
def walk(bench: Bench, tmp_path: Path) -> Iterator[Callable[..., Walk]]:
    """`walk(size)` opens the app in a terminal, `walk(size, kind=TmuxWalk)` in tmux."""
    made: list[Walk] = []

    def begin(size: tuple[int, int], kind: type[Walk] = Walk) -> Walk:
        made.append(kind(bench, tmp_path / "raw", size))
        return made[-1]

    yield begin
    for one in made:
        if isinstance(one, TmuxWalk | ScreenWalk):
            one.end()
        one.terminal.close()


KINDS: dict[str, type[Walk]] = {"pty": Walk, "tmux": TmuxWalk, "screen": ScreenWalk}
"""Where the app runs."""

THERE = [name for name, there in (("pty", "sh"), ("tmux", TMUX), ("screen", SCREEN)) if there]
"""Those that this machine has."""

SIZES = ((160, 50), (120, 40), (100, 30), (80, 24), (50, 24), (30, 14))

DISTURBANCES: dict[str, Callable[[Walk, random.Random], object]] = {
    "size": lambda walk, dice: walk.change_size(*dice.choice(SIZES)),
    "stop": lambda walk, _: walk.stop(),
    "focus": lambda walk, _: walk.lose_focus(),
    "redraw": lambda walk, _: walk.terminal.press("ctrl+l"),
    "line": lambda walk, _: walk.lose_line(),
    "foreign": lambda walk, _: (walk.be_written_over(), walk.terminal.press("ctrl+l")),
}
"""What happens to a terminal between two keys."""

STEPS = 50
"""Keys of a journey."""


def journeys(walk: Walk, dice: random.Random, count: int, disturbed: float) -> Iterator[Sequence[str]]:
    """Go on so many journeys; each of them as what was pressed and what happened, told before it is looked at."""
    for _ in range(count):
        steps: list[str] = []
        for _ in range(STEPS):
            if dice.random() < disturbed:
                steps.append(f"[{dice.choice(list(DISTURBANCES))}]")
                DISTURBANCES[steps[-1][1:-1]](walk, dice)
            steps.append(dice.choice(KEYS))
            walk.terminal.press(steps[-1])
            if dice.random() < 0.5:
                walk.terminal.read(0.01)
        yield steps
        walk.terminal.press(*["escape"] * 4)
        yield [*steps, "escape"]


def stroll(begin: Callable[..., Walk], bench: Bench, kind: str, screen: str, number: int, count: int) -> None:
    """Journeys from a screen on, each the same again by SOAK_SEED and the number of the play."""
    session = prepared(bench, screen)
    dice = soak.dice(f"journeys {kind} {screen}", number)
    walk = begin(dice.choice([(160, 50), (100, 30), (80, 24)]), KINDS[kind])
    walk.go(session, screen)
    for at, steps in enumerate(journeys(walk, dice, count, disturbed=0.05)):
        walk.agrees(f"SOAK_SEED={soak.SEED}, play {number}, {kind}, {screen}, {at // 2}: {' '.join(steps)}")


FEW = [("pty", one, 1) for one in ("list", "review", "session")]
FEW += [(one, "review", 1) for one in ("tmux", "screen")]
EVERY = [(kind, screen) for screen in WAYS for kind in THERE]


@pytest.mark.parametrize(("kind", "screen", "count"), FEW)
def test_any_journey_leaves_what_textual_means(
    bench: Bench, walk: Callable[..., Walk], kind: str, screen: str, count: int
) -> None:
    if kind not in THERE:
        pytest.skip(f"there is no {kind} on this machine")
    stroll(walk, bench, kind, screen, 0, count)


@pytest.mark.soak
@pytest.mark.parametrize(("number", "count"), soak.shares(soak.JOURNEYS, 10))
def test_a_thousand_journeys(bench: Bench, walk: Callable[..., Walk], number: int, count: int) -> None:
    kind, screen = EVERY[number % len(EVERY)]
    stroll(walk, bench, kind, screen, number + 1, count)


def test_a_stop_and_a_lost_picture_are_mended(bench: Bench, walk: Callable[..., Walk]) -> None:
    session = prepared(bench, "review")
    one = walk((100, 30))
    one.go(session, "review")
    one.agrees("the start")
    one.stop()
    one.terminal.press("j")
    one.agrees("a stop")


@pytest.mark.skipif(TMUX is None, reason="there is no tmux on this machine")
def test_what_others_do_to_the_terminal_is_mended(bench: Bench, walk: Callable[..., Walk]) -> None:
    """In tmux: another size, another window in front, another program's output, a lost client and another one."""
    session = prepared(bench, "review")
    one = walk((100, 30), kind=TmuxWalk)
    assert isinstance(one, TmuxWalk)
    one.go(session, "review")
    one.agrees("the start")
    for width, height in ((70, 20), (120, 40), (100, 30)):
        one.change_size(width, height)
        one.terminal.press("j")
        one.agrees(f"{width} by {height}")
    one.ask("new-window", "sh")
    one.ask("last-window")
    one.terminal.press("ctrl+f")
    one.agrees("a change of the focus")
    one.be_written_over()
    until(lambda: "wall: it is late" in one.ask("capture-pane", "-p", "-t", "one"), "the output of another program")
    one.terminal.press("ctrl+l")
    one.agrees("ctrl+l")
    one.lose_line()
    one.terminal.press("j")
    one.agrees("a lost line")
