"""The review by less and by more than a hunk: single lines, hunks written anew, folders, files by their name."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widget import Widget

from ampsm_engine.config import Settings
from ampsm_tui.app import AmpsmApp
from ampsm_tui.driver.terminal_driver import KeyQueue
from ampsm_tui.screens.review.ranges import ReviewLoader
from ampsm_tui.screens.review.screen import ReviewScreen
from ampsm_tui.widgets.diff.layout import RowKind
from tests.tui.builders import a_board
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed, git, put
from tests.waiting import becomes


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    return made


async def test_single_lines_are_staged_taken_out_and_rejected(reviewed: Reviewed) -> None:
    worktree = reviewed.worktree
    reviewed.commit()
    text = (worktree / "Makefile").read_text()
    put(worktree, "Makefile", text.replace("all:", "one:\ntwo:\nall:").replace("\tpytest -q\n", "\tpytest -x\n"))
    async with reviewed.open(range_="uncommitted") as desk:

        async def select(first: str, last: str) -> None:
            view = reviewed.screen.view
            rows = {str(view.document.row(at)): at for at in range(len(view.document))}
            texts = {_line(reviewed, at): at for at in rows.values()}
            view.go(texts[first])
            await reviewed.press("V")
            view.go(texts[last])

        await select("+two:", "+two:")
        await reviewed.press("s")
        await desk.settle()
        assert git(worktree, "diff", "--cached", "-U0", "--", "Makefile").splitlines()[5:] == ["+two:"]
        desk.sees("◐ partly staged")
        await select("-\tpytest -q", "+\tpytest -x")
        await reviewed.press("s")
        await desk.settle()
        assert "+\tpytest -x" in git(worktree, "diff", "--cached")
        await select("+two:", "+two:")
        await reviewed.press("s")
        await desk.settle()
        assert "+two:" not in git(worktree, "diff", "--cached")
        await select("+one:", "+one:")
        await reviewed.press("X")
        desk.sees("Reject 1 line of Makefile")
        await reviewed.press("enter")
        await desk.settle()
        await reviewed.there()
        assert "one:" not in (worktree / "Makefile").read_text()
        assert "two:\nall:" in (worktree / "Makefile").read_text()
        await reviewed.press("u")
        await desk.settle()
        assert "one:\ntwo:\nall:" in (worktree / "Makefile").read_text()


def _line(reviewed: Reviewed, at: int) -> str:
    """A line of a patch as it stands there; empty for other rows."""
    row = reviewed.screen.view.document.row(at)
    body = reviewed.screen.view.document.files[row.file].body
    if body is None or row.kind is not RowKind.LINE:
        return ""
    line = body.line(row.a)
    return chr(line.kind) + line.text.decode()


def an_editor(reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's editor, which does nothing yet, and a last line to be edited that is not committed."""
    reviewed.commit()
    put(reviewed.worktree, "docs/last.txt", "first\nthe very last")
    editor = tmp_path / "editor"
    editor.write_text("")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    return editor


async def test_a_hunk_is_written_anew_before_it_is_staged(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worktree, editor = reviewed.worktree, an_editor(reviewed, monkeypatch, tmp_path)
    editor.write_text("#!/bin/sh\nsed -i 's/^+the very last/+another one/' \"$1\"\n")
    async with reviewed.open(range_="uncommitted") as desk:
        monkeypatch.setattr(desk.app, "suspend", contextlib.nullcontext)
        await reviewed.to("docs/last.txt", 0)
        await reviewed.press("ctrl+e")
        await desk.settle()
        assert git(worktree, "show", ":docs/last.txt") == "first\nanother one"
        assert (worktree / "docs/last.txt").read_text() == "first\nthe very last"


async def test_an_editor_that_fails_or_leaves_no_hunk_stages_nothing(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worktree, editor = reviewed.worktree, an_editor(reviewed, monkeypatch, tmp_path)
    async with reviewed.open(range_="uncommitted") as desk:
        monkeypatch.setattr(desk.app, "suspend", contextlib.nullcontext)
        await reviewed.to("docs/last.txt", 0)
        for does, told in (
            ("exit 3", "ended with exit code 3"),
            ('echo nonsense > "$1"', "as it was edited: it is not of the same"),
            (': > "$1"', "nothing is staged"),
            ('rm "$1"', "left nothing to read"),
        ):
            editor.write_text(f"#!/bin/sh\n{does}\n")
            await reviewed.press("ctrl+e")
            await desk.settle()
            desk.sees(told)
            assert not git(worktree, "diff", "--cached")


async def test_folders_fold_with_their_counts_and_are_viewed_as_a_whole(
    reviewed: Reviewed, snapshot_svg: Camera
) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("tab", "g", "j", "z")
        desk.sees("▸ app/")
        desk.sees_not("new_name.py  ")
        await reviewed.press("space")
        await desk.settle()
        app = [file for file in reviewed.screen.view.document.files if file.path.startswith("app/")]
        assert all(file.is_viewed for file in app if not file.is_gone)
        snapshot_svg(desk.app)
        await reviewed.press("z", "j")
        assert reviewed.screen.pane.files.has_focus
        await reviewed.press("Z")
        listed = "\n".join(line[:28] for line in desk.lines)
        assert "▸ docs/" in listed
        assert "latin.txt" not in listed


async def test_one_jumps_to_a_file_by_typing_some_of_its_name(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("P")
        await desk.type("latin")
        await desk.settle()
        desk.sees("docs/latin.txt")
        await reviewed.press("enter")
        await desk.settle()
        row = reviewed.screen.view.row
        assert row is not None
        assert reviewed.screen.view.document.files[row.file].path == "docs/latin.txt"


@pytest.mark.parametrize("width", [30, 40, 60])
async def test_in_a_narrow_review_the_list_of_files_makes_way_for_the_diff(reviewed: Reviewed, width: int) -> None:
    """Where there is no room for both, whichever has the keys is seen: back by tab, enter, esc, p and a jump."""
    async with reviewed.open(size=(width, 30)) as desk:
        view, files = reviewed.screen.view, reviewed.screen.pane.files

        async def go(*keys: str, into: Widget) -> None:
            await reviewed.press(*keys)
            await desk.settle()
            assert into.has_focus
            assert files.display == (into is files)
            assert view.display  # and keeps its place: it is not laid out anew with each look at the list

        await go("tab", into=files)
        await go("tab", into=view)
        await go("p", into=files)
        await go("G", into=files)
        at = view.row
        assert at is not None
        await go("enter", into=view)
        assert view.row is not None
        assert view.row.file == at.file
        await go("tab", "escape", into=view)
        await go("p", "p", into=view)
        await go("tab", into=files)
        await reviewed.press("P")
        await desk.type("latin")
        await desk.settle()
        await go("enter", into=view)
        desk.sees("latin")


async def test_a_key_that_is_typed_before_the_diff_is_there_is_for_the_diff(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_open, open_committed = asyncio.Event(), ReviewLoader.open_committed

    async def open_late(loader: ReviewLoader, *arguments: Any) -> None:
        await may_open.wait()
        await open_committed(loader, *arguments)

    monkeypatch.setattr(ReviewLoader, "open_committed", open_late)
    desk = reviewed.desk
    async with desk.open(a_board(reviewed.row()), size=(120, 40)):
        desk.app.push_screen(ReviewScreen(reviewed.session).data_bind(AmpsmApp.board))
        await becomes(lambda: reviewed.screen.view.has_focus, "the review to have the keys")
        queue = KeyQueue(desk.app)
        queue.put(events.Key("c", "c"))
        await desk.pilot.pause()
        assert reviewed.screen.view.row is None
        may_open.set()
        assert queue._serving is not None
        await queue._serving
        await desk.settle()
        desk.sees("Comment on")
        desk.app.close()


async def test_settings_that_are_changed_in_front_of_a_review_hold_in_it_at_once(reviewed: Reviewed) -> None:
    async with reviewed.open((100, 40)) as desk:

        async def change(**settings: Any) -> None:
            given = {name.replace("__", ".").replace("_", "-"): value for name, value in settings.items()}
            desk.app.settings = Settings({**desk.app.settings.values, **given})
            await reviewed.press("question_mark", "escape")
            await reviewed.there()

        screen = reviewed.screen
        await reviewed.press("w")
        await reviewed.to("app/login.py", 0)
        await change(review__context=6, review__tab_width=8)
        assert screen.view.painter.manner.wrap, "what a key said holds where its setting is as it was"
        assert screen.view.painter.manner.tab == 8
        await reviewed.to("app/login.py", len(reviewed.file("app/login.py").body.hunks) - 1)  # type: ignore[union-attr]
        await reviewed.there()
        desk.sees("def valid(name: str) -> bool:", 'return bool(re.fullmatch("[a-z][a-z0-9]*", name))')
        await change(review__context=3, review__split="always", review__order="size")
        assert screen.view.document.is_split
        assert screen.pane.files.is_flat
        changed = [file.additions + file.deletions for file in screen.view.document.files if not file.is_gone]
        assert changed[0] == max(changed)
        desk.sees_not('return bool(re.fullmatch("[a-z][a-z0-9]*", name))')


async def test_a_comment_on_a_selection_that_goes_over_two_files_says_that_it_is_on_one(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        view = reviewed.screen.view
        second = view.document.tops[1]
        for start, end in ((second - 1, second), (second, second - 1), (0, second + 2)):
            view.go(start)
            await reviewed.press("V")
            view.go(end)
            await reviewed.press("c")
            desk.sees("The selection is of several files; a comment is on lines of one file")
            assert desk.app.screen is reviewed.screen
            await reviewed.press("escape")
        await reviewed.to("Makefile")
        await reviewed.press("V", "j", "c")
        desk.sees("No line is selected; a comment is on lines of one file")


async def test_undo_without_a_rejection_names_the_keys_that_undo_a_merge(reviewed: Reviewed) -> None:
    async with reviewed.open(settings=Settings({"keys.session.merge": "f9", "keys.merge.undo": "f8"})) as desk:
        await reviewed.press("u")
        await reviewed.until(lambda: "Nothing to undo here" in desk.text, "the answer")
        desk.sees("no hunk is rejected; a merge is undone with f9,", "then f8")
