"""The agent's tool calls: how each looks in the stream, and what it really does.

A call is a step of the scenario. What the version calls its shell tool is decided here.
"""

from __future__ import annotations

from typing import Any

from . import files
from .files import ToolError
from .stream import dumped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shell import Shell
    from .versions import ScriptedVersion

_COMMANDS = ("shell", "background", "commit", "detach", "switch")
_FILES = ("create_file", "edit_file", "apply_patch", "delete")
NAMES = frozenset((*_COMMANDS, *_FILES, "task", "tool"))
Step = dict[str, Any]


def call(step: Step, version: ScriptedVersion) -> tuple[str, dict[str, Any]]:
    """The tool's name and input as the stream shows them."""
    command = _command(step)
    if command is not None:
        asked: dict[str, Any] = {"command" if version.is_neo else "cmd": command}
        if "workdir" in step:
            asked["workdir" if version.is_neo else "cwd"] = step["workdir"]
        if "timeout" in step and version.is_neo:
            asked["timeout_ms"] = int(float(step["timeout"]) * 1000)
        return ("shell_command" if version.is_neo else "Bash"), asked
    verb = next(iter(step))
    if verb == "task":
        prompt = step.get("prompt", step["task"])
        return "Task", {"description": step["task"], "prompt": prompt}
    if verb == "tool":
        return str(step["tool"]), step.get("input", {})
    if verb in ("apply_patch", "delete"):
        return "apply_patch", {"patchText": _patch(step)}
    path = files.absolute(step[verb])
    if verb == "create_file":
        return verb, {"path": path, "content": step.get("content", "")}
    return verb, {"path": path, "old_str": step["old"], "new_str": step["new"]}


def run(step: Step, shell: Shell, thread_id: str) -> tuple[str, bool]:
    """Does it: (content of the result, is_error)."""
    verb = next(iter(step))
    if verb == "tool":
        return str(step.get("result", "")), bool(step.get("is_error", False))
    command = _command(step, thread_id)
    if command is not None:
        timeout = float(step["timeout"]) if "timeout" in step else None
        return dumped(shell.run(command, workdir=step.get("workdir", ""), timeout=timeout)), False
    try:
        return _change(verb, step), False
    except ToolError as problem:
        return str(problem), True


def _change(verb: str, step: Step) -> str:
    if verb in ("apply_patch", "delete"):
        return files.apply_patch(_patch(step))
    path = files.absolute(step[verb])
    if verb == "create_file":
        return files.create(path, step.get("content", ""))
    return files.edit(path, step["old"], step["new"])


def _patch(step: Step) -> str:
    if "delete" in step:
        return f"*** Begin Patch\n*** Delete File: {step['delete']}\n*** End Patch"
    return str(step["apply_patch"])


def _command(step: Step, thread_id: str = "") -> str | None:
    """The shell command that a step stands for, if it is one; with the trailers that amp adds when it is run."""
    verb = next(iter(step))
    if verb == "shell":
        return str(step["shell"])
    if verb == "background":
        return f"nohup setsid {step['background']} </dev/null >/dev/null 2>&1 & echo started $!"
    if verb == "commit":
        message = _quoted(str(step["commit"]))
        trailers = f"Amp-Thread-ID: https://ampcode.com/threads/{thread_id}\nCo-authored-by: Amp <amp@ampcode.com>"
        return f"git add -A && git commit -q -m {message}" + (f" -m {_quoted(trailers)}" if thread_id else "")
    if verb == "detach":
        return "git checkout -q --detach"
    if verb == "switch":
        return f"git switch -q {'-c ' if step.get('create') else ''}{_quoted(str(step['switch']))}"
    return None


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
