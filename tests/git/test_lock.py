"""One writer per repository, who is named to those that wait, and whose death frees the lock."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.git import lock

HOLD = (
    "import sys; from pathlib import Path; from ampsm_engine.git import lock\n"
    "with lock.writer(Path(sys.argv[1]), 'merge abc'):\n    print(flush=True); sys.stdin.read()\n"
)


def test_the_second_writer_waits_and_then_learns_who_it_is(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        with (
            pytest.raises(Failed, match=f"merge abc .process {holder.pid}."),
            lock.writer(tmp_path, "me", patience=0.1),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with lock.writer(tmp_path, "me", patience=10):
        assert (tmp_path / "ampsm.lock").stat().st_mode & 0o777 == 0o600


def test_a_thread_that_is_the_writer_goes_on_and_another_waits(tmp_path: Path) -> None:
    told: list[str] = []

    def other() -> None:
        try:
            with lock.writer(tmp_path, "other", patience=0):
                told.append("in")
        except Failed as reason:
            told.append(reason.message)

    with lock.writer(tmp_path, "me"), lock.writer(tmp_path, "me, inside"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "me (process" in told[0]
    other()
    assert told[1:] == ["in"]


def test_what_a_writer_starts_does_not_hold_the_lock(tmp_path: Path) -> None:
    with lock.writer(tmp_path, "me"):
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        with lock.writer(tmp_path, "next", patience=0):
            pass
    finally:
        child.communicate()


def test_a_folder_that_cannot_be_written_is_unfit(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="cannot be written"), lock.writer(tmp_path / "none", "me"):
        pass
