"""The recorded output of the real program, and short ways to write lines by hand."""

import json
from pathlib import Path
from typing import Any

from ampsm_engine.amp.events import Event
from ampsm_engine.amp.stream import EventReader
from ampsm_engine.amp.tally import Fold

STREAMS = Path(__file__).parent / "streams"
INDEX: list[dict[str, Any]] = json.loads((STREAMS / "local-index.json").read_text())
NAMES = [entry["file"] for entry in INDEX]
ABOUT = {entry["file"]: entry for entry in INDEX}
THREAD = "T-0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000"


def recorded(name: str) -> bytes:
    """The bytes of a recorded run, by the end of its name."""
    (found,) = [each for each in NAMES if each.removesuffix(".jsonl").removesuffix(".txt").endswith(name)]
    return (STREAMS / found).read_bytes()


def read(data: bytes) -> list[Event]:
    """All events of a whole output."""
    reader = EventReader()
    return reader.feed(data) + reader.close()


def fold(*parts: bytes | str | dict[str, Any]) -> Fold:
    """A fold over outputs and lines, in their order."""
    folded = Fold("it1")
    folded.add_all(read(b"".join(part if isinstance(part, bytes) else line(part) for part in parts)))
    return folded


def line(content: str | dict[str, Any]) -> bytes:
    """One line of a stream."""
    return (content if isinstance(content, str) else json.dumps(content)).encode() + b"\n"


def assistant(*blocks: object, stop: str | None = "tool_use", **more: Any) -> dict[str, Any]:
    """An assistant line; `usage`, `id` and `parent` as named."""
    message = {"type": "message", "role": "assistant", "content": list(blocks), "stop_reason": stop}
    for name in ("usage", "id"):
        if name in more:
            message[name] = more[name]
    return {
        "type": "assistant",
        "message": message,
        "parent_tool_use_id": more.get("parent"),
        "session_id": more.get("thread", THREAD),
    }


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def tool_use(tool_id: str, name: str = "shell_command", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_id, "name": name, "input": arguments}


def tool_result(
    tool_id: str, content: Any = "", *, is_error: bool = False, parent: str | None = None
) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": tool_id, "content": content, "is_error": is_error}
    return {"type": "user", "message": {"role": "user", "content": [block]}, "parent_tool_use_id": parent}


def prompt(words: str) -> dict[str, Any]:
    return {"type": "user", "message": {"role": "user", "content": [text(words)]}, "parent_tool_use_id": None}


def success(words: str = "done", **more: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": False, "result": words, "num_turns": 1, **more}


def failure(error: str | None, **more: Any) -> dict[str, Any]:
    named = {} if error is None else {"error": error}
    return {"type": "result", "subtype": "error_during_execution", "is_error": True, "num_turns": 0, **named, **more}
