"""What merging needs of iterations and scripts: preflight with the session's script, and conflicts given to amp.

The operations themselves, and what makes them safe, are in the merging room.
"""

from collections.abc import Callable
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.engine import iterations, scripts, startup
from ampsm_engine.merging import open_conflict, recovery
from ampsm_engine.merging import preflight as checks
from ampsm_engine.merging.results import Preflight
from ampsm_engine.model import Iteration, Merge

Output = Callable[[bytes], None]


def _ignore(_content: bytes) -> None:
    pass


def preflight(
    engine: Engine,
    session_id: str,
    *,
    onto: str = "",
    fetch: bool = False,
    run_script: bool = True,
    output: Output = _ignore,
) -> Preflight:
    """Check everything that matters to a merge. `run_script`: run it where no result is known for this commit.

    `output` gets what the script prints, redacted. NotFound when session's branch or target are not there.
    """

    def script() -> checks.Ran:
        ran = scripts.run_script(engine, session_id, output)
        return checks.Ran(ran.exit_code == 0, f"{ran.seconds:.1f} s")

    return checks.preflight(engine, session_id, onto=onto, fetch=fetch, script=script if run_script else None)


def call_off(engine: Engine, session_id: str) -> Merge | None:
    """Recover from a merge whose process was just ended, its hooks included; the newest operation as it is then."""
    session = engine.store.sessions.get(session_id)
    recovery.end_hooks((Path(session.repo_root), Path(session.worktree_path)))
    startup.make_ready(engine)
    return next(iter(engine.store.merges.of(session_id)), None)


def give_to_amp(engine: Engine, session_id: str, *, words: str = "") -> Iteration:
    """Have amp resolve the open conflict in an iteration; `words` are added to its prompt.

    Its resolution counts only after `accept`.
    """
    prompt = open_conflict.prompt_for(engine, session_id)
    entry = open_conflict.give(engine, session_id)
    try:
        whole = f"{prompt}\n\n{words.strip()}" if words.strip() else prompt
        iteration = iterations.iterate(engine, session_id, whole, resolves=entry.id)
    except BaseException:
        open_conflict.given(engine, entry.id, "")
        raise
    open_conflict.given(engine, entry.id, iteration.id)
    return iteration
