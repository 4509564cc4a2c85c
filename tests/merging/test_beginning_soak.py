"""Every way to begin, killed at any moment, alone or with all that it started: nothing half-made stays."""

import contextlib
import os
import random
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ampsm_engine import config
from ampsm_engine.engine import bases, pull_requests, repair, session_trash, sessions
from ampsm_engine.engine.startup import open_engine
from tests import soak
from tests.cli.test_cli_pull_requests import host_of
from tests.conftest import git
from tests.merging.desk import Desk
from tests.merging.test_beginning_kills import BEGINNINGS, Beginning, everything, full

__all__ = ["full"]

WAYS = (*BEGINNINGS, "the newest base", "a pull request", "a thread")
KILLS_EACH = 10


def struck(act: Callable[[], object], seconds: float, *, whole: bool) -> bool:
    """Do it in a process that is killed after so many seconds, `whole` with its children; whether it lived that long."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            act()
            os._exit(0)
        os._exit(1)
    descriptor = os.pidfd_open(child)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    has_ended = bool(poll.poll(seconds * 1000))
    os.close(descriptor)
    if not has_ended:
        os.kill(child, signal.SIGSTOP)  # it starts no more while they are looked for
        for one in psutil.Process(child).children(recursive=True) if whole else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert not has_ended or os.waitstatus_to_exitcode(status) == 0
    return not has_ended


class Play:
    """One way to begin, over and over."""

    def __init__(self, desk: Desk, act: Callable[[], object], draw: random.Random) -> None:
        self.desk, self.act, self.draw = desk, act, draw
        self.span = 1.0
        """About how many seconds it takes."""
        self.git_dir = next(place for place in (desk.repo / ".git", desk.repo) if (place / "objects").is_dir())
        self.before = everything(desk)

    def strike(self) -> bool:
        """Kill it at some moment; whether it died. What the next start leaves is as before, or a whole session."""
        began = time.monotonic()
        died = struck(self.act, self.draw.uniform(0.01, self.span), whole=self.draw.random() < 0.7)
        if not died:
            self.span = time.monotonic() - began
        open_engine()
        assert repair.find_disagreements(self.desk.engine, path=self.desk.repo) == ()
        assert [one.name for one in self.git_dir.rglob("*.lock") if one.name != "ampsm.lock"] == []
        made = [one for one in self.desk.engine.store.sessions.all() if one.name != "known"]
        if not made:
            assert everything(self.desk) == self.before
        for session in made:
            assert git(Path(session.worktree_path), "status", "--porcelain") == ""
            session_trash.discard(self.desk.engine, session.id)
            if session.branch_name == "theirs":  # it was made to follow a remote one, and stays
                git(self.desk.repo, "branch", "-q", "-D", "theirs")
            self.before = everything(self.desk)
        return died


def act_of(name: str, desk: Desk) -> Callable[[], object]:
    """What is done over and over."""
    engine, repo = desk.engine, desk.repo
    if name == "a pull request":
        return lambda: pull_requests.begin(engine, repo, "7", name="half", run=False)
    if name == "the newest base":
        return lambda: sessions.new(engine, path=repo, name="half", run=False, base=bases.fetched(repo, None))
    if name == "a thread":
        thread = "T-0123abcd-4567-89ab-cdef-0123456789ab"
        return lambda: sessions.new(engine, path=repo, name="half", run=False, thread=thread)
    given = BEGINNINGS[name].options
    options = {key: git(repo, "rev-parse", value).strip() if key == "head" else value for key, value in given.items()}
    return lambda: sessions.new(engine, path=repo, name="half", run=False, **options)


@pytest.mark.soak
@pytest.mark.parametrize("name", WAYS)
def test_random_kills(full: Desk, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, asked = full, BEGINNINGS.get(name, Beginning({}))
    if asked.is_bare:
        git(desk.repo, "clone", "-q", "--bare", ".", str(desk.repo.parent / "alone.git"))
        desk = Desk(desk.engine, desk.repo.parent / "alone.git")
    config.store(desk.engine.config, "worktree.place", asked.place)
    if name == "a pull request":
        git(desk.repo, "remote", "remove", "origin")
        host_of(tmp_path, desk.repo, monkeypatch, "gh")
        git(desk.repo, "fetch", "-q", "origin", "main:refs/remotes/origin/main")
    elif name == "the newest base":
        git(desk.repo, "push", "-q", "--set-upstream", "origin", "main")
    desk.session("known")
    play, kills = Play(desk, act_of(name, desk), soak.dice("beginnings", WAYS.index(name))), 0
    while kills < KILLS_EACH:
        kills += play.strike()
