"""The conflict screen: with a real conflict to the end and back, with amp, and how each kind of conflict looks."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ampsm_engine.config import Settings
from ampsm_engine.errors import Refused
from ampsm_engine.git.integrate.outcomes import ConflictHunk, OpenFile, Stage
from ampsm_engine.keymap import KEYS
from ampsm_engine.merging import open_conflict
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session
from ampsm_tui import ask, suspend
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.conflict import screen as conflict
from ampsm_tui.screens.conflict.screen import ConflictScreen
from ampsm_tui.screens.merge.screen import MergeScreen
from ampsm_tui.widgets import conflict_lines
from ampsm_tui.widgets.conflict_lines import SideNames
from tests.conftest import git
from tests.merging.conftest import desk as ground
from tests.merging.desk import Desk as Ground
from tests.merging.desk import lines
from tests.tui.builders import a_board, a_session, still
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.merges import CONTENT, FILES, a_merge, some_conflicts
from tests.tui.test_script import shows

if TYPE_CHECKING:
    import functools

__all__ = ["ground"]


pytestmark = pytest.mark.usefixtures("beside")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflict, "TICK", 0.05)


def in_conflict(ground: Ground) -> Session:
    """Two hunks in one.txt, one file that the base deleted."""
    session = ground.session()
    ground.amp(session, {"one.txt": lines(_3="three by amp", _15="fifteen by amp"), "two.txt": lines(_1="first")})
    ground.base({"one.txt": lines(_3="three by main", _15="fifteen by main"), "two.txt": None})
    with pytest.raises(ConflictsWait):
        ground.merge(session)
    return ground.now(session)


def opened(ground: Ground) -> AmpsmApp:
    return AmpsmApp(ground.engine, still(ground.engine.store.sessions.board()))


def test_the_sides_are_called_base_and_session_and_once_as_git_calls_them() -> None:
    meanings = [key.meaning for name, key in KEYS.items() if name.startswith("conflict.")]
    words = [word.strip(".,:").lower() for text in (*ConflictScreen.PURPOSE, *meanings) for word in text.split()]
    assert [words.count(word) for word in ("ours", "theirs")] == [1, 1]


async def test_hunk_by_hunk_to_the_end(ground: Ground) -> None:
    session = in_conflict(ground)
    before = ground.sha("main")
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))  # as after a crash, or on another day
        await shows(pilot, "Conflict 1 of 2", "three by amp", "three by main", "2 of 2 files open", "main is untouched")
        await pilot.press("2")
        await shows(pilot, "Conflict 1 of 1", "fifteen by main")
        await pilot.press("3")
        await shows(pilot, "✓ one.txt")
        await pilot.press("u")
        await shows(pilot, "Conflict 1 of 1", "fifteen by amp")
        await pilot.press("1")
        await shows(pilot, "✓ one.txt", "1 of 2 files open")
        await pilot.press("enter")
        await shows(pilot, "the file is deleted", "keep the file that is there")
        await pilot.press("ctrl+g")
        await shows(pilot, "There are conflicts left", "1 of 2 files open")
        assert ground.sha("main") == before
        await pilot.press("2")
        await shows(pilot, "Nothing is open any more")
        await pilot.press("ctrl+g")
        await shows(pilot, "fix login is in main.")
    assert ground.shown("main", "one.txt") == lines(_3="three by amp", _15="fifteen by main")
    assert ground.shown("main", "two.txt") == lines(_1="first")
    ground.sound()


async def test_abort_brings_everything_back(ground: Ground) -> None:
    session = in_conflict(ground)
    before, tip = ground.sha("main"), ground.tip(session)
    app = opened(ground)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "Conflict 1 of 2")
        await pilot.press("2")
        await shows(pilot, "Conflict 1 of 1")
        await pilot.press("X")
        await shows(pilot, "Abort the merge of fix login?")
        await pilot.press("y")
        await shows(pilot, "would conflict")  # looked at anew, from the beginning
    assert (ground.sha("main"), ground.tip(session)) == (before, tip)
    ground.clean(session)


async def test_what_an_editor_and_git_resolve_elsewhere_is_seen(ground: Ground) -> None:
    session = in_conflict(ground)
    at = Path(session.worktree_path)
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "Conflict 1 of 2")
        (at / "one.txt").write_text("by hand\n")
        git(at, "add", "one.txt")
        await shows(pilot, "✓ one.txt", "1 of 2 files open")


async def test_what_is_resolved_while_the_conflict_is_read_is_seen(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = in_conflict(ground)
    at = Path(session.worktree_path)
    call = ask.call_side_process
    asked = 0

    async def read_then_written(question: "functools.partial[Any]") -> Any:
        """The answer to the second look at the conflict, which somebody resolves before it arrives."""
        nonlocal asked
        answer = await call(question)
        if question.func is open_conflict.conflicts:
            asked += 1
            if asked == 2:
                (at / "one.txt").write_text("by hand\n")
                git(at, "add", "one.txt")
        return answer

    monkeypatch.setattr(ask, "call_side_process", read_then_written)
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(ConflictScreen(session))
        await shows(pilot, "Conflict 1 of 2")
        assert isinstance(app.screen, ConflictScreen)
        await app.screen.pane.load()
        await shows(pilot, "✓ one.txt", "1 of 2 files open")
        known = asked
        for _ in range(5):
            app.screen.pane.reload_changed()
            for worker in [one for one in app.workers if one.group == "conflict"]:
                await worker.wait()
        assert asked <= known + 1, "what nobody touches is not read again and again"


async def test_a_file_without_markers_after_the_editor_is_resolved(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = in_conflict(ground)
    asked: list[list[str]] = []

    def edit(_app: object, command: list[str], _folder: Path) -> None:
        asked.append(command)
        Path(command[-1]).write_text("all new\n")

    monkeypatch.setenv("EDITOR", "vim -n")
    monkeypatch.setattr(suspend, "run_in_terminal", edit)
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "Conflict 1 of 2")
        await pilot.press("right_square_bracket", "e")
        await shows(pilot, "✓ one.txt")
        assert asked == [["vim", "-n", "+19", str(Path(session.worktree_path) / "one.txt")]]
        await pilot.press("u")
        await shows(pilot, "what was edited in it is lost")
        await pilot.press("y")
        await shows(pilot, "Conflict 1 of 2", "three by amp")
    assert len(open_conflict.conflicts(ground.engine, session.id).files) == 2


async def test_what_was_edited_after_it_was_resolved_is_said_and_taken(ground: Ground) -> None:
    session = in_conflict(ground)
    at = Path(session.worktree_path)
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "Conflict 1 of 2")
        await pilot.press("5")
        await shows(pilot, "✓ one.txt")
        (at / "one.txt").write_text("better\n")
        await shows(pilot, "changed after that", "takes it as it lies there now")
        await pilot.press("ctrl+g")
        await shows(pilot, "There are conflicts left")
        await pilot.press("enter")
        await shows(pilot, "keep the file that is there")
        await pilot.press("2")
        await shows(pilot, "Nothing is open any more")
        await pilot.press("ctrl+g")
        await shows(pilot, "changed after being added")
        await pilot.press("left_curly_bracket", "6")
        await shows(pilot, "✓ one.txt", "Nothing is open any more")
        await pilot.press("ctrl+g")
        await shows(pilot, "fix login is in main.")
    assert ground.shown("main", "one.txt") == "better\n"


async def test_a_secret_in_a_resolution_is_asked_about(ground: Ground) -> None:
    session = ground.session()
    ground.amp(session, {"one.txt": lines(_3="session")})
    ground.base({"one.txt": lines(_3="base")})
    with pytest.raises(Refused):
        ground.merge(session)
    main = ground.sha("main")
    key = "sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2
    (Path(session.worktree_path) / "one.txt").write_text(lines(_3=key))
    git(Path(session.worktree_path), "add", "one.txt")
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "Nothing is open any more")
        for answer in ("n", "y"):
            assert ground.sha("main") == main
            await pilot.press("ctrl+g")
            await shows(pilot, "Go on all the same?", "looks like a secret", "in one.txt")
            await pilot.press(answer)
        await shows(pilot, "fix login is in main.")
    assert ground.shown("main", "one.txt") == lines(_3=key)


async def test_what_looks_like_markers_may_be_meant(ground: Ground) -> None:
    session = ground.session()
    ground.amp(session, {"one.txt": lines(_3="session")})
    ground.base({"one.txt": lines(_3="base")})
    with pytest.raises(Refused):
        ground.merge(session)
    meant = lines(_3="<<<<<<< how a conflict looks")
    (Path(session.worktree_path) / "one.txt").write_text(meant)
    git(Path(session.worktree_path), "add", "one.txt")
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "added with conflict markers in it", "says that they are meant")
        await pilot.press("ctrl+g")
        await shows(pilot, "conflict markers left in one.txt")
        await pilot.press("6")
        await shows(pilot, "Are these lines meant?", "line 3")
        await pilot.press("y")
        await shows(pilot, "Nothing is open any more")
        await pilot.press("ctrl+g")
        await shows(pilot, "fix login is in main.")
    assert ground.shown("main", "one.txt") == meant


# With answers from a paper.


def on_paper(desk: Desk, **answers: object) -> None:
    waits = a_merge(MergeState.CONFLICTED)
    desk.answers |= {
        "open_merges": lambda *_: {"s1": waits},
        "conflicts": lambda *_: some_conflicts(*FILES, resolved=("app/done.py",)),
        "changed_words": open_conflict.changed_words,
        "resolve": lambda *_: some_conflicts(*FILES[1:], resolved=("app/done.py", "app/login.py")),
        **answers,  # type: ignore[dict-item]
    }


async def test_how_each_kind_looks(desk: Desk, snapshot_svg: Camera) -> None:
    on_paper(desk)
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("M")
        desk.sees(
            "Conflict 1 of 2",
            "1 main (base)",
            "2 fix login (session)",
            "enter next",
            "^g continue",
            "4 of 5 files open",
        )
        await snapshot_svg.tour(desk, "content")
        await desk.resize(110, 30)
        await desk.press("enter", "enter")
        desk.sees("modify/delete", "take main (base): the file is deleted", "ab12ab12ab12 deleted")
        await desk.press("enter")
        desk.sees("binary", "1   take main (base): its content and its mode")
        desk.sees_not("3   both")
        await desk.press("enter")
        desk.sees("the submodule points to bbbbbbbbbbbb", "the submodule points to cccccccccccc")
        desk.sees_not("3 both")
        await snapshot_svg.tour(desk, "submodule")
        await desk.resize(30, 24)
        desk.sees("submodule at bbbbbbbbbbbb", "submodule at cccccccccccc")


OTHER_KEYS = {"ours": "A", "theirs": "B", "both": "F", "edit": "I", "as-is": "L", "undo": "O", "continue": "ctrl+y"}
"""Keys of a person's own, none of which is in a word beside it."""


async def test_its_sentences_name_the_keys_of_a_person_s_own(desk: Desk) -> None:
    on_paper(desk)
    settings = Settings({f"keys.conflict.{name}": key for name, key in OTHER_KEYS.items()} | {"keys.back": "ctrl+b"})
    async with desk.open(a_board(a_session("fix login", id="s1")), size=(110, 40), settings=settings):
        await desk.press("M")
        desk.sees("── A main (base)", "── B fix login (session)")
        await desk.press("enter", "enter")
        desk.sees(
            "A  main (base)",
            "B  fix login (session)",
            "A   take main",
            "B   take fix login",
            "F   keep the file",
            "I   edit it",
            "then L",
        )
        assert isinstance(desk.app.screen, ConflictScreen)
        pane, whole = desk.app.screen.pane, some_conflicts(*FILES, resolved=("app/done.py",))
        desk.answers["conflicts"] = lambda *_: replace(whole, marked=("app/done.py",))
        pane.go("app/done.py")
        await pane.load()
        desk.sees("L   says that they are meant; I takes them out", "O   takes that back")
        desk.answers["conflicts"] = lambda *_: replace(whole, files=(), edited=("app/done.py",))
        await pane.load()
        desk.sees("L   takes it as it lies there now", "^y  continue: what is resolved")
        desk.answers["conflicts"] = lambda *_: replace(whole, given="i2", at_work=True)
        await pane.load()
        desk.sees("amp is at it. ^b leaves; it goes on.")


def test_what_nobody_sees_of_a_conflict_is_shown() -> None:
    """Blanks at the end of a line, another line end, and letters that order a terminal about."""
    hunk = ConflictHunk(1, 2, "same  \n", "same\n", "same\r\n\x1b[31m\n", end=8)
    stage = Stage("100644", "ab" * 20)
    file = OpenFile("one.txt", "content", stage, stage, stage, hunks=(hunk,))
    around = ["first", "<<<<<<<", *"123456", "last"]
    found = conflict_lines.hunks(file, around, SideNames("main", "fix login"), 0, 60, keys=str)
    texts = ["".join(piece.text for piece in line).rstrip() for line in found.lines]
    assert "▌   1   first" in texts
    assert "▌   3 │ same··" in texts
    assert "▌   5 │ same" in texts
    assert "▌   7 │ same␍" in texts
    assert "▌   8 │ ␛[31m" in texts
    assert "▌   9   last" in texts


@pytest.mark.parametrize(
    ("sides", "both"),
    [((True, True), "both, where git can"), ((True, False), "keep the file that is there"), ((False, False), "")],
)
def test_both_is_offered_where_there_is_more_than_one_way(sides: tuple[bool, bool], both: str) -> None:
    """Of a file that both sides renamed otherwise each name is a file of one side, and the old name of none."""
    stage = Stage("100644", "ab" * 20)
    file = OpenFile("c.txt", "rename/rename", stage, *(stage if there else None for there in sides))
    found = conflict_lines.choices(file, SideNames("main", "fix login"), 80, str)
    texts = ["".join(piece.text for piece in line) for line in found]
    offered = [text for text in texts if text.startswith("conflict.both")]
    assert len(offered) == bool(both)
    assert all(both in text for text in offered)


async def test_keys_ask_for_what_they_say(desk: Desk) -> None:
    on_paper(desk)
    async with desk.open(a_board(a_session("fix login", id="s1")), size=(110, 30)):
        await desk.press("M", "right_square_bracket", "3")
        desk.asked("resolve", "s1", "app/login.py", {2: "both"})
        await desk.press("right_curly_bracket", "right_curly_bracket", "4")
        desk.asked("resolve", "s1", "static/logo.png", "ours")
        await desk.press("6")
        desk.asked("resolve", "s1", "static/logo.png", "edited")


async def test_a_choice_that_a_kind_does_not_have_is_told_with_what_it_has(desk: Desk) -> None:
    on_paper(desk, resolve=Refused("Both sides cannot be kept in one (binary): choose ours or theirs.", "o or t"))
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("M", "3")
        desk.sees("choose ours or theirs", "o or t", "Conflict 1 of 2")


async def test_a_conflict_is_given_to_amp(desk: Desk) -> None:
    on_paper(desk)
    async with desk.open(a_board(a_session("fix login", id="s1")), size=(110, 30)):
        await desk.press("M", "m")
        desk.sees("Give the conflict to amp")
        desk.answers["conflicts"] = lambda *_: some_conflicts(*FILES, given="i2", at_work=True)
        await desk.type("both")
        await desk.press("ctrl+g")
        desk.asked("give_to_amp", "s1", words="both")
        desk.sees("amp is at it")


async def test_the_next_conflict_takes_the_place_of_a_resolved_one(desk: Desk) -> None:
    on_paper(desk, continue_=ConflictsWait("fix login and main conflict in 1 file: b.py.", "resolve it"))
    async with desk.open(a_board(a_session("fix login", id="s1")), size=(110, 30)):
        await desk.press("M")
        desk.answers["conflicts"] = lambda *_: some_conflicts(CONTENT, number=2)
        await desk.press("ctrl+g")
        desk.sees("The next conflict", "conflict 2 of this merge", "Conflict 1 of 2")


async def test_leaving_changes_nothing(desk: Desk) -> None:
    on_paper(desk)
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("M")
        assert isinstance(desk.app.screen, ConflictScreen)
        await desk.press("escape")
        assert not isinstance(desk.app.screen, (ConflictScreen, MergeScreen))
        desk.asked_not("abort")
