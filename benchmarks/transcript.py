"""A transcript of 50,000 events: until its first screen, until all of it is read, and the longest stall on the way.

Beside it, in the same run, a bare Textual app with nothing in it, from its start to its first screen.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Static

from ampsm_tui.widgets.transcript.view import ShownIteration, TranscriptView

EVENTS = 50_000
BULLET = "\n- "
WORDS = ("the", "parser", "reads", "lines", "until", "login", "form", "remember", "session", "cookie", "expires")


def stream(path: Path, events: int) -> None:
    """Texts, thoughts, shell commands and edits, as an agent makes them; six events a step."""
    some = random.Random(1)  # the same each time
    with path.open("w") as file:
        for step in range(events // 6):
            text = (
                f"## Step {step}\n\n{' '.join(some.choices(WORDS, k=30))}\n\n- {BULLET.join(some.choices(WORDS, k=3))}"
            )
            if step % 4:
                use = {"name": "shell_command", "input": {"command": f"make test T={step}"}}
                answer = {"output": "\n".join(" ".join(some.choices(WORDS, k=8)) for _ in range(6)), "exitCode": 0}
            else:
                use = {
                    "name": "edit_file",
                    "input": {"path": f"src/x{step}.py", "old_str": "a = 1", "new_str": "a = 2"},
                }
                answer = {"diff": "```diff\n--- a\n+++ b\n@@ -1,2 +1,3 @@\n-a = 1\n+a = 2\n b = 2\n```"}
            key = f"TU-{step:022}"
            blocks = [
                {"type": "thinking", "thinking": " ".join(some.choices(WORDS, k=20))},
                {"type": "text", "text": text},
                {"type": "tool_use", "id": key, **use},
            ]
            usage = {"input_tokens": 0, "output_tokens": 5}
            said = {"type": "assistant", "message": {"content": blocks, "stop_reason": "tool_use", "usage": usage}}
            result = {"type": "tool_result", "tool_use_id": key, "content": json.dumps(answer)}
            file.write(f"{json.dumps(said)}\n{json.dumps({'type': 'user', 'message': {'content': [result]}})}\n")


class Bare(App[None]):
    """An app with nothing but a line of text."""

    def compose(self) -> ComposeResult:
        yield Static("bare")


class Alone(App[None]):
    """An app with nothing but a transcript."""

    def compose(self) -> ComposeResult:
        yield TranscriptView()


async def first_screen(app: App[None], path: Path | None) -> None:
    """Seconds until the first screen is there."""
    async with app.run_test(size=(120, 40)) as pilot:
        if path is not None:
            transcript = app.query_one(TranscriptView)
            transcript.show(ShownIteration("i1", path, "Do the long thing"))
            while len(transcript.blocks) < 3:  # noqa: ASYNC110 - a thread reads
                await asyncio.sleep(0.002)
            await pilot.pause(0)
    os._exit(0)


def from_nothing(path: Path | None) -> float:
    """Seconds from the start of an interpreter to the first screen; the best of five."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "benchmarks.transcript", "first", str(path or "")], check=True)
        took.append(time.perf_counter() - began)
    return min(took)


async def opened(path: Path) -> dict[str, float]:
    app = Alone()
    async with app.run_test(size=(120, 40)) as pilot:
        transcript = app.query_one(TranscriptView)
        began = time.perf_counter()
        transcript.show(ShownIteration("i1", path, "Do the long thing"))
        while len(transcript.blocks) < 3:  # noqa: ASYNC110 - a thread reads
            await asyncio.sleep(0.002)
        await pilot.pause(0)
        first = time.perf_counter() - began
        stalls = [await _stall() for _ in iter(lambda: transcript.status.read < 1, False)]
        whole = time.perf_counter() - began
        blocks = len(transcript.blocks)
        keys = ["g", *["ctrl+d"] * 20, "G", *["ctrl+u"] * 20, *["k"] * 40]
        presses = [await _press(pilot, key) for key in keys]
        began = time.perf_counter()
        transcript.search.find("zebra")
        searching = [await _stall() for _ in iter(lambda: transcript.status.query == "", False)]
        return {
            "first screen": first,
            "all read": whole,
            "longest stall while reading": max(stalls, default=0.0),
            "key press, median": statistics.median(presses),
            "key press, longest": max(presses),
            "search without a match": time.perf_counter() - began,
            "longest stall while searching": max(searching, default=0.0),
            "blocks": blocks,
        }


async def _stall() -> float:
    began = time.perf_counter()
    await asyncio.sleep(0.001)
    return time.perf_counter() - began - 0.001


async def _press(pilot: object, key: str) -> float:
    began = time.perf_counter()
    await pilot.press(key)  # type: ignore[attr-defined]
    return time.perf_counter() - began


def main() -> None:
    if sys.argv[1:2] == ["first"]:
        path = Path(sys.argv[2]) if sys.argv[2] else None
        asyncio.run(first_screen(Alone() if path else Bare(), path))
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "amp.ndjson"
        stream(path, events)
        print(f"{events:,} events, {path.stat().st_size / 1e6:.1f} MB")
        ours, theirs = from_nothing(path), from_nothing(None)
        print(f"  from nothing to the first screen {ours * 1000:10.1f} ms   {ours / theirs:.2f} of a bare Textual app")
        for name, value in asyncio.run(opened(path)).items():
            told = f"{value:10,.0f}" if name == "blocks" else f"{value * 1000:10.1f} ms"
            print(f"  {name:32} {told}")
        bare = asyncio.run(presses(Bare()))
        print(f"  {'key press in a bare app, median':32} {statistics.median(bare) * 1000:10.1f} ms")


async def presses(app: App[None]) -> list[float]:
    async with app.run_test(size=(120, 40)) as pilot:
        return [await _press(pilot, "j") for _ in range(40)]


if __name__ == "__main__":
    main()
