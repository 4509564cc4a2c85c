"""What five real versions of amp accept and how their streams differ, recorded from the real programs.

Facts only. Which version is played is chosen by AMPSM_SCRIPTED_VERSION; unset, it is the newest.
"""

from __future__ import annotations

from .refusal import ScenarioError

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
    ) -> None:
        self.text = text
        self.options = tuple(sorted(options.split()))
        self.accepted = frozenset(self.options) | frozenset(hidden.split())
        self.threads = frozenset(threads.split())
        self.tools = tools.split()
        self.max_tokens = max_tokens
        self.asking = asking
        """What a command that needs approval does without --dangerously-allow-all: hang, error or nothing."""
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
            subagents=True,
        ),
        ScriptedVersion(
            "0.0.1773432280-gcd86a7",
            _SPRING,
            _OLD_THREADS + " usage visibility delete handoff",
            tools=_TOOLS_MARCH,
            max_tokens=168000,
            asking="error",
        ),
        ScriptedVersion(
            "0.0.1777897475-g2324e1",
            _SPRING + " --effort",
            _OLD_THREADS + " usage visibility label delete handoff export",
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
        ),
    )
}


def chosen(text: str | None) -> ScriptedVersion:
    """The version of this name; the newest for None or an empty name."""
    try:
        return VERSIONS[text or NEWEST]
    except KeyError:
        raise ScenarioError(f"no such version: {text}; there are {', '.join(VERSIONS)}") from None
