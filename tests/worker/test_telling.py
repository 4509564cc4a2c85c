"""The desktop hears of what ended: once, together, and not of what somebody looks at."""

import json
from pathlib import Path

import pytest

from ampsm_engine import looking, notify
from ampsm_engine.home import Home
from ampsm_engine.notices import Kind, News
from ampsm_engine.worker import telling
from tests.waiting import until
from tests.worker.bench import Bench


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(tmp_path / "home", tmp_path / "home" / "db")
    place.ensure()
    return place


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the desktop was told by this process."""
    told: list[tuple[str, str]] = []

    def send(title: str, body: str) -> bool:
        told.append((title, body))
        return True

    monkeypatch.setattr(notify, "send", send)
    monkeypatch.setattr(telling, "GATHERING", 0.0)
    return told


def test_what_comes_together_is_told_together(home: Home, heard: list[tuple[str, str]]) -> None:
    telling.leave(home, News(Kind.FINISHED, "1", "docs", ""))
    telling.leave(home, News(Kind.ERROR, "2", "login", "no credits"))
    assert telling.gather(home) == 1
    assert heard == [("2 sessions: 1 error, 1 finished", "login (error), docs (finished)")]
    assert telling.gather(home) == 0
    assert home.news.stat().st_mode & 0o777 == 0o600


def test_only_one_gathers(home: Home, heard: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    telling.leave(home, News(Kind.FINISHED, "1", "docs", "first"))

    def meanwhile(_: float) -> None:
        monkeypatch.setattr(telling.time, "sleep", lambda _: None)
        telling.leave(home, News(Kind.FINISHED, "2", "cart", "second"))
        assert telling.gather(home) == 0, "the lock is held"

    monkeypatch.setattr(telling.time, "sleep", meanwhile)
    assert telling.gather(home) == 1
    assert heard == [("2 sessions: 2 finished", "docs (finished), cart (finished)")]


def test_half_a_line_costs_nothing_but_itself(home: Home, heard: list[tuple[str, str]]) -> None:
    home.news.write_text(
        '["finished", "1", "do\n["nonsense", "1", "a", "b"]\n7\n' + json.dumps(["finished", "2", "cart", "ok"]) + "\n"
    )
    assert telling.gather(home) == 1
    assert heard == [("cart: finished", "ok")]


def test_a_look_lasts_as_long_as_its_holder(home: Home) -> None:
    assert not looking.is_looked_at(home, "s1")
    first, second = looking.look(home, "s1"), looking.look(home, "s1")
    assert looking.is_looked_at(home, "s1")
    assert not looking.is_looked_at(home, "s2")
    first.end()
    first.end()
    assert looking.is_looked_at(home, "s1")
    second.end()
    assert not looking.is_looked_at(home, "s1")
    assert list(home.looks.iterdir()) == []


def test_a_home_that_takes_no_file_is_looked_at_by_nobody(home: Home) -> None:
    home.looks.write_text("in the way")
    looking.look(home, "s1").end()
    assert not looking.is_looked_at(home, "s1")


@pytest.fixture
def desktop(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop that writes down what it is told."""
    told = bench.folder / "told"
    programs = bench.folder / "desktop"
    programs.mkdir()
    script = f'#!/bin/sh\nprintf "%s|" "$@" >> {told}\nprintf "\\n" >> {told}\n'
    (programs / "notify-send").write_text(script)
    (programs / "notify-send").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":99")
    bench.configure(notify__desktop="true")
    return told


def test_a_worker_tells_the_end_and_only_what_is_wanted(bench: Bench, desktop: Path) -> None:
    bench.scenario({"say": "Done."})
    bench.configure(notify__finished="false")
    quiet = bench.new("quiet one", name="quiet one")
    bench.settled(quiet)
    bench.configure(notify__finished="true")
    watched = bench.new(None, name="watched one")
    look = looking.look(bench.engine.home, watched.id)
    bench.iterate(watched)
    bench.settled(watched)
    bench.quiet()
    look.end()
    loud = bench.new("loud one", name="loud one")
    bench.settled(loud)
    told = until(lambda: desktop.exists() and desktop.read_text(), "the desktop's notice")
    bench.quiet()
    assert "loud one: finished" in told
    assert "quiet one" not in told
    assert "watched one" not in told
