"""The lines on stdout: init, echo, messages, result, with the keys and order of the real stream.

Counts answers and their usage. Knows nothing of scenarios; writes to descriptor 1 and nowhere else.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command_line import ScriptedVersion
    from .endings import Interrupts

_NEO_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "output_tokens": 20,
}
"""Each answer's usage unless the scenario says otherwise: one constant, so that tests can add it up."""


def dumped(value: object) -> str:
    """JSON as JavaScript writes it: no spaces, no escapes but the needed ones, lone surrogates escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Stream:
    """What one scripted amp prints on stdout: JSON lines as amp writes them, or plain text."""

    def __init__(self, version: ScriptedVersion, interrupts: Interrupts, *, thread_id: str, echo: list[str]) -> None:
        self.version = version
        self.thread_id = thread_id
        self.answers = 0
        self.thinking = False
        self.as_json = True
        self.agent_mode = "medium"
        self.usage: dict[str, Any] | str | None = USAGE
        self.last_text = ""
        self.is_finished = False
        self.is_begun = False
        self._interrupts = interrupts
        self._echo = echo
        self._since = time.monotonic()

    def write(self, data: bytes) -> None:
        """Write all of the bytes to stdout, even when a signal arrives meanwhile."""
        with self._interrupts:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(1, rest) :]

    def line(self, value: dict[str, Any]) -> None:
        """One object, one line; nothing when the caller wants plain text."""
        if self.as_json:
            self.write(dumped(value).encode("utf-8") + b"\n")

    def begin(self, *, extra: dict[str, Any] | None = None, echo: bool = True, again: bool = False) -> None:
        """Prints init and the prompt's echo, once, or once more when asked to."""
        if self.is_begun and not again:
            return
        first: dict[str, Any] = {
            "type": "system",
            "subtype": "init",
            "cwd": str(Path.cwd()),
            "session_id": self.thread_id,
            "tools": self.version.tools,
            "mcp_servers": [],
        }
        if self.version.is_neo:
            first["agent_mode"] = self.agent_mode
        with self._interrupts:
            self.is_begun = True
            self._since = time.monotonic()
            self.line(first | (extra or {}))
            if echo:
                self._user([{"type": "text", "text": text} for text in self._echo], None)

    def answer(
        self,
        blocks: list[dict[str, Any]],
        stop: str | None,
        *,
        parent: str | None = None,
        usage: object = USAGE,
    ) -> None:
        """Print one line of the assistant with these blocks, after init and echo if they were not printed yet."""
        self.begin()
        if not self.thinking:
            blocks = [block for block in blocks if block["type"] != "thinking"]
        message: dict[str, Any] = {
            "type": "message",
            "role": "assistant",
            "content": blocks,
            "stop_reason": stop,
        }
        figures = self._figures(usage, blocks)
        if figures is not None:
            message["usage"] = figures
        if parent is None:
            texts = [block["text"] for block in blocks if block["type"] == "text"]
            self.last_text = texts[-1] if texts else self.last_text
        line = {
            "type": "assistant",
            "message": message,
            "parent_tool_use_id": parent,
            "session_id": self.thread_id,
        }
        with self._interrupts:
            self.answers += 1
            self.line(line)

    def _figures(self, usage: object, blocks: list[dict[str, Any]]) -> dict[str, Any] | None:
        usage = self.usage if usage is USAGE else usage
        if usage == "growing":
            usage = {
                "input_tokens": 4,
                "cache_creation_input_tokens": 14200 if self.answers == 0 else 480 + 37 * self.answers,
                "cache_read_input_tokens": 0 if self.answers == 0 else 13600 + 600 * self.answers,
                "output_tokens": 12 + len(dumped(blocks)) // 4,
            }
        if not isinstance(usage, dict):
            return None
        figures = dict(usage)
        if self.version.max_tokens:
            figures.setdefault("max_tokens", self.version.max_tokens)
        figures.setdefault("service_tier", "standard")
        return figures

    def results(self, pairs: list[tuple[str, str, bool]], parent: str | None = None) -> None:
        """One user line with the results of tool calls: (id, content, is_error) each."""
        self._user(
            [
                {"type": "tool_result", "tool_use_id": use, "content": content, "is_error": is_error}
                for use, content, is_error in pairs
            ],
            parent,
        )

    def _user(self, content: list[dict[str, Any]], parent: str | None) -> None:
        message = {"role": "user", "content": content}
        self.line({"type": "user", "message": message, "parent_tool_use_id": parent, "session_id": self.thread_id})

    def finish(self, *, error: str | None = None, extra: dict[str, Any] | None = None) -> None:
        """The result line: a success with the last text, or an error."""
        self.begin()
        line: dict[str, Any] = {
            "type": "result",
            "subtype": "success" if error is None else "error_during_execution",
            "duration_ms": int((time.monotonic() - self._since) * 1000),
            "is_error": error is not None,
            "num_turns": self.answers,
        }
        line |= {"result": self.last_text} if error is None else {"error": error}
        line["session_id"] = self.thread_id
        with self._interrupts:
            self.is_finished = True
            self.line(line | (extra or {}))
            if not self.as_json:
                self.write((self.last_text if error is None else error).encode("utf-8", "replace") + b"\n")

    def tool_id(self) -> str:
        """A fresh id for a tool call, of the version's shape."""
        letters = "".join(_NEO_DIGITS[byte % 62] for byte in os.urandom(24))
        return f"TU-{letters[:22]}" if self.version.is_neo else f"toolu_01{letters}"
