"""One session as Markdown: its prompts, what amp answered, what each iteration changed.

All of it may be hostile and may hold secrets: texts are fenced, unseen characters shown, secrets taken out.
"""

from collections.abc import Iterator

from ampsm_engine import labels, redact
from ampsm_engine.amp import transcript
from ampsm_engine.amp.events import TextBlock
from ampsm_engine.context import Engine
from ampsm_engine.engine import views
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import changes
from ampsm_engine.metrics import columns
from ampsm_engine.metrics.markdown_text import code, fenced, one_line
from ampsm_engine.metrics.summary import Selection, summarize
from ampsm_engine.model import Iteration, Session, State

DIFF_LIMIT = 2_000_000
"""Characters of one diff that a document takes; the rest is named."""


def session_document(engine: Engine, session: Session) -> Iterator[str]:
    """A session as Markdown, in pieces that each end with a newline."""
    summary = summarize(engine.store, "iteration", Selection(sessions=frozenset({session.id})))
    by_id = {row.key: row.figures for row in summary.rows}
    yield f"# {code(session.name)}\n\n"
    facts = (
        ("session", code(session.id)),
        ("repository", code(session.repo_root)),
        ("branch", f"{code(session.branch_name)} from {code(session.base_branch)}"),
        ("host", code(session.host or "")),
        ("status", session.status.value),
        ("created", session.created_at),
        ("script", code(session.script_command or "")),
        ("notes", code(session.notes or "", limit=2000)),
    )
    overview = [(name, text) for name, text in columns.overview(summary.total) if name != "sessions"]
    yield "".join(f"- {name}: {text}\n" for name, text in (*facts, *overview) if text)
    for iteration in engine.store.iterations.of(session.id):
        yield f"\n## Iteration {iteration.number}: {labels.outcome_word(iteration.outcome, iteration.state)}\n\n"
        if (figures := by_id.get(iteration.id)) is not None:
            parts = (("tokens", columns.count(figures.token_usage)), ("time", columns.time(iteration.duration_ms)))
            shown = ", ".join(f"{name} {text}" for name, text in (*parts, ("cost", columns.cost(figures.cost_micros))))
            yield f"{iteration.start_time or 'not begun'}; mode {code(iteration.mode or 'default')}; {shown}\n"
        if iteration.error:
            yield f"\n{code(iteration.error, limit=1000)}\n"
        yield f"\n### Prompt\n\n{fenced(iteration.prompt)}\n"
        yield f"\n### Answer\n\n{_answer(engine, iteration)}\n"
        yield f"\n### Diff\n\n{_diff(engine, session, iteration)}\n"


def _answer(engine: Engine, iteration: Iteration) -> str:
    """What amp itself said, without its sub-agents and tools."""
    stream = engine.home.run(iteration.id).stream
    events = transcript.read(stream)
    said = [event.text for _, event in events if isinstance(event, TextBlock) and event.parent is None]
    if not any(text.strip() for text in said):
        return "amp said nothing." if stream.exists() else "The transcript is gone."
    return fenced("\n\n".join(text for text in said if text.strip()))


def _diff(engine: Engine, session: Session, iteration: Iteration) -> str:
    if iteration.state is State.QUEUED:
        return "It has not begun."
    try:
        old, new = views.ends_of(engine, session, iteration.number)
        if old == new:
            return "Nothing was committed."
        patch = changes.patch(views.place_of(session), old, new).decode("utf-8", "replace")
    except AmpsmError as reason:
        return f"The diff cannot be had: {one_line(str(reason))}"
    more = ""
    if len(patch) > DIFF_LIMIT:
        patch = redact.text(patch)[:DIFF_LIMIT]  # redacted before it is cut: half a secret would not be known any more
        more = f"\n\nThe diff is longer: `ampsm diff {session.id} --iteration {iteration.number}`"
    return fenced(patch, "diff") + more
