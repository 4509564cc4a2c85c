"""The few errors of ampsm, named by what their reader can do about them.

    AmpsmError(message, hint)
    |- NotFound   no such session, iteration, repository: name another one
    |- Refused    the state forbids it: change something, then ask again
    |- Unfit      the machine or the repository forbids it: mend the surroundings
    `- Failed     it was tried and did not work

Errors carry positional arguments only, so that they survive pickling between processes.
Exit codes and toasts are not known here: they belong to the edges.
"""


def on_one_line(message: str, hint: str) -> str:
    """A sentence and what to do next, for places that have one line for both."""
    ending = "" if message.endswith((".", "!", "?", ":")) else "."
    return f"{message}{ending} Hint: {hint}" if hint else message


class AmpsmError(Exception):
    """A sentence for a person, and the command to run next (may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)

    @property
    def message(self) -> str:
        """One sentence that names the thing which the error is about."""
        return str(self.args[0])

    @property
    def hint(self) -> str:
        """What to do next, mostly a command; empty when there is nothing to say."""
        return str(self.args[1])

    def __str__(self) -> str:
        return self.message

    @property
    def line(self) -> str:
        """The sentence with what to do next, for places that have one line for both."""
        return on_one_line(self.message, self.hint)


class NotFound(AmpsmError):
    """A session, path, branch or other thing that was named does not exist."""


class Refused(AmpsmError):
    """The state of things forbids it; nothing was changed."""


class Unfit(AmpsmError):
    """The machine, the repository or the configuration forbids it; nothing was changed."""


class Failed(AmpsmError):
    """An operation was tried and did not work."""


def unreadable(what: str, path: str, reason: OSError) -> NotFound | Unfit:
    """The error for a named file that cannot be read: it is missing, or the system denies access."""
    kind = NotFound if isinstance(reason, FileNotFoundError | NotADirectoryError | IsADirectoryError) else Unfit
    return kind(
        f"{what} {path} cannot be read: {reason.strerror}.",
        "Name another one." if kind is NotFound else f"ls -ld {path}",
    )
