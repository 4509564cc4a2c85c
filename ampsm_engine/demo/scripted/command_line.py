"""The command line as the real program reads it, in five of its versions: options anywhere, unknown ones refused.

What the versions accept and how their streams differ was recorded from the real programs. Which one is played is chosen
by AMPSM_SCRIPTED_VERSION; unset, it is the newest. Nothing is acted on here.
"""

from __future__ import annotations

from .endings import Refusal, ScenarioError

NEWEST = "0.0.1790142911-g7618fb"

_ALWAYS = (
    "--execute --ide --log-file --log-level --mcp-config --mode --no-ide --no-notifications --notifications "
    "--settings-file --stream-json --stream-json-input --version --visibility"
)
_OLD = _ALWAYS + " --dangerously-allow-all --jetbrains --no-jetbrains"
_SPRING = _OLD + " --archive --color --label --no-color --stream-json-thinking"
_NEO = _ALWAYS + (
    " --color --label --no-color --no-archive-after-execute --plugin-ready-timeout --stream-json-thinking"
)
_AUTUMN = _NEO + (
    " --amp-env --attach --executor --fast --features --no-remote-control-terminal --no-tui --orb-size "
    "--project --remote-control-terminal --runner-dir --title"
)
_OLD_THREADS = "new continue list search share rename archive markdown"
_TOOLS_JANUARY = (
    "Bash create_file edit_file find_thread finder glob Grep librarian look_at mermaid oracle Read "
    "read_mcp_resource read_thread read_web_page skill Task task_list todo_read todo_write undo_edit web_search"
)
_TOOLS_MARCH = (
    "Bash chart create_file edit_file find_thread finder glob Grep handoff librarian look_at mermaid oracle "
    "painter Read read_mcp_resource read_thread read_web_page skill Task task_list undo_edit web_search"
)


class ScriptedVersion:
    """One version: its options, its thread commands, and the wire it speaks."""

    def __init__(
        self,
        text: str,
        options: str,
        threads: str,
        *,
        hidden: str = "",
        tools: str = "",
        max_tokens: int | None = None,
        asking: str = "",
        subagents: bool = False,
        modes: str = "low, medium, high, ultra",
    ) -> None:
        self.text = text
        self.options = tuple(sorted(options.split()))
        self.accepted = frozenset(self.options) | frozenset(hidden.split())
        self.threads = frozenset(threads.split())
        self.tools = tools.split()
        self.max_tokens = max_tokens
        self.asking = asking
        """What a command that needs approval does without --dangerously-allow-all: hang, error or nothing."""
        self.modes = modes
        """The modes, as the help lists them."""
        self.subagents = subagents
        """Whether a sub-agent's messages are printed."""

    @property
    def is_neo(self) -> bool:
        """Whether this is the program since the rewrite: shell_command, agent_mode, TU- ids."""
        return not self.tools

    @property
    def released(self) -> int:
        """Unix seconds, from the version's middle number."""
        return int(self.text.split(".")[2].split("-")[0])

    @property
    def archives(self) -> bool:
        """Whether a new execute-mode thread is archived at its end unless told otherwise."""
        return "--no-archive-after-execute" in self.accepted

    @property
    def knows_usage(self) -> bool:
        """Whether `amp usage` and `amp threads usage` exist."""
        return "usage" in self.threads


VERSIONS = {
    version.text: version
    for version in (
        ScriptedVersion(
            "0.0.1767830505-ga62310",
            _OLD,
            _OLD_THREADS + " fork replay",
            hidden="--no-color",
            tools=_TOOLS_JANUARY,
            max_tokens=168000,
            asking="hang",
            modes="free, rush, smart",
            subagents=True,
        ),
        ScriptedVersion(
            "0.0.1773432280-gcd86a7",
            _SPRING,
            _OLD_THREADS + " usage visibility delete handoff",
            modes="deep, free, rush, smart",
            tools=_TOOLS_MARCH,
            max_tokens=168000,
            asking="error",
        ),
        ScriptedVersion(
            "0.0.1777897475-g2324e1",
            _SPRING + " --effort",
            _OLD_THREADS + " usage visibility label delete handoff export",
            modes="deep, large, rush, smart",
            tools=_TOOLS_MARCH,
            max_tokens=168000,
            asking="error",
        ),
        ScriptedVersion(
            "0.0.1784106548-gd81d8b",
            _NEO,
            _OLD_THREADS + " usage visibility label report delete export raw",
            hidden="--dangerously-allow-all",
            max_tokens=200000,
        ),
        ScriptedVersion(
            NEWEST,
            _AUTUMN,
            _OLD_THREADS + " usage context visibility color label import delete export raw",
            hidden="--dangerously-allow-all --jetbrains --orb-execute",
            modes="low, medium, high, ultra, or a plugin mode by key or label, case-insensitive",
        ),
    )
}


def chosen(text: str | None) -> ScriptedVersion:
    """The version of this name; the newest for None or an empty name."""
    try:
        return VERSIONS[text or NEWEST]
    except KeyError:
        raise ScenarioError(f"no such version: {text}; there are {', '.join(VERSIONS)}") from None


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
    about = {"--mode": f"Set the agent mode ({version.modes}) — controls the model (played by the scripted amp)"}
    for option in version.options:
        lines += [f"  {shapes.get(option, option)}", f"      {about.get(option, '(played by the scripted amp)')}"]
    return "\n".join([*lines, ""])


def version_text(version: ScriptedVersion, now: float) -> str:
    """What --version prints, from the version's own release time."""
    import time

    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(version.released))
    return f"{version.text} (released {stamp}, {max(0, int((now - version.released) // 2_592_000))}mo ago)\n"
