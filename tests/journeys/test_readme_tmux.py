"""The recipes of the README for tmux, as they stand there, in a real tmux with a client attached."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ampsm_engine.model import Status
from tests.journeys.conftest import AMPSM
from tests.journeys.terminal import Terminal
from tests.worker.bench import Bench

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux on this machine")

README = (Path(__file__).parents[2] / "README.md").read_text()

PREFIX = "ctrl+b"


def recipes() -> list[str]:
    """The lines for tmux.conf."""
    (block,) = re.findall(r"^```tmux\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return block.splitlines()


def key_of(command: str) -> str:
    """The key that the README binds to a command of tmux."""
    (key,) = [line.split()[1] for line in recipes() if line.startswith("bind") and command in line]
    return key


@pytest.fixture
def shell(bench: Bench, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal that shows a shell in tmux, with what the README says in its configuration."""
    session = bench.new(None, name="mend the menu")
    bench.engine.store.sessions.update(session.id, status=Status.AWAITING_INPUT)
    config = tmp_path / "tmux.conf"
    config.write_text("\n".join([*recipes(), "set -g status-interval 1", "set -g status-left ''", ""]))
    tmux = [shutil.which("tmux") or "", "-u", "-S", str(tmp_path / "tmux")]
    environ = {"PATH": f"{AMPSM.parent}:{os.environ['PATH']}"}
    command = [*tmux, "-f", str(config), "new-session", "echo the shell is here; exec sh"]
    screen = Terminal(command, size=(100, 30), cwd=bench.repo, environ=environ)
    yield screen.sees("the shell is here")
    subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)
    screen.close()


def popup(shell: Terminal) -> None:
    """The app lies over the shell, and goes."""
    shell.press(PREFIX, key_of("display-popup")).sees("NAME", "mend the menu", "a new", "┌")
    shell.press("?").sees("Help: sessions").press("escape").sees_no_more("Help: sessions")
    shell.press("q").sees_no_more("┌")  # the popup's frame: what is typed before that goes is for who leaves
    shell.type("echo $((6 * 7))\r").sees("42")


def side_pane(shell: Terminal) -> None:
    """The sessions stand beside the shell, 30 columns wide; nothing can be changed there."""
    shell.press(PREFIX, key_of("split-window")).sees("mend the menu")
    shell.until(lambda: {line.find("│") for line in shell.lines[:20]} == {69}, "a pane of 30 columns")
    shell.press("d", "n").press("q").sees_no_more("mend the menu")


def status_line(shell: Terminal) -> None:
    """The line at the bottom counts."""
    shell.until(lambda: "◆1" in shell.lines[-1], "the counts in the status line")


SHOWN: dict[str, Callable[[Terminal], None]] = {
    "display-popup": popup,
    "split-window": side_pane,
    "status-right": status_line,
}
"""What each recipe has to show, by a word of its line."""


def test_each_recipe_is_tried_here() -> None:
    assert [[word for word in SHOWN if word in line] for line in recipes()] == [[word] for word in SHOWN]


@pytest.mark.parametrize("recipe", SHOWN)
def test_a_recipe_does_what_the_readme_says(shell: Terminal, recipe: str) -> None:
    SHOWN[recipe](shell)
