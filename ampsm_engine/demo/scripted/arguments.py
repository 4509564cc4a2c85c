"""The command line as the real program reads it: options anywhere, unknown ones refused, in commander's words.

Reads argv and answers a ParsedArguments; acts on nothing.
"""

from __future__ import annotations

from .refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .versions import ScriptedVersion

_VALUES = {
    "--attach": "--attach <path>",
    "--effort": "--effort <value>",
    "--executor": "--executor <value>",
    "--features": "--features <value>",
    "--label": "-l, --label <label>",
    "--log-file": "--log-file <value>",
    "--log-level": "--log-level <value>",
    "--mcp-config": "--mcp-config <value>",
    "--mode": "-m, --mode <value>",
    "--orb-size": "--orb-size <size>",
    "--runner-dir": "--runner-dir <value>",
    "--settings-file": "--settings-file <value>",
    "--title": "--title <title>",
    "--visibility": "--visibility <visibility>",
}
_MAYBE_VALUES = {
    "--execute": "-x, --execute [message]",
    "--plugin-ready-timeout": "--plugin-ready-timeout [seconds]",
    "--project": "--project [project]",
}
_SHORT = {"-x": "--execute", "-m": "--mode", "-l": "--label", "-V": "--version", "-v": "--version"}
_OF_COMMANDS = {
    "archive": {"--unarchive"},
    "continue": {"--last", "--pick"},
    "usage": {"--details", "--start", "--end"},
}
_OF_COMMANDS_VALUES = {"--start", "--end"}


class ParsedArguments:
    """What was asked: the words that are no options, and the options with their values."""

    def __init__(self, words: list[str], options: dict[str, str]) -> None:
        self.words = words
        self.options = options

    def has(self, option: str) -> bool:
        """Whether the option was given."""
        return option in self.options

    def value(self, option: str) -> str:
        """The option's value, or nothing."""
        return self.options.get(option, "")


def parse(argv: list[str], version: ScriptedVersion) -> ParsedArguments:
    """The request in argv; Refusal with the real program's words for an option it does not know."""
    words: list[str] = []
    options: dict[str, str] = {}
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument == "-":
            words.append(argument)
            continue
        flag, equals, value = argument.partition("=")
        name = _SHORT.get(flag, flag)
        _must_know(name, argument, words, version)
        if equals:
            options[name] = value
        elif name in _VALUES or name in _OF_COMMANDS_VALUES:
            if not rest:
                raise Refusal(f"Error: error: option '{_VALUES.get(name, name)}' argument missing")
            options[name] = rest.pop(0)
        elif name in _MAYBE_VALUES and rest and not rest[0].startswith("-"):
            options[name] = rest.pop(0)
        else:
            options[name] = ""
    return ParsedArguments(words, options)


def _must_know(name: str, argument: str, words: list[str], version: ScriptedVersion) -> None:
    if name in version.accepted or name in ("--help", "-h"):
        return
    if words and name in _OF_COMMANDS.get(words[-1] if len(words) == 1 else words[1], set()):
        return
    raise Refusal(f"Error: error: unknown option '{argument}'")


def help_text(version: ScriptedVersion) -> str:
    """What --help prints: the version's options, one a line, in the real layout."""
    lines = ["Amp CLI", "", "Usage: amp [options] [command]", "", "Commands:", ""]
    if version.knows_usage:
        lines.append("  usage                         Show your current Amp usage and credit balance")
    if "--orb-size" in version.options:
        # The real help wraps an example to the start of a line, where it reads like an option. It is none.
        lines += ["      start                     Start an ad-hoc service, e.g.: amp orb service start preview"]
        lines += ["                                --command 'pnpm dev' --portal"]
    lines.append("  threads                       [alias: t, thread] Manage threads")
    lines += [f"    {name}" for name in sorted(version.threads)]
    lines += ["", "Options:", ""]
    shapes = _VALUES | _MAYBE_VALUES | {"--version": "-V, --version"}
    for option in version.options:
        lines += [f"  {shapes.get(option, option)}", "      (played by the scripted amp)"]
    return "\n".join([*lines, ""])


def version_text(version: ScriptedVersion, now: float) -> str:
    """What --version prints, from the version's own release time."""
    import time

    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(version.released))
    return f"{version.text} (released {stamp}, {max(0, int((now - version.released) // 2_592_000))}mo ago)\n"
