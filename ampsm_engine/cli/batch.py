"""The command batch: runs of plans are started, followed, stopped, taken up again and removed."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine import naming, timestamps
from ampsm_engine.cli import batch_text, diagnostics, documents, engine_access, numbers, output, parameters
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command, Group
from ampsm_engine.cli.session_start import trusting
from ampsm_engine.errors import Failed, NotFound
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import BatchState, ItemState
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from ampsm_engine.batch.values import Plan
    from ampsm_engine.context import Engine
    from ampsm_engine.model import Batch

TICK = 0.1
"""Seconds between two looks at whether something has changed."""

LEAST, MOST = 0.3, 1.0
"""Seconds between two looks at all items: while much changes, and while nothing does."""

SWEEP_EVERY = 2.0

run_argument = click.argument("reference", metavar="RUN", type=parameters.BatchReference())


@click.group(cls=Group, short_help="Run many prompts over many repositories.")
def batch_command() -> None:
    """Plans in YAML: many prompts over many repositories, unattended, and resumable at any moment.

    RUN is a run's id, its name, or the beginning of one. A run goes on when this terminal closes.

      ampsm batch start nightly.yaml
      ampsm batch status nightly --follow
    """


@batch_command.command("start", cls=Command, short_help="Start a run of a plan.")
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would run.")
@click.option("--wait", "-w", is_flag=True, help="Stay until the run is over; the exit code is 0 when all passed.")
@click.option("--concurrency", metavar="N", type=click.IntRange(min=1), help="Items at once, instead of the plan's.")
@click.option("--on", metavar="WHERE", help="A cluster, dask://HOST:8786. [default: local]")
@click.option("--insecure", is_flag=True, help="Also a cluster that others could run programs by.")
@parameters.json_option
def batch_start(
    plan_file: Path,
    *,
    dry_run: bool,
    wait: bool,
    concurrency: int | None,
    on: str | None,
    insecure: bool,
    as_json: bool,
) -> int:
    """Start a run of a plan: a session for each of its items, in the background.

      ampsm batch start plan.yaml --dry-run
      ampsm batch start plan.yaml --wait
      ampsm batch start plan.yaml --on dask://127.0.0.1:8786

    A plan:

      concurrency: 4
      defaults:
        scriptCommand: make test      judges what amp made; success is its exit code 0
        mergeOnPass: true
      matrix:
        - repo: ~/src/web
          prompt: Fix the login redirect
        - repo: ~/src/*
          promptFile: update-dependencies.md
          axes: {model: [medium, high], copies: 2}

    All fields are in docs/plans.md. Every error of a plan is told, with its line.
    """
    from ampsm_engine.batch import plan, runs

    found = plan.read_file(plan_file)
    if found.run_id and (run_id := naming.slug(found.run_id)) != found.run_id:
        diagnostics.note(
            f"The id of the run is {run_id}: small letters, digits and dashes of {one_line(found.run_id)!r}."
        )
    if dry_run:
        return _dry_run(found, concurrency, as_json=as_json)
    if on is not None and on != "local":
        from ampsm_engine.cluster import dask_transport, transport

        transport.read_address(on)
        transport.check_installed()
        address = transport.read_address(on, is_encrypted=dask_transport.has_certificates())
        transport.check_safe(address, insecure=insecure)
        found = replace(found, on=address.text)
    engine = engine_access.open_engine()
    batch = trusting(lambda: runs.start(engine, found, concurrency=concurrency), again="ampsm trust --yes")
    return begun(engine, batch, wait=wait, as_json=as_json)


def begun(engine: "Engine", batch: "Batch", *, wait: bool, as_json: bool) -> int:
    """Report a run that was started just now, and stay with it where that is asked for; the exit code."""
    if wait:
        return follow_run(engine, batch.id, as_json=as_json)
    if as_json:
        output.document({"batch": batch_text.batch_document(engine, batch)})
        return diagnostics.OK
    count = len(engine.store.batches.items(batch.id))
    output.line(output.Styled(one_line(batch.name), "bold"))
    at_once = str(batch.concurrency) if batch.concurrency < count else ""
    output.fields((("run", batch.id), ("items", str(count)), ("at once", at_once)))
    diagnostics.hint(f"ampsm batch status {batch.id} --follow")
    return diagnostics.OK


def _dry_run(plan: "Plan", concurrency: int | None, *, as_json: bool) -> int:
    if as_json:
        items = [documents.plain(planned) for planned in plan.items]
        at_once = concurrency or plan.concurrency
        limits = documents.plain(plan.limits)
        from ampsm_engine import redact

        # As the store would have it, without secrets: nothing was entered that its tables could redact.
        text = json.dumps({"name": plan.name, "concurrency": at_once, "limits": limits, "items": items})
        output.document(json.loads(redact.text(text)))
        return diagnostics.OK
    batch_text.print_plan(plan)
    diagnostics.note(f"{plural(len(plan.items), 'item')}; nothing was started.")
    return diagnostics.OK


@batch_command.command("ls", cls=Command, short_help="List the runs, newest first.")
@parameters.json_option
def batch_ls(*, as_json: bool) -> int:
    """List the runs of batches, newest first, with how far they have come.

    ampsm batch ls
    """
    engine = engine_access.open_engine()
    batches = engine.store.batches.all()
    if as_json:
        output.document({"batches": [batch_text.batch_document(engine, batch) for batch in batches]})
    elif batches:
        batch_text.print_batches([(batch, engine.store.batches.progress(batch.id)) for batch in batches])
    else:
        diagnostics.note("There are no runs yet.")
        diagnostics.hint("ampsm batch start PLAN.yaml")
    return diagnostics.OK


@batch_command.command("status", cls=Command, short_help="Show one run with its items.")
@click.argument("reference", metavar="[RUN]", required=False, type=parameters.BatchReference())
@click.option("--follow", "-f", is_flag=True, help="Stay until the run is over; the exit code is 0 when all passed.")
@parameters.json_option
def batch_status(reference: str | None, *, follow: bool, as_json: bool) -> int:
    """Show a run with its items: their states, what they wait for, why they ended as they did.

    Without RUN the one that is at work, or else the newest. With --follow a progress bar on a terminal, else a line of
    JSON for each change.

      ampsm batch status nightly --follow
    """
    engine = engine_access.open_engine()
    from ampsm_engine.batch import runs

    batch = engine.store.batches.resolve(reference) if reference is not None else _newest(engine)
    if follow:
        return follow_run(engine, batch.id, as_json=as_json)
    status = runs.status(engine, batch.id, tries=as_json)
    if as_json:
        items = [
            batch_text.item_document(item, status.tries.get(item.id, ()), status.placements.get(item.id, ()))
            for item in status.items
        ]
        output.document({"batch": batch_text.batch_document(engine, batch), "items": items})
    else:
        batch_text.print_status(status)
    return diagnostics.OK


def _newest(engine: "Engine") -> "Batch":
    """The run that is meant where none is named; of several at work it says which, and how to see the others."""
    from ampsm_engine.batch import runs

    batch, at_work = runs.newest(engine), len(engine.store.batches.active())
    if at_work > 1:
        diagnostics.note(f"{at_work} runs are at work; this is the newest, {one_line(batch.name)} ({batch.id}).")
        diagnostics.hint("ampsm batch ls")
    return batch


def follow_run(engine: "Engine", batch_id: str, *, as_json: bool) -> int:
    """Stay with a run until it is over: a progress bar, or JSON lines; 0 when every item passed, else 1."""
    import sys

    from ampsm_engine.batch import runs
    from ampsm_engine.worker import launch

    shown = batch_text.Follower(engine, as_json=as_json or not sys.stdout.isatty())
    store, slots = engine.store, int(engine.settings.number("slots"))
    store.retry_reads(diagnostics.warn_of_store)
    version, swept, looked = -1, 0.0, 0.0
    goes_on = f"The run goes on: ampsm batch status {batch_id} --follow, ampsm batch stop {batch_id}"
    try:
        with diagnostics.interruptible(goes_on):
            while True:
                now = store.data_version()
                looked_since = time.monotonic() - looked
                if (now != version and looked_since >= LEAST) or looked_since >= MOST:
                    version, looked = now, time.monotonic()
                    status = runs.status(engine, batch_id)
                    shown.show(status)
                    if status.batch.state not in runs.AT_WORK:
                        break
                if time.monotonic() - swept >= SWEEP_EVERY:
                    swept = time.monotonic()
                    with suppress(Failed):  # the next one will do, and whatever else is wrong the questions tell
                        launch.sweep(engine.home, store, slots)
                time.sleep(TICK)
    finally:
        shown.end()
    shown.print_end(status)
    passed = status.progress.counts[ItemState.SUCCESS] == status.progress.total
    return diagnostics.OK if passed and status.batch.state is BatchState.ENDED else diagnostics.FAILED


@batch_command.command("stop", cls=Command, short_help="Stop a run.")
@run_argument
@click.option("--now", is_flag=True, help="End what runs, too, instead of letting amp come to its end.")
@parameters.json_option
def batch_stop(reference: str, *, now: bool, as_json: bool) -> int:
    """Stop a run: nothing of it is begun any more, and what amp is at comes to its end (with --now: is ended).

    `ampsm batch resume RUN` goes on from there. Stopping a run that waits takes the wait away as well.

      ampsm batch stop nightly
      ampsm batch stop nightly --now
    """
    engine = engine_access.open_engine()
    from ampsm_engine.batch import runs

    batch = runs.stop(engine, engine_access.target_run(engine, reference).id, force=now)
    if as_json:
        output.document({"batch": batch_text.batch_document(engine, batch)})
        return diagnostics.OK
    output.line(f"{one_line(batch.name)} ({batch.id}) is being stopped.")
    diagnostics.hint(f"ampsm batch status {batch.id} --follow")
    return diagnostics.OK


@batch_command.command("resume", cls=Command, short_help="Take up what was stopped or has failed.")
@run_argument
@click.option("--wait", "-w", is_flag=True, help="Stay until the run is over; the exit code is 0 when all passed.")
@parameters.json_option
def batch_resume(reference: str, *, wait: bool, as_json: bool) -> int:
    """Take the stopped and failed items of a run up again, where they were left; a run that waits goes on at once.

    ampsm batch resume nightly --wait
    """
    engine = engine_access.open_engine()
    from ampsm_engine.batch import runs

    resumed = runs.resume(engine, engine_access.target_run(engine, reference).id)
    for text in resumed.stay:
        diagnostics.warning(text)
    return begun(engine, resumed.batch, wait=wait, as_json=as_json)


@batch_command.command("retry", cls=Command, short_help="Try an item again.")
@click.argument("reference", metavar="ITEM", type=parameters.BatchReference(items=True))
@parameters.json_option
def batch_retry(reference: str, *, as_json: bool) -> int:
    """Try an item again that ended badly, from the step that it failed at; ITEM is its id, or its session.

    An item in conflict is merged again, onto its base as it is by then.

      ampsm batch retry ITEM
    """
    engine = engine_access.open_engine()
    from ampsm_engine.batch import runs

    item = runs.retry(engine, _item_id(engine, reference))
    if as_json:
        output.document({"item": batch_text.item_document(item, engine.store.batches.tries(item.id))})
        return diagnostics.OK
    output.line(f"{one_line(item.name)} ({item.id}) is tried again.")
    diagnostics.hint(f"ampsm batch status {item.batch_id} --follow")
    return diagnostics.OK


def _item_id(engine: "Engine", reference: str) -> str:
    """The id of the item that is meant; the beginning of a session's name is asked about."""
    with suppress(NotFound):
        return engine.store.batches.item(reference).id
    with suppress(NotFound):
        return engine_access.target(engine, reference).id
    return reference  # the retry reports what there is


@batch_command.command("rm", cls=Command, short_help="Remove a run and its sessions.")
@run_argument
@parameters.yes_option
@parameters.json_option
def batch_rm(reference: str, *, yes: bool, as_json: bool) -> int:
    """Move the sessions of a run to the trash, and forget the run. Other sessions are not touched.

    Each session can be brought back with `ampsm trash restore` until it is purged; the run cannot.

      ampsm batch rm nightly --yes
    """
    engine = engine_access.open_engine()
    from ampsm_engine.batch import overview, runs
    from ampsm_engine.engine import session_trash

    batch = engine_access.target_run(engine, reference)
    _refuse_namesake(engine, batch, reference)
    sessions = overview.sessions_of_run(engine, batch.id)
    describe = session_trash.describe_ignored if yes else session_trash.describe_loss
    for session in sessions:
        if text := describe(engine, session.id):
            diagnostics.note(text)
    if not yes:
        moved = f" and move its {plural(len(sessions), 'session')} to the trash" if sessions else ""
        question = f"Remove the run {one_line(batch.name)} ({batch.id}){moved}?"
        diagnostics.ask(question, f"ampsm batch rm {batch.id}", otherwise="Nothing was removed.")
    with diagnostics.working(f"Moving the sessions of {one_line(batch.name)} to the trash"):
        removed, stay = runs.remove(engine, batch.id)
    if as_json:
        output.document({"removed": list(removed), "stay": list(stay), "batchRemoved": not stay})
    else:
        output.line(f"{plural(len(removed), 'session')} of {one_line(batch.name)} went to the trash.")
        for text in stay:
            diagnostics.warning(f"It stays: {text}")
        diagnostics.hint("ampsm trash ls" if not stay else f"Then again: ampsm batch rm {batch.id}")
    return diagnostics.FAILED if stay else diagnostics.OK


def _refuse_namesake(engine: "Engine", batch: "Batch", reference: str) -> None:
    """Ask which run is meant where several have the name: a second call would take the next one."""
    others = [one for one in engine.store.batches.all() if one.name == batch.name and one.id != batch.id]
    if others and reference.strip() != batch.id:
        newest = f"{batch.id} of {timestamps.parse(batch.created_at).astimezone():%Y-%m-%d %H:%M} is the newest"
        engine_access.confirm_guess(f"{len(others) + 1} runs are called {one_line(batch.name)}; {newest}", batch.id)


@batch_command.command("export", cls=Command, short_help="Take the rows of a run out of the store.")
@run_argument
@click.argument("table", default="batchItems", type=parameters.TableName())
@click.option(
    "--format", "-f", "form", type=click.Choice(numbers.EXPORT_FORMATS), default="json", help="[default: json]"
)
@numbers.file_option
@numbers.force_option
def batch_export(reference: str, table: str, form: str, file: Path | None, *, force: bool) -> int:
    """Write the rows of a run from a TABLE (batchItems without one), or its sessions as Markdown.

    ampsm batch export nightly --format csv -o nightly.csv
    ampsm batch export nightly iterations --format ndjson
    ampsm batch export nightly --format markdown -o nightly.md
    """
    engine = engine_access.open_engine()
    from ampsm_engine.metrics.summary import Selection

    chosen = Selection(batch=engine.store.batches.resolve(reference).id)
    as_markdown = form == "markdown"
    found = numbers.session_documents(engine, chosen) if as_markdown else numbers.exported(engine, table, form, chosen)
    numbers.write_pieces(found, file, force=force)
    return diagnostics.OK


@batch_command.command("report", cls=Command, short_help="Write a report on a run: Markdown, or one HTML file.")
@run_argument
@click.option(
    "--format", "-f", "form", type=click.Choice(numbers.REPORT_FORMATS),
    help="[default: html for a FILE that ends in .html, else markdown]",
)  # fmt: skip
@numbers.file_option
@numbers.force_option
def batch_report(reference: str, form: str | None, file: Path | None, *, force: bool) -> int:
    """Write a report on the tokens, success, time, tools and cost of a run.

    ampsm batch report nightly -o nightly.html
    """
    engine = engine_access.open_engine()
    from ampsm_engine.metrics.summary import Selection

    batch = engine.store.batches.resolve(reference)
    about, form = f"batch {batch.name or batch.id}", form or numbers.form_of(file)
    report = numbers.reported(engine, form, Selection(batch=batch.id), about)
    numbers.write_pieces([report], file, force=force)
    return diagnostics.OK
