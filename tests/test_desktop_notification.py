"""A notification reaches the desktop clean and short; where there is none, or one that hangs, the work goes on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ampsm_engine import desktop_notification
from tests.redact.samples import TOKENS

NO_DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="notify-py calls notify-send on Linux only"
)


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose notify-send writes its arguments, one a line, into a file."""
    told = tmp_path / "told"
    program(tmp_path / "bin", f'printf "%s\\n" "$@" > {told}.new && mv {told}.new {told}; echo noise; echo noise >&2')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":99")
    return told


def program(folder: Path, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "notify-send").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "notify-send").chmod(0o755)


def test_the_desktop_is_told_and_nothing_is_printed(desktop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert desktop_notification.send("fix login: done", "3 files changed")
    told = desktop.read_text().splitlines()
    assert told[:2] == ["fix login: done", "3 files changed"]
    assert "--app-name=ampsm" in told
    assert not [line for line in told if "py-logo" in line]
    assert capfd.readouterr() == ("", "")


def test_what_is_told_is_clean_and_short(desktop: Path) -> None:
    assert desktop_notification.send(
        "--help\n\x1b[31mred\u202e\udc80", f"key {TOKENS['amp']} <a href='x'>&amp;</a>\n" + "long " * 500
    )
    title, body = desktop.read_text().splitlines()[:2]
    assert title == " --help [31mred"
    assert body.startswith("key [redacted:amp-key] \u2039a href='x'\u203a")
    assert len(body) <= desktop_notification.BODY_LENGTH
    assert body.endswith("…")


def test_empty_texts_are_borne(desktop: Path) -> None:
    assert desktop_notification.send("", "")


def test_a_desktop_that_refuses_is_no_error(desktop: Path) -> None:
    program(desktop.parent / "bin", "exit 1")
    assert not desktop_notification.send("a", "b")


def test_a_desktop_that_hangs_is_left_alone(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = desktop.with_name("pid")
    program(desktop.parent / "bin", f"echo $$ > {pid}.new && mv {pid}.new {pid}; exec sleep 600")
    monkeypatch.setattr(desktop_notification, "PATIENCE", 3.0)
    assert not desktop_notification.send("a", "b")
    deadline = time.monotonic() + 30
    while pid.exists() and alive(int(pid.read_text())):
        assert time.monotonic() < deadline


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_bus_that_nobody_answers_on_is_no_error(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (desktop.parent / "bin" / "notify-send").unlink()
    monkeypatch.setenv("PATH", str(desktop.parent / "bin"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={desktop.parent / 'no-bus'}")
    assert not desktop_notification.send("a", "b")


def test_without_a_desktop_nothing_is_started(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NO_DESKTOP:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert not desktop_notification.send("a", "b")


def test_a_python_that_cannot_be_started_is_no_error(desktop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert not desktop_notification.send("a", "b")


def test_nothing_of_the_folder_is_imported(desktop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = tmp_path / "worktree"
    for module in ("json", "notifypy", "loguru", "ampsm_engine"):
        (trap / module).mkdir(parents=True)
        (trap / module / "__init__.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PYTHONPATH", f"{os.curdir}:")
    assert desktop_notification.send("a", "b")
    assert not (tmp_path / "sprung").exists()


def test_importing_it_costs_nothing_heavy() -> None:
    program = "import sys; import ampsm_engine.desktop_notification; print([m for m in ('notifypy', 'loguru', 'jeepney') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
