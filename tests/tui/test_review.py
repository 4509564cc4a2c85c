"""The review screen over a real repository and a real diff process: what is read, and how one moves in it."""

from operator import attrgetter
from pathlib import Path

import pytest
from textual.actions import parse
from textual.binding import Binding

from ampsm_engine.engine import comments
from ampsm_engine.review.annotations import CommentAnswer, CommentState, Fate
from ampsm_engine.store import Store
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.review.screen import DIFF_BINDINGS, DiffScreen, ReviewScreen
from tests.store.values import an_iteration
from tests.tui.builders import NOW, a_board
from tests.tui.conftest import Camera
from tests.tui.desk import Desk, Feed
from tests.tui.reviewing import Reviewed, git, put


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    return made


async def test_the_diff_of_a_session(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open() as desk:
        desk.sees("the whole session", "app/login.py", "0 of ")
        await reviewed.there()
        snapshot_svg(desk.app)


async def test_every_kind_of_file(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open((120, 150)) as desk:
        desk.sees(
            "mode 100644 → 100755, now executable",
            "R app/old_name.py → app/new_name.py",
            "binary, 2.1 KB → 3.1 KB",
            "kept by Git LFS: 734.0 MB",
            "a symbolic link",
            "lock file",
            "generated",
            "two␊",
            "no newline",
            "⟨U+202E⟩",
            "␛[31m",
            "café olé",
            "Latin-1 (windows-1252)",
        )
        await reviewed.there()
        snapshot_svg(desk.app)


def cursor(reviewed: Reviewed) -> str:
    """The line of the screen that the cursor is on."""
    view = reviewed.screen.view
    y = view.viewport.y_of(view.cursor)
    assert y is not None
    return reviewed.desk.lines[view.region.y + y][view.region.x :]


async def test_every_key_has_a_part_that_does_what_it_stands_for(reviewed: Reviewed) -> None:
    async with reviewed.open():
        bare = DiffScreen(reviewed.screen.pane.session, "", reviewed.screen.loader._resolve)
        for screen, bindings in ((reviewed.screen, ReviewScreen.BINDINGS), (bare, DIFF_BINDINGS)):
            actions = [parse(one.action) for one in bindings if isinstance(one, Binding)]
            named = [parameters[0] for _, name, parameters in actions if name == "part"]
            assert len(named) > 10
            assert [one for one in named if not callable(attrgetter(one)(screen))] == []


async def test_one_moves_by_line_hunk_and_file(reviewed: Reviewed) -> None:
    async with reviewed.open((100, 24)):
        assert "Makefile" in cursor(reviewed)
        await reviewed.press("right_square_bracket")
        assert "all:" in cursor(reviewed)
        await reviewed.press("j", "j", "k")
        assert "python -m app" in cursor(reviewed)
        await reviewed.press("right_curly_bracket", "right_curly_bracket")
        assert "app/login.py" in cursor(reviewed)
        await reviewed.press("right_square_bracket", "right_square_bracket")
        assert "class Attempts" in cursor(reviewed)
        await reviewed.press("left_square_bracket")
        assert "LIMIT" in cursor(reviewed)
        await reviewed.press("left_curly_bracket", "left_curly_bracket")
        assert "app/gone.py" in cursor(reviewed)
        await reviewed.press("G")
        assert "734003200" in cursor(reviewed)
        await reviewed.press("g")
        assert "Makefile" in cursor(reviewed)


async def test_the_head_of_a_file_stays_while_one_reads_it(reviewed: Reviewed) -> None:
    async with reviewed.open((80, 16)) as desk:
        for _ in range(2):
            await reviewed.press("right_curly_bracket")
        await reviewed.press("ctrl+d")
        assert "app/login.py" in desk.lines[1]


async def test_viewed_hunks_fold_and_the_mark_is_kept(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("right_square_bracket", "t")
        desk.sees("✓ viewed", "1 of 16 hunks")
        desk.sees_not("ruff check")
        assert "app/gone.py" in desk.line_with("app/gone.py")
        assert "deleted, 1 line" in cursor(reviewed)
    assert len(desk.engine.store.reviews.viewed(reviewed.session.id)) == 1


async def test_a_mark_belongs_to_the_content(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("right_curly_bracket", "right_curly_bracket", "T")
        desk.sees("2 of 16 hunks")
        path = reviewed.worktree / "app/login.py"
        path.write_text(path.read_text().replace('"Lax"', '"Strict"'))
        await reviewed.press("R")
        await reviewed.until(lambda: "1 of 16 hunks" in desk.text, "the second hunk to open again")
        await reviewed.press("left_curly_bracket", "left_curly_bracket")
        desk.sees('jar["session"]["samesite"] = "Strict"')
        desk.sees_not("startswith(")


async def test_following_does_not_move_the_line_under_the_cursor(reviewed: Reviewed) -> None:
    async with reviewed.open((120, 30)) as desk:
        await reviewed.press(
            "right_curly_bracket", "right_curly_bracket", "right_square_bracket", "right_square_bracket", "j", "j", "j"
        )
        before, y = cursor(reviewed), reviewed.screen.view.viewport.y_of(reviewed.screen.view.cursor)
        login = reviewed.worktree / "app/login.py"
        login.write_text("# One line more.\n" + login.read_text())
        (reviewed.worktree / "Makefile").write_text("all:\n\ttrue\n")
        await reviewed.press("R")
        await reviewed.until(lambda: "# One line more" in reviewed.screen.view.document.files[2].body.data.decode())
        after = cursor(reviewed)
        assert after[12:] == before[12:]
        assert after != before, "its number is another"
        assert reviewed.screen.view.viewport.y_of(reviewed.screen.view.cursor) == y
        desk.sees_not("Traceback")


async def test_following_does_not_move_the_line_under_a_comment(reviewed: Reviewed) -> None:
    async with reviewed.open((120, 30)) as desk:
        await reviewed.press("right_square_bracket", "j", "c")
        await desk.type("Why?")
        await reviewed.press("ctrl+g")
        await reviewed.until(lambda: "Why?" in desk.text, "the comment")
        await reviewed.to("app/login.py", 0)
        await reviewed.press("j", "j", "j")
        before, y = cursor(reviewed), reviewed.screen.view.viewport.y_of(reviewed.screen.view.cursor)
        login = reviewed.worktree / "app/login.py"
        login.write_text("# One line more.\n" + login.read_text())
        await reviewed.press("R")
        await reviewed.until(lambda: b"# One line more" in reviewed.file("app/login.py").body.data, "the change")
        assert cursor(reviewed)[12:] == before[12:]
        assert reviewed.screen.view.viewport.y_of(reviewed.screen.view.cursor) == y


async def test_search_counts_and_goes_from_match_to_match(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("slash")
        await desk.type("session")
        await reviewed.press("enter")
        desk.sees("/session 1 of 3")
        assert 'jar["session"] = token' in cursor(reviewed)
        await reviewed.there()
        snapshot_svg(desk.app)
        await reviewed.press("n")
        desk.sees("/session 2 of 3")
        await reviewed.press("n", "n")
        desk.sees("/session 1 of 3")
        await reviewed.press("N")
        desk.sees("/session 3 of 3")
        await reviewed.press("escape")
        desk.sees_not("/session")


async def test_files_are_narrowed(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("ampersand")
        await desk.type("docs")
        await reviewed.press("enter")
        desk.sees("ending.txt", "hidden.txt")
        desk.sees_not("Makefile", "login.py")
        await reviewed.press("escape")
        desk.sees("Makefile")


async def test_both_sides_stand_side_by_side(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open((190, 50)) as desk:
        assert "│" in desk.line_with("if target.startswith")
        await reviewed.press("right_curly_bracket", "right_curly_bracket", "j", "j", "j", "j", "j")
        await reviewed.there()
        snapshot_svg(desk.app)
        before = cursor(reviewed)
        assert 'startswith("/"):' in before
        assert "not target" in before
        await reviewed.press("vertical_line")
        assert "│" not in desk.line_with("if target.startswith")
        assert 'startswith("/"):' in cursor(reviewed)


async def test_context_grows_up_to_the_whole_file(reviewed: Reviewed) -> None:
    async with reviewed.open((120, 80)) as desk:
        await reviewed.press("right_curly_bracket", "right_curly_bracket", "right_square_bracket", "enter")
        await reviewed.until(lambda: "import re" in desk.text, "the lines above")
        await reviewed.press("equals_sign")
        await reviewed.until(lambda: "re.fullmatch" in desk.text, "the end of the file")
        whole = (reviewed.worktree / "app/login.py").read_text().splitlines()
        shown = "\n".join(line.strip() for line in desk.lines)
        assert [line for line in whole if line.strip() and line.strip() not in shown] == []
        await reviewed.press("equals_sign")
        desk.sees_not("re.fullmatch")


async def test_white_space_wrap_and_folds(reviewed: Reviewed) -> None:
    async with reviewed.open((80, 60)) as desk:
        await reviewed.press("z")
        desk.sees_not("ruff check")
        await reviewed.press("z", "w")
        desk.sees("ruff check", "wrap")
        await reviewed.press("W")
        await reviewed.there()
        desk.sees("whitespace ignored")
        await reviewed.press("Z")
        desk.sees_not("ruff check", "SimpleCookie")


async def test_on_the_heading_of_a_hunk_the_comment_is_for_what_it_changes(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.press("right_curly_bracket", "right_curly_bracket", "right_square_bracket", "c")
        desk.sees("Comment on app/login.py:12")


async def test_comments_are_shown_edited_and_sent(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open() as desk:
        for _ in range(2):
            await reviewed.press("right_curly_bracket")
        await reviewed.press("right_square_bracket", "j", "j", "j", "j", "j", "c")
        desk.sees("Comment on app/login.py:12")
        await desk.type("Backslashes, too?")
        await reviewed.press("ctrl+g")
        await reviewed.until(lambda: "Backslashes, too?" in desk.text, "the comment")
        desk.sees("not sent yet", "◆ 1 comment to send", "◆1")
        await reviewed.there()
        snapshot_svg(desk.app)
        await reviewed.press("q")
        await reviewed.until(lambda: "Leave the review?" in desk.text, "the warning")
        await reviewed.press("n", "m")
        await reviewed.until(lambda: "Send 1 comment to amp" in desk.text, "the prompt")
        desk.sees("Backslashes, too?", "login.py")
        await reviewed.press("escape", "right_parenthesis", "enter")
        desk.sees("Comment on app/login.py:12")
    told = desk.engine.store.reviews.comments(reviewed.session.id)
    assert [(one.path, one.line, one.text) for one in told] == [("app/login.py", 12, "Backslashes, too?")]


async def test_a_hunk_is_rejected_and_brought_back(reviewed: Reviewed) -> None:
    reviewed.commit()
    login = reviewed.worktree / "app/login.py"
    changed = login.read_text()
    async with reviewed.open() as desk:
        await reviewed.press("right_curly_bracket", "right_curly_bracket", "right_square_bracket", "X")
        desk.sees("Reject this hunk of app/login.py")
        await desk.type("Not asked for")
        await reviewed.press("enter")
        await reviewed.until(lambda: login.read_text() != changed, "the hunk to go")
        assert 'if target.startswith("/"):' in login.read_text()
        assert "httponly" in login.read_text()
        await reviewed.until(lambda: "2 of" not in desk.text and "15 hunks" in desk.text, "the new diff")
        await reviewed.press("u")
        await reviewed.until(lambda: login.read_text() == changed, "the hunk to come back")


async def test_what_is_rejected_while_amp_works_waits_is_shown_and_is_taken_back_by_a_key(reviewed: Reviewed) -> None:
    reviewed.commit()
    store, session_id = reviewed.desk.engine.store, reviewed.session.id
    store.queue.add(an_iteration("i1", session_id))
    store.queue.claim()
    login = reviewed.worktree / "app/login.py"
    changed = login.read_text()
    async with reviewed.open() as desk:
        await reviewed.press("right_curly_bracket", "right_curly_bracket", "right_square_bracket", "X", "enter")
        await reviewed.until(lambda: "1 rejection waiting" in desk.text, "the queue")
        desk.sees("✗ goes when amp's turn ends", "✗ 1/2")
        assert login.read_text() == changed
        await reviewed.press("X")
        await reviewed.until(lambda: "rejection waiting" not in desk.text, "the queue to be empty")
        assert store.reviews.rejections(session_id) == ()
        await reviewed.press("X", "enter")
        await reviewed.until(lambda: "1 rejection waiting" in desk.text, "the queue")
        await reviewed.press("u")
        await reviewed.until(lambda: "rejection waiting" not in desk.text, "the queue to be empty")
        await reviewed.press("X", "enter")
        await reviewed.until(lambda: "1 rejection waiting" in desk.text, "the queue")
        (waiting,) = store.reviews.waiting_rejections(session_id)
        Store(store.path).reviews.change_rejection(waiting.id, state="refused", note="app/login.py has changed since.")
        desk.feed.pour(a_board(reviewed.row()))
        await reviewed.until(lambda: "has changed since" in desk.text, "why it stays")
        desk.sees_not("✗ goes when")


async def test_amps_answer_stands_beside_what_git_says(reviewed: Reviewed) -> None:
    store, session_id = reviewed.desk.engine.store, reviewed.session.id
    made = comments.add_comment(reviewed.desk.engine, session_id, "Makefile", (5, 5), "Quietly?")
    store.queue.add(an_iteration("i1", session_id), answers=[made.id])
    async with reviewed.open() as desk:
        desk.sees("round 1 · amp works on it")
        other = Store(store.path)
        other.reviews.answer_comment(made.id, CommentAnswer.DONE, "It \x1b[31mis\x1b]0;owned\x07 so")
        other.reviews.change_comment(made.id, outcome=Fate.UNTOUCHED)
        desk.feed.pour(a_board(reviewed.row()))
        await reviewed.until(lambda: "they differ" in desk.text, "the answer")
        desk.sees("≠ round 1 · amp: done · git: untouched · they differ", "↳ amp: It ␛[31mis␛]0;owned␇ so")
        await reviewed.press("C")
        desk.sees("amp: done · git: untouched · they differ")


async def test_a_note_is_taken_as_a_comment_or_dismissed(reviewed: Reviewed) -> None:
    engine, session_id = reviewed.desk.engine, reviewed.session.id
    for line, text in ((5, "Quietly?"), (7, "Lint what?")):
        comments.add_comment(engine, session_id, "Makefile", (line, line), text, note_by="ruff")
    async with reviewed.open() as desk:
        desk.sees("▪ note by ruff", "Quietly?", "Lint what?")
        desk.sees_not("to send")
        await reviewed.press("right_parenthesis", "enter")
        desk.sees("Note on Makefile:5", "it is a comment of yours")
        await desk.type("Yes: ")
        await reviewed.press("ctrl+g")
        await reviewed.until(lambda: "1 comment to send" in desk.text, "the comment")
        await reviewed.press("C", "j", "t")
        await reviewed.until(lambda: "dismissed note by ruff" in desk.text, "the note to go")
        await reviewed.press("escape")
        desk.sees_not("Lint what?")
    states = {one.line: one.state for one in engine.store.reviews.comments(session_id)}
    assert states == {5: CommentState.OPEN, 7: CommentState.DISMISSED}


async def test_a_comment_is_deleted_after_a_question_alone(reviewed: Reviewed) -> None:
    engine, session_id = reviewed.desk.engine, reviewed.session.id
    comments.add_comment(engine, session_id, "Makefile", (5, 5), "Quietly?")
    async with reviewed.open() as desk:
        await reviewed.press("C", "D")
        desk.sees("Delete this comment?", "Makefile:5: Quietly?")
        await reviewed.press("n")
        assert [one.text for one in engine.store.reviews.comments(session_id)] == ["Quietly?"]
        await reviewed.press("C", "D", "y")
        await reviewed.until(lambda: engine.store.reviews.comments(session_id) == (), "the comment to go")


async def test_what_is_not_committed_is_staged_and_committed(reviewed: Reviewed) -> None:
    async with reviewed.open(range_="uncommitted") as desk:
        desk.sees("not committed")
        await reviewed.press("right_square_bracket", "s")
        await reviewed.until(lambda: "1 file staged" in desk.text, "the index")
        assert git(reviewed.worktree, "diff", "--cached", "--name-only") == "Makefile"
        await reviewed.press("ctrl+g")
        await desk.type("Lint")
        await reviewed.press("ctrl+g")
        await reviewed.until(lambda: git(reviewed.worktree, "log", "-1", "--format=%s") == "Lint", "the commit")
        await reviewed.until(lambda: "14 files" in desk.text, "the rest")


async def test_the_range_is_switched_in_place(reviewed: Reviewed) -> None:
    reviewed.commit()
    (reviewed.worktree / "later.txt").write_text("later\n")
    async with reviewed.open() as desk:
        desk.sees("the whole session", "16 files")
        await reviewed.press("f")
        desk.sees("What to look at", "not committed", "two points")
        await reviewed.press("j", "enter")
        await reviewed.until(lambda: "not committed" in desk.lines[0], "the range")
        await reviewed.there()
        desk.sees("later.txt", "1 file")


def test_pygit2_stays_out_of_the_process_of_the_screens() -> None:
    import subprocess
    import sys

    code = "import sys, ampsm_tui.app, ampsm_tui.screens.review.screen; assert not {'pygit2', 'pygments.lexers.python'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_a_review_that_is_asked_for_first_leads_to_the_list(reviewed: Reviewed) -> None:
    desk = reviewed.desk
    board = a_board(reviewed.row())
    desk.feed = Feed(board)
    session = reviewed.session.id
    desk.app = AmpsmApp(desk.engine, aiter(desk.feed), clock=lambda: NOW, board=board, first_review=session)
    async with desk.app.run_test(size=(120, 40), notifications=True) as desk.pilot:
        try:
            await reviewed.there()
            await reviewed.until(lambda: "0 of 16 hunks" in desk.text, "all hunks counted")
            desk.sees("app/login.py")
            await reviewed.press("q")
            await reviewed.until(lambda: "DOING" in desk.text, "the list")
            await reviewed.press("v")
            await reviewed.there()
            desk.sees("app/login.py")
        finally:
            desk.app.close()


async def test_opened_again_from_the_list_it_shows_what_was_committed_since(reviewed: Reviewed) -> None:
    reviewed.commit()
    desk = reviewed.desk
    async with desk.open(a_board(reviewed.row()), size=(120, 40)):
        try:
            await reviewed.press("v")
            await reviewed.there()
            desk.sees("login.py")
            process = desk.app.differ.pid
            await reviewed.press("q")
            put(reviewed.worktree, "app/aaa.py", "NEW = True\n")
            reviewed.commit("amp: more")
            await reviewed.press("v")
            await reviewed.there()
            desk.sees("aaa.py")
            assert desk.app.differ.pid == process
        finally:
            desk.app.close()


async def test_it_is_a_pleasure_at_every_size(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open((80, 24)) as desk:
        await reviewed.press("right_curly_bracket", "right_curly_bracket", "j", "j", "j", "j", "j")
        for width, height in ((80, 24), (50, 30), (80, 10), (160, 50)):
            await desk.resize(width, height)
            await reviewed.there()
            snapshot_svg(desk.app, f"{width}x{height}")
        desk.app.theme = "ampsm-light"
        await desk.resize(120, 40)
        await reviewed.there()
        snapshot_svg(desk.app, "light-120x40")


async def test_folded_and_listed(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open((100, 30)) as desk:
        await reviewed.press("t", "t", "t", "tab")
        await reviewed.there()
        snapshot_svg(desk.app, "viewed")
        await reviewed.press("escape", "Z")
        await reviewed.there()
        snapshot_svg(desk.app, "folded")
        await reviewed.press("question_mark")
        desk.sees("Help: review")


async def test_what_is_new_is_told_from_the_look_before_this_review(reviewed: Reviewed) -> None:
    reviewed.commit()
    async with reviewed.open() as desk:
        await reviewed.press("i")
        desk.sees("Nothing was viewed here yet", "the whole session")
        await reviewed.press("T")
        reviews = reviewed.desk.engine.store.reviews
        await reviewed.until(lambda: reviews.looked_tree(reviewed.session.id) is not None, "the look to be kept")
    put(reviewed.worktree, "app/later.py", "LATER = True\n")
    reviewed.commit("amp: later")
    async with reviewed.open() as desk:
        desk.sees("since you looked", "app/later.py")
        desk.sees_not("app/login.py")
        await reviewed.press("T")
        looked = reviews.looked_tree(reviewed.session.id)
        await reviewed.until(lambda: reviews.looked_tree(reviewed.session.id) != looked, "the second look to be kept")
        await reviewed.press("W")
        await reviewed.there()
        desk.sees("since you looked", "app/later.py")
        for label in ("the whole session", "since you looked"):
            await reviewed.press("i")
            await reviewed.until(lambda label=label: label in desk.text, label)
        desk.sees("app/later.py")
        desk.sees_not("app/login.py")
    async with reviewed.open() as desk:
        desk.sees("the whole session", "app/login.py")
        await reviewed.press("i")
        await reviewed.until(lambda: "Nothing has changed since you looked" in desk.text, "what is new")


async def test_from_the_review_one_key_writes_to_amp_and_one_leads_to_the_merge(reviewed: Reviewed) -> None:
    async with reviewed.open((100, 40)) as desk:
        await reviewed.press("m")
        desk.sees("Message to", "no comments to send")
        await reviewed.press("escape", "M")
        desk.sees("● check")


async def test_lines_are_selected_by_dragging(reviewed: Reviewed) -> None:
    async with reviewed.open((100, 40)) as desk:
        view = desk.app.screen.view  # type: ignore[attr-defined]
        await desk.drag(view, (20, 3), (20, 5))
        assert (view.selected_from, view.cursor) == (3, 5)
        await desk.press("ctrl+c")
        desk.sees("Copied 3 lines")
        desk.sees_not("Leave ampsm?")
