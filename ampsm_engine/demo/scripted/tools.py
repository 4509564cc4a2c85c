"""The agent's tool calls: how each looks in the stream, and what it really does in the current folder.

Text is kept byte for byte, line ends included; what cannot be done is a tool error, never a crash. What the version
calls its shell tool is decided here. Commands run in a session of their own, as the real program does, output through a
file; one that is being waited for is killed with its group when the run is cancelled, and what it left in the
background lives on.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from .stream import dumped
from .threads import folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .command_line import ScriptedVersion
    from .endings import Interrupts

KEPT_UNITS = 50_000
"""The real program keeps the last 50 000 UTF-16 units of an output, which may cut a character in two."""


class Shell:
    """Runs commands one after the other in the current folder."""

    def __init__(self, interrupts: Interrupts, thread_id: str) -> None:
        self._interrupts = interrupts
        self._child = 0
        ours = {"AGENT": "amp", "AI_AGENT": "amp", "NO_COLOR": "1", "TERM": "dumb"}
        ids = ("AMP_THREAD_ID", "AMP_CURRENT_THREAD_ID", "AGENT_THREAD_ID")
        self._environment = os.environ | ours | dict.fromkeys(ids, thread_id)

    def run(self, command: str, *, workdir: str = "", timeout: float | None = None) -> dict[str, object]:
        """Run a command; its output with its exit code, or with its pid when it outlives the timeout."""
        output = self._output_file()
        try:
            self._start(command, workdir, output)
            code = self._wait(timeout)
            said = _tail(os.pread(output, os.fstat(output).st_size, 0))
        finally:
            os.close(output)
        if code is None:
            pid, self._child = self._child, 0
            return {"output": said, "running": True, "pid": pid}
        return {"output": said, "exitCode": code}

    def hold_stdout(self, seconds: float) -> None:
        """Leaves a process behind that keeps this program's stdout open."""
        os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", f"exec sleep {seconds}"],
            self._environment,
            setsid=True,
            setsigdef=[signal.SIGINT, signal.SIGTERM],
        )

    def kill(self) -> None:
        """Kills the command that is being waited for, also one that ignores signals."""
        if self._child:
            os.killpg(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0

    def _output_file(self) -> int:
        home = folder()
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = home / f"output-{os.getpid()}"
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        path.unlink()
        return opened

    def _start(self, command: str, workdir: str, output: int) -> None:
        here = Path.cwd()
        with self._interrupts:
            os.chdir(workdir or here)
            try:
                self._child = os.posix_spawn(
                    "/bin/sh",
                    ["sh", "-c", command],
                    self._environment,
                    file_actions=[
                        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                        (os.POSIX_SPAWN_DUP2, output, 1),
                        (os.POSIX_SPAWN_DUP2, output, 2),
                    ],
                    setsid=True,
                    setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
                )
            finally:
                os.chdir(here)

    def _wait(self, timeout: float | None) -> int | None:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            # Cancelled between the reaping and the noting would make kill() signal a pid that is no longer ours.
            with self._interrupts:
                gone, status = os.waitpid(self._child, os.WNOHANG)
                if gone:
                    self._child = 0
                    code = os.waitstatus_to_exitcode(status)
                    return code if code >= 0 else 128 - code
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(0.005)


def _tail(raw: bytes) -> str:
    units = raw.decode("utf-8", "replace").encode("utf-16-le", "surrogatepass")
    return units[-2 * KEPT_UNITS :].decode("utf-16-le", "surrogatepass")


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
    path = _absolute(step[verb])
    if verb == "create_file":
        return verb, {"path": path, "content": step.get("content", "")}
    return verb, {"path": path, "old_str": step["old"], "new_str": step["new"]}


def run(step: Step, shell: Shell, thread_id: str) -> tuple[str, bool]:
    """Carry out one step of the scenario; answers (content of the result, is_error)."""
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
        return _apply_patch(_patch(step))
    path = _absolute(step[verb])
    if verb == "create_file":
        return _create(path, step.get("content", ""))
    return _edit(path, step["old"], step["new"])


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


class ToolError(Exception):
    """The error text of a tool, in place of a result."""


def _absolute(path: str) -> str:
    """The path as the real program writes it into its calls."""
    return os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118 -- a Path would normalise the text


def _create(path: str, content: str) -> str:
    """Writes the file, folders included."""
    target = Path(path)
    _write(target, content)
    return f"Successfully created file {path}"


def _edit(path: str, old: str, new: str) -> str:
    """Replaces the one place where `old` stands."""
    before = _read(path)
    found = before.count(old)
    if found != 1:
        raise ToolError(
            f"Could not find exact match for old_str in file {path}"
            if not found
            else f"Found {found} matches for old_str in {path}, expected exactly one"
        )
    after = before.replace(old, new)
    _write(Path(path), after)
    start = before[: before.index(old)].count("\n") + 1
    end = start + max(0, new.rstrip("\n").count("\n"))
    body = _diff(before, after, f"--- {path}\toriginal\n+++ {path}\tmodified\n")
    return dumped({"diff": f"```diff\n{body.rstrip()}\n```", "lineRange": [start, end]})


def _read(path: str) -> str:
    """The file's text; a ToolError in the real words when it is not there."""
    try:
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        raise ToolError(f"ENOENT: no such file or directory, open '{path}'") from None
    except IsADirectoryError:
        raise ToolError(f"EISDIR: illegal operation on a directory, read '{path}'") from None


def _apply_patch(text: str) -> str:
    """Add, update and delete files by the text of a patch."""
    changed = [_apply(kind, _absolute(path), body) for kind, path, body in _sections(text)]
    summary = "\n".join(
        f"{file['type']}: {str(file['uri'])[7:]} (+{file['additions']}/-{file['deletions']})" for file in changed
    )
    return dumped({"summary": summary, "files": changed})


def _write(target: Path, content: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8", "surrogateescape"))
    except OSError as problem:
        raise ToolError(f"{problem.strerror}, open '{target}'") from problem


def _sections(text: str) -> list[tuple[str, str, list[str]]]:
    sections: list[tuple[str, str, list[str]]] = []
    for line in text.split("\n"):
        if line in ("*** Begin Patch", "*** End Patch", "*** End of File"):
            continue
        if line.startswith("*** "):
            head, _, path = line[4:].partition(" File: ")
            sections.append((head.lower(), path, []))
        elif sections:
            sections[-1][2].append(line)
    if not sections or any(kind not in ("add", "update", "delete") for kind, _, _ in sections):
        raise ToolError("Invalid patch: expected *** Add, Update or Delete File sections")
    return sections


def _apply(kind: str, path: str, body: list[str]) -> dict[str, object]:
    before = "" if kind == "add" else _read(path)
    if kind == "delete":
        after = ""
        Path(path).unlink()
    else:
        added = "".join(line[1:] + "\n" for line in body if line.startswith("+"))
        after = added if kind == "add" else _patched(path, before, body)
        _write(Path(path), after)
    difference = _diff(before, after, f"Index: {path}\n{'=' * 67}\n--- {path}\n+++ {path}\n")
    lines = difference.split("\n")[4:]
    return {
        "uri": f"file://{path}",
        "type": kind,
        "additions": sum(line.startswith("+") for line in lines),
        "deletions": sum(line.startswith("-") for line in lines),
        "diff": difference,
    }


def _patched(path: str, before: str, body: list[str]) -> str:
    hunks: list[list[str]] = [[]]
    for line in body:
        if line.startswith("@@"):
            hunks.append([])
        elif line:
            hunks[-1].append(line)
    for hunk in filter(None, hunks):
        old = "".join(line[1:] + "\n" for line in hunk if line[0] in " -")
        new = "".join(line[1:] + "\n" for line in hunk if line[0] in " +")
        if before.count(old) != 1:
            raise ToolError(f"Failed to find expected lines in {path}:\n{old}")
        before = before.replace(old, new)
    return before


def _diff(before: str, after: str, head: str) -> str:
    import difflib

    lines = list(difflib.unified_diff(_lines(before), _lines(after), lineterm="", n=3))[2:]
    return head + "\n".join(_whole_range(line) for line in lines) + "\n"


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _whole_range(line: str) -> str:
    """The hunk header with its counts, which difflib leaves out for one line and the real program does not."""
    if not line.startswith("@@ "):
        return line
    ranges = [word if "," in word else f"{word},1" for word in line.split()[1:3]]
    return f"@@ {' '.join(ranges)} @@"
