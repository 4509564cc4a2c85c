"""A review in the hands of somebody who wants to break it: what is said is true, and what is shown is not stale."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ampsm_engine import timestamps
from ampsm_engine.context import Engine
from ampsm_engine.diff.hunks import Side
from ampsm_engine.engine import comments, iterations
from ampsm_engine.errors import Failed
from ampsm_engine.model import Iteration, State
from ampsm_engine.naming import new_id
from ampsm_tui.differ import client
from ampsm_tui.widgets import line_widgets
from ampsm_tui.widgets.diff.file_tree import FileTree
from ampsm_tui.widgets.diff.layout import Row, RowKind
from ampsm_tui.widgets.diff.title import ReviewHead
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
        for width in range(30, 90, 3):
            await desk.resize(width, 20)
            reviewed.screen.query_one(ReviewHead)._show_words()
            shown = desk.lines[0]
            assert ("+" in shown.replace("0+", "")) == (" -" in shown), shown


async def test_the_last_file_is_seen_where_rows_come_above_it(reviewed: Reviewed) -> None:
    """The head of a file has a blank line above it; that alone is not the file."""
    async with reviewed.open((100, 14)) as desk:
        view = reviewed.screen.view
        await reviewed.press("Z", "G", "z")
        held = view.hold()
        assert held is not None
        view.stand_on((held[0], view.size.height - 1))
        await desk.settle()
        assert "▌" in desk.lines[view.region.bottom - 1]


def applies_backwards(tree: Path, patch: bytes) -> None:
    command = ["git", "apply", "--check", "--whitespace=nowarn", "-R", "-"]
    done = subprocess.run(command, cwd=tree, input=patch, capture_output=True, check=False)
    assert done.returncode == 0, (done.stderr, patch)


async def test_a_copied_hunk_is_a_patch_for_git(reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(line_widgets, "copy_to_clipboard", lambda _app, text, _env, _instead: copied.append(text))
    tree = reviewed.worktree
    async with reviewed.open():
        for path in ("app/login.py", "app/gone.py", "app/new_name.py", "docs/ending.txt", "docs/last.txt", "latest"):
            for number in range(reviewed.file(path).hunks):
                await reviewed.to(path, number)
                await reviewed.press("y")
                patch = copied[-1].encode("utf-8", "surrogateescape")
                assert patch.startswith(b"diff --git "), path
                applies_backwards(tree, patch)
        await reviewed.to("app/login.py", 0)
        await reviewed.press("j", "j", "Y", "V", "j", "y")
        assert copied[-2:] == [
            "app/login.py:10",
            'def redirect(target: str, default: str = "/") -> str:\n    """Where to go after logging in."""',
        ]


async def test_what_is_opened_at_the_end_of_the_screen_is_seen(reviewed: Reviewed) -> None:
    async with reviewed.open((100, 20)) as desk:
        await reviewed.press("Z", "G")
        desk.sees_not("size 734003200")
        await reviewed.press("enter")
        desk.sees("size 734003200")
        await reviewed.to("app/login.py")
        await reviewed.press("enter", "right_square_bracket", "right_square_bracket", "z", "z")
        desk.sees("del self.failed[name]")


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
        desk.sees("6 files staged, ^g commits")
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


async def test_a_number_says_how_often_and_which_line(reviewed: Reviewed) -> None:
    async with reviewed.open((100, 30)):
        view = reviewed.screen.view
        await reviewed.press("1", "0", "j")
        assert view.cursor == 10
        await reviewed.press("3", "k", "j")
        assert view.cursor == 8
        await reviewed.press("g", "2", "right_curly_bracket")
        assert view.document.files[view.document.file_at(view.cursor)].path == "app/login.py"
        await reviewed.press("2", "right_square_bracket")
        assert view.row == Row(RowKind.HUNK, 2, 1)
        for number, text in ((12, b"not target"), (30, b"del self.failed"), (36, b"httponly")):
            await reviewed.press(*str(number), "G")
            row = view.row
            assert row is not None
            assert text in view.document.files[2].body.line(row.a).text  # type: ignore[union-attr]
        await reviewed.press("2", "0", "G")
        assert view.row == Row(RowKind.HUNK, 2, 1), "the gap that it is in"
        await reviewed.press("9", "9", "9", "9", "j")
        assert view.cursor == len(view.document) - 1
        await reviewed.press("g", "0", "G")
        assert view.cursor == len(view.document) - 1


async def test_the_prompt_of_comments_is_read_edited_and_sent(
    reviewed: Reviewed, snapshot_svg: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, session = reviewed.desk.engine, reviewed.session
    reviewed.commit()
    ids = (f"comment{number:03}" for number in range(1, 10))
    monkeypatch.setattr(comments, "new_id", lambda: next(ids))
    monkeypatch.setattr(comments, "_program", lambda: "ampsm")
    for line, text in ((12, "Backslashes, too?"), (30, "Why not pop?"), (36, "And secure?")):
        comments.add_comment(engine, session.id, "app/login.py", (line, line), text)
    comments.add_comment(engine, session.id, "app/gone.py", (1, 1), "Who needed it?", side=Side.OLD)
    sent: list[str] = []

    def iterate(engine: Engine, session_id: str, prompt: str, *, answers: Sequence[str] = ()) -> Iteration:
        sent.append(prompt)
        number = len(engine.store.iterations.of(session_id)) + 1
        made = Iteration(new_id(), session_id, number, prompt, State.QUEUED, queued_at=timestamps.now())
        return engine.store.queue.add(made, answers=answers)

    monkeypatch.setattr(iterations, "iterate", iterate)
    async with reviewed.open((100, 40)) as desk:
        await reviewed.press("m")
        await reviewed.until(lambda: "Send 4 comments to amp" in desk.text, "the prompt")
        desk.sees("Address 4 review comments", "Who needed it?", "GONE = True")
        snapshot_svg(desk.app)
        await desk.type("Please")
        await reviewed.press("ctrl+g")
        await reviewed.until(lambda: sent, "it to be sent")
        assert sent[0].startswith("PleaseAddress 4 review comments")
        assert "And secure?" in sent[0]
        await reviewed.press("q")
        desk.sees_not("Leave the review?")


async def test_a_rejection_is_a_labelled_commit_and_its_reason_is_told(reviewed: Reviewed) -> None:
    engine, session, tree = reviewed.desk.engine, reviewed.session, reviewed.worktree
    before = reviewed.commit()
    async with reviewed.open() as desk:
        await reviewed.to("app/login.py", 1)
        await reviewed.press("X")
        await desk.type("Keep pop")
        await reviewed.press("enter")
        await reviewed.until(lambda: "pop(name" in (tree / "app/login.py").read_text(), "the hunk to go")
        await reviewed.until(lambda: len(git(tree, "rev-list", f"{before}..HEAD").split()) == 1, "the commit")
        assert git(tree, "log", "-1", "--format=%s") == "ampsm: reject a change in app/login.py"
        assert "Ampsm-Review: reject" in git(tree, "log", "-1", "--format=%B")
        assert "Keep pop" in comments.draft(engine, session.id).text
        await desk.settle()
        await reviewed.press("q")
        await reviewed.until(lambda: "1 comment was not sent" in desk.text, "the warning")
        await reviewed.press("n", "u")
        await reviewed.until(lambda: git(tree, "diff", before) == "", "it to come back")
        assert comments.draft(engine, session.id).text == ""
        assert git(tree, "status", "--short") == ""
        git(tree, "fsck", "--strict")


async def test_a_hunk_that_was_viewed_and_is_another_now_says_so(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    reviewed.commit()
    async with reviewed.open() as desk:
        await reviewed.to("app/login.py")
        await reviewed.press("T")
        await reviewed.to("docs/ending.txt")
        await reviewed.press("T")
        login = reviewed.worktree / "app/login.py"
        login.write_text("# One line more.\n" + login.read_text().replace('"Lax"', '"Strict"'))
        await reviewed.press("R")
        await reviewed.until(lambda: reviewed.file("app/login.py").changed == {2}, "the label")
        assert reviewed.file("app/login.py").viewed == {1}
        assert reviewed.file("app/login.py").hunks == 3
        assert reviewed.file("docs/ending.txt").changed == frozenset()
        await reviewed.to("app/login.py", 2)
        assert "↻ changed since you viewed it" in desk.line_with("class Attempts")
        await reviewed.there()
        snapshot_svg(desk.app)
        await reviewed.press("t")
        assert reviewed.file("app/login.py").changed == frozenset()
        await reviewed.press("W")
        await reviewed.there()
        assert not any(file.changed for file in reviewed.screen.view.document.files)


async def test_a_diff_process_that_cannot_go_on_is_told_and_a_key_reads_the_diff_anew(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: str = "") -> client.Transport:
        raise Failed("No process can be started.")

    async with reviewed.open() as desk:
        with monkeypatch.context() as patched:
            patched.setattr(client, "Transport", refused)
            os.kill(desk.app.differ.pid, signal.SIGKILL)
            await reviewed.until(lambda: "R reads the diff anew" in desk.text)
        assert "No process can be started." in desk.text
        before = reviewed.screen.pane.reading
        await reviewed.press("R")
        await reviewed.until(lambda: reviewed.screen.pane.reading is not before, "another reading")
        await reviewed.there()
        assert reviewed.file("app/login.py").body is not None
