"""From session to base: the verbs for looking, squashing, rebasing, merging, resolving and taking back.

How it is done, and what makes it safe, is in the merging room; here it meets iterations and scripts.
"""

from collections.abc import Callable
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.engine import runs, startup
from ampsm_engine.merging import begin, recover, resume, situation
from ampsm_engine.merging import conflicts as waiting
from ampsm_engine.merging import plan as planning
from ampsm_engine.merging import preflight as looking
from ampsm_engine.merging import radar as watching
from ampsm_engine.merging.conflicts import Conflicts, Resolution, Reviewed
from ampsm_engine.merging.radar import Radar
from ampsm_engine.merging.values import Options, Plan, Preflight, Result
from ampsm_engine.model import Iteration, Merge

Output = Callable[[bytes], None]


def _nowhere(_content: bytes) -> None:
    """Nobody listens."""


def preflight(
    engine: Engine,
    session_id: str,
    *,
    onto: str = "",
    fetch: bool = False,
    run_script: bool = True,
    output: Output = _nowhere,
) -> Preflight:
    """Everything that can be told before a merge. `run_script`: run it where no result is known for this commit.

    `output` gets what the script prints, redacted. NotFound when session's branch or target are not there.
    """

    def script() -> looking.Ran:
        ran = runs.run_script(engine, session_id, output)
        return looking.Ran(ran.exit_code == 0, f"{ran.seconds:.1f} s")

    return looking.preflight(engine, session_id, onto=onto, fetch=fetch, script=script if run_script else None)


def script_result(engine: Engine, session_id: str, *, passed: bool) -> None:
    """Record what the script, run by somebody else, said about the session's commit as it is now."""
    looking.remember(engine, situation.look(engine.store, session_id), passed=passed)


def plan(engine: Engine, session_id: str, options: Options) -> Plan:
    """What an operation would do, in words, with a draft of the message."""
    return planning.plan(engine, session_id, options)


def merge(engine: Engine, session_id: str, options: Options) -> Result:
    """Squash, rebase or merge, as `options.kind` says.

    Refused while an iteration runs or waits, with uncommitted work, and for whatever preflight calls a stop;
    questions.Unanswered (a Refused) when somebody has to say yes first, in `options.answered`;
    steps.ConflictsWait (a Refused) when conflicts were laid out in the session's worktree.
    """
    return begin.begin(engine, session_id, options)


def continue_(engine: Engine, session_id: str, answered: tuple[str, ...] = (), *, keep_markers: bool = False) -> Result:
    """Go on after conflicts are resolved; Refused while some are left, or while amp's resolution was not accepted.

    questions.Unanswered when the resolution holds what somebody has to say yes to first, in `answered`;
    MarkersLeft when there are conflict markers in it, unless they are to be kept.
    """
    return resume.go_on(engine, session_id, answered, keep_markers=keep_markers)


def abort(engine: Engine, session_id: str) -> Merge:
    """Take an open conflict back: branch and worktree are as they were."""
    return resume.abort(engine, session_id)


def call_off(engine: Engine, session_id: str) -> Merge | None:
    """Look after a merge whose process was ended just now: its hooks are ended too; the newest operation, as it is."""
    session = engine.store.sessions.get(session_id)
    recover.end_hooks((Path(session.repo_root), Path(session.worktree_path)))
    startup.make_ready(engine)
    return next(iter(engine.store.merges.of(session_id)), None)


def undo(engine: Engine, session_id: str) -> Merge:
    """Take the session's last merge, squash or rebase back, while base and session have not moved on."""
    return resume.undo(engine, session_id)


def conflicts(engine: Engine, session_id: str) -> Conflicts:
    """The open conflict of a session, by file and hunk; Refused when there is none."""
    return waiting.conflicts(engine, session_id)


def resolve(engine: Engine, session_id: str, path: str, choice: Resolution) -> Conflicts:
    """Resolve one file of an open conflict."""
    return waiting.resolve(engine, session_id, path, choice)


def reopen(engine: Engine, session_id: str, path: str) -> Conflicts:
    """Take a resolution back: the file is in conflict again, as it was laid out."""
    return waiting.reopen(engine, session_id, path)


def give_to_amp(engine: Engine, session_id: str, *, words: str = "", launch_worker: bool = True) -> Iteration:
    """Have amp resolve the open conflict in an iteration; `words` are added to what it is told.

    What it makes of it counts only after `accept`.
    """
    prompt = waiting.prompt_for(engine, session_id)
    entry = waiting.give(engine, session_id)
    try:
        whole = f"{prompt}\n\n{words.strip()}" if words.strip() else prompt
        iteration = runs.iterate(engine, session_id, whole, launch_worker=launch_worker, resolves=entry.id)
    except BaseException:
        waiting.given(engine, entry.id, "")
        raise
    waiting.given(engine, entry.id, iteration.id)
    return iteration


def resolution(engine: Engine, session_id: str) -> Reviewed:
    """The diff of amp's resolution against the conflict as it got it, and the tree that `accept` takes."""
    return waiting.resolution(engine, session_id)


def show_resolution(engine: Engine, session_id: str) -> Reviewed:
    """What `resolution` gives, for somebody to see: `accept` takes that tree, and no other, from then on."""
    return waiting.show(engine, session_id)


def accept(engine: Engine, session_id: str, tree: str = "", *, keep_markers: bool = False) -> Conflicts:
    """Take amp's resolution for good, if it still is `tree`, or what was shown last; then `continue_` goes on."""
    return waiting.accept(engine, session_id, tree, keep_markers=keep_markers)


def reject(engine: Engine, session_id: str) -> Conflicts:
    """Put the conflict back as amp got it; what amp made of it is kept under a backup ref."""
    return waiting.reject(engine, session_id)


def radar(engine: Engine, *, budget: float | None = None) -> Radar:
    """Which sessions would conflict with their base or with each other; at most `budget` seconds of new answers."""
    return watching.radar(engine, budget=budget)


def open_merges(engine: Engine) -> dict[str, Merge]:
    """The operations that go on or wait with a conflict, by session."""
    return engine.store.merges.all_open()


def history(engine: Engine, session_id: str) -> tuple[Merge, ...]:
    """All operations of a session, the newest first."""
    return engine.store.merges.of(session_id)


def last_undoable(engine: Engine, session_id: str) -> Merge | None:
    """What `undo` would take back; None when there is nothing."""
    return resume.undoable(engine, session_id)
