"""Where an app was that is gone: found by the next one, private, and never that of an app that still runs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ampsm_engine import last_places
from ampsm_engine.home import Home
from ampsm_engine.last_places import LastPlace

REVIEW = LastPlace("review", "s000000001", "whole", "src/caf\udce9.py", 12, is_new=False)

STAY = """
import sys, time
from pathlib import Path
from ampsm_engine import last_places
from ampsm_engine.home import Home
last_places.keep(Home(Path(sys.argv[1]), Path("unused")), last_places.LastPlace("session", sys.argv[2]))
print("kept", flush=True)
time.sleep(600)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / "db")


def other(home: Home, session_id: str) -> "subprocess.Popen[str]":
    """Another app, which is in that session."""
    command = [sys.executable, "-c", STAY, str(home.root), session_id]
    app = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    assert app.stdout.readline() == "kept\n"
    return app


def cut_off(app: "subprocess.Popen[str]") -> None:
    os.kill(app.pid, signal.SIGKILL)
    app.communicate()


def test_of_several_that_were_cut_off_the_last_is_found_and_none_that_runs(home: Home) -> None:
    first, second, third = (other(home, f"s{number}") for number in range(3))
    assert last_places.left(home) is None
    for age, app in ((20, first), (10, third)):
        cut_off(app)
        at = time.time() - age
        os.utime(home.places / f"{app.pid}.json", (at, at))
    found = last_places.left(home)
    assert found is not None
    assert found.place == LastPlace("session", "s2")
    assert sorted(file.stem for file in home.places.iterdir()) == sorted((str(second.pid), str(third.pid)))
    last_places.forget(found)
    assert last_places.left(home) is None
    cut_off(second)
    found = last_places.left(home)
    assert found is not None
    assert found.place.session_id == "s1"


def test_a_place_is_private_and_comes_back_as_it_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    last_places.keep(home, REVIEW)
    (file,) = home.places.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert home.places.stat().st_mode & 0o777 == 0o700
    assert last_places.left(home) is None, "we are still there"
    monkeypatch.setattr(last_places.process_identity, "is_alive", lambda _: False)
    found = last_places.left(home)
    assert found is not None
    assert found.place == REVIEW
    last_places.keep(home, None)
    assert last_places.left(home) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"place": {"screen": 1}}', b"\xff"])
def test_what_cannot_be_read_is_no_place(home: Home, content: bytes) -> None:
    last_places.keep(home, REVIEW)
    file = home.places / "7.json"
    file.write_bytes(content)
    assert last_places.left(home) is None
    assert not file.exists()
