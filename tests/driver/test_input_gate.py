"""The thread that reads keys sleeps until there is one, and leaves when it is told to."""

import os
import select
import threading
from collections.abc import Iterator

import pytest

from ampsm_tui.driver import input_gate
from ampsm_tui.driver.input_gate import InputGate
from tests.waiting import until


class Reader:
    """Reads a terminal as Textual's driver does."""

    def __init__(self, gate: InputGate, file: int) -> None:
        self._gate, self._file = gate, file
        self.rounds = 0
        self.taken = b""
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        self._gate.enter()
        while not self._gate.is_set():
            self.rounds += 1
            if select.select([self._file], [], [], 0.001)[0]:
                self.taken += os.read(self._file, 100)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ends = os.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_a_reader_is_woken_by_keys_alone(terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_gate, "_PENDING", 0.0)
    keyboard, file = terminal
    gate = InputGate(file)
    reader = Reader(gate, file)
    for typed in (b"a\n", b"b\n"):
        os.write(keyboard, typed)
        until(lambda typed=typed: reader.taken.endswith(typed), "the key is read")
    assert reader.rounds <= 4, "one for each key, and one that a key came in between"
    gate.set()
    reader.thread.join(60)
    assert not reader.thread.is_alive()


def test_a_reader_that_left_may_come_back(terminal: tuple[int, int]) -> None:
    keyboard, file = terminal
    gate = InputGate(file)
    for typed in (b"a\n", b"b\n"):
        reader = Reader(gate, file)
        os.write(keyboard, typed)
        until(lambda reader=reader, typed=typed: reader.taken == typed, "the key is read")
        gate.set()
        reader.thread.join(60)
        assert gate.is_set()
        gate.clear()
        assert not gate.is_set(), "whoever does not read is answered at once"


def test_after_a_key_a_reader_looks_at_the_clock_for_a_while(terminal: tuple[int, int]) -> None:
    """An escape alone is a key only when nothing follows it."""
    keyboard, file = terminal
    gate = InputGate(file)
    reader = Reader(gate, file)
    os.write(keyboard, b"\x1b\n")
    until(lambda: reader.taken, "the key is read")
    before = reader.rounds
    until(lambda: reader.rounds > before + 3, "it goes on")
    gate.set()
    reader.thread.join(60)
