"""The commands doctor, repair, completion and import: is all well here, does Tab work, and history from elsewhere."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Unfit
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from ampsm_engine.engine.relocation import Disagreement

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "yellow")}


@click.command(cls=Command, short_help="Check that this machine has what ampsm needs.")
@click.option("--cluster", metavar="URL", help="Check a cluster and its hosts instead.")
@click.option("--source", "sources", metavar="ADDRESS", multiple=True, help="A repository that its hosts are to reach.")
@parameters.json_option
def doctor_command(cluster: str | None, sources: tuple[str, ...], *, as_json: bool) -> int:
    """Check git, amp, its login, the store, the workers and the desktop. Nothing is changed.

    The exit code is 5 when something that ampsm needs is missing. With --cluster: encryption, versions, and of each
    host what it has, its slots, clock, disk and home.

      ampsm doctor
      ampsm doctor --cluster dask://127.0.0.1:8786
      ampsm doctor --json | jq -r '.checks[] | select(.ok == false) | .text'
    """
    from ampsm_engine.context import engine_at
    from ampsm_engine.engine import doctor

    if cluster is not None:
        from ampsm_engine.cluster import checks

        with diagnostics.working("Asking the cluster"):
            found = checks.check_cluster(cluster, sources)
    else:
        engine = engine_at()  # not ready: why it could not be is what is asked here
        with diagnostics.working("Asking git and amp"):
            found = doctor.check_machine(engine, os.environ)
    fit = not any(check.ok is False for check in found)
    if as_json:
        output.document({"fit": fit, "checks": documents.plain(found)})
        return diagnostics.OK if fit else diagnostics.UNFIT
    width = max(len(check.name) for check in found)
    for check in found:
        mark, style = _MARKS[check.ok]
        output.line(Styled(mark, style), f" {check.name:<{width}}  {one_line(check.text)}")
        if check.hint:
            output.line(Styled(f"  {'':<{width}}  {one_line(check.hint)}", "dim"))
    return diagnostics.OK if fit else diagnostics.UNFIT


@click.command(cls=Command, short_help="Find what store and repositories disagree about.")
@click.option("--apply", is_flag=True, help="Make lost worktrees again, and rebuild sessions that the store lost.")
@click.option("--repo", metavar="P", type=parameters.FOLDER, help="Look into this repository, too.")
@parameters.json_option
def repair_command(repo: Path | None, *, apply: bool, as_json: bool) -> int:
    """Find sessions whose worktree is gone, sessions that the store lost, and worktrees and branches of no session.

    Nothing is ever removed here: each finding names the command that mends it. With --apply, what has a
    safe way back is mended: lost worktrees are made again, lost sessions rebuilt from branches and run directories.
    The exit code is 1 while something is left to mend.

      ampsm repair
      ampsm repair --apply
    """
    try:
        findings = _disagreements(repo, apply=apply)
    except Unfit as lost:
        # Who finds the store lost puts what could be recovered in its place: then there is something to compare.
        findings = _disagreements(repo, apply=apply)
        diagnostics.warning(lost.message)
    left = [finding for finding in findings if not finding.mended]
    if as_json:
        output.document({"findings": documents.plain(findings)})
    else:
        for finding in findings:
            mark, style = _MARKS[finding.mended]
            output.line(Styled(mark, style), f" {one_line(finding.text)}")
            output.line(Styled(f"    {one_line(finding.action)}", "dim"))
        if not findings:
            diagnostics.note("Store and repositories agree.")
    return diagnostics.FAILED if left else diagnostics.OK


def _disagreements(repo: Path | None, *, apply: bool) -> "tuple[Disagreement, ...]":
    from ampsm_engine.engine import repair

    engine = engine_access.open_engine()
    with diagnostics.working("Comparing store and repositories"):
        return repair.find_disagreements(engine, apply=apply, path=repo)


@click.command(cls=Command, short_help="Print the script that makes Tab complete.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> int:
    """Print the completion script of a shell: commands, options, sessions, settings.

    bash   echo 'eval "$(ampsm completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(ampsm completion zsh)"' >> ~/.zshrc    (after compinit)
    fish   ampsm completion fish > ~/.config/fish/completions/ampsm.fish
    """
    from click.shell_completion import get_completion_class

    from ampsm_engine.cli.root import root

    made = get_completion_class(shell)
    if made is None:  # pragma: no cover - click knows these three
        raise click.UsageError(f"There is no completion for {shell}.")
    output.write(made(root, {}, "ampsm", "_AMPSM_COMPLETE").source() + "\n")
    return diagnostics.OK


@click.command(cls=Command, short_help="Take in the history of the Amp Session Orchestrator.")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@parameters.json_option
def import_command(path: Path, *, as_json: bool) -> int:
    """Take in sessions, iterations, tool calls and batches from a database of the Amp Session Orchestrator.

    That database is not changed. Sessions whose worktree is gone, or another session's, are kept as history: in no
    list, but known to show, log, metrics, export and report. Importing again brings only what is new.

      ampsm import ~/.config/amp-session-manager/sessions.sqlite
    """
    from ampsm_engine.engine import history_import

    engine = engine_access.open_engine()
    with diagnostics.working("Reading the database"):
        result = history_import.import_history(engine, path)
    if as_json:
        counts = {
            "sessions": result.sessions,
            "iterations": result.iterations,
            "toolCalls": result.tool_calls,
            "batches": result.batches,
            "items": result.items,
            "knownSessions": result.known_sessions,
        }
        history = [{"id": one.id, "name": one.name, "worktreePath": one.worktree_path} for one in result.history]
        output.document({**counts, "history": history, "leftOut": documents.plain(result.left_out)})
        return diagnostics.OK
    new = (
        plural(result.sessions, "session"),
        plural(result.iterations, "iteration"),
        plural(result.tool_calls, "tool call"),
        f"{result.batches} batch{'es' * (result.batches != 1)} with {plural(result.items, 'item')}",
    )
    known = f" {plural(result.known_sessions, 'session')} were known already." if result.known_sessions else ""
    output.line(f"Imported {', '.join(new)}.{known}")
    for session in result.history:
        place = one_line(session.worktree_path)
        output.line(f"  {one_line(session.name)} ({session.id}): {place} is no worktree of its own; kept as history")
    for text in result.left_out:
        diagnostics.warning(f"Left out: {one_line(text)}.")
    if result.iterations:
        diagnostics.hint("ampsm metrics --by session")
    return diagnostics.OK
