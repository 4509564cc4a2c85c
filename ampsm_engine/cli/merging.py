"""The commands preflight, squash, rebase and merge: how a session's work comes into its base, and back out."""

import os
import sys
from typing import TYPE_CHECKING, Any, Literal

import click

from ampsm_engine import labels
from ampsm_engine.cli import diagnostics, documents, engine_access, merge_run, output, parameters
from ampsm_engine.cli.output import Styled, clean, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.cli.session_details import session_document
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.context import Engine
    from ampsm_engine.merging.results import Options
    from ampsm_engine.model import Fact, Merge, Session

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "stop": ("✗", "red")}

message_option = click.option(
    "--message", "-m", "messages", metavar="MSG", type=parameters.TEXT, multiple=True,
    help="The message of the one commit; given twice, a paragraph each.",
)  # fmt: skip
edit_option = click.option(
    "--edit", "-e", is_flag=True,
    help="Write the message in your editor; without -m a terminal does so anyway.",
)  # fmt: skip
manual_option = click.option(
    "--manual", type=click.Choice(["include", "keep"]), default="include", show_default=True,
    help="Whether commits by hand go into the one commit, too, or stay commits of their own.",
)  # fmt: skip

yes_option = click.option(
    "--yes", "-y", is_flag=True,
    help="Do not ask: about work of others, secrets, unwanted files, a script that does not pass.",
)  # fmt: skip


@click.command(cls=Command, short_help="Look at everything before a merge.")
@parameters.session_argument
@click.option("--onto", metavar="BRANCH", type=parameters.Revision(), help="Another branch than the session's base.")
@click.option("--fetch", is_flag=True, help="Fetch the base's remote first.")
@click.option("--no-script", is_flag=True, help="Do not run the session's script.")
@parameters.json_option
def preflight_command(reference: str, onto: str | None, *, fetch: bool, no_script: bool, as_json: bool) -> int:
    """Check what would prevent a merge, and what to do about it. Nothing is changed.

    Looked at are the worktree, the base and its upstream, the commits, the script's result for this very
    commit (it is run when there is none), conflicts and secrets. The exit code is 4 when a merge would be
    refused. What the script prints goes to stderr.

      ampsm preflight dark
    """
    engine = engine_access.open_engine()
    session = engine_access.session(engine, reference)
    from ampsm_engine.engine import merges
    from ampsm_engine.merging import preflight
    from ampsm_engine.merging.results import Options

    def show(content: bytes) -> None:
        sys.stderr.write(clean(content.decode("utf-8", "replace"), lines=True))
        sys.stderr.flush()

    found = merges.preflight(engine, session.id, onto=onto or "", fetch=fetch, run_script=not no_script, output=show)
    draft = preflight.plan(engine, session.id, Options(onto=onto or "")).draft if found.commits else ""
    if as_json:
        plain: Any = documents.plain(found)
        output.document({**plain, "ready": found.ready, "draft": draft})
        return diagnostics.OK if found.ready else diagnostics.REFUSED
    kinds = [labels.kind_text(finding.kind) for finding in found.findings]
    width = max(map(len, kinds))
    for kind, finding in zip(kinds, found.findings, strict=True):
        mark, style = _MARKS[finding.level]
        if finding.is_grave:
            output.line(Styled(f"{mark} {kind:<{width}}  {one_line(finding.text)}", "red"))
        else:
            output.line(Styled(mark, style), f" {kind:<{width}}  {one_line(finding.text)}")
        if finding.hint and finding.level != "ok":
            output.line(Styled(f"  {'':<{width}}  {one_line(finding.hint)}", "dim"))
    if found.ready:
        title = draft.partition("\n")[0].replace("'", "'\\''")
        diagnostics.hint(f"ampsm merge {session.id} -m '{one_line(title)}'")
    return diagnostics.OK if found.ready else diagnostics.REFUSED


@click.command(cls=Command, short_help="Make one commit of a session's commits.")
@parameters.session_argument
@message_option
@edit_option
@manual_option
@yes_option
@parameters.json_option
def squash_command(
    reference: str,
    messages: tuple[str, ...],
    manual: "Literal['include', 'keep']",
    *,
    edit: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Make one commit of all that amp did in a session, on what it shares with its base as that is now.

    Its files stay as they are. The commits before are kept, and `ampsm merge SESSION --undo` brings them back.

      ampsm squash dark -m 'Add dark mode'
    """
    from ampsm_engine.merging.results import Options

    options = Options("squash", merge_run.paragraphs(messages), manual)
    edit = _opens_editor(reference, options, edit=edit, as_json=as_json)
    return merge_run.operate(reference, options, yes=yes, as_json=as_json, edit=edit)


def _opens_editor(reference: str, options: "Options", *, edit: bool, as_json: bool) -> bool:
    """Whether the message is written in an editor; wrong usage where one is needed, and there is no way to it."""
    from ampsm_engine.cli import message_editor

    if edit and as_json:
        raise click.UsageError("--json is for programs, and -e for people.")
    needs = options.kind == "squash" or options.squash
    if edit or options.message or not needs:
        return edit
    if as_json or not message_editor.can_edit():
        engine_access.session(engine_access.open_engine(), reference)  # that there is no such session is said first
        otherwise = " (or --no-squash)" if options.kind == "merge" else ""
        raise click.UsageError(f"A message is needed: -m MSG{otherwise}.")
    return True


@click.command(cls=Command, short_help="Put a session's commits onto its base.")
@parameters.session_argument
@click.option(
    "--onto", metavar="REF", type=parameters.Revision(), help="Onto this branch or commit. [default: the base]"
)
@yes_option
@parameters.json_option
def rebase_command(reference: str, onto: str | None, *, yes: bool, as_json: bool) -> int:
    """Put a session's commits onto its base as that is now, or onto another branch. The base does not move.

    Conflicts end it with exit code 4 and lie in the session's worktree then:
    `ampsm merge SESSION --continue` or `--abort`.

      ampsm rebase dark
      ampsm rebase dark --onto develop
    """
    from ampsm_engine.merging.results import Options

    return merge_run.operate(reference, Options("rebase", onto=onto or ""), yes=yes, as_json=as_json)


@click.command(cls=Command, short_help="Bring a session's work into its base, or that of several.")
@click.argument("references", metavar="SESSION...", nargs=-1, required=True, type=parameters.SessionReference())
@click.option("--train", is_flag=True, help="Several, in this order; the base moves only to what their scripts pass.")
@click.option("--script", metavar="CMD", type=parameters.TEXT, help="With --train: judge by this, not by their own.")
@message_option
@edit_option
@manual_option
@click.option("--no-squash", is_flag=True, help="Keep all commits as they are.")
@click.option("--no-ff", is_flag=True, help="Make a merge commit.")
@click.option("--onto", metavar="BRANCH", type=parameters.Revision(), help="Into this branch. [default: the base]")
@click.option("--push", is_flag=True, help="Push the branch afterwards, with git's own credentials.")
@click.option("--pr", "pull_request", is_flag=True, help="Open a pull request (gh, glab) instead of merging here.")
@click.option("--export-patch", "patch", metavar="F", type=click.Path(), help="Write the commits for `git am`, too.")
@yes_option
@click.option("--continue", "go_on", is_flag=True, help="Go on after conflicts are resolved.")
@click.option("--abort", is_flag=True, help="Take conflicts back: all is as it was before.")
@click.option("--undo", is_flag=True, help="Take the last merge, squash or rebase back.")
@click.option("--amp", is_flag=True, help="Have amp resolve the conflicts.")
@click.option("--show", is_flag=True, help="Show the conflicts, or how amp resolved them.")
@click.option("--accept", is_flag=True, help="With --continue: amp's resolution is good.")
@click.option("--keep-markers", is_flag=True, help="With --continue: what looks like conflict markers is meant.")
@click.option("--reject", is_flag=True, help="Put the conflicts back as amp got them.")
@parameters.json_option
def merge_command(references: tuple[str, ...], *, train: bool, script: str | None, as_json: bool, **given: Any) -> int:
    """Bring a session's work into its base: squashed into one commit, put onto the base, fast-forward.

    Your checkout moves along when it has the base checked out and nothing uncommitted is in the way.

      ampsm merge dark                      the editor opens with a draft of the message
      ampsm merge dark -m 'Add dark mode'
      ampsm merge dark -m 'Add dark mode' --push
      ampsm merge dark --undo

    A conflict ends it with exit code 4. The base is untouched then, and the conflict lies in the session's
    worktree: edit the files, `git add` them, and

      ampsm merge dark --continue      or --abort; --amp has amp resolve it, --show shows what is left

    Several at once: put onto each other, and judged by their scripts in a worktree apart. One that does not go with
    those before it is found by halving and left out, the others come in; so do those that do not conflict. The exit
    code is 1 when a script left one out, else 4 when a conflict or a refusal did.

      ampsm merge dark login search --train
    """
    if train:
        from ampsm_engine.cli import train as trains

        trains.refuse_options(given, script)
        return trains.run_train(references, _options(given), script=script, yes=given["yes"], as_json=as_json)
    if script is not None:
        raise click.UsageError("--script goes with --train.")
    if len(references) > 1:
        raise click.UsageError("Several sessions are merged with --train.")
    reference = references[0]
    ways = [name for name in ("go_on", "abort", "undo", "amp", "show", "reject") if given[name]]
    if len(ways) > 1:
        raise click.UsageError("Give one of --continue, --abort, --undo, --amp, --show and --reject.")
    for name in ("accept", "keep_markers"):
        if given[name] and not given["go_on"]:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --continue.")
    if ways:
        return _resume(reference, ways[0], given, as_json=as_json)
    options = _options(given)
    edit = _opens_editor(reference, options, edit=given["edit"], as_json=as_json)
    return merge_run.operate(reference, options, as_json=as_json, yes=given["yes"], edit=edit)


def _options(given: dict[str, Any]) -> "Options":
    from ampsm_engine.merging.results import Options

    if given["pull_request"] and given["no_ff"]:
        raise click.UsageError("--pr makes no merge commit: the host does.")
    return Options(
        kind="merge",
        message=merge_run.paragraphs(given["messages"]),
        manual=given["manual"],
        squash=not given["no_squash"],
        fast_forward=not given["no_ff"],
        onto=given["onto"] or "",
        push=given["push"],
        pull_request=given["pull_request"],
        patch=os.path.abspath(os.path.expanduser(given["patch"])) if given["patch"] else "",  # noqa: PTH100, PTH111
    )


def _resume(reference: str, way: str, given: dict[str, Any], *, as_json: bool) -> int:
    engine = engine_access.open_engine()
    session = (engine_access.session if way == "show" else engine_access.target)(engine, reference)
    from ampsm_engine.merging import open_conflict, operations

    if way == "go_on":
        keep = given["keep_markers"]
        if given["accept"]:
            open_conflict.accept(engine, session.id, keep_markers=keep)
        go_on = lambda answered: operations.continue_(engine, session.id, answered, keep_markers=keep)  # noqa: E731
        return merge_run.complete(
            engine, session, go_on, f"Going on with {session.name}", yes=given["yes"], as_json=as_json
        )
    if way == "reject":
        open_conflict.reject(engine, session.id)
    if way in ("show", "reject"):
        return _show_conflict(engine, session, as_json=as_json)
    if way == "amp":
        return _give_to_amp(engine, session, as_json=as_json)
    verb = operations.abort if way == "abort" else operations.undo
    before = len(engine.store.facts.read(session_id=session.id))
    with diagnostics.working(f"Taking back what was done to {one_line(session.name)}"):
        merge = verb(engine, session.id)
    if as_json:
        output.document({"session": session_document(engine, session.id), "merge": documents.merge_document(merge)})
    else:
        _print_reversal(merge, engine.store.facts.read(session_id=session.id)[before:])
    return diagnostics.OK


def _give_to_amp(engine: "Engine", session: "Session", *, as_json: bool) -> int:
    from ampsm_engine.engine import merges

    iteration = merges.give_to_amp(engine, session.id)
    if as_json:
        output.document({"iteration": documents.iteration_document(iteration)})
    else:
        output.line(f"Iteration {iteration.number} of {one_line(session.name)} resolves the conflicts.")
        diagnostics.hint(f"ampsm wait {session.id}, then: ampsm merge {session.id} --show")
    return diagnostics.OK


def _print_reversal(merge: "Merge", facts: "Sequence[Fact]") -> None:
    """Write what an abort or an undo came to, and what it leaves; `facts` are those that it recorded."""
    aborted = next((fact.text for fact in facts if fact.kind == "aborted"), "")
    if aborted:
        output.line(f"{one_line(aborted[:1].upper() + aborted[1:])}.")
    else:
        what = f"{one_line(merge.target)} and the session are" if merge.target else "The session is"
        output.line(f"{what} as before the {merge.kind}.")
    for fact in facts:
        if fact.kind == "note":
            diagnostics.note(one_line(fact.text))


def _show_conflict(engine: "Engine", session: "Session", *, as_json: bool) -> int:
    """Show what is left of a conflict and, where amp resolved it, the diff of its resolution."""
    from pathlib import Path

    from ampsm_engine import redact
    from ampsm_engine.cli.diff import PatchText
    from ampsm_engine.merging import open_conflict

    found = open_conflict.conflicts(engine, session.id)
    reviewed = open_conflict.show_resolution(engine, session.id) if found.needs_review else None
    if as_json:
        patch = redact.bytes_(reviewed.patch).decode("utf-8", "replace") if reviewed else None
        merge_run.print_conflict_document(
            engine, session.id, resolution=patch, tree=reviewed.tree if reviewed else None
        )
        return diagnostics.OK
    for file in found.files:
        hunks = f", {plural(len(file.hunks), 'hunk')}" if file.hunks else ""
        if file.markers and not file.hunks:
            hunks = f", markers left in line {', '.join(map(str, file.markers[:5]))}"
        output.line(Styled("✗", "red"), f" {one_line(file.path)}  ({file.kind}{hunks})")
    for path in found.resolved:
        edited = "  (changed after it was added)" if path in found.edited else ""
        if path in found.marked:
            output.line(Styled("✗", "red"), f" {one_line(path)}  (added with conflict markers in it)")
        else:
            output.line(Styled("✓", "green"), f" {one_line(path)}{edited}")
    if reviewed is not None:
        for piece in PatchText(Path(found.worktree)).pieces((reviewed.patch,)):
            output.write(piece)
        diagnostics.hint(f"ampsm merge {session.id} --continue --accept, or: --reject, --abort")
    else:
        diagnostics.note(f"The files lie in {found.worktree}.")
        diagnostics.hint(f"ampsm merge {session.id} --continue, or: ampsm merge {session.id} --abort")
    return diagnostics.OK
