"""The desktop hears of what ended: once, together, and not of what somebody looks at."""

import json
from pathlib import Path

import pytest

from ampsm_engine import desktop_notification, notifications, viewer_lock
from ampsm_engine.errors import Refused
from ampsm_engine.home import Home
from ampsm_engine.merging import operations
from ampsm_engine.merging.results import Options
from ampsm_engine.notifications import News, NotificationKind
from ampsm_engine.worker import end_notifications
from tests.conftest import git
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

    monkeypatch.setattr(desktop_notification, "send", send)
    monkeypatch.setattr(end_notifications, "GATHERING", 0.0)
    return told


def test_what_comes_together_is_told_together(home: Home, heard: list[tuple[str, str]]) -> None:
    end_notifications.add(home, News(NotificationKind.FINISHED, "1", "docs", ""))
    end_notifications.add(home, News(NotificationKind.ERROR, "2", "login", "no credits"))
    assert end_notifications.show(home) == 1
    assert heard == [("2 sessions: 1 error, 1 finished", "login (error), docs (finished)")]
    assert end_notifications.show(home) == 0
    assert home.news.stat().st_mode & 0o777 == 0o600


def test_only_one_gathers(home: Home, heard: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    end_notifications.add(home, News(NotificationKind.FINISHED, "1", "docs", "first"))

    def meanwhile(_: float) -> None:
        monkeypatch.setattr(end_notifications.time, "sleep", lambda _: None)
        end_notifications.add(home, News(NotificationKind.FINISHED, "2", "cart", "second"))
        assert end_notifications.show(home) == 0, "the lock is held"

    monkeypatch.setattr(end_notifications.time, "sleep", meanwhile)
    assert end_notifications.show(home) == 1
    assert heard == [("2 sessions: 2 finished", "docs (finished), cart (finished)")]


def test_half_a_line_costs_nothing_but_itself(home: Home, heard: list[tuple[str, str]]) -> None:
    home.news.write_text(
        '["finished", "1", "do\n["nonsense", "1", "a", "b"]\n7\n' + json.dumps(["finished", "2", "cart", "ok"]) + "\n"
    )
    assert end_notifications.show(home) == 1
    assert heard == [("cart: finished", "ok")]


def test_a_look_lasts_as_long_as_its_holder(home: Home) -> None:
    assert not viewer_lock.is_viewed(home, "s1")
    first, second = viewer_lock.hold(home, "s1"), viewer_lock.hold(home, "s1")
    assert viewer_lock.is_viewed(home, "s1")
    assert not viewer_lock.is_viewed(home, "s2")
    first.end()
    first.end()
    assert viewer_lock.is_viewed(home, "s1")
    second.end()
    assert not viewer_lock.is_viewed(home, "s1")
    assert list(home.viewer_locks.iterdir()) == []


def test_a_home_that_takes_no_file_is_looked_at_by_nobody(home: Home) -> None:
    home.viewer_locks.write_text("in the way")
    viewer_lock.hold(home, "s1").end()
    assert not viewer_lock.is_viewed(home, "s1")


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


def test_a_worker_tells_the_end_as_trying_it_out_promises_and_only_what_is_wanted(bench: Bench, desktop: Path) -> None:
    files = [{"create_file": f"{number}.txt", "content": "x\n"} for number in range(3)]
    bench.scenario(*files, {"say": "Made three files."})
    bench.configure(notify__finished="false")
    quiet = bench.new("quiet one", name="quiet one")
    bench.settled(quiet)
    bench.configure(notify__finished="true")
    watched = bench.new(None, name="watched one")
    look = viewer_lock.hold(bench.engine.home, watched.id)
    bench.iterate(watched)
    bench.settled(watched)
    bench.quiet()
    look.end()
    good, bad = bench.new("good", name="good", script="true"), bench.new("bad", name="bad", script="exit 1")
    bench.settled(good)
    bench.settled(bad)
    bench.quiet()
    told = desktop.read_text()
    if "2 sessions" not in told:  # told together where both ended within the same second
        assert f"|good: finished|{notifications.example(NotificationKind.FINISHED).body}|" in told
        assert f"|bad: tests failed|{notifications.example(NotificationKind.TESTS_FAILED).body}" in told
    assert end_notifications._news(bench.engine.store, bench.last(good).id).text == "3 files changed, the script passed"
    assert end_notifications._news(bench.engine.store, bench.last(bad).id).text.startswith(
        "the script failed with exit code 1"
    )
    assert "quiet one" not in told
    assert "watched one" not in told


def told_of(desktop: Path, title: str) -> str:
    """What the desktop was told under a title."""

    def found() -> str:
        lines = desktop.read_text().splitlines() if desktop.exists() else []
        return next((line for line in lines if title in line), "")

    return until(found, f"the notice {title}")


def test_silence_is_told_by_the_worker_while_no_app_is_open(bench: Bench, desktop: Path) -> None:
    bench.configure(silence__tell="1")
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"say": "Done."})
    session = bench.new("think", name="thinker")
    told = told_of(desktop, "thinker: needs you")
    assert "amp has said nothing for" in told
    assert "silent" in bench.facts(session)
    bench.flag("go").touch()
    bench.settled(session)
    bench.quiet()


def test_a_conflict_is_told(bench: Bench, desktop: Path) -> None:
    session = bench.new(None, name="clash")
    worktree = Path(session.worktree_path)
    for place, answer in ((worktree, 42), (bench.repo, 43)):
        (place / "app.py").write_text(f"def answer() -> int:\n    return {answer}\n")
        git(place, "commit", "-q", "-a", "-m", f"Answer {answer}")
    with pytest.raises(Refused, match="conflict in 1 file"):
        operations.merge(bench.engine, session.id, Options(message="Bring it in"))
    assert "clash and main conflict in 1 file: app.py" in told_of(desktop, "clash: conflict")
    bench.quiet()
