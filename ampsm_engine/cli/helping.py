"""How help reads: in a docstring, a paragraph with an indented line (examples, tables) is shown as it stands."""

import inspect

import click


def verbatim(text: str) -> str:
    """The help text with click's mark (a backspace) before each paragraph that must not be wrapped."""
    return "\n\n".join(
        f"\b\n{paragraph}" if any(line.startswith("  ") for line in paragraph.split("\n")) else paragraph
        for paragraph in inspect.cleandoc(text).split("\n\n")
    )


class Command(click.Command):
    """A command whose docstring is its help."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The docstring, examples as they stand."""
        plain = self.help
        self.help = verbatim(plain or "")
        super().format_help_text(ctx, formatter)
        self.help = plain
