"""Tab in real shells: commands, names of settings and their words, sessions and branches are completed."""

import contextlib
import os
import pty
import select
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from ampsm_engine import home
from ampsm_engine.cli.root import root
from tests.cli.conftest import Ampsm, made
from tests.conftest import git
from tests.waiting import DEADLINE

SHELLS = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), 'eval "$(ampsm completion bash)"'),
    "zsh": (("zsh", "-f", "-i"), 'autoload -U compinit; compinit -u -D; eval "$(ampsm completion zsh)"'),
    "fish": (("fish", "--no-config", "-i"), "ampsm completion fish | source"),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_what_is_begun(
    shell: str, ampsm: Ampsm, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell runs what Tab has made of the line: its effects are looked at, and not how it is painted."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    session = made(ampsm, repo, "--name", "fix-login")
    git(repo, "branch", "stable/one")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.chdir(repo)
    argv, setup = SHELLS[shell]
    lines = (
        setup,
        "ampsm con\tse\tnotify.ter\tosc7\t",
        "ampsm ed\tfix-l\t--name stable",
        "ampsm diff stable --from sta\t --name-only",
    )
    child, terminal = pty.fork()
    if not child:
        os.execvp(argv[0], argv)
    shown = b""
    try:
        for number, line in enumerate(lines):
            done = tmp_path / f"done{number}"
            os.write(terminal, f"{line} && touch {done}\n".encode())
            until = time.monotonic() + DEADLINE
            while not done.exists():
                assert time.monotonic() < until, shown.decode("utf-8", "replace")
                if select.select([terminal], [], [], 0.05)[0]:
                    shown += os.read(terminal, 1 << 16)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    assert ampsm("config", "get", "notify.terminal").out == "osc777\n"
    assert ampsm("show", session, "--json").json["session"]["name"] == "stable"


def completed(*words: str) -> list[str]:
    """What completes the last word."""
    *before, last = words
    found = ShellComplete(root, {}, "ampsm", "_AMPSM_COMPLETE").get_completions(before, last)
    return [one.value for one in found]


BY_STORE = [("show", ""), ("batch", "stop", ""), ("batch", "retry", ""), ("ls", "--tag", ""), ("trash", "restore", "")]
"""What is completed with what the store holds."""


def damage(database: Path) -> None:
    database.write_bytes(b"no database\n" * 500)


def outgrow(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript("ALTER TABLE sessions RENAME TO gone; PRAGMA user_version = 9999")


def forget(database: Path) -> None:
    database.unlink()


def bar(database: Path) -> None:
    database.unlink()
    database.mkdir()


def kept(folder: Path) -> dict[Path, bytes]:
    """The files below a folder, but for those that SQLite makes to read a database."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {path: path.read_bytes() for path in found}


@pytest.mark.parametrize("spoil", [damage, outgrow, forget, bar])
def test_where_nothing_can_be_known_nothing_is_completed_said_or_changed(
    spoil: Callable[[Path], None],
    ampsm: Ampsm,
    repo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    made(ampsm, repo, "--name", "fix-login")
    assert "fix-login" in completed("show", "fix")
    database = home.home().database
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(database)
    before = kept(database.parent)
    monkeypatch.chdir(repo)
    capsysbinary.readouterr()
    for words in BY_STORE:
        assert completed(*words) == []
    assert completed("diff", "fix-login", "--from", "ma") == ["main"]
    assert capsysbinary.readouterr() == (b"", b"")
    assert kept(database.parent) == before


def test_settings_and_options_are_completed_with_what_they_take(
    ampsm: Ampsm, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(ampsm, repo, "--name", "fix-login")
    git(repo, "branch", "stable/one")
    assert completed("config", "set", "ui.mouse", "") == ["true", "false"]
    assert completed("config", "set", "amp.path", "") == []
    assert completed("edit", "fix-login", "--base", "sta") == ["stable/one"]
    monkeypatch.chdir(repo)
    assert completed("trust", "--base", "sta") == ["stable/one"]
    monkeypatch.setenv("AMP_CLI_PATH", "/nowhere/amp")
    assert completed("config", "set", "amp.mode", "") == completed("new", "x", "--mode", "") == []
    (home.home().root / "config.toml").write_text("slots = [")
    assert completed("new", "x", "--mode", "") == []
    assert completed("config", "set", "slo") == ["slots"]
