"""The session screen: what amp says is followed, what one asks for is asked for, and nothing that was typed is lost."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.errors import Refused
from ampsm_engine.git.entities import FileChange
from ampsm_engine.model import BoardRow, Outcome, State
from ampsm_engine.state_styles import SHOWN
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.session.screen import SessionScreen
from ampsm_tui.widgets.prompt_box import PromptBox
from ampsm_tui.widgets.timeline import Timeline
from ampsm_tui.widgets.transcript.blocks import BlockKind
from ampsm_tui.widgets.transcript.painter import MARK
from ampsm_tui.widgets.transcript.view import TranscriptView
from tests.soak import one_in
from tests.tui.builders import ERROR, IDLE, RUNNING, a_board, a_session, ago, an_iteration
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.streams import (
    EVERY_KIND,
    SESSION,
    a_history,
    answered,
    called,
    grow,
    lines,
    put,
    said,
    thought,
    wait,
)

FIRST = an_iteration(SESSION, 1, prompt="Make the login form fit small screens, and add a test for it.")
MANY = lines(*(said(f"Paragraph {number}.\n\nMore of {number}.") for number in range(60)))


def a_row(status: Any = IDLE, **fields: Any) -> BoardRow:
    row = a_session("Fix the login form", status, id=SESSION, iterations=2)
    assert row.current
    return replace(row, current=replace(row.current, **{"prompt": "The sign-up page as well", **fields}))


def waiting(number: int, prompt: str) -> Any:
    return an_iteration(
        SESSION, number, prompt=prompt, state=State.QUEUED, outcome=None, start_time=None, queued_at=ago(minutes=1)
    )


@asynccontextmanager
async def opened(
    desk: Desk, row: BoardRow, stream: bytes | None = EVERY_KIND, size: tuple[int, int] = (80, 24), queue: Any = ()
) -> AsyncIterator[TranscriptView]:
    assert row.current
    if stream is not None:
        put(desk, row.current, stream)
    desk.answers.setdefault("timeline", lambda *_: a_history(replace(row, current=row.current), FIRST, *queue))
    desk.answers.setdefault("prompts", lambda *_: ("Newest", "Older\nof two lines"))
    async with desk.open(a_board(row), size=size):
        desk.app.push_screen(SessionScreen(SESSION).data_bind(AmpsmApp.board))
        await desk.settle()
        transcript = desk.app.screen.query_one(TranscriptView)
        if stream:
            told = {BlockKind.PROMPT, BlockKind.ENDING}
            await wait(desk, lambda: transcript.status.read == 1 and kinds(transcript) - told)
        yield transcript


def kinds(transcript: TranscriptView) -> set[BlockKind]:
    return {block.kind for block in transcript.blocks}


async def test_everything_amp_said_is_there(desk: Desk) -> None:
    async with opened(desk, a_row(), size=(80, 80)) as transcript:
        assert kinds(transcript) >= {
            BlockKind.PROMPT,
            BlockKind.THINKING,
            BlockKind.TEXT,
            BlockKind.TOOL,
            BlockKind.ERROR,
            BlockKind.ATTEMPT,
            BlockKind.ENDING,
        }
        desk.sees(
            f"{MARK}The sign-up page", "▸ thinking: The form is too wide.", "rg -n width", "exit 2: 1 failed, 41 passed"
        )
        desk.sees(
            "src/login.css  +2 -1",
            "+   max-width: 640px;",
            "refused: Rejected",
            "attempt 2",
            "The model is overloaded.",
        )
        desk.sees("✓ done in 2m 00s", "22.6k tokens", "│ It is the snapshot")


async def test_it_follows_and_holds_still(desk: Desk) -> None:
    row = a_row(RUNNING)
    async with opened(desk, row, MANY) as transcript:
        desk.sees("More of 59.")
        assert row.current
        path = desk.engine.home.iteration(row.current.id).stream
        grow(path, said("And one more"))
        await wait(desk, lambda: "And one more" in desk.text)
        await desk.press("ctrl+u", "ctrl+u")
        before = desk.lines[4:-5]
        grow(path, said("Unseen"), said("Unseen too"))
        await wait(desk, lambda: transcript.status.new_below == 2)
        desk.sees("2 new below, G")
        desk.sees_not("Unseen")
        assert desk.lines[4:-5] == before
        await desk.press("G")
        desk.sees("Unseen too")
        desk.sees_not("new below")
        grow(path, said("Followed again"))
        await wait(desk, lambda: "Followed again" in desk.text)


async def test_an_ending_comes_with_the_board(desk: Desk) -> None:
    row = a_row(RUNNING)
    async with opened(desk, row, lines(called("1", "shell_command", command="sleep 9"))):
        desk.sees("sleep 9  running")
        desk.sees_not("✓ done")
        await desk.show(a_board(a_row(outcome=Outcome.STOPPED)))
        desk.sees(f"{SHOWN['stopped'].glyph} stopped in 2m 00s", "sleep 9  no answer")


async def test_a_replaced_file_is_followed_to_its_end(desk: Desk) -> None:
    row = a_row(RUNNING)
    async with opened(desk, row, lines(said("First"))) as transcript:
        assert row.current
        path = desk.engine.home.iteration(row.current.id).stream
        with path.open("ab") as file:
            other = path.with_name("other")
            other.write_bytes(lines(said("Somebody else")))
            other.replace(path)
            file.write(lines(said("Last")))
        await desk.show(a_board(a_row()))
        await wait(desk, lambda: len(transcript.blocks) == 4)
        desk.sees("Last")
        desk.sees_not("Somebody else")


async def test_blocks_open_and_close(desk: Desk) -> None:
    stream = lines(
        thought("Deep\nThoughts"), called("1", "shell_command", command="ls"), answered("1", {"output": "a\nb\nc"})
    )
    async with opened(desk, a_row(), stream):
        await desk.press("g", "j", "enter")
        desk.sees("▾ thinking", "Thoughts")
        await desk.press("enter")
        desk.sees_not("▾ thinking")
        await desk.press("j", "enter")
        desk.sees("▾ $ ls", "command: ls", "│ a", "│ b")
        await desk.press("Z")
        desk.sees("▾ thinking")
        await desk.press("Z")
        desk.sees_not("▾")


async def test_searching(desk: Desk) -> None:
    async with opened(desk, a_row(), MANY) as transcript:
        await desk.press("slash")
        await desk.type("paragraph 3")
        desk.sees("Paragraph 3")
        await desk.press("enter")
        assert (transcript.status.matches, transcript.has_focus) == (11, True)
        desk.sees("of 11")
        first = transcript.status.match
        await desk.press("n")
        assert transcript.status.match == first % 11 + 1
        await desk.press("N", "N")
        assert transcript.status.match == (first - 2) % 11 + 1
        await desk.press("escape")
        desk.sees_not("of 11")
        assert isinstance(desk.app.screen, SessionScreen)


async def test_a_search_opens_what_hides_its_match(desk: Desk) -> None:
    stream = lines(
        called("1", "shell_command", command="ls"), answered("1", {"output": "needle\nother"}), *[said("x")] * 40
    )
    async with opened(desk, a_row(), stream):
        await desk.press("slash")
        await desk.type("needle")
        desk.sees("│ needle")
        await desk.type("z")
        await desk.press("enter")
        desk.sees("/needlez is not in here")


async def test_what_changed_outside_of_the_worktree_is_said_first(desk: Desk) -> None:
    row = a_session("fix login", IDLE, id=SESSION, outside="branch main moved\x1b[31m, stash +1")
    async with opened(desk, row, size=(100, 30)):
        desk.sees("! outside its worktree: branch main moved")
        assert "\x1b" not in desk.text


async def test_the_timeline_opens_things(desk: Desk) -> None:
    desk.answers["commit_files"] = lambda *_: (FileChange("src/a.py", None, "modified", 3, 1),)
    desk.answers["script_output"] = lambda *_: "first\n" * 90 + "all passed"
    row = a_row()
    put(desk, FIRST, lines(said("The first iteration spoke")))
    async with opened(desk, row, size=(120, 40)):
        desk.sees("by hand (Ada)", "by amp", "the script passed", "not committed: .env")
        timeline = desk.app.screen.query_one(Timeline)
        keys = [entry.key.split()[0] for entry in timeline.entries]
        assert keys == ["fact", "commit", "commit", "fact", "commit", "iteration", "iteration", "fact"]
        await desk.press("tab", "j", "enter")
        desk.asked("commit_files", SESSION, "ef" * 20)
        desk.sees("M  +3 -1", "src/a.py", "1 file, +3 -1")
        await desk.press("escape", "tab", "j", "j", "enter")
        desk.asked("script_output", FIRST.id, 2)
        desk.sees("all passed")
        desk.sees("▸✓ 2")
        await desk.press("escape", "tab", "j", "j", "j", "enter")
        await wait(desk, lambda: "The first iteration spoke" in desk.text)
        desk.sees("▸✓ 1")


async def test_the_timeline_leads_to_what_an_iteration_or_a_commit_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(desk, FIRST, lines(said("The first iteration spoke")))
    async with opened(desk, a_row(), size=(120, 40)):
        asked: list[tuple[str, str]] = []
        monkeypatch.setattr(
            desk.app.opener, "open_review", lambda session, range_="": asked.append((session.id, range_))
        )
        await desk.press("v")
        await desk.press("tab", "j", "v")
        await desk.press("j", "j", "j", "j", "j", "enter")
        await wait(desk, lambda: "The first iteration spoke" in desk.text)
        assert asked == [(SESSION, ""), (SESSION, f"points:{'ef' * 20}^..{'ef' * 20}")]
        await desk.press("tab", "enter")
        assert asked[2:] == [(SESSION, "iteration:1")]


async def test_a_follow_up_is_sent_and_its_draft_kept(desk: Desk) -> None:
    async with opened(desk, a_row()):
        await desk.press("m")
        await desk.type("One")
        await desk.press("ctrl+j")
        await desk.type("two\\")
        await desk.press("enter")
        await desk.type("three")
        await desk.press("escape", "escape")
        assert not isinstance(desk.app.screen, SessionScreen)
        desk.app.push_screen(SessionScreen(SESSION).data_bind(AmpsmApp.board))
        await desk.settle()
        box = desk.app.screen.query_one(PromptBox)
        assert box.text == "One\ntwo\nthree"
        await desk.press("m", "enter")
        desk.asked("iterate", SESSION, "One\ntwo\nthree")
        assert box.text == ""


async def test_a_refused_follow_up_stays_in_the_box(desk: Desk) -> None:
    desk.answers["iterate"] = Refused("The session is in the trash.", "ampsm trash restore")
    async with opened(desk, a_row()):
        await desk.press("m")
        await desk.type("Go on")
        await desk.press("enter")
        desk.sees("The session is in the trash.")
        box = desk.app.screen.query_one(PromptBox)
        assert (box.text, box.has_focus) == ("Go on", True)


async def test_earlier_prompts_come_back(desk: Desk) -> None:
    async with opened(desk, a_row()):
        await desk.press("m")
        await desk.type("Half")
        box = desk.app.screen.query_one(PromptBox)
        await desk.press("up")
        assert box.text == "Newest"
        await desk.press("up")
        assert box.text == "Older\nof two lines"
        await desk.press("up")
        assert box.text == "Older\nof two lines"
        await desk.press("down", "down")
        assert box.text == "Newest"
        await desk.press("down")
        assert box.text == "Half"


async def test_a_paste_keeps_its_lines_and_nothing_unseen(desk: Desk) -> None:
    from textual.events import Paste

    async with opened(desk, a_row()):
        await desk.press("m")
        box = desk.app.screen.query_one(PromptBox)
        box.post_message(Paste("one\r\ntwo\n\x1b[31m\tthree\u202e\x00"))
        await desk.settle()
        assert box.text == "one\ntwo\n[31m\tthree"


async def test_a_prompt_is_written_in_the_editor(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(_app: object, command: list[str], _folder: Path) -> None:
        path = Path(command[-1])
        assert path.parent.stat().st_mode & 0o077 == 0, "nobody else reads a prompt while it is written"
        path.write_text(path.read_text() + " and edited\n")

    monkeypatch.setenv("EDITOR", "vi")
    monkeypatch.setattr("ampsm_tui.suspend.run_in_terminal", edit)
    async with opened(desk, a_row()):
        await desk.press("m")
        await desk.type("Typed")
        await desk.press("ctrl+x", "ctrl+e")
        assert desk.app.screen.query_one(PromptBox).text == "Typed and edited"
        await desk.press("ctrl+underscore")
        assert desk.app.screen.query_one(PromptBox).text == "Typed", "what an editor did can be taken back"


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("exit 3", "ended with exit code 3"),
        ("kill -9 $$", "was ended by a signal: Killed"),
        ('rm "$2"', "left nothing to read"),
        ("", ""),
    ],
)
async def test_an_editor_with_arguments_that_fails_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, does: str, told: str
) -> None:
    editor = tmp_path / "code"
    editor.write_text(f'#!/bin/sh\n[ "$1" = --wait ] || exit 9\necho " and edited" >> "$2"\n{does}\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"{editor} --wait")
    async with opened(desk, a_row()):
        monkeypatch.setattr(desk.app, "suspend", contextlib.nullcontext)
        await desk.press("m")
        await desk.type("Typed")
        await desk.press("ctrl+t")
        assert desk.app.screen.query_one(PromptBox).text == ("Typed" if does else "Typed and edited")
        desk.sees(told)
        if does:
            desk.sees("Nothing has changed.")


async def test_the_queue_is_edited_and_emptied(desk: Desk) -> None:
    second, third = waiting(3, "Second thing"), waiting(4, "Third thing")
    row = replace(a_row(RUNNING), queued=2, iterations=4)
    desk.answers["queued_prompt"] = lambda _, asked: {second.id: "Second thing, raw", third.id: "Third thing, raw"}[
        asked
    ]
    async with opened(desk, row, queue=(second, third)):
        desk.sees("◌ 3 queued  Second thing", "◌ 4 queued  Third thing")
        await desk.press("tab", "tab", "enter")
        box = desk.app.screen.query_one(PromptBox)
        assert box.text == "Second thing, raw"
        desk.sees("Prompt 3: Enter keeps it")
        await desk.type("!")
        await desk.press("enter")
        desk.asked("edit_queued", second.id, "Second thing, raw!")
        desk.asked_not("iterate")
        assert box.text == ""
        await desk.press("shift+tab", "j", "d")
        desk.asked("drop_queued", third.id)
        assert box.text == "Third thing, raw"


async def test_leaving_an_edit_brings_the_draft_back(desk: Desk) -> None:
    row = replace(a_row(RUNNING), queued=1, iterations=3)
    async with opened(desk, row, queue=(waiting(3, "Second thing"),)):
        await desk.press("m")
        await desk.type("Draft")
        await desk.press("shift+tab", "e", "escape")
        assert desk.app.screen.query_one(PromptBox).text == "Draft"
        desk.asked_not("edit_queued")


async def test_a_session_that_goes_to_the_trash_closes_its_screen(desk: Desk) -> None:
    async with opened(desk, a_row()):
        await desk.show(a_board(a_session("another", id="other")))
        assert not isinstance(desk.app.screen, SessionScreen)


async def test_looking_up_holds_still_even_without_scrolling(desk: Desk) -> None:
    row = a_row(RUNNING)
    async with opened(desk, row, MANY) as transcript:
        assert row.current
        await desk.press("k")
        grow(desk.engine.home.iteration(row.current.id).stream, said("Unseen"))
        await wait(desk, lambda: transcript.status.new_below == 1)
        desk.sees_not("Unseen")


async def test_an_unreadable_stream_is_told(desk: Desk) -> None:
    row = a_row()
    assert row.current
    path = put(desk, row.current, b"")
    path.unlink()
    path.symlink_to(path)
    async with opened(desk, row, None):
        desk.sees("The transcript cannot be read")


async def test_who_only_watches_cannot_write(desk: Desk) -> None:
    row = a_row()
    assert row.current
    put(desk, row.current, EVERY_KIND)
    async with desk.open(a_board(row), read_only=True):
        desk.app.push_screen(SessionScreen(SESSION).data_bind(AmpsmApp.board))
        await desk.settle()
        await desk.press("m")
        assert not desk.app.screen.query_one(PromptBox).has_focus


HOSTILE = lines(
    said("\x1b[2J\x1b]0;owned\x07 [red]not red[/red] \u202egnp.exe\x00"),
    thought("字" * 300),
    called("\x1b", "shell\x1b[31m", command="x" * 10_000, **{"\u202e": "\x07"}),
    answered("\x1b", "é\u0301\u0301\u0301\u0301 \x9b31m\r\n" * 20),
    said("a" * 10_000),
)


@pytest.mark.parametrize("size", one_in(2, [(30, 24), (50, 20), (80, 10), (80, 24), (200, 50), (120, 40)]))
async def test_hostile_text_is_inert_and_breaks_no_layout(desk: Desk, size: tuple[int, int]) -> None:
    row = a_row(prompt="\x1b[31m" + "字" * 5_000, error="\x1b[2J")
    row = replace(row, session=replace(row.session, name="n\x1b[2J" * 2_000, notes="\u202e", branch_name="b" * 500))
    async with opened(desk, row, HOSTILE, size=size):
        await desk.press("Z", "g")
        for _ in range(3):
            assert not [letter for letter in desk.text if not letter.isprintable() and letter != "\n"]
            strips = desk.app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in strips} == {size[0]}
            await desk.press("ctrl+d", "ctrl+d")


@pytest.mark.parametrize("size", [(50, 20), (80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", ["settled", "running", "failed", "empty"])
async def test_looks(desk: Desk, snapshot_svg: Camera, state: str, size: tuple[int, int]) -> None:
    row = {
        "settled": a_row(),
        "running": replace(a_row(RUNNING, activity="$ make test"), queued=1, iterations=3),
        "failed": a_row(
            ERROR, outcome=Outcome.FAILED, error="amp's model is overloaded.", hint="Send a follow-up later."
        ),
        "empty": replace(a_row(), iterations=1),
    }[state]
    queue = (waiting(3, "Then update the README"),) if state == "running" else ()
    if state == "empty":
        desk.answers["timeline"] = lambda *_: replace(a_history(row), commits=(), facts=())
        assert row.current
        row = replace(row, current=waiting(1, "The first prompt"))
    async with opened(desk, row, None if state == "empty" else EVERY_KIND, size=size, queue=queue) as transcript:
        transcript.on_resize()  # measured anew: the thumb tells what was painted on the way, too
        await desk.settle()
        snapshot_svg(desk.app)


async def test_looks_open(desk: Desk, snapshot_svg: Camera) -> None:
    async with opened(desk, a_row(), size=(120, 40)):
        await desk.press("Z", "g")
        snapshot_svg(desk.app)


async def test_looks_searching_while_it_runs(desk: Desk, snapshot_svg: Camera) -> None:
    async with opened(desk, a_row(RUNNING), size=(80, 24)):
        await desk.press("slash")
        await desk.type("form")
        await desk.press("enter", "n")
        snapshot_svg(desk.app)
        for theme in ("ampsm-light", "ampsm"):  # with what is found in code and in what is pale
            desk.app.theme = theme
            await desk.resize(120, 40)
            snapshot_svg.check(desk.app)


async def test_text_is_selected_by_dragging_and_copied(desk: Desk) -> None:
    async with opened(desk, a_row()):
        view = desk.app.screen.query_one(TranscriptView)
        folded = [block.is_open for block in view.blocks]
        await desk.drag(view, (2, 1), (8, 2))
        selected = view.drag.text
        assert selected.count("\n") == 1
        assert [block.is_open for block in view.blocks] == folded, "a drag is no click"
        await desk.press("ctrl+c")
        assert desk.app.clipboard == selected
