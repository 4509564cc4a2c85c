"""The shell: boards come in, keys are remapped, themes are kept, and who leaves leaves."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual._compositor import LayoutUpdate
from textual.color import Color
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen
from textual.worker import WorkerFailed

from ampsm_engine import config
from ampsm_engine.config import THEMES, Problem, Settings
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.sessions import SessionsScreen
from ampsm_tui.theme import LIGHT
from ampsm_tui.widgets.session_table import SessionTable
from tests.conftest import git
from tests.tui.builders import a_board, a_day, a_session
from tests.tui.desk import Desk
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]


async def test_a_board_is_shown(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login"))):
        desk.sees("fix login")
        await desk.show(a_board(a_session("dark mode")))
        desk.sees("dark mode")


async def test_q_leaves(desk: Desk) -> None:
    async with desk.open(a_board(a_session())):
        await desk.leave("q")
        assert desk.app.return_code == 0


async def test_escape_on_the_first_screen_does_not_leave(desk: Desk) -> None:
    async with desk.open(a_board(a_session("here"))):
        await desk.press("escape", "escape")
        desk.sees("here")


async def test_remapped_keys_do_what_they_were_given_and_the_bar_names_them(desk: Desk) -> None:
    settings = Settings({"keys.list.filter": "ctrl+f", "keys.list.mark": "v"})
    async with desk.open(a_day(), size=(120, 40), settings=settings):
        desk.sees("^f filter")
        await desk.press("v")
        desk.sees("1 marked")
        await desk.press("space")
        desk.sees("1 marked")


async def test_clashing_keys_are_told(desk: Desk) -> None:
    """An app whose settings file has two things on one key starts, names both, and one of them works."""
    desk.engine.config.write_text('[keys]\n"list.preview" = "ctrl+y"\n"list.sort" = "ctrl+y"\n"settings" = "Q"\n')
    settings = config.load(desk.engine.config)
    assert settings.problems == ()
    async with desk.open(a_board(a_session()), size=(120, 40), settings=settings):
        desk.sees("Keys clash", "ctrl+y means list.sort and list.preview on one screen")
        desk.sees("one of them works there; Q (settings) gives the other another key.")
        await desk.press("ctrl+y")
        desk.sees("Sorted by", "shop · from main")


async def test_what_of_the_settings_is_not_in_force_is_told(desk: Desk) -> None:
    wrong = Problem("slotz", "There is no setting 'slotz'.", "Did you mean slots?", "unknown")
    async with desk.open(a_board(a_session()), settings=Settings(problems=(wrong,))):
        desk.sees("There is no setting 'slotz'. Did you mean slots?")


async def test_the_themes_that_can_be_set_are_those_that_there_are(desk: Desk) -> None:
    async with desk.open(a_board()):
        assert set(THEMES) == set(desk.app.available_themes)


async def test_an_unknown_theme_is_ours(desk: Desk) -> None:
    async with desk.open(a_board(), settings=Settings({"ui.theme": "no such theme"})):
        assert desk.app.theme == "ampsm"


@pytest.mark.parametrize("width", [30, 80])
async def test_what_may_be_old_says_so_and_why_until_the_store_answers(desk: Desk, width: int) -> None:
    board = a_board(a_session("still here"))
    async with desk.open(board, size=(width, 24)):
        desk.sees_not("may be old")
        for where in ("list", "session"):
            await desk.show(replace(board, stale="The database x \x1b[31mis busy."))
            desk.sees("may be old", "busy", "still here")
            assert "\x1b" not in desk.text, where
            await desk.show(board)
            desk.sees_not("may be old", "busy")
            await desk.press("enter")


async def test_a_store_that_does_not_answer_at_first_is_no_first_run(desk: Desk) -> None:
    async with desk.open(replace(a_board(), stale="The database is busy.")):
        desk.sees("may be old", "The database is")
        assert isinstance(desk.app.screen, SessionsScreen)


async def test_another_theme_repaints_all(desk: Desk) -> None:
    async with desk.open(a_day()):
        widget = desk.app.screen.query_one(SessionTable)
        dark = widget.render_line(1)
        desk.app.theme = "ampsm-light"
        await desk.settle()
        assert widget.render_line(1) != dark


async def test_the_first_screen_wears_the_chosen_theme_and_no_style_is_worked_out_twice_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_out: list[Stylesheet] = []
    plain = Stylesheet.reparse
    monkeypatch.setattr(Stylesheet, "reparse", lambda self: (worked_out.append(self), plain(self))[1])
    async with desk.open(a_day(), settings=Settings({"ui.theme": "ampsm-light"})):
        assert worked_out == []
        assert desk.app.screen.styles.background == Color.parse(LIGHT.background or "")
        assert desk.app.has_class("-light-mode")


FIRST_FRAME = """
import os, sys
from ampsm_engine.engine import startup
from ampsm_engine.store import follow
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens import list_updates
from ampsm_tui.widgets.session_table import SessionTable

def paint(table, y):
    os.write(1, "\\n".join(sys.modules).encode())
    os._exit(0)

list_updates.BEGINNING = 3600  # however long the first frame takes here
SessionTable.render_line = paint
engine = startup.open_engine()
app = AmpsmApp(engine, follow(engine.store), board=engine.store.sessions.board(), settings=engine.settings)
app.run(headless=True)
"""

LATER = """
    ampsm_engine.inotify ampsm_tui.differ.client ampsm_tui.folder_watch ampsm_tui.notifier ampsm_tui.process_pool
    ampsm_tui.screens.dialog ampsm_tui.widgets.inputs ctypes peewee psutil pygit2 pygments regex tomlkit watchfiles yaml
"""
"""Modules that the first frame need not wait for."""


def test_the_first_frame_waits_for_nothing_that_it_does_not_show(bench: Bench) -> None:
    bench.new(None, name="one")
    done = subprocess.run([sys.executable, "-c", FIRST_FRAME], check=True, capture_output=True, text=True)
    loaded = set(done.stdout.splitlines())
    assert "ampsm_tui.widgets.session_table" in loaded
    assert loaded & set(LATER.split()) == set()


FIRST_DIFF = """
import os, sys
from ampsm_engine.engine import startup
from ampsm_engine.store import follow
from ampsm_tui.app import AmpsmApp
from ampsm_tui.widgets.diff.view import DiffView

plain = DiffView.render_lines

def paint(view, crop):
    if len(view.document):
        os.write(1, "\\n".join(sys.modules).encode())
        os._exit(0)
    return plain(view, crop)

DiffView.render_lines = paint
engine = startup.open_engine()
board = engine.store.sessions.board()
app = AmpsmApp(engine, follow(engine.store), board=board, settings=engine.settings, first_review=sys.argv[1])
app.run(headless=True)
"""


def test_a_first_diff_waits_for_none_of_what_is_asked_after_it(bench: Bench) -> None:
    session = bench.new(None, name="one")
    tree = Path(session.worktree_path)
    (tree / "new.txt").write_text("new")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "New")
    started = [sys.executable, "-c", FIRST_DIFF, session.id]
    loaded = set(subprocess.run(started, check=True, capture_output=True, text=True).stdout.splitlines())
    assert "ampsm_tui.screens.review.screen" in loaded
    assert loaded & {"ampsm_engine.engine.comments", "ampsm_tui.screens.text_dialogs", "peewee", "pygit2"} == set()


FIRST_REVIEW = """
import os, sys
from ampsm_tui import __main__
from ampsm_tui.differ.client import Differ

def start(cls):
    os.write(1, repr("textual.app" in sys.modules).encode())
    os._exit(0)

Differ.start = classmethod(start)
os.environ["TERM"] = "xterm-256color"
__main__.open_screens(review="0123456789")
"""


def test_the_diff_process_of_a_first_review_gets_ready_while_the_screens_are_imported() -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_REVIEW], check=True, capture_output=True, text=True)
    assert done.stdout == "False"


async def test_a_fault_is_kept_for_the_front_door_and_not_printed(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails() -> None:
        raise ValueError("what must not happen")

    with pytest.raises(WorkerFailed):  # noqa: PT012 - raised as the app closes
        async with desk.open(a_board()):
            desk.app.run_worker(fails())
            await desk.pilot.pause()
    assert desk.app.fault.endswith("ValueError: what must not happen")
    assert "Traceback" not in "".join(capsys.readouterr())


async def test_whoever_waits_for_an_app_that_crashes_is_told_why(desk: Desk) -> None:
    async def fails() -> None:
        raise ValueError("what must not happen")

    with pytest.raises(WorkerFailed):  # noqa: PT012 - raised once more as the app closes
        async with desk.open(a_board()):
            desk.app.run_worker(fails())
            with pytest.raises(WorkerFailed, match="what must not happen"):
                await desk.settle()
            with pytest.raises(WorkerFailed, match="what must not happen"):
                await desk.show(a_board())  # which nobody takes any more


@pytest.mark.usefixtures("painted")
async def test_the_first_picture_is_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal is shown nothing before all of it is known: for what is missing it would wait a tenth of a second."""
    pictures, display = list[object](), AmpsmApp._display

    def note(app: AmpsmApp, screen: Screen[object], picture: Any) -> None:
        if picture is not None and not app._batch_count:
            pictures.append(picture)
        display(app, screen, picture)

    monkeypatch.setattr(AmpsmApp, "_display", note)
    async with desk.open(a_board(a_session()), size=(120, 40)):
        assert isinstance(pictures[0], LayoutUpdate)
