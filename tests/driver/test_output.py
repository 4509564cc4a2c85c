"""What is written reaches the terminal in order; one that goes away takes nobody along and stops nobody."""

import os
import threading

from ampsm_tui.driver.output import OutputThread
from tests.waiting import until


def test_texts_arrive_in_order_and_it_is_told_when_all_are_written() -> None:
    read, write = os.pipe()
    idle = threading.Event()
    writer = OutputThread(write, idle.set, lambda: None)
    for at in range(100):
        writer.write(f"{at} ä,")
    assert writer.drain(10)
    until(idle.is_set, "the writer to be idle")
    assert os.read(read, 1 << 16).decode() == "".join(f"{at} ä," for at in range(100))
    os.close(read)


def test_a_reader_that_is_slow_holds_nobody_up() -> None:
    read, write = os.pipe()
    writer = OutputThread(write, lambda: None, lambda: None)
    writer.write("x" * (1 << 20))  # more than a pipe holds
    writer.write("end")
    assert writer.is_busy
    assert not writer.drain(0.0)
    taken = b""
    while not taken.endswith(b"end"):
        taken += os.read(read, 1 << 16)
    assert len(taken) == (1 << 20) + 3
    until(lambda: not writer.is_busy, "the writer to be idle")
    os.close(read)


def test_what_a_lost_terminal_does_not_take_is_dropped_and_told_once() -> None:
    read, write = os.pipe()
    os.close(read)
    lost: list[bool] = []
    writer = OutputThread(write, lambda: None, lambda: lost.append(True))
    for _ in range(100):
        writer.write("text")
    assert writer.drain(10)
    assert lost == [True]
