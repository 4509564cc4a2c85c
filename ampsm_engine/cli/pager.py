"""A long text through the user's pager, on a terminal. It gets what is clean already, colours and nothing else raw.

Which one: GIT_PAGER, git's core.pager, PAGER, else `less -R`, as git itself does; an empty one or `cat` is none. What
the repository's own configuration names is not run: amp may have written that.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

DEFAULT = "less -R"

_SHELL = re.compile(r"[|&;<>()$`\"'*?\[#~=%\\]")


def chosen(environ: Mapping[str, str]) -> str:
    """The user's pager as a command; empty for none."""
    named = environ.get("GIT_PAGER")
    if named is None:
        named = _configured() or environ.get("PAGER")
    command = DEFAULT if named is None else named.strip()
    return "" if command == "cat" else command


def _configured() -> str | None:
    from ampsm_engine.git import program

    for scope in ("--global", "--system"):
        answer = program.read(Path("/"), "config", scope, "--get", "core.pager")
        if answer.ok:
            return answer.line
    return None


def shown(text: str, command: str) -> bool:
    """Show a text in a pager and wait for its end; False when there is no such pager. Only for a terminal."""
    words = ["/bin/sh", "-c", command] if _SHELL.search(command) else shlex.split(command)
    if not words:
        return False
    environ = {"LESS": "FRX", "LV": "-c"} | dict(os.environ)
    sys.stdout.flush()
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, env=environ)
    except OSError:
        return False
    with _left_alone():
        with contextlib.suppress(BrokenPipeError):  # left before the end: it was read as far as it was wanted
            process.communicate(text.encode("utf-8", "replace"))
        process.wait()
    return process.returncode not in (126, 127)


@contextlib.contextmanager
def _left_alone() -> Iterator[None]:
    """Ctrl+C is the pager's while it is open."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
