"""The command clean: sessions whose work was merged by other ways go to the trash, after one question."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine.cli import arguments, diagnostics, documents, engine_access, output
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import AmpsmError
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.engine.merged_elsewhere import KeptSession, MergedWork
    from ampsm_engine.engine.session_trash import Removed


@click.command(cls=Command, short_help="Move sessions to the trash whose work is merged.")
@click.option(
    "--repo",
    metavar="P",
    type=click.Path(file_okay=False, path_type=Path),
    help="Only those of one repository. [default: all]",
)
@click.option("--fetch", is_flag=True, help="Fetch their bases first.")
@click.option("--dry-run", is_flag=True, help="Only say which they are.")
@arguments.yes_option
@arguments.json_option
def clean_command(repo: Path | None, *, fetch: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Move the sessions to the trash whose work is in its base: merged, squashed or picked, here or upstream.

    A session stays where something runs, or where anything is not committed or not merged. `gh` or `glab` is asked
    about pull requests of branches that were pushed. `ampsm trash restore` brings one back.

      ampsm clean --dry-run
      ampsm clean --fetch
    """
    from ampsm_engine.engine import bases, merged_elsewhere, session_trash

    engine = arguments.open_engine()
    root = engine_access.repository_root(engine, repo) if repo is not None else None
    if fetch:
        with diagnostics.working("Fetching the bases"):
            for text in bases.fetch_all(engine, root):
                diagnostics.warning(text)
    with diagnostics.working("Looking for work that is merged"):
        found = merged_elsewhere.find_merged(engine, root)
        merged_elsewhere.update_merged_marks(engine)
    for text in found.trouble:
        diagnostics.warning(one_line(text))
    if not as_json:
        _print_found(found)
    if found.merged and not (dry_run or yes):
        many = "it" if len(found.merged) == 1 else f"these {len(found.merged)}"
        command = f"ampsm clean{f' --repo {root}' if root else ''}"
        open_ones = session_trash.describe_comments(engine, [one.session_id for one in found.merged])
        diagnostics.ask(f"{open_ones} Move {many} to the trash?".strip(), command, otherwise="Nothing was removed.")
    removed, stayed = ([], []) if dry_run else _removed(engine, found)
    if as_json:
        parts = {"landed": found.merged, "staying": (*found.staying, *stayed), "removed": removed}
        output.document({name: [documents.plain(one) for one in ones] for name, ones in parts.items()})
    elif removed:
        output.line(f"{plural(len(removed), 'session')} moved to the trash.")
        diagnostics.hint(f"ampsm trash restore {removed[0].session.id}")
    elif not found.merged:
        diagnostics.note("No session has all its work in its base.")
    return diagnostics.FAILED if stayed else diagnostics.OK


def _removed(engine: "Engine", found: "MergedWork") -> "tuple[list[Removed], list[KeptSession]]":
    """What went to the trash, and what was to go and stays, which is told."""
    from ampsm_engine.engine import merged_elsewhere

    removed, stayed = [], []
    for one in found.merged:
        try:
            with diagnostics.working(f"Moving {one_line(one.name)} to the trash"):
                removed.append(merged_elsewhere.remove_merged(engine, one.session_id))
        except AmpsmError as reason:
            stayed.append(merged_elsewhere.KeptSession(one.session_id, one.name, reason.message))
            diagnostics.warning(one_line(reason.message))
    return removed, stayed


def _print_found(found: "MergedWork") -> None:
    for one in found.merged:
        output.line(f"{one_line(one.name)} ({one.session_id}): {one_line(one.how)}.")
        if one.note:
            diagnostics.note(f"{one_line(one.name)}: {one.note}")
    for kept in found.staying:
        diagnostics.note(f"{one_line(kept.name)} ({kept.session_id}) stays: {one_line(kept.why)}.")
