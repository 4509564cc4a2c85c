"""The commands watch, status and events: the state of all sessions, and their history."""

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ampsm_engine import labels, session_problems, timestamps
from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Refused
from ampsm_engine.model import Fact, camel
from ampsm_engine.state_styles import STATES, status_line

if TYPE_CHECKING:
    from ampsm_engine.store import Store

TICK = 0.1
"""Seconds between two reads of the history."""

RECENT = 10
"""Events that --follow shows to begin with, as `tail` does."""


@click.command(cls=Command, short_help="Watch the sessions in a side pane; nothing can be changed there.")
@click.pass_context
def watch_command(ctx: click.Context) -> int:
    """Show which sessions run and which need you, live, in as little as 30 columns. Nothing can be changed from here.

    Beside an editor in tmux:
      tmux split-window -h -l 40 ampsm watch
    """
    if ctx.obj is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("ampsm watch needs a terminal to show itself in.", "ampsm events --follow")
    return int(ctx.obj(read_only=True))


@click.command(cls=Command, short_help="Count the sessions by what they are.")
@click.option("--tmux", is_flag=True, help="One short line for a status bar; empty when all are idle or done.")
@parameters.json_option
def status_command(*, tmux: bool, as_json: bool) -> int:
    """Count the sessions: running, queued, awaiting input, error, idle, done.

    In ~/.tmux.conf:
      set -g status-right '#(ampsm status --tmux)'
    """
    if tmux and as_json:
        raise click.UsageError("Choose one of --tmux and --json.")
    from ampsm_engine.engine import views

    engine = engine_access.open_engine()
    counts, waiting = views.status(engine), session_problems.sessions_in_conflict(engine.store)
    missing = (
        0 if tmux else sum(session_problems.missing(session) is not None for session in engine.store.sessions.all())
    )
    if as_json:
        amiss = {"conflict": len(waiting), "missing": missing}
        named = {camel(word.replace("-", "_")): number for word, number in counts.items()}
        output.document({**named, **amiss})
    elif tmux:
        output.line(status_line(counts))
    else:
        for word, number in counts.items():
            output.line(f"{STATES[word].glyph} {number:>4} {word}")
        for word, number in (("with an open conflict", len(waiting)), ("with something gone: ampsm ls", missing)):
            if number:
                output.line(f"! {number:>4} {word}")
    return diagnostics.OK


@click.command(cls=Command, short_help="Show what happened, and what happens.")
@click.option("--follow", "-f", is_flag=True, help=f"The last {RECENT}, then go on until Ctrl-C.")
@click.option(
    "--session", "reference", metavar="SESSION", type=parameters.SessionReference(), help="Only of one session."
)
@click.option("--after", metavar="N", type=click.IntRange(min=0), help="Only events with a number above N.")
@parameters.json_option
def events_command(reference: str | None, after: int | None, *, follow: bool, as_json: bool) -> int:
    """Show the history that ampsm has recorded: created, queued, started, committed, tested, trashed...

    With --json one object a line. Numbers only grow: `--after N` goes on where a script left off.

      ampsm events --follow
      ampsm events --json --after 120
    """
    engine = engine_access.open_engine()
    session_id = engine_access.session(engine, reference).id if reference is not None else None
    limit = RECENT if follow and after is None else None
    store = engine.store
    if follow:
        store.retry_reads(diagnostics.warn_of_store)
    facts = store.facts.read(after=after or 0, session_id=session_id, limit=limit)
    names: dict[str, str] = {}
    _print(store, facts, names, as_json=as_json)
    if follow:
        _follow(store, max([after or 0, *(fact.number for fact in facts)]), session_id, names, as_json=as_json)
    return diagnostics.OK


def _follow(store: "Store", after: int, session_id: str | None, names: dict[str, str], *, as_json: bool) -> None:
    version = -1
    while True:
        if (now := store.data_version()) != version:
            version = now
            facts = store.facts.read(after=after, session_id=session_id)
            _print(store, facts, names, as_json=as_json)
            after = max([after, *(fact.number for fact in facts)])
        output.flush()
        time.sleep(TICK)


def _print(store: "Store", facts: tuple[Fact, ...], names: dict[str, str], *, as_json: bool) -> None:
    if facts and not as_json:
        everyone = (*store.sessions.all(), *store.sessions.all(trashed=True))
        names.update({session.id: one_line(session.name) for session in everyone})
    for fact in facts:
        if as_json:
            output.record(documents.fact_document(fact))
            continue
        local = timestamps.parse(fact.time).astimezone()
        day = "" if local.date() == datetime.now(UTC).astimezone().date() else f"{local:%Y-%m-%d} "
        who = names.get(fact.session_id, fact.session_id) if fact.session_id else "ampsm"
        output.line(
            Styled(f"{day}{local:%H:%M:%S} ", "dim"),
            f"{labels.kind_text(fact.kind):<13} ",
            Styled(who, "bold"),
            f"  {one_line(fact.text)}",
        )
    output.flush()
