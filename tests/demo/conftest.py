"""The scripted amp as a program, run the way ampsm runs the real one."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine import demo
from tests.waiting import until

COMMON = ["--execute", "--stream-json-thinking", "--no-archive-after-execute"]


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.split(b"\n") if line]

    @property
    def thread(self) -> str:
        return str(self.lines[0]["session_id"])

    @property
    def result(self) -> dict[str, Any]:
        assert self.lines[-1]["type"] == "result"
        return self.lines[-1]

    @property
    def contents(self) -> list[str]:
        """What the tools answered, in order."""
        users = [line for line in self.lines if line["type"] == "user"]
        return [block["content"] for line in users for block in line["message"]["content"] if "content" in block]


class Amp:
    def __init__(self, program: Path, folder: Path, hold: Path) -> None:
        self.program = program
        self.folder = folder
        self.hold = hold
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, scenario: object = None, arguments: Sequence[str] = COMMON, *, prompt: bytes = b"Do it.", **more: str
    ) -> subprocess.Popen[bytes]:
        environment = os.environ | {"AMPSM_HOLD": str(self.hold), "AMPSM_RUN_ID": "run-of-this-test"} | more
        if scenario is not None:
            environment["AMPSM_SCENARIO"] = scenario if isinstance(scenario, str) else json.dumps(scenario)
        process = subprocess.Popen(
            [self.program, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.processes.append(process)
        assert process.stdin
        try:
            process.stdin.write(prompt)
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdin = None
        return process

    def run(self, scenario: object = None, arguments: Sequence[str] = COMMON, **more: Any) -> Done:
        return self.end(self.start(scenario, arguments, **more))

    def end(self, process: subprocess.Popen[bytes]) -> Done:
        out, err = process.communicate(timeout=60)
        return Done(process.returncode, out, err.decode())

    def held(self, name: str = "here") -> Path:
        """Waits until the scenario says where it is."""
        until((self.hold / name).exists)
        return self.hold / name

    def go(self) -> None:
        (self.hold / "go").touch()


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def alive() -> Callable[[int], bool]:
    return is_alive


@pytest.fixture
def amp(tmp_path: Path) -> Iterator[Amp]:
    folder, hold = tmp_path / "worktree", tmp_path / "hold"
    folder.mkdir()
    hold.mkdir()
    found = Amp(demo.install(tmp_path / "bin"), folder, hold)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
        process.wait()
