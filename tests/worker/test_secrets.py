"""A key that passes through an iteration stays in the worktree's own files and nowhere else."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.engine import iterations, repair, session_trash
from ampsm_engine.model import Outcome, Session
from tests.conftest import git
from tests.worker.bench import Bench

# In pieces, so that no scanner takes this file for a leak.
SHAPED = "ghp_" + "1aB2" * 9
NAMED = "correct horse " + 'battery "staple"'
KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"


def files_below(*roots: Path) -> list[Path]:
    return [path for root in roots for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("ends", [[], [{"fail": f"provider said {SHAPED}"}]], ids=["done", "failed"])
def test_no_secret_is_left_anywhere_but_in_the_worktrees_own_files(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ends: list[dict[str, object]]
) -> None:
    monkeypatch.setenv("DEPLOY_PASSWORD", NAMED)
    bench.scenario(
        {"create_file": "config.py", "content": f"TOKEN = '{SHAPED}'\n"},
        {"shell": f'echo {SHAPED}; echo "$DEPLOY_PASSWORD"'},
        {"think": f"The token is {SHAPED}"},
        {"stderr": f"warning: {SHAPED} {NAMED}\n"},
        {"say": f"I used {SHAPED} and {NAMED} and\n{KEY}\n"},
        *ends,
    )
    session = bench.new(
        f"Deploy with {SHAPED} and {NAMED}",
        name=f"deploy {SHAPED}",
        script=f"echo {SHAPED[:6]}''{SHAPED[6:]} $DEPLOY_PASSWORD",
    )
    last = bench.settled(session)
    assert last.outcome is (Outcome.FAILED if ends else Outcome.DONE)
    worktree = Path(session.worktree_path)
    assert SHAPED in (worktree / "config.py").read_text(), "the worktree's own files are left as they are"

    bench.quiet()  # the worker makes the copy of the day when all is settled
    messages = git(worktree, "log", "--format=%B%an%ae", "main..").encode()
    refs = git(bench.repo, "for-each-ref").encode()
    places = {path: path.read_bytes() for path in files_below(bench.engine.home.root, worktree / "AGENT_CONTEXT")}
    for secret in (SHAPED, "staple", "b3BlbnNzaC1rZXktdjEAAAAA", "c2VjcmV0", os.environ["AMP_API_KEY"]):
        assert secret.encode() not in messages
        assert secret.encode() not in refs
        leaks = [
            (str(path), content[max(0, content.find(secret.encode()) - 200) :][:300])
            for path, content in places.items()
            if secret.encode() in content
        ]
        assert leaks == []

    stream = bench.engine.home.iteration(last.id).stream.read_text()
    assert "I used" in stream
    assert [json.loads(line) for line in stream.splitlines()], "every line is still JSON"


def stop_waiting(bench: Bench, session: Session) -> None:
    assert len(iterations.stop(bench.engine, session.id)) == 1


def stop_claimed(bench: Bench, session: Session) -> None:
    """Its worker died before amp began, and the next one finds that it is to stop."""
    assert bench.engine.store.queue.claim()
    bench.engine.store.queue.ask_to_stop(session.id)
    bench.sweep()
    bench.settled(session)
    bench.quiet()


def remove(bench: Bench, session: Session) -> None:
    """Stopped by a process that was killed right after, then removed."""
    bench.engine.store.queue.ask_to_stop(session.id)
    session_trash.remove(bench.engine, session.id)


def remove_unqueued(bench: Bench, session: Session) -> None:
    """Its program was killed before the queue knew of it, and the session removed."""
    bench.engine.store.queue.drop(bench.last(session).id)
    session_trash.remove(bench.engine, session.id)


def rebuild(bench: Bench, session: Session) -> None:
    """Its program was killed before the queue knew of it, and what was left of it is taken in."""
    bench.engine.store.queue.drop(bench.last(session).id)
    (found,) = repair.find_disagreements(bench.engine, apply=True)
    assert found.mended
    assert "killed before it was queued" in (bench.last(session).error or "")


@pytest.mark.parametrize("end", [stop_waiting, stop_claimed, remove, remove_unqueued, rebuild])
def test_no_secret_of_a_prompt_stays_that_amp_never_saw(bench: Bench, end: Callable[[Bench, Session], None]) -> None:
    session = bench.new(None)
    last = bench.iterate(session, f"Deploy with {SHAPED}", launch_worker=False)
    run = bench.engine.home.iteration(last.id)
    (run.path / ".prompt.txt.4711").write_text(SHAPED)
    run.script_output_of(7).write_text(f"once more {SHAPED}\n")
    end(bench, session)
    assert "Deploy with" in run.prompt.read_text()
    assert [path for path in files_below(bench.engine.home.root) if SHAPED.encode() in path.read_bytes()] == []
