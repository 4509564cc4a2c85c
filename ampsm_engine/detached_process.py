"""Starting a process of ours that outlives this one: workers, coordinators, scripts and checks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ampsm_engine.errors import Failed
from ampsm_engine.home import GIT_OWNER_MARK, RUN_MARK, Home


def start(
    home: Home, module: str, *arguments: str, log: int, kept: tuple[int, ...] = (), what: str, hint: str
) -> "subprocess.Popen[bytes]":
    """Run a module of ours in a session of its own: no terminal, nothing inherited but the environment.

    `log`: where its output goes, closed here. `kept`: descriptors that it inherits, with the locks that they hold.
    Failed when it cannot be started, in a sentence about `what`. Who keeps it has to reap it.
    """
    environment = os.environ | {"AMPSM_HOME": str(home.root), "AMPSM_DB_PATH": str(home.database)}
    # Started by an agent inside an iteration, or by a hook, it must not be taken for something left of those.
    environment.pop(RUN_MARK, None)
    environment.pop(GIT_OWNER_MARK, None)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            start_new_session=True,
            pass_fds=kept,
        )
    except OSError as reason:
        raise Failed(f"{what} could not be started: {reason.strerror}.", hint) from reason
    finally:
        os.close(log)


@contextmanager
def deaf_to_sigterm() -> Iterator[None]:
    """Block SIGTERM for the processes started in this context: each unblocks it when its own handler is in place."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
