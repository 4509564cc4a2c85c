"""The real amp program for tests, installed from npm once and kept between runs; or the reason why there is none.

Other tests import the fixture: `from tests.real_amp import real_amp`. It talks to no server: see `offline`.
"""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PACKAGE = "@ampcode/cli@0.0.1790142911-g7618fb"
"""The newest version whose program for Linux can be had."""

INSTALL_LIMIT = 300
"""Seconds that npm has."""

NPM = ("install", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-retry-mintimeout=500")
"""Where there is no registry, npm would try again for a minute by itself."""

REMEMBER_FAILURE = 600
"""Seconds for which a failed install is not tried again: every worker of a test run would."""


def real_amp_program(cache: Path) -> Path | str:
    """The program, installed below `cache` when it is not there yet; a sentence when it cannot be had."""
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / PACKAGE.rpartition("@")[2]
    program = place / "node_modules" / ".bin" / "amp"
    with locked(cache / "lock"):
        if not program.exists():
            reason = remembered(cache / "failure") or install(place)
            if reason:
                return reason
    return program


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remembered(failure: Path) -> str:
    if failure.exists() and time.time() - failure.stat().st_mtime < REMEMBER_FAILURE:
        return failure.read_text()
    return ""


def install(place: Path) -> str:
    """Install the program into a folder, wholly or not at all; the reason when it did not work."""
    partial = place.with_name(place.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    npm = shutil.which("npm")
    reason = "npm is not installed" if npm is None else npm_install(npm, partial)
    if reason:
        (place.parent / "failure").write_text(reason)
        shutil.rmtree(partial, ignore_errors=True)
        return reason
    partial.rename(place)
    return ""


def npm_install(npm: str, folder: Path) -> str:
    try:
        subprocess.run(
            [npm, *NPM, "--prefix", str(folder), PACKAGE],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=INSTALL_LIMIT,
            check=True,
        )
        amp = folder / "node_modules" / ".bin" / "amp"
        subprocess.run([amp, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    except subprocess.CalledProcessError as reason:
        return f"{PACKAGE} could not be installed: {reason.stderr.decode(errors='replace')[-300:].strip()}"
    except (subprocess.TimeoutExpired, OSError) as reason:
        return f"{PACKAGE} could not be installed: {reason}"
    return ""


@pytest.fixture(scope="session")
def real_amp(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real program; skips the test, and says why, when it cannot be had."""
    kept = getattr(request.config, "cache", None)
    cache = kept.mkdir("real-amp") if kept else tmp_path_factory.getbasetemp().parent / "real-amp"
    program = real_amp_program(cache)
    if isinstance(program, str):
        pytest.skip(program)
    return program


def offline(home: Path, *, key: str = "sgamp_user_01TEST_not_a_real_key") -> dict[str, str]:
    """An environment in which amp has a home of its own, no server, and that key (empty: it is not logged in)."""
    # Port 9 discards; nobody listens there, so amp is refused at once, network or not.
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "AMP_URL": "http://127.0.0.1:9"}
    return {**environ, "AMP_API_KEY": key} if key else environ
