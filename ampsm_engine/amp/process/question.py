"""Short questions to a program: run it to its end, with nothing to read and a time limit. Starts no runs."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

OUTPUT_LIMIT = 1024 * 1024
"""Bytes of an answer that are read."""


def answer(argv: Sequence[str], env: Mapping[str, str], *, limit: float) -> tuple[int | None, bytes]:
    """The exit code and the standard output of a program; no code when it cannot be run or needs over `limit` s."""
    # Into a file: a grandchild that keeps a pipe open would be waited for.
    with tempfile.TemporaryFile() as output:
        try:
            popen = subprocess.Popen(
                list(argv),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError):
            return None, b""
        code = _exit_code(popen, limit)
        output.seek(0)
        return code, output.read(OUTPUT_LIMIT)


def once(argv: Sequence[str], env: Mapping[str, str], *, limit: float) -> bool:
    """Whether a program ran and succeeded within `limit` seconds."""
    return answer(argv, env, limit=limit)[0] == 0


def _exit_code(popen: "subprocess.Popen[bytes]", limit: float) -> int | None:
    try:
        return popen.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if popen.returncode is None:
            os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
