"""Tab in real shells: commands, names of settings and their words, sessions and branches are completed."""

import os
import pty
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

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
