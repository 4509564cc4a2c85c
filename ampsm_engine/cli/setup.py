"""The commands setup and trust: setting a worktree up again, and trust in a command of a repository."""

import sys
from pathlib import Path

import click

from ampsm_engine.cli import diagnostics, engine_access, output, parameters
from ampsm_engine.cli.output import clean, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.cli.session_start import ask_for_trust, trusting
from ampsm_engine.errors import Refused


@click.command(cls=Command, short_help="Set a session's worktree up again, or go on without.")
@parameters.session_argument
@click.option("--skip", is_flag=True, help="Go on without the setup: the next iteration begins with amp.")
@parameters.json_option
def setup_command(reference: str, *, skip: bool, as_json: bool) -> int:
    """Run the setup command of a session's worktree now, as it runs before the first iteration.

    The command is `ampsm.setup` of git's configuration, else `setup` in the file .ampsm.toml of the commit that the
    session began from; that one needs your trust once. What it prints goes to stdout (with --json to stderr). The
    exit code is 0 when it passed, 1 when it failed.

      ampsm setup dark
      ampsm setup dark --skip && ampsm retry dark
      git config ampsm.setup 'npm ci'
    """
    from ampsm_engine.engine import setup

    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    if skip:
        setup.skip(engine, session.id)
        if as_json:
            output.document({"sessionId": session.id, "exitCode": None, "seconds": None, "timedOut": False})
        else:
            output.line(f"{one_line(session.name)} goes on without its setup.")
            diagnostics.hint(f"ampsm retry {session.id}")
        return diagnostics.OK
    stream = sys.stderr if as_json else sys.stdout

    def show(content: bytes) -> None:
        stream.write(clean(content.decode("utf-8", "replace"), lines=True))
        stream.flush()

    trusting(lambda: setup.command_of(engine, session.id), again=f"ampsm trust --yes --repo {session.repo_root}")
    with diagnostics.interruptible("The setup command was ended."):
        ran = setup.run(engine, session.id, show)
    if as_json:
        result = {"exitCode": ran.exit_code, "seconds": ran.seconds, "timedOut": ran.timed_out}
        output.document({"sessionId": session.id, **result})
    else:
        diagnostics.note(f"{ran.worded('The setup command')} after {ran.seconds:.1f} s.")
        diagnostics.hint("" if ran.exit_code == 0 else f"ampsm setup {session.id} --skip, to go on without it")
    return diagnostics.OK if ran.exit_code == 0 else diagnostics.FAILED


@click.command(cls=Command, short_help="Trust a repository's setup command, or none of them any more.")
@parameters.here_option
@click.option("--base", metavar="REF", type=parameters.Revision(), help="The commit whose .ampsm.toml is meant.")
@click.option(
    "--in", "folder", metavar="D", type=parameters.FolderInRepository(), help="The folder that sessions are about."
)
@click.option("--forget", is_flag=True, help="Trust no command of this repository any more.")
@parameters.yes_option
@parameters.json_option
def trust_command(repo: Path, base: str | None, folder: str | None, *, forget: bool, yes: bool, as_json: bool) -> int:
    """Let the setup command run that a repository's .ampsm.toml names, in the commit that sessions begin from.

    Of sessions about a folder (--in) it is the one in there, or the nearest above it. A command in the repository's own
    configuration (git config ampsm.setup) needs trust, too: amp can write there.

    It is shown and asked about once; a command that differs in one character is another one, and asked about again.

      ampsm trust
      ampsm trust --base develop --yes
      ampsm trust --forget
    """
    from ampsm_engine.context import engine_at
    from ampsm_engine.engine import setup
    from ampsm_engine.trusted_commands import on_one_line

    engine = engine_at()
    if forget:
        count = setup.forget(engine, repo)
        return _answer(as_json=as_json, root=str(repo.absolute()), text="", trusted=False, said=f"Forgotten: {count}.")
    offered = setup.offer(engine, repo, base, folder)
    for text in offered.problems:
        diagnostics.warning(text)
    if not offered.command:
        raise Refused(
            f"There is no setup command in {offered.root}.", "ampsm trust --base REF, or: git config ampsm.setup"
        )
    if not offered.is_trusted:
        message = f"The setup command of this repository is not trusted yet: {on_one_line(offered.command)}"
        if not yes:
            ask_for_trust(offered.root, offered.command, offered.origin, Refused(message, "ampsm trust --yes"))
        setup.trust(engine, offered.root, offered.command)
    said = f"Trusted: {on_one_line(offered.command)}"
    return _answer(as_json=as_json, root=offered.root, text=offered.command, trusted=True, said=said)


def _answer(*, as_json: bool, root: str, text: str, trusted: bool, said: str) -> int:
    if as_json:
        output.document({"repository": root, "command": text, "trusted": trusted})
    else:
        output.line(said)
    return diagnostics.OK
