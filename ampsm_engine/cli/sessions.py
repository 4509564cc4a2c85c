"""The commands new, ls, show, edit and adopt."""

from pathlib import Path
from typing import Any

import click

from ampsm_engine import labels
from ampsm_engine.cli import diagnostics, engine_access, output, parameters, session_start, session_views
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.cli.session_start import trusting
from ampsm_engine.model import Status
from ampsm_engine.state_styles import STATES

TAG = parameters.Tag()

name_option = click.option("--name", metavar="N", type=parameters.VISIBLE_TEXT, help="What to call the session.")
base_option = click.option(
    "--base",
    metavar="REF",
    type=parameters.Revision(),
    help="Branch, tag or commit to start from. [default: the one checked out]",
)
branch_option = click.option(
    "--branch",
    metavar="B",
    type=parameters.Revision(),
    help="Work on a branch that is there, here or at a remote.",
)
folder_option = click.option(
    "--in",
    "folder",
    metavar="D",
    type=parameters.FolderInRepository(),
    help="The folder that it is about: amp and the script work there.",
)
thread_option = click.option(
    "--thread", metavar="T", type=parameters.TEXT, help="Go on with a thread of amp's: its id or address."
)


@click.command(cls=Command, short_help="Start a session: a branch, a worktree and a first run of amp.")
@parameters.prompt_argument
@parameters.here_option
@name_option
@base_option
@branch_option
@folder_option
@parameters.script_option
@parameters.mode_option
@click.option("--fetch", is_flag=True, help="Begin from the base as its remote has it now.")
@click.option("--pr", metavar="N", type=parameters.TEXT, help="Begin from a pull request: its number or address.")
@thread_option
@parameters.prompt_file_option
@click.option("--no-run", is_flag=True, help="Only make the session; `ampsm iterate` starts amp.")
@click.option("--trust-setup", is_flag=True, help="Trust the setup command of the repository's .ampsm.toml.")
@click.option("--no-setup", is_flag=True, help="Begin without the setup command.")
@click.option("--copies", metavar="N", type=click.IntRange(1, 100), default=1, help="Make N variants, to choose from.")
@parameters.wait_option
@parameters.json_option
def new_command(  # noqa: PLR0917 - one parameter an option; click names each
    prompt: str | None,
    repo: Path,
    name: str | None,
    base: str | None,
    branch: str | None,
    folder: str | None,
    script: str | None,
    mode: str | None,
    pr: str | None,
    thread: str | None,
    prompt_file: str | None,
    *,
    fetch: bool,
    no_run: bool,
    trust_setup: bool,
    no_setup: bool,
    copies: int,
    wait: bool,
    as_json: bool,
) -> int:
    """Start a session: a new branch in a worktree of its own, and amp at work in it.

    PROMPT says what amp is to do. Your own checkout is not touched. amp works in the background; what it
    changed is committed when it has finished.

      ampsm new 'Fix the login redirect'
      ampsm new 'Add dark mode' --name dark --base develop --script 'make test'
      ampsm new --prompt-file task.md --wait
      git diff | ampsm new --prompt-file -
      ampsm new 'Now add tests' --thread https://ampcode.com/threads/T-...
      ampsm new 'Update the changelog' --fetch
      ampsm new 'Add the missing tests' --pr 12
      ampsm new 'Finish it' --branch feature/search
      ampsm new 'Speed up the build' --in packages/web --script 'npm test'
      ampsm new 'Speed up the search' --copies 3 --mode medium,high

    The last makes six variants of one prompt, three of each mode, as a run of its own: `ampsm batch ls`.

    With --wait the exit code is that of the outcome: 0 done, 1 failed, stopped or crashed,
    5 amp is missing or not logged in. A failing script does not change it.
    """
    if no_run and wait:
        raise click.UsageError("--no-run leaves nothing to --wait for.")
    if pr is not None:
        _refuse_beside(pr, base, branch, are_variants=copies > 1 or "," in (mode or ""))
        given: dict[str, Any] = {"name": name, "script": script, "mode": mode, "folder": folder, "thread": thread}
        given |= {"run": not no_run, "with_setup": not no_setup}
        return trusting(
            lambda: _new_from_pull_request(pr, repo, (prompt, prompt_file), given, wait=wait, as_json=as_json),
            yes=trust_setup,
        )
    text = parameters.prompt_text(prompt, prompt_file) if no_run else parameters.required_prompt(prompt, prompt_file)
    if fetch:
        from ampsm_engine.engine import bases

        with diagnostics.working("Fetching the base"):
            base = bases.fetched(repo, base)
    modes = [part.strip() for part in (mode or "").split(",") if part.strip()]
    diagnostics.warn_of_modes(modes)
    if copies > 1 or len(modes) > 1:
        _refuse_variants(is_other=no_run or no_setup, thread=thread or branch)
        given = {"repo": str(repo), "prompt": text or "", "name": name or "", "base_branch": base}
        given |= {"folder": folder, "script_command": script}
        return _fan_out(given, modes, copies, trust_setup=trust_setup, wait=wait, as_json=as_json)
    return session_start.begin(
        repo,
        text,
        wait=wait,
        as_json=as_json,
        trust_setup=trust_setup,
        name=name,
        base=base,
        branch=branch,
        folder=folder,
        script=script,
        mode=mode,
        thread=thread,
        run=not no_run,
        with_setup=not no_setup,
    )


def _refuse_beside(pr: str, base: str | None, branch: str | None, *, are_variants: bool) -> None:
    if base is not None:
        way = f"ampsm edit SESSION --base {base}"
        raise click.UsageError(f"--pr takes no --base: a pull request has its own. To change it later: {way}")
    if branch is not None:
        message = "--pr takes no --branch: it makes a branch of its own where the pull request stands."
        raise click.UsageError(f"{message} Take one of them: --pr {pr}, or --branch {branch}")
    if are_variants:
        raise click.UsageError("--pr takes no variants: they would all be sessions of one pull request.")


def _new_from_pull_request(
    reference: str,
    repo: Path,
    prompts: tuple[str | None, str | None],
    given: "dict[str, Any]",
    *,
    wait: bool,
    as_json: bool,
) -> int:
    """Make a session of a pull request; without a prompt nothing runs."""
    from ampsm_engine.context import engine_at
    from ampsm_engine.engine import pull_requests, startup

    text = parameters.prompt_text(*prompts)
    if wait and not text:
        raise click.UsageError("Without a prompt there is nothing to --wait for.")
    startup.report_recovered = diagnostics.note
    engine = engine_at()
    with diagnostics.working("Fetching the pull request"):
        session, iteration = pull_requests.begin(engine, repo, reference, prompt=text, **given)
    if iteration:
        diagnostics.warn_of_login()
    return session_start.report(engine, session, iteration, wait=wait, as_json=as_json)


def _refuse_variants(*, is_other: bool, thread: str | None) -> None:
    if is_other or thread is not None:
        others = "--no-run, --no-setup, --thread or --branch"
        raise click.UsageError(f"Variants are run, each on a thread and a branch of its own: no {others} with them.")


def _fan_out(
    given: "dict[str, Any]", modes: list[str], copies: int, *, trust_setup: bool, wait: bool, as_json: bool
) -> int:
    """Start variants of one prompt as a run of a batch."""
    from ampsm_engine.batch import runs
    from ampsm_engine.batch.values import ItemSpec
    from ampsm_engine.cli.batch import begun

    engine = engine_access.open_engine()
    batch = trusting(lambda: runs.fan_out(engine, ItemSpec(**given), modes=modes, copies=copies), yes=trust_setup)
    return begun(engine, batch, wait=wait, as_json=as_json)


_LS_HELP = """List the sessions, newest first.

{running} running   {queued} queued   {awaiting-input} awaiting input (its script failed, or it could not be committed)
{idle} idle      {error} error    {done} done (merged)
{outside}           something changed outside of its worktree while amp ran: `ampsm show` says what

ampsm ls --status running --status awaiting-input
ampsm ls --tag urgent
ampsm ls --json | jq -r '.sessions[] | select(.status == "error") | .id'
""".format_map({word: style.glyph for word, style in STATES.items()} | {"outside": labels.OUTSIDE_MARK})


@click.command(cls=Command, short_help="List the sessions, newest first.", help=_LS_HELP)
@click.option("--repo", metavar="P", type=parameters.FOLDER, help="Only those of one repository.")
@click.option(
    "--status", "-s", "statuses", metavar="S", type=parameters.STATUS, multiple=True,
    help=f"Only those in a status: {', '.join(Status)}. May be given more than once.",
)  # fmt: skip
@click.option(
    "--tag",
    "-t",
    "tags",
    metavar="T",
    type=TAG,
    multiple=True,
    help="Only those with this tag; given twice: with both.",
)
@click.option("--archived", is_flag=True, help="Those that were put away, which no other list has.")
@parameters.json_option
def ls_command(
    repo: Path | None, statuses: tuple[str, ...], tags: tuple[str, ...], *, archived: bool, as_json: bool
) -> int:
    """List the sessions, newest first; `_LS_HELP` is its help."""
    from ampsm_engine.engine import sessions

    return session_views.list_sessions(
        repo,
        tuple(Status(status) for status in statuses),
        tags=sessions.checked_tags(tags) if tags else (),
        archived=archived,
        as_json=as_json,
    )


@click.command(cls=Command, short_help="Show one session with its iterations.")
@parameters.session_argument
@parameters.json_option
def show_command(reference: str, *, as_json: bool) -> int:
    """Show one session with its iterations.

    ampsm show dark
    ampsm show dark --json | jq '.session.iterations[-1].outcome'
    """
    return session_views.show_session(reference, as_json=as_json)


@click.command(cls=Command, short_help="Change a session's name, notes, tags, base, script or mode.")
@parameters.session_argument
@name_option
@click.option("--base", metavar="REF", type=parameters.Revision(), help="What it is compared with and merged into.")
@click.option("--notes", metavar="T", type=parameters.TEXT, help="Notes of your own.")
@parameters.script_option
@parameters.mode_option
@click.option("--tag", "tags", metavar="T", type=TAG, multiple=True, help="A word to find it by; may be given often.")
@click.option("--untag", "untags", metavar="T", type=TAG, multiple=True, help="Take a tag away.")
@click.option(
    "--archive/--unarchive",
    "archived",
    default=None,
    help="Put it away: it stays as it is, and lists leave it out. Or bring it back.",
)
@click.option("--seen", is_flag=True, help="Take away the mark `!`: you know what changed outside of its worktree.")
@parameters.json_option
def edit_command(
    reference: str,
    name: str | None,
    base: str | None,
    notes: str | None,
    *,
    script: str | None,
    mode: str | None,
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    archived: bool | None,
    seen: bool,
    as_json: bool,
) -> int:
    """Change what is written about a session. An empty text clears notes, script and mode.

    The branch and the folder keep their names. A new script or mode counts from the next iteration on. With another
    base the session keeps what belongs to it; what a merge would bring is told.

      ampsm edit dark --name 'Dark mode' --notes 'ask Ann about the logo'
      ampsm edit dark --script ''
      ampsm edit dark --base release
      ampsm edit dark --tag design --tag urgent && ampsm ls --tag design
    """
    if all(one is None for one in (name, base, notes, script, mode, archived)) and not (tags or untags or seen):
        options = "--name, --base, --notes, --tag, --archive, --script, --mode or --seen"
        raise click.UsageError(f"Say what to change: {options}.")
    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    from ampsm_engine.engine import sessions

    diagnostics.warn_of_modes([mode])
    if base is not None:
        from ampsm_engine.engine import base_change

        diagnostics.note(base_change.change_base(engine, session.id, base).text)
    kept = [tag for tag in session.tags if tag not in sessions.checked_tags(untags)]
    changed = sessions.edit(
        engine,
        session.id,
        name=name,
        notes=notes,
        script=script,
        mode=mode,
        seen=seen,
        tags=[*kept, *tags] if tags or untags else None,
        archived=archived,
    )
    if as_json:
        session_start.print_json(engine, session.id)
    else:
        output.line(f"Changed {one_line(changed.name)} ({changed.id}).")
    return diagnostics.OK


@click.command(cls=Command, short_help="Take in a worktree that was made elsewhere.")
@click.argument("path", type=parameters.FOLDER)
@name_option
@base_option
@parameters.script_option
@parameters.mode_option
@thread_option
@parameters.yes_option
@parameters.json_option
def adopt_command(  # noqa: PLR0917 - one parameter an option; click names each
    path: Path,
    name: str | None,
    base: str | None,
    script: str | None,
    mode: str | None,
    thread: str | None,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """Make a session of a git worktree that was made elsewhere. Nothing in it is moved or changed.

    Its branch stays yours: `ampsm rm` takes the worktree to the trash and leaves the branch. A branch that others
    build on (main, the base of a session) is asked about. A worktree that a runner of amp's has made, beside the
    repository, is taken in with the thread that worked there.

    git worktree add ../fix -b fix-login
    ampsm adopt ../fix --name 'fix login'
    ampsm iterate 'fix login' 'Add a test for the redirect'
    ampsm adopt ../shop-fix --thread https://ampcode.com/threads/T-...
    """
    from ampsm_engine.engine import sessions

    engine = engine_access.open_engine()
    if not yes and (why := sessions.why_shared(engine, path)):
        diagnostics.note(why)
        question = "Shall amp commit to it all the same?"
        diagnostics.ask(question, f"ampsm adopt {path}", otherwise="Nothing was adopted.")
    with diagnostics.working("Looking at the worktree"):
        given = {"name": name, "base": base, "script": script, "mode": mode, "thread": thread}
        session = sessions.adopt(engine, path, **given, shared=True)
    diagnostics.warn_of_modes([mode])
    if as_json:
        session_start.print_json(engine, session.id)
    else:
        session_start.print_new(session, None)
        diagnostics.hint(f"ampsm iterate {session.id} 'what amp is to do'")
    return diagnostics.OK
