"""How amp resolved a conflict: read as a diff in the review's own view before it counts, taken or rejected."""

from pathlib import Path

import pytest

from ampsm_engine.merging import open_conflict as waiting
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.conflict import screen as conflict
from ampsm_tui.screens.conflict.screen import ConflictScreen
from ampsm_tui.screens.merge.screen import MergeScreen
from ampsm_tui.screens.review.resolution import ResolutionScreen
from tests.conftest import git
from tests.merging.conftest import desk as ground
from tests.merging.desk import Desk as Ground
from tests.merging.desk import lines
from tests.tui.builders import still
from tests.tui.test_script import shows

__all__ = ["ground"]


pytestmark = pytest.mark.usefixtures("beside")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflict, "TICK", 0.05)


def resolved_by_amp(ground: Ground) -> Session:
    """A conflict in one.txt, given away and resolved: amp has changed two.txt and made a file, too."""
    session = ground.session()
    ground.amp(session, {"one.txt": lines(_3="three by amp", _15="fifteen by amp")})
    ground.base({"one.txt": lines(_3="three by main")})
    with pytest.raises(ConflictsWait):
        ground.merge(session)
    engine, at = ground.engine, Path(session.worktree_path)
    waiting.give(engine, session.id)
    (at / "one.txt").write_text(lines(_3="three by both", _15="fifteen by amp"))
    (at / "two.txt").write_text(lines(_9="nine to fit"))
    (at / "new.txt").write_text("made by amp\x1b[31m\n")
    return ground.now(session)


def opened(ground: Ground) -> AmpsmApp:
    return AmpsmApp(ground.engine, still(ground.engine.store.sessions.board()))


async def test_it_is_read_in_the_view_of_the_review_and_taken(ground: Ground) -> None:
    session = resolved_by_amp(ground)
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(
            pilot,
            "how amp resolved the conflict",
            "three by both",
            "nine to fit",
            "made by amp",
            "^g take it",
            "X reject it",
        )
        assert isinstance(app.screen, ResolutionScreen)
        before = ground.sha("main")
        await pilot.press("slash", *"nine", "enter")
        await shows(pilot, "/nine 1 of")
        await pilot.press("escape", "escape")
        await shows(pilot, "amp's resolution waits for you: v")
        await pilot.press("ctrl+g")
        await shows(pilot, "First read what amp made of it", "how amp resolved the conflict")
        await pilot.press("ctrl+g")
        await shows(pilot, "Nothing is open any more", "Taken. ^g continues")
        assert ground.sha("main") == before
        await pilot.press("ctrl+g")
        await shows(pilot, "fix login is in main.")
    assert ground.shown("main", "one.txt") == lines(_3="three by both", _15="fifteen by amp")
    assert ground.shown("main", "two.txt") == lines(_9="nine to fit")
    assert ground.shown("main", "new.txt") == "made by amp\x1b[31m\n"
    ground.clean(session)


async def test_what_changed_since_it_was_read_is_not_taken(ground: Ground) -> None:
    session = resolved_by_amp(ground)
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "three by both")
        (Path(session.worktree_path) / "one.txt").write_text(lines(_3="three by nobody", _15="fifteen by amp"))
        await pilot.press("ctrl+g")
        await shows(pilot, "changed since it was looked at", "three by nobody")
        assert isinstance(app.screen, ResolutionScreen)
        await pilot.press("ctrl+g")
        await shows(pilot, "Taken. ^g continues")


async def test_it_is_rejected_and_the_conflict_is_as_it_was(ground: Ground) -> None:
    session = resolved_by_amp(ground)
    app = opened(ground)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        app.push_screen(MergeScreen(session))
        await shows(pilot, "three by both")
        await pilot.press("X")
        await shows(pilot, "Reject amp's resolution?")
        await pilot.press("y")
        await shows(
            pilot, "Conflict 1 of 1", "three by amp", "three by main", "Rejected: the conflict is as amp got it"
        )
        assert isinstance(app.screen, ConflictScreen)
        await pilot.press("2")
        await shows(pilot, "Nothing is open any more")
        await pilot.press("ctrl+g")
        await shows(pilot, "fix login is in main.")
    assert ground.shown("main", "two.txt") == lines()
    assert git(ground.repo, "ls-tree", "--name-only", "main", "new.txt") == ""
    ground.clean(session)
    (kept,) = [
        ref
        for ref in git(ground.repo, "for-each-ref", "--format=%(refname)", f"refs/ampsm/backup/{session.id}/").split()
        if "/rejected-" in ref
    ]
    assert ground.shown(kept, "two.txt") == lines(_9="nine to fit")
    assert ground.engine.store.merges.of(session.id)[0].state is MergeState.DONE
