"""The commands metrics, export and report: what was used, how it went, and how that leaves the store."""

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ampsm_engine.cli import diagnostics, engine_access, output, parameters
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Failed, Refused
from ampsm_engine.metrics import GROUPING_NAMES, GROUPINGS

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.metrics.summary import Selection, Summary

FILE = click.Path(dir_okay=False, path_type=Path)


class SelectionOptions(NamedTuple):
    """What the options that choose iterations were given."""

    since: str | None
    until: str | None
    references: tuple[str, ...]
    batch: str | None
    repo: Path | None


def selection_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options --since, --until, --session, --batch and --repo, as one argument `wanted`."""

    @functools.wraps(command)
    def called(**options: Any) -> int:
        wanted = SelectionOptions(**{name: options.pop(name) for name in SelectionOptions._fields})
        return command(wanted=wanted, **options)

    for option in (
        click.option("--repo", metavar="P", type=parameters.FOLDER, help="Only those of one repository."),
        click.option("--batch", metavar="RUN", type=parameters.BatchReference(), help="Only those of one batch."),
        click.option(
            "--session", "-S", "references", metavar="SESSION", type=parameters.SessionReference(), multiple=True,
            help="Only those of a session. May be given more than once.",
        ),
        click.option("--until", metavar="D", type=parameters.TEXT, help="Only what began before then."),
        click.option(
            "--since", metavar="D", type=parameters.TEXT,
            help="Only what began since then: 2026-11-30, 2026-11-30T12:00, today, yesterday, 24h, 7d, 2w.",
        ),
    ):  # fmt: skip
        called = option(called)
    return called


file_option = click.option(
    "--output", "-o", "file", metavar="FILE", type=FILE, help="Write to a file (readable by you alone)."
)
force_option = click.option("--force", is_flag=True, help="Replace the file where there is one.")


def selected(engine: "Engine", wanted: SelectionOptions) -> "tuple[Selection, str]":
    """What the options choose, and how people call it; NotFound or Refused as the store says, Refused for no moment."""
    from ampsm_engine.metrics.summary import Selection, moment

    store = engine.store
    sessions = [store.sessions.resolve(reference) for reference in wanted.references]
    run = store.batches.resolve(wanted.batch) if wanted.batch is not None else None
    root = engine_access.repository_root(engine, wanted.repo)
    names = [session.name for session in sessions]
    about = [f"batch {run.name or run.id}"] if run else []
    about += [f"session{'s' * (len(names) > 1)} {', '.join(names)}"] if names else []
    about += [f"repository {root}"] if root else []
    selection = Selection(
        since=moment(wanted.since) if wanted.since is not None else None,
        until=moment(wanted.until) if wanted.until is not None else None,
        sessions=frozenset(session.id for session in sessions) if sessions else None,
        batch=run.id if run else None,
        repo=root,
    )
    return selection, "; ".join(about)


@click.command(cls=Command, short_help="Show tokens, success, time, tools and cost.")
@click.option("--by", type=click.Choice(GROUPINGS), help="A line for each. [default: all in all]")
@selection_options
@parameters.json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV for spreadsheets.")
def metrics_command(by: str | None, *, wanted: SelectionOptions, as_json: bool, as_csv: bool) -> int:
    """Show what iterations used, how long they took and how they went; sessions in the trash count, too.

    Tokens are those of amp's stream. Cost is amp's own figure, asked at the end of iterations (at most
    `cost.queries` times an hour), else unknown. A + behind a sum: some iterations are not in it.

      ampsm metrics
      ampsm metrics --by day --since 7d
      ampsm metrics --by tool --session dark
      ampsm metrics --by repo --csv > repositories.csv
    """
    if as_json and as_csv:
        raise click.UsageError("Give either --json or --csv.")
    engine = engine_access.open_engine()
    selection, _ = selected(engine, wanted)
    from ampsm_engine.metrics.summary import summarize

    grouping: Any = by or ("day" if as_csv else "iteration" if not as_json else "day")
    summary = summarize(engine.store, grouping, selection)
    if as_json:
        _print_json(summary)
    elif as_csv:
        _print_csv(summary)
    elif by is None:
        _print_overview(summary)
    else:
        _print_table(summary)
    return diagnostics.OK


def _print_json(summary: "Summary") -> None:
    from ampsm_engine.metrics import columns

    chosen = summary.selection
    output.document(
        {
            "by": summary.by,
            "since": chosen.since.isoformat() if chosen.since else None,
            "until": chosen.until.isoformat() if chosen.until else None,
            "rows": [{"key": row.key, "label": row.label, **columns.document(row.figures)} for row in summary.rows],
            "tools": [columns.tool_document(tool) for tool in summary.tools],
            "total": columns.document(summary.total),
        }
    )


def _print_csv(summary: "Summary") -> None:
    from ampsm_engine.metrics import columns, export
    from ampsm_engine.metrics.figures import Figures, ToolFigures

    if summary.by == "tool":
        names = list(columns.tool_document(ToolFigures("", 0, 0, 0, None, 0, 0)))
        rows = [columns.tool_document(tool) for tool in summary.tools]
    else:
        names = [summary.by, "label", *columns.document(Figures())]
        rows = [{summary.by: row.key, "label": row.label, **columns.document(row.figures)} for row in summary.rows]
    for line in export.csv_lines(names, rows):
        output.write(line)


def _print_overview(summary: "Summary") -> None:
    from ampsm_engine.metrics import columns

    if not summary.total.iterations:
        diagnostics.note("No iterations.")
        diagnostics.hint("ampsm metrics --help")
        return
    output.fields(columns.overview(summary.total))
    diagnostics.hint("ampsm metrics --by day")


def _print_table(summary: "Summary") -> None:
    from ampsm_engine.cli.tables import TableColumn, table
    from ampsm_engine.metrics import columns
    from ampsm_engine.metrics.summary import FiguresRow

    if not summary.total.iterations:
        return _print_overview(summary)
    title = GROUPING_NAMES[summary.by].upper()
    if summary.by == "tool":
        named: list[tuple[str, Any]] = [(tool.name, tool) for tool in summary.tools]
        shown = columns.TOOL_COLUMNS
    else:
        rows = (*summary.rows, FiguresRow("", "in all", summary.total))
        named, shown = [(row.label, row.figures) for row in rows], columns.COLUMNS

    def reading(column: columns.FigureColumn) -> TableColumn[tuple[str, Any]]:
        return TableColumn(
            column.title.upper(), lambda row: column.text(row[1]), drop_order=column.drop_order, right=True
        )

    first: TableColumn[tuple[str, Any]] = TableColumn(title, lambda row: one_line(row[0]), least=10, most=40)
    table((first, *map(reading, shown)), named)
    return None


EXPORT_FORMATS = ("json", "ndjson", "csv", "markdown")
REPORT_FORMATS = ("markdown", "html")


@click.command(cls=Command, short_help="Take tables or sessions out of the store.")
@click.argument("table", required=False, type=parameters.TableName())
@click.option("--format", "-f", "form", type=click.Choice(EXPORT_FORMATS), default="json", help="[default: json]")
@selection_options
@file_option
@force_option
def export_command(table: str | None, form: str, file: Path | None, *, wanted: SelectionOptions, force: bool) -> int:
    """Write the rows of a TABLE, or sessions as Markdown: prompts, answers, diffs.

    TABLE is sessions, iterations, toolCalls, facts, merges, reviewComments, rejections, reviewRounds, viewedHunks,
    lookedTrees, pullRequests, batchRuns, batchItems, batchTries or costQueries. Secrets are taken out of every text;
    in CSV, what a spreadsheet would calculate gets an apostrophe before it.

      ampsm export iterations --since 7d --format csv -o week.csv
      ampsm export toolCalls --session dark --format ndjson
      ampsm export --format markdown --session dark -o dark.md
    """
    engine = engine_access.open_engine()
    selection, _ = selected(engine, wanted)
    if form == "markdown":
        if table is not None or not (wanted.references or wanted.batch):
            raise click.UsageError("--format markdown takes sessions: --session SESSION, or --batch RUN, and no table.")
        pieces = session_documents(engine, selection)
    elif table is None:
        from ampsm_engine.store.table_rows import NAMES

        raise click.UsageError(f"Say which table: {', '.join(NAMES)}.")
    else:
        pieces = exported(engine, table, form, selection)
    write_pieces(pieces, file, force=force)
    return diagnostics.OK


def exported(engine: "Engine", table: str, form: str, selection: "Selection") -> Iterator[str]:
    """The rows of a table as json, ndjson or csv, in pieces; NotFound for a table that there is not."""
    from ampsm_engine.metrics import export

    names = engine.store.table_rows.columns(table)
    rows = export.records(engine.store, table, selection)
    if form == "csv":
        return export.csv_lines(names, rows)
    if form == "ndjson":
        return export.ndjson({"table": table}, rows)
    return export.document({"table": table}, "rows", rows)


def session_documents(engine: "Engine", selection: "Selection") -> Iterator[str]:
    """The chosen sessions, or those of a batch, as Markdown in pieces: prompts, answers, diffs."""
    from ampsm_engine.metrics.report import session_document

    chosen = selection.sessions
    if chosen is None:
        items = engine.store.batches.items(str(selection.batch))
        chosen = frozenset(item.session_id for item in items if item.session_id)
    sessions = sorted((engine.store.sessions.get(one) for one in chosen), key=lambda one: (one.created_at, one.id))
    for number, session in enumerate(sessions):
        if number:
            yield "\n"
        yield from session_document(engine, session)


@click.command(cls=Command, short_help="Write a report: Markdown, or one HTML file with plots.")
@click.option(
    "--format", "-f", "form", type=click.Choice(REPORT_FORMATS),
    help="[default: html for a FILE that ends in .html, else markdown]",
)  # fmt: skip
@selection_options
@file_option
@force_option
def report_command(form: str | None, file: Path | None, *, wanted: SelectionOptions, force: bool) -> int:
    """Write a report on tokens, success, time, tools and cost, by day, mode, repository, batch and session.

    The HTML file needs nothing beside itself: no script, nothing from outside, light and dark.

      ampsm report --since 7d
      ampsm report --since 30d -o month.html
    """
    engine = engine_access.open_engine()
    selection, about = selected(engine, wanted)
    write_pieces([reported(engine, form or form_of(file), selection, about)], file, force=force)
    return diagnostics.OK


def form_of(file: Path | None) -> str:
    """The format of a report that goes to a file: html where its name says so, else markdown."""
    return "html" if file is not None and file.suffix.lower() in (".html", ".htm") else "markdown"


def reported(engine: "Engine", form: str, selection: "Selection", about: str) -> str:
    """A report as text in a format: markdown or html."""
    from ampsm_engine.metrics import report

    built = report.build(engine.store, selection, about=about)
    if form == "markdown":
        return report.markdown(built)
    from ampsm_engine.metrics.html_report import html

    return html(built)


def write_pieces(pieces: Iterable[str], file: Path | None, *, force: bool = False) -> None:
    """Write text that is clean to a private file, or to stdout without one.

    The file appears whole or not at all. Refused where there is one, unless `force`; Failed when it cannot be written.
    """
    if file is None:
        for piece in pieces:
            output.write(piece)
        return
    if os.path.lexists(file) and (not force or not file.is_file()):
        raise Refused(f"There is a file {file} already.", "Name another one, or replace it: --force")
    from ampsm_engine.home import open_private

    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
                opened.writelines(pieces)
            beside.replace(file)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as reason:
        message = f"{file} could not be written: {reason.strerror or reason}."
        raise Failed(message, f"ls -ld {file.absolute().parent}") from reason
    diagnostics.note(f"Wrote {file}.")
