"""Looking for something in a review: found wherever it is shown, and counted as the diff is now."""

import re
from pathlib import Path

import pytest

from ampsm_engine.keymap import KEYS
from ampsm_tui.screens.palette import ScreenActions
from ampsm_tui.widgets.diff.overview import Overview
from ampsm_tui.widgets.diff.search import SearchPattern
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    return made


def counted(reviewed: Reviewed, text: str) -> tuple[int, int]:
    """How often a text is in changed and context lines as they are shown, and the number that the head says."""
    head = reviewed.desk.lines[0]
    told = re.search(rf"/{text}\s+(\d+) of (\d+)\s", head)
    assert told, head
    return int(told[1]), int(told[2])


async def test_search_finds_context_that_has_grown(reviewed: Reviewed) -> None:
    whole = (reviewed.worktree / "app/login.py").read_text()
    async with reviewed.open((120, 60)) as desk:
        await reviewed.press("slash")
        await desk.type("name")
        await reviewed.press("enter")
        before = counted(reviewed, "name")[1]
        await reviewed.to("app/login.py", 0)
        await reviewed.press("equals_sign")
        removed = 1  # self.failed.pop(name, None)
        others = before - _in_hunks(reviewed, "app/login.py", b"name")
        total = others + whole.count("name") + removed
        await reviewed.until(lambda: f" of {total}" in desk.lines[0], "the grown lines to be counted")
        seen = []
        for _ in range(total):
            await reviewed.press("n")
            number, of = counted(reviewed, "name")
            assert of == total
            seen.append(number)
        assert sorted(seen) == list(range(1, total + 1))
        assert [(one - seen[0]) % total for one in seen] == list(range(total))
        await reviewed.press("N")
        assert counted(reviewed, "name")[0] == seen[-2]
        await reviewed.to("app/login.py", 0)
        await reviewed.press("equals_sign")
        await reviewed.until(lambda: f"/name {before} " in desk.lines[0], "them to be forgotten again")


def _in_hunks(reviewed: Reviewed, path: str, text: bytes) -> int:
    body = reviewed.file(path).body
    assert body is not None
    return SearchPattern(text.decode()).count(body)


async def test_the_count_of_a_search_follows_the_diff(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("slash")
        await desk.type("session")
        await reviewed.press("enter")
        assert counted(reviewed, "session") == (1, 3)
        overview = reviewed.screen.query_one(Overview)
        assert any("─" in overview.paint(y).text for y in range(overview.size.height))
        login = reviewed.worktree / "app/login.py"
        login.write_text(login.read_text() + "# session\n# session\n")
        await reviewed.press("R")
        await reviewed.until(lambda: "of 5 " in desk.lines[0], "the new count")
        assert counted(reviewed, "session") == (1, 5)
        await reviewed.press("ampersand")
        await desk.type("docs")
        await reviewed.press("enter")
        desk.sees("/session no match")
        await reviewed.press("escape")
        assert not any("─" in overview.paint(y).text for y in range(overview.size.height))


@pytest.mark.parametrize("width", [50, 120])
async def test_the_head_names_the_filter_of_the_files_at_every_width(reviewed: Reviewed, width: int) -> None:
    async with reviewed.open((width, 30)) as desk:
        assert " only " not in desk.lines[0]
        await reviewed.press("ampersand")
        await desk.type("unviewed")
        await reviewed.press("enter")
        assert " only unviewed" in desk.lines[0]
        await reviewed.press("slash")
        await desk.type("session")
        await reviewed.press("enter")
        assert " only unviewed" in desk.lines[0]
        await reviewed.press("escape")
        assert re.search(r"viewed\s*$|\d+/\d+\s*$", desk.lines[0]), "the progress stays"
        await reviewed.press("escape")
        assert " only " not in desk.lines[0]


async def test_where_the_filter_leaves_no_file_a_comment_is_refused_with_a_sentence(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("ampersand")
        await desk.type("nowhere")
        await reviewed.press("enter", "c")
        desk.sees("No file is shown, so there is no line to comment on")


async def test_the_palette_finds_the_filter_of_files_by_what_it_leaves(reviewed: Reviewed) -> None:
    async with reviewed.open():
        for typed in ("unviewed", "only"):
            hits = [hit async for hit in ScreenActions(reviewed.screen).search(typed)]
            assert max(hits, key=lambda hit: hit.score).help == KEYS["review.filter"].meaning
        assert KEYS["review.filter"].meaning in [
            hit.help async for hit in ScreenActions(reviewed.screen).search("viewed")
        ]


def standing(reviewed: Reviewed) -> tuple[object, ...]:
    """What the view stands on: its row under the cursor, its top, and which files and hunks are folded."""
    view = reviewed.screen.view
    folds = [(file.path, file.shape.folded, frozenset(file.shape.closed)) for file in view.document.files]
    return view.row, view.viewport.top, folds


async def at_the_lowest_line(reviewed: Reviewed) -> tuple[object, ...]:
    """Go to the middle of the diff, with the cursor in the line of the view that the box for a pattern takes."""
    await reviewed.to("docs/ending.txt")
    view = reviewed.screen.view
    view.go(view.viewport.places()[-1][0])
    await reviewed.desk.settle()
    assert view.viewport.y_of(view.cursor) == view.size.height - 1
    return standing(reviewed)


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_search_that_is_given_up_goes_back_to_where_it_began(reviewed: Reviewed, is_kept: bool) -> None:
    async with reviewed.open((100, 24)) as desk:
        before = await at_the_lowest_line(reviewed)
        await reviewed.press("slash")
        await desk.type("var a")
        assert not reviewed.file("static/app.min.js").shape.folded, "it shows what it has found"
        if is_kept:
            await desk.type("zz")
            assert reviewed.file("static/app.min.js").shape.folded
        await reviewed.press("enter" if is_kept else "escape")
        assert standing(reviewed) == before
        assert reviewed.screen.search.is_active == is_kept
        if is_kept:
            desk.sees("/var azz no match")


async def test_each_letter_of_a_search_looks_from_where_it_began(reviewed: Reviewed) -> None:
    async with reviewed.open((100, 24)) as desk:
        await reviewed.to("docs/ending.txt")
        await reviewed.press("slash")
        await desk.type("a")
        await desk.type("ll:")  # before the start alone: around the end
        await reviewed.press("backspace", "backspace", "backspace", "f", "o", "u", "r")
        await reviewed.press("enter")
        row = reviewed.screen.view.row
        assert row is not None
        assert reviewed.screen.view.document.files[row.file].path == "docs/ending.txt"
        assert reviewed.file("static/app.min.js").shape.folded, "only its last match stays unfolded"


async def test_a_pattern_that_is_no_expression_says_so(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("slash")
        await desk.type("nowhere(")
        desk.sees("/nowhere( not a valid expression")
        desk.sees_not("no match")
        await reviewed.press("backspace", "backspace", "z", "enter")
        desk.sees("/nowherz no match")


async def test_a_filter_that_hid_every_file_for_a_moment_leaves_the_cursor_in_the_diff(reviewed: Reviewed) -> None:
    """`!` alone hides all; what comes back by the next letters is shorter than what the cursor stood at the end of."""
    async with reviewed.open() as desk:
        await reviewed.press("G", "ampersand")
        await desk.type("!")
        assert not len(reviewed.screen.view.document)
        for letter in "a/nowhere":
            await desk.type(letter)
            assert reviewed.screen.view.cursor < len(reviewed.screen.view.document)
