"""A terminal that understands the Program Status Protocol holds what the program does; another one is sent nothing."""

import base64

import pytest
from textual import events

from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Board, Status
from ampsm_tui import notifier
from ampsm_tui.driver import status_records
from ampsm_tui.driver.status_records import QUESTION, StatusRecords, may_ask
from tests.tui.builders import a_board, a_session

ANSWER = "^]7501;?^\\"
"""As Textual hands on an answer that it does not know: ESC becomes a circumflex."""

ANSWER_ALONE = "^]7501;?\\"
"""The same where nothing follows for a moment: its last ESC is gone then."""


def keys(text: str) -> list[events.Key]:
    return [events.Key(letter, letter) for letter in text]


class Terminal:
    def __init__(self) -> None:
        self.seen = ""
        self.records = StatusRecords(self._take)
        self.typed = ""

    def _take(self, text: str) -> None:
        self.seen += text

    def says(self, *messages: events.Event) -> None:
        for message in messages:
            others, is_understood = self.records.take(message)
            self.typed += "".join(one.character or "" for one in others if isinstance(one, events.Key))
            if is_understood:
                self.records.understood()


@pytest.mark.parametrize("answer", [ANSWER, "^]7501;?\x07", "^]7501;?:revision=5^\\", ANSWER_ALONE])
def test_a_terminal_that_answers_gets_what_is_new_and_nobody_types_its_answer(answer: str) -> None:
    terminal = Terminal()
    assert terminal.records.ask() == QUESTION
    terminal.records.show(lambda: {"": "state=idle:app=ampsm", "a": "state=working:id=a"})
    assert terminal.seen == ""
    terminal.says(*keys(answer), events.CursorPosition(0, 1), *keys("xy"))
    assert terminal.typed == "xy"
    assert terminal.seen == "\x1b]7501;state=idle:app=ampsm\x1b\\\x1b]7501;state=working:id=a\x1b\\"
    terminal.seen = ""
    terminal.records.show(lambda: {"": "state=idle:app=ampsm", "a": "state=working:id=a"})
    assert terminal.seen == ""
    terminal.records.show(lambda: {"": "state=done:app=ampsm"})
    assert terminal.seen == "\x1b]7501;state=clear:id=a\x1b\\\x1b]7501;state=done:app=ampsm\x1b\\"
    terminal.seen = ""
    terminal.records.clear()
    assert terminal.seen == "\x1b]7501;state=clear\x1b\\"


def test_a_terminal_that_does_not_answer_gets_nothing_and_no_key_is_lost() -> None:
    terminal = Terminal()
    terminal.records.ask()
    terminal.records.show(lambda: {"": "state=idle"})
    terminal.says(*keys("a^b^]75x"), *keys("^]7"), events.CursorPosition(0, 1), *keys("^]7501;?^\\"))
    terminal.records.clear()
    assert terminal.seen == ""
    assert terminal.typed == "a^b^]75x^]7^]7501;?^\\"


def test_what_was_cleared_for_another_program_comes_back_with_the_terminal_and_not_before() -> None:
    terminal = Terminal()
    terminal.records.ask()
    terminal.records.show(lambda: {"": "state=idle"})
    terminal.says(*keys(ANSWER))
    terminal.records.clear()
    terminal.seen = ""
    terminal.records.show(lambda: {"": "state=done"})
    assert terminal.seen == ""
    terminal.records.show_again()
    assert terminal.seen == "\x1b]7501;state=done\x1b\\"


def test_through_a_multiplexer_each_terminal_answers_once_and_none_is_awaited_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(status_records, "monotonic", lambda: now[0])
    terminal = Terminal()
    terminal.records.ask_through(lambda sequence: f"<{sequence}>")
    terminal.records.show(lambda: {"": "state=idle"})
    assert terminal.seen == f"<{QUESTION}>"
    terminal.says(*keys("a^"), events.CursorPosition(0, 1), *keys("b"), *keys(ANSWER_ALONE), *keys("cd"), *keys(ANSWER))
    assert terminal.typed == "a^bcd"
    assert terminal.seen == f"<{QUESTION}><\x1b]7501;state=idle\x1b\\>"
    terminal.seen = ""
    terminal.records.show_what_was_dropped()
    assert terminal.seen == "<\x1b]7501;state=idle\x1b\\>"
    now[0] += status_records.ANSWER_SECONDS + 1
    terminal.says(*keys("^]7501;?"))
    assert terminal.typed == "a^bcd^]7501;?"


def test_terminals_that_would_show_the_question_are_not_asked() -> None:
    assert may_ask({"TERM": "xterm-256color"})
    assert may_ask({"TERM": "screen-256color", "TMUX": "/tmp/x,1,0"})
    assert not may_ask({"TERM": "linux"})
    assert not may_ask({"TERM": "screen"})


def fields(body: str) -> dict[str, str]:
    found = dict(pair.split("=", 1) for pair in body.split(":"))
    for name in ("title", "msg"):
        if name in found:
            found[name] = base64.b64decode(found[name]).decode()
    return found


def test_one_record_is_the_program_and_each_session_has_one() -> None:
    secret = "sk-ant-api03-" + "a1B2" * 24
    board = a_board(
        a_session(f"evil\x1b\\\x1b]0;x\x07 {secret}\u202e", Status.RUNNING, id="s000000001"),
        a_session("ask me", Status.AWAITING_INPUT, id="s000000002"),
        a_session("fix login", id="s000000003"),
    )
    found = notifier.records(board)
    assert fields(found[""]) == {"state": "working", "app": "ampsm", "msg": "3 sessions: 1 working, 1 blocked"}
    hostile = fields(found["s000000001"])
    assert (hostile["state"], hostile["id"]) == ("working", "s000000001")
    assert hostile["title"].isprintable()
    assert secret not in hostile["title"]
    assert fields(found["s000000002"])["kind"] == "question"
    assert fields(found["s000000003"])["state"] == "idle"
    (row,) = a_board(a_session("menu", Status.AWAITING_INPUT, id="s000000004")).rows
    met = fields(notifier.records(Board((replace(row, has_conflict=True),)))["s000000004"])
    assert (met["state"], met["kind"], met["msg"]) == ("blocked", "question", "a merge met a conflict")
    many = a_board(*(a_session("x" * 400, id=f"s{number:09}") for number in range(100)))
    assert len(notifier.records(many)) == 61
    assert max(len(fields(body).get("title", "").encode()) for body in notifier.records(many).values()) <= 192
