"""The command `ampsm`: its list of commands, each loaded only when it is called, and what it shows alone."""

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

SECTIONS: dict[str, dict[str, str]] = {
    "Sessions": {
        "new": "sessions",
        "ls": "sessions",
        "show": "sessions",
        "edit": "sessions",
        "adopt": "sessions",
        "setup": "setup",
        "trust": "setup",
    },
    "Iterations": {
        "iterate": "iterations",
        "retry": "iterations",
        "queue": "iterations",
        "wait": "iterations",
        "stop": "iterations",
        "log": "logs",
        "run": "iterations",
        "diff": "diff",
    },
    "Review": {
        "review": "reviews",
        "comments": "reviews",
        "comment": "reviews",
        "note": "reviews",
        "viewed": "hunks",
        "stage": "hunks",
        "reject": "hunks",
    },
    "Merging": {
        "preflight": "merging",
        "squash": "merging",
        "rebase": "merging",
        "merge": "merging",
        "check": "train",
        "radar": "train",
    },
    "Many at once": {"batch": "batch", "cluster": "cluster"},
    "Watching": {"watch": "watch", "status": "watch", "events": "watch"},
    "Numbers": {"metrics": "numbers", "export": "numbers", "report": "numbers", "import": "maintenance"},
    "Cleaning up": {"rm": "trash", "clean": "trash", "trash": "trash", "repair": "maintenance"},
    "This machine": {
        "doctor": "maintenance",
        "config": "settings",
        "completion": "maintenance",
        "schema": "schema",
        "demo": "demo",
    },
}
"""Each command under its heading in `ampsm --help`, with the module that holds it."""

MODULES = {name: module for commands in SECTIONS.values() for name, module in commands.items()}


_EXAMPLE = ("ampsm ", "git ", "echo ")
"""What a paragraph of commands begins with. Where nothing but those follows the first line of a docstring, the indent
that tells examples elsewhere is taken for the docstring's own, and lost."""


def is_verbatim(paragraph: str) -> bool:
    """Whether a paragraph of a help is not to be wrapped: examples and tables."""
    return "  " in paragraph or paragraph.startswith(_EXAMPLE)


def _as_it_stands(paragraph: str) -> str:
    """A paragraph of a help, marked for click (by a backspace) where it is not to be wrapped."""
    if "  " in paragraph:
        return f"\b\n{paragraph}"
    if is_verbatim(paragraph):
        return "\n".join(("\b", *(f"  {line}" for line in paragraph.split("\n"))))
    return paragraph


class Command(click.Command):
    """A command whose docstring is its help; a paragraph of examples, or with two spaces in a row, is not wrapped."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the docstring, its indented paragraphs as they stand."""
        import inspect

        plain = self.help
        self.help = "\n\n".join(map(_as_it_stands, inspect.cleandoc(plain or "").split("\n\n")))
        super().format_help_text(ctx, formatter)
        self.help = plain


class Group(Command, click.Group):
    """A group of commands whose docstring is its help, laid out as a command's."""


class LazyGroup(Group):
    """A group that imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every name, in the order of the help."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name; its module is imported here."""
        if cmd_name not in MODULES:
            return None
        module = importlib.import_module(f"ampsm_engine.cli.{MODULES[cmd_name]}")
        command = getattr(module, f"{cmd_name}_command")
        if not isinstance(command, click.Command):  # pragma: no cover - a test walks all commands
            raise TypeError(cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; the likely one is named when there is none."""
        if args and args[0] not in MODULES and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], MODULES, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under their headings."""
        width = formatter.width - 6 - max(map(len, MODULES))
        for heading, names in SECTIONS.items():
            rows = [(name, self._summary(ctx, name, width)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str, width: int) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(width) if command else ""


_FIRST = (
    ("ampsm demo", "see it work: no account, no network"),
    ("ampsm new 'what amp is to do'", "start a session in this repository"),
    ("ampsm doctor", "check git, amp and the login"),
    ("ampsm", "in a terminal: the app"),
    ("ampsm --help", "all commands"),
)
_NEXT = (
    ("ampsm show SESSION", "one session with its iterations"),
    ("ampsm log --follow SESSION", "read along while amp works"),
    ("ampsm diff SESSION", "what it changed"),
    ("ampsm iterate SESSION '...'", "send a follow-up"),
    ("ampsm --help", "all commands"),
)


def _overview() -> int:
    """Write what `ampsm` alone shows: the sessions there are, or what to try first."""
    from ampsm_engine import session_problems
    from ampsm_engine.cli import diagnostics, engine_access, output
    from ampsm_engine.cli.output import Styled

    store = engine_access.open_engine().store
    sessions = store.sessions.all()
    if sessions:
        from ampsm_engine.cli.tables import print_sessions

        ids = [session.id for session in sessions]
        print_sessions(
            sessions,
            store.iterations.of_sessions(ids),
            store.facts.notes_of(ids),
            session_problems.sessions_in_conflict(store),
        )
        output.line()
    else:
        output.line("ampsm runs the Amp coding agent on several tasks at once, each on its own git branch.")
        output.line("There are no sessions yet. Try:")
    tips = _NEXT if sessions else _FIRST
    width = max(len(command) for command, _ in tips)
    for command, meaning in tips:
        output.line("  ", Styled(f"{command:<{width}}", "bold"), Styled(f"  {meaning}", "dim"))
    return diagnostics.OK


def _version(ctx: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if not value or ctx.resilient_parsing:
        return
    from ampsm_engine import __version__
    from ampsm_engine.cli import output

    output.line(f"ampsm {__version__}")
    ctx.exit()


def _settings() -> dict[str, Sequence[str] | int]:
    return {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings=_settings())
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.pass_context
def root(ctx: click.Context) -> int:
    """Run the Amp coding agent on several tasks at once, each on its own git branch.

    The words:
      session    one task: a branch and a folder (a git worktree) of its own
      iteration  one run of amp in a session; it ends in a commit
      base       the branch that a session started from; your checkout is not touched
      SESSION    in a command: a session's id, its name, or the beginning of one (4 letters of an id)

    Iterations run in the background; they go on when this terminal closes.

    Begin here:
      ampsm                                  the app: every session live, review and merge by keyboard
      ampsm demo                             see it work: no account, no network
      ampsm new 'Fix the login redirect'     start a session in this repository
      ampsm ls                               what runs, what is done, what needs you
      ampsm log --follow SESSION             read along while amp works
      ampsm diff SESSION                     what it changed
      ampsm iterate SESSION 'Add a test'     send a follow-up
      ampsm merge SESSION -m 'Add login'     bring it into its base

    Exit codes: 0 ok, 1 tried and failed, 2 wrong usage, 3 not found, 4 refused, 5 this machine or
    repository is not fit (amp missing, not logged in, no repository), 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        if ctx.obj is not None and sys.stdin.isatty() and sys.stdout.isatty():
            return int(ctx.obj())
        return _overview()
    return 0
