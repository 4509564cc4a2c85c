"""All about one session: as text for a person (fields, changes, iterations), or as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ampsm_engine import labels, session_problems
from ampsm_engine.cli import diagnostics, documents, output
from ampsm_engine.cli.iteration_text import Notes, end_hint, is_uncommitted, script_text, sentences
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.tables import Cell, TableColumn, board_row, table
from ampsm_engine.model import LACKS, Fact, Iteration, ScriptResult, Session, State
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import STATES

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.engine.views import SessionView


def session_document(engine: "Engine", session_id: str) -> documents.Document:
    """The JSON of one session as the store has it now."""
    store = engine.store
    notes, conflicts = store.facts.notes_of((session_id,)), session_problems.sessions_in_conflict(store)
    return documents.session_document(store.sessions.get(session_id), store.iterations.of(session_id), notes, conflicts)


def print_session(engine: "Engine", session_id: str, **more: object) -> None:
    """Write the JSON document of a session to stdout; `more` are further members of the document."""
    facts = engine.store.facts
    state = facts.setup_state(session_id)
    lacks = [fact.text for fact in facts.read(session_id=session_id, kinds=tuple(LACKS))]
    ready = {"setup": state.value.removeprefix("setup-") if state else None, "lacks": lacks}
    output.document({"session": session_document(engine, session_id), "readiness": ready, **more})


def print_session_details(view: "SessionView", notes: Notes, amiss: str = "") -> None:
    """Write all about one session to stdout; `amiss`: what is wrong with it (`session_problems.problem_text`)."""
    session = view.session
    word = labels.state_word(board_row(session, view.iterations))
    state = STATES[word]
    output.line(Styled(state.glyph, state.ansi), " ", Styled(one_line(session.name), "bold"), f"  {word}")
    output.fields(_facts(view))
    if view.iterations:
        output.line()
        at = datetime.now(UTC)
        table(_columns(at), view.iterations)
    for iteration in view.iterations:
        _print_notes(iteration, notes.get(iteration.id, ()))
    _print_trouble(session, view.iterations, notes)
    for text in view.lacking:
        diagnostics.warning(text)
    if amiss:
        waits = "conflict" in amiss
        diagnostics.warning(f"{one_line(session.name)}: {amiss}.")
        diagnostics.hint(f"ampsm merge {session.id} --show" if waits else "ampsm repair")
    if session.landed:
        diagnostics.hint("ampsm clean")
    if view.is_base_gone:
        from ampsm_engine.merging import session_branches

        near = session_branches.nearest(session) or "BRANCH"
        diagnostics.hint(f"ampsm edit {session.id} --base {near}, where that is its base now")
    if session.outside:
        diagnostics.hint(f"ampsm edit {session.id} --seen, when you know what changed outside of its worktree")


def _facts(view: "SessionView") -> list[tuple[str, str]]:
    session = view.session
    at = datetime.now(UTC)
    return [
        ("id", session.id),
        ("repository", session.repo_root),
        ("branch", f"{session.branch_name} from {session.base_branch}"),
        ("worktree", session.worktree_path),
        ("changes", _changes(view)),
        ("work", one_line(session.landed or "")),
        ("comments", _comments(view)),
        ("folder", one_line(session.folder)),
        ("script", one_line(session.script_command or "")),
        ("mode", one_line(session.model_override or "")),
        ("thread", session.thread_id or ""),
        ("host", one_line(session.host or "")),
        ("created", _ago(session.created_at, at)),
        ("last run", _ago(session.last_run, at) if session.last_run else ""),
        ("outside", one_line(session.outside or "")),
        ("cost", "" if view.cost_micros is None else f"${view.cost_micros / 1e6:,.2f} by amp's own figure"),
        ("history", f"imported from {session.history_from}" if session.history_from else ""),
        ("tags", " ".join(f"#{tag}" for tag in session.tags)),
        ("archived", session.archived_at or ""),
        ("notes", (session.notes or "").strip().replace("\n", "\n              ")),
    ]


def _ago(stamped: str, at: datetime) -> str:
    age = labels.age(stamped, at)
    return age if age == "now" else f"{age} ago"


def _comments(view: "SessionView") -> str:
    """How the comments of the review stand, rounds and amp's answers included; empty without any."""
    now = view.comments
    if now is None or not any(now):
        return ""
    parts = [f"{now.unsent} not sent" if now.unsent else "", plural(now.notes, "note") if now.notes else ""]
    if now.sent:
        waiting = now.sent - now.done - now.declined
        answers = ((now.done, "done"), (now.declined, "no"), (waiting, "not answered"))
        told = ", ".join(f"{count} {word}" for count, word in answers if count)
        parts.append(f"{now.sent} sent in {plural(now.rounds, 'round')}: {told}")
    return "; ".join(part for part in parts if part)


def _changes(view: "SessionView") -> str:
    if view.files is None:
        return view.trouble or ""
    added = sum(change.additions or 0 for change in view.files)
    deleted = sum(change.deletions or 0 for change in view.files)
    base = one_line(view.session.base_branch)
    where = f"where it began: its base {base} is gone" if view.is_base_gone else f"{base}, {view.behind} behind"
    files = f"{plural(len(view.files), 'file')} +{added} -{deleted}"
    return f"{files}; {view.ahead} ahead of {where}"


def _columns(at: datetime) -> tuple[TableColumn[Iteration], ...]:
    """The columns of a table of iterations; ages are counted from `at`."""
    return (
        TableColumn("#", lambda one: str(one.number), right=True),
        TableColumn("HOW", _ending),
        TableColumn("COMMIT", lambda one: Styled((one.commit_sha or "-")[:10], "dim"), drop_order=3),
        TableColumn(
            "FILES", lambda one: str(one.changed_files) if one.state is State.SETTLED else "-", drop_order=4, right=True
        ),
        TableColumn("SCRIPT", _script, drop_order=2),
        TableColumn("TOKENS", lambda one: labels.count(one.tally.token_usage), drop_order=5, right=True),
        TableColumn("TOOK", lambda one: labels.duration(one.duration_ms), drop_order=1, right=True),
        TableColumn("AGE", lambda one: labels.age(one.start_time or one.queued_at, at), drop_order=6, right=True),
        TableColumn("PROMPT", lambda one: one_line(one.prompt), least=10, most=60),
    )


def _ending(iteration: Iteration) -> Cell:
    word = labels.outcome_word(iteration.outcome, iteration.state)
    return Styled(word, {"done": "green", "failed": "red", "crashed": "red", "stopped": "yellow"}.get(word, "cyan"))


def _script(iteration: Iteration) -> Cell:
    if iteration.test_result is None:
        return "-"
    if iteration.test_result is ScriptResult.PASS:
        return Styled("pass", "green")
    return Styled(f"fail ({iteration.test_exit_code})", "red")


def _print_notes(iteration: Iteration, facts: Sequence[Fact]) -> None:
    notes = sentences(facts)
    plain = f"script failed with exit code {iteration.test_exit_code}"
    if iteration.test_result is ScriptResult.FAIL and (why := script_text(iteration, facts)) != plain:
        notes.append((False, why))
    for serious, text in notes:
        shown = text.replace("\n", "\n    ")
        output.line(Styled(f"iteration {iteration.number}: {shown}", "yellow" if serious else ""))


def _print_trouble(session: Session, iterations: tuple[Iteration, ...], notes: Notes) -> None:
    settled = [iteration for iteration in iterations if iteration.state is State.SETTLED]
    if settled and (last := settled[-1]).error:
        output.line()
        shown = (last.error or "").strip().replace("\n", "\n    ")
        output.line(Styled(f"iteration {last.number}: {shown}", "red"))
        diagnostics.hint(one_line(last.hint or f"ampsm log {session.id}"))
    elif settled and is_uncommitted(notes.get(settled[-1].id, ())):
        diagnostics.hint(end_hint(settled[-1], notes.get(settled[-1].id, ())))
    elif not iterations:
        diagnostics.hint(f"ampsm iterate {session.id} 'what amp is to do'")
