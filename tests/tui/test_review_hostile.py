"""A review in the hands of somebody who wants to break it: what is said is true, and what is shown is not stale."""

from pathlib import Path

import pytest

from ampsm_tui.widgets.file_tree import FileTree
from ampsm_tui.widgets.review_head import ReviewHead
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed, git


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    return made


async def test_counts_that_were_painted_for_a_neighbour_still_come_to_the_list(reviewed: Reviewed) -> None:
    """The compositor paints what lies between two lines that changed, and sends these two alone."""
    async with reviewed.open():
        files, document = reviewed.screen.query_one(FileTree), reviewed.screen.view.document
        files.counted()
        await reviewed.desk.settle()
        document.files[2].additions += 100
        document.files[0].status = "T"
        files.render_lines(files.region.reset_offset)
        told: list[int] = []
        files.refresh_line = told.append  # type: ignore[method-assign, assignment]
        files.counted()
        assert len(told) == 2
        assert "T Makefile" in "".join(segment.text for segment in files.paint(told[0]))
        told.clear()
        files.counted()
        assert told == []


async def test_the_head_says_both_counts_or_none(reviewed: Reviewed) -> None:
    async with reviewed.open((50, 20)) as desk:
        for width in range(30, 90):
            await desk.resize(width, 20)
            reviewed.screen.query_one(ReviewHead)._say()
            shown = desk.lines[0]
            assert ("+" in shown.replace("0+", "")) == (" -" in shown), shown


async def test_the_last_file_is_seen_where_rows_come_above_it(reviewed: Reviewed) -> None:
    """The head of a file has a blank line above it; that alone is not the file."""
    async with reviewed.open((100, 24)) as desk:
        view = reviewed.screen.view
        await reviewed.press("Z", "G")
        held = view.hold()
        assert held is not None
        view.stand_on((held[0], view.size.height - 1, held[2]))
        await desk.settle()
        assert "▌" in desk.lines[view.region.bottom - 1]


async def test_what_is_staged_is_marked_hunk_by_hunk(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    tree = reviewed.worktree
    async with reviewed.open(range_="uncommitted") as desk:
        view = reviewed.screen.view
        await reviewed.to("app/login.py", 0)
        await reviewed.press("s")
        await reviewed.until(lambda: "● staged 1/2" in desk.text, "the mark")
        assert "● staged" in desk.line_with("LIMIT = 5")
        assert "startswith" in git(tree, "diff", "--cached")
        assert "samesite" not in git(tree, "diff", "--cached")
        for path in ("app/new_name.py", "bin/run", "docs/last.txt", "latest", "logo.png"):
            await reviewed.to(path)
            await reviewed.press("s")
            await reviewed.until(lambda: reviewed.file(path).is_staged, path)  # noqa: B023 - it is waited for
        view.go(0)
        await desk.settle()
        await reviewed.there()
        snapshot_svg(desk.app)
        staged = git(tree, "diff", "--cached", "-M", "--name-status")
        assert "R0" in staged
        assert "bin/run" in staged
        assert "latest" in staged
        for path in ("app/new_name.py", "docs/last.txt"):
            await reviewed.to(path)
            await reviewed.press("s")
            await reviewed.until(lambda: not reviewed.file(path).staged, path)  # noqa: B023 - it is waited for
        git(tree, "add", "docs/ending.txt")
        await reviewed.to("app/login.py", 0)
        await reviewed.press("s")
        await reviewed.until(lambda: not reviewed.file("app/login.py").staged, "the hunk to go")
        assert reviewed.file("docs/ending.txt").is_staged
        assert set(git(tree, "diff", "--cached", "--name-only").split()) == {
            *("bin/run", "latest", "logo.png", "docs/ending.txt"),
        }
