"""The merge wizard: with a real repository from M to the base and back, and what it says when things are not well."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine.config import Settings
from ampsm_engine.engine import scripts
from ampsm_engine.errors import Refused
from ampsm_engine.git.integrate.outcomes import ConflictFile
from ampsm_engine.merging.questions import Question, Unanswered
from ampsm_engine.merging.results import Finding, MergeResult, Options, Published
from ampsm_engine.merging.session_conflicts import SessionConflict, SessionConflicts
from ampsm_engine.model import MergeState, Session
from ampsm_tui.app import AmpsmApp
from ampsm_tui.clean import cells
from ampsm_tui.hints import in_app
from ampsm_tui.screens import script
from ampsm_tui.screens.merge import run
from ampsm_tui.screens.merge.screen import MergeScreen
from ampsm_tui.widgets.text_view import TextView
from tests.conftest import git
from tests.merging.conftest import desk as ground
from tests.merging.desk import Desk as Ground
from tests.tui.builders import DONE, a_board, a_session, still
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.merges import a_merge, a_plan, a_preflight
from tests.tui.test_script import shows
from tests.waiting import becomes

__all__ = ["ground"]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "EVERY", 0.02)
    monkeypatch.setattr(run, "EVERY", 0.02)


def opened(ground: Ground) -> AmpsmApp:
    return AmpsmApp(ground.engine, still(ground.engine.store.sessions.board()))


async def on(app: AmpsmApp, session: Session) -> None:
    app.push_screen(MergeScreen(session))
    await asyncio.sleep(0)


@pytest.mark.usefixtures("beside")
async def test_from_a_session_to_its_base_and_back(ground: Ground) -> None:
    session = ground.session(script="echo the script says so")
    ground.amp(session, {"new.txt": "by amp\n"}, "amp: Add new")
    ground.by_hand(session, {"more.txt": "by hand\n"})
    before, tip = ground.sha("main"), ground.tip(session)
    app = opened(ground)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await on(app, session)
        await shows(pilot, "the script passes", "All is well")
        await pilot.press("enter")
        await shows(pilot, "What will happen", "2 commits become one", "Add new")
        assert ground.sha("main") == before  # a plan is only a plan
        await pilot.press("4")
        await shows(pilot, "stay commits of their own", "1 commit by hand")
        await pilot.press("ctrl+g")
        await shows(pilot, "fix login is in main.", "Clean up?")
        assert git(ground.repo, "log", "--format=%s", f"{before}..main").split("\n")[:2] == ["By hand", "Add new"]
        assert (ground.repo / "new.txt").read_text() == "by amp\n"
        await pilot.press("u")
        await shows(pilot, "Undo the merge of fix login?")
        await pilot.press("y")
        await shows(pilot, "All is well")
    assert ground.sha("main") == before
    assert ground.tip(session) == tip
    assert not (ground.repo / "new.txt").exists()


@pytest.mark.usefixtures("beside")
async def test_a_script_that_ends_while_the_plan_is_read_leaves_it_there(ground: Ground, tmp_path: Path) -> None:
    session = ground.session(script=f"until test -e {tmp_path}/end; do sleep 0.02; done")
    ground.amp(session, {"new.txt": "by amp\n"}, "amp: Add new")
    app = opened(ground)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await on(app, session)
        await shows(pilot, "◌ running until")
        await pilot.press("enter")
        await shows(pilot, "What will happen", "Add new")
        (tmp_path / "end").touch()
        await becomes(lambda: "checked" in ground.facts(session))
        await shows(pilot, "What will happen", "do it")
        await pilot.press("escape")
        await shows(pilot, "the script passes", "All is well")


@pytest.mark.usefixtures("beside")
async def test_leaving_ends_the_script(ground: Ground) -> None:
    session = ground.session(script="echo be''gun; sleep 600")
    ground.amp(session, {"new.txt": "by amp\n"}, "amp: Add new")
    app = opened(ground)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await on(app, session)
        await shows(pilot, "begun")
        await pilot.press("escape")
        await becomes(lambda: scripts.read_output(ground.engine, session.id, 0).stopped)


@pytest.mark.usefixtures("beside")
async def test_a_script_that_fails_is_asked_about(ground: Ground) -> None:
    session = ground.session(script="false")
    ground.amp(session, {"new.txt": "by amp\n"}, "amp: Add new")
    before = ground.sha("main")
    app = opened(ground)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await on(app, session)
        await shows(pilot, "the script fails")
        await pilot.press("enter")
        await shows(pilot, "What will happen", "Add new")
        for answer in ("n", "y"):
            assert ground.sha("main") == before
            await pilot.press("ctrl+g")
            await shows(pilot, "Merge all the same?", "The script of fix login fails on")
            await pilot.press(answer)
        await shows(pilot, "fix login is in main.")
    assert ground.shown("main", "new.txt") == "by amp\n"


@pytest.mark.usefixtures("beside")
async def test_the_last_question_is_the_trash(ground: Ground) -> None:
    session = ground.session()
    ground.amp(session, {"new.txt": "by amp\n"})
    ground.merge(session)
    app = opened(ground)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await on(app, ground.now(session))
        await shows(pilot, "fix login is in main.", "Clean up?")
        await pilot.press("d")
        await shows(pilot, "Move fix login to the trash?")
        await pilot.press("y")
        await shows(pilot, "In the trash")
    assert session.worktree_path not in git(ground.repo, "worktree", "list")


async def test_a_merge_that_is_called_off_leaves_everything_as_it_was(ground: Ground) -> None:
    """A hook that sleeps stands for all that takes long; the process that waits for it is ended."""
    session = ground.session()
    ground.amp(session, {"new.txt": "by amp\n"})
    hook = ground.repo / ".git" / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch begun\nsleep 60\n")
    hook.chmod(0o755)
    before, tip = ground.sha("main"), ground.tip(session)
    app = opened(ground)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await on(app, session)
        await shows(pilot, "All is well")
        await pilot.press("enter")
        await shows(pilot, "1 commit becomes one")
        await pilot.press("ctrl+g")
        begun = Path(session.worktree_path) / "begun"
        await becomes(begun.exists)
        await pilot.press("escape")
        await shows(pilot, "everything is as it was before")
    begun.unlink()
    assert ground.engine.store.merges.of(session.id)[0].state is MergeState.ROLLED_BACK
    ground.clean(session)
    assert (ground.sha("main"), ground.tip(session)) == (before, tip)


@pytest.mark.usefixtures("beside")
async def test_what_is_in_the_way_is_said_and_keeps_one_from_the_plan(ground: Ground) -> None:
    session = ground.session()
    ground.amp(session, {"new.txt": "by amp\n"})
    (Path(session.worktree_path) / "new.txt").write_text("not committed\n")
    app = opened(ground)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await on(app, session)
        await shows(pilot, "✗ worktree", "not committed", "is in the way")
        await pilot.press("enter")
        await shows(pilot, "m (message)")
        assert "What will happen" not in app.screen.query_one("#text").render_line(0).text
        git(Path(session.worktree_path), "commit", "-qam", "By hand")
        await pilot.press("R")
        await shows(pilot, "All is well")


@pytest.mark.usefixtures("beside")
async def test_a_checkout_in_the_way_is_said_and_leaves_what_does_not_move_it(ground: Ground) -> None:
    session = ground.session()
    ground.amp(session, {"one.txt": "by amp\n"})
    (ground.repo / "one.txt").write_text("mine, not committed\n")
    app = opened(ground)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await on(app, session)
        await shows(pilot, "✗ checkout", "one.txt", "main cannot move as it is", "Enter: the plan")
        await pilot.press("enter")
        await shows(pilot, "What will happen", "becomes one")
        before = ground.sha("main")
        await pilot.press("ctrl+g")
        await shows(pilot, "✗ Changes that are not committed are in the way")
        await pilot.press("1", "1")
        await shows(pilot, "goes onto main")
        await pilot.press("ctrl+g")
        await shows(pilot, "is rebased")
    assert ground.sha("main") == before


# With answers from a paper: how it looks, and what is asked.


def answered(desk: Desk, **answers: object) -> None:
    desk.answers |= {
        "open_merges": lambda *_: {},
        "preflight": lambda *_, **__: a_preflight(),
        "plan": lambda _engine, _session, options: a_plan(options),
        **answers,  # type: ignore[dict-item]
    }


async def test_each_step_looks_right(desk: Desk, snapshot_svg: Camera) -> None:
    merge = a_merge()
    came = MergeResult(
        a_session("fix login").session, merge, 2, ("/home/ada/shop",),
        (Published("push", ok=False, text="main could not be pushed: rejected", hint="git push origin main"),),
        ("a post-merge hook failed",),
    )  # fmt: skip
    text = "Something that looks like a secret would be merged, in config.py"

    def merge_or_ask(_engine: object, _session: str, options: Options) -> MergeResult:
        if options.answered != ("secrets config.py",):
            raise Unanswered(f"{text}.", "ampsm merge s1 --yes", (Question("secrets", text, ("config.py",)),))
        return came

    answered(desk, merge=merge_or_ask, describe_loss=lambda *_: "fix login goes to the trash; nothing is lost.")
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("M")
        desk.sees("✓ worktree", "would conflict", "→ a merge lays them out", "a secret")
        await snapshot_svg.tour(desk, "check")
        await desk.press("enter")
        desk.sees("What will happen", "^g do it")
        await snapshot_svg.tour(desk, "plan")
        await desk.resize(80, 24)
        await desk.press("ctrl+g")
        desk.sees("Merge all the same?", "in config.py")
        await desk.press("y")
        message = "Fix the login\n\n- a\n- b"
        desk.asked("merge", "s1", Options(message=message, answered=("secrets config.py",)))
        desk.sees("fix login is in main.", "rejected", "git push origin main", "hook failed", "Clean up?")
        desk.sees_not("stays pushed")  # it was rejected
        await snapshot_svg.tour(desk, "done")


async def test_every_choice_is_asked_for(desk: Desk) -> None:
    answered(desk)
    async with desk.open(a_board(a_session("fix login", id="s1")), size=(100, 40)):
        await desk.press("M", "enter")
        await desk.press("3", "5", "6")
        desk.asked("plan", Options(squash=False, fast_forward=False, push=True))
        desk.sees("every commit as it is", "with a merge commit", "yes, when merged")
        await desk.press("7")
        desk.asked("plan", Options(squash=False, fast_forward=False, pull_request=True))
        await desk.press("1")
        desk.sees("squash only")
        await desk.press("1")
        desk.sees("rebase only")
        desk.sees_not("Pull request")


async def test_another_branch_is_looked_at_anew_and_a_wrong_one_stays_in_its_box(desk: Desk) -> None:
    answered(desk)
    async with desk.open(a_board(a_session("fix login", id="s1")), size=(100, 40)):
        await desk.press("M", "enter", "2")
        desk.answers["plan"] = Refused("mainx is not there.", "git branch")
        await desk.press("x", "enter")
        desk.sees("mainx is not there.", "git branch")
        answered(desk)
        await desk.press("enter")
        desk.asked("preflight", onto="mainx", run_script=False)
        desk.sees("fix login  →  mainx")


async def test_a_refused_merge_comes_back_to_the_plan_with_its_reason(desk: Desk) -> None:
    answered(desk, merge=Refused("main has moved on.", "ampsm preflight s000000001"))
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("M", "enter", "ctrl+g", "y")
        desk.sees("✗ main has moved on.", "→ in the list M, then R (look)", "^g do it")


async def test_a_squash_without_a_message_is_not_begun(desk: Desk) -> None:
    answered(desk, plan=lambda _engine, _session, options: a_plan(options, draft=""))
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("M", "enter", "ctrl+g")
        desk.sees("needs a message")
        desk.asked_not("merge")
        desk.answers["merge"] = Refused("main has moved on.", "ampsm preflight s1")
        await desk.type("Fix it")
        await desk.press("ctrl+g", "y")
        desk.asked("merge", Options(message="Fix it"))


@pytest.mark.parametrize("size", [(30, 20), (30, 10), (50, 12), (80, 10)])
async def test_no_line_is_cut_by_its_scroll_bar(desk: Desk, size: tuple[int, int]) -> None:
    answered(desk)
    async with desk.open(a_board(a_session("fix login", id="s1")), size=size):
        await desk.press("M")
        text = desk.app.screen.query_one("#text", TextView)
        assert text.show_vertical_scrollbar
        desk.sees_not("……")
        widest = max(sum(cells(piece.text) for piece in line) for line in text.lines)
        assert widest <= text.scrollable_content_region.width


async def test_hostile_names_are_inert(desk: Desk) -> None:
    evil = "evil\x1b]0;owned\x07[bold]x[/bold]\u202e\x00"
    found = a_preflight(Finding("secrets", "warn", f"in {evil}", evil))
    answered(desk, preflight=lambda *_, **__: found)
    async with desk.open(a_board(a_session(evil, id="s1"))):
        await desk.press("M")
        desk.sees("[bold]x[/bold]")
        assert not {"\x1b", "\x07", "\x00", "\u202e"} & set(desk.text)


async def test_u_in_the_list_takes_a_merge_back_after_a_question(desk: Desk) -> None:
    answered(desk, last_undoable=lambda *_: a_merge(), undo=lambda *_: a_merge(MergeState.UNDONE))
    async with desk.open(a_board(a_session("fix login", DONE, id="s1"))):
        await desk.press("u")
        desk.sees("Undo the merge of fix login?", "main and")
        desk.asked_not("undo")
        await desk.press("y")
        desk.asked("undo", "s1")
        desk.sees("Undone: main is as before")


async def test_what_would_conflict_is_marked_in_the_list_and_told_beside_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, snapshot_svg: Camera
) -> None:
    monkeypatch.setattr("ampsm_tui.screens.list_updates.QUIET", 0.0)
    conflicts = (
        SessionConflict("s1", "", (ConflictFile("app.py", "content"),)),
        SessionConflict("s1", "s2", (ConflictFile("b.py", "content"),)),
    )
    waits = a_merge(MergeState.CONFLICTED, session_id="s3")
    answered(
        desk, forecast_conflicts=lambda *_, **__: SessionConflicts(conflicts), open_merges=lambda *_: {"s3": waits}
    )
    rows = [a_session(name, id=one) for name, one in (("fix login", "s1"), ("dark mode", "s2"), ("mails", "s3"))]
    async with desk.open(a_board(*rows), size=(150, 24)):
        await shows(
            desk.pilot, "≠ fix login", "≠ dark mode", "conflicts wait: M", "≠ main: app.py", "≠ dark mode: b.py"
        )
        desk.sees_not("≠ mails")
        snapshot_svg(desk.app)


async def test_the_key_of_conflicts_that_wait_is_the_one_that_was_chosen(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ampsm_tui.screens.list_updates.QUIET", 0.0)
    waits = a_merge(MergeState.CONFLICTED, session_id="s3")
    answered(desk, forecast_conflicts=lambda *_, **__: SessionConflicts(()), open_merges=lambda *_: {"s3": waits})
    chosen = Settings({"keys.session.merge": "f9"})
    async with desk.open(a_board(a_session("mails", id="s3")), size=(150, 24), settings=chosen):
        await shows(desk.pilot, "conflicts wait: f9", "its conflicts wait for you: f9")


async def test_what_became_of_a_merge_that_was_cut_off_is_told_at_the_start(desk: Desk) -> None:
    recovered = ["The merge of fix login was rolled back: main is as it was before."]
    async with desk.open(a_board(a_session()), recovered=recovered):
        desk.sees("A merge was cut off", "rolled back: main is as it")


def test_the_screens_of_merging_and_their_answers_need_no_pygit2() -> None:
    code = (
        "import pickle, sys\n"
        "from ampsm_engine.merging import operations\n"
        "from ampsm_engine.merging.steps import ConflictsWait\n"
        "from ampsm_tui.screens.conflict import screen\n"
        "from ampsm_tui.screens.merge import screen\n"
        "from tests.tui.merges import FILES, a_preflight, some_conflicts\n"
        "pickle.loads(pickle.dumps((a_preflight(), some_conflicts(*FILES), ConflictsWait('a', 'b'), operations.merge)))\n"
        "print('pygit2' in sys.modules)\n"
    )
    root = Path(__file__).parent.parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


async def test_who_only_watches_merges_nothing(desk: Desk) -> None:
    answered(desk, last_undoable=lambda *_: a_merge())
    async with desk.open(a_board(a_session("fix login", DONE, id="s1")), read_only=True):
        await desk.press("M", "u")
        assert not isinstance(desk.app.screen, MergeScreen)
        desk.asked_not("preflight")
        desk.asked_not("last_undoable")


async def test_enter_at_the_plan_names_the_key_that_carries_it_out(desk: Desk) -> None:
    answered(desk)
    async with desk.open(a_board(a_session("fix login", id="s000000001"))):
        await desk.press("M", "enter", "enter")
        desk.sees("^g does what the plan says.")
        desk.asked_not("merge")


async def test_a_finding_about_the_script_names_the_key_of_this_very_screen(desk: Desk) -> None:
    answered(desk)
    row = a_session("fix login", id="s000000001", script_command="make test")
    async with desk.open(a_board(row)):
        await desk.press("M")
        assert in_app(desk.app.screen, "ampsm run s000000001, or: ampsm iterate s000000001 'Make it pass'") == (
            "S (script), or: in the list m (message)"
        )
