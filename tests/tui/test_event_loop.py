"""The app's event loop reads neither SQLite nor git: the follower does in its thread, all else in other processes."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import git
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]

ROOT = Path(__file__).parent.parent.parent

PROGRAM = """
import asyncio, json, sys

seen = []

def hear(event, arguments):
    name = str(arguments[0]) if arguments else ""
    is_git = event == "subprocess.Popen" and name.rpartition("/")[2] == "git"
    if event == "sqlite3.connect" or is_git or (event == "import" and name.partition(".")[0] in {"pygit2", "_pygit2"}):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        seen.append(f"{event} {name}")

sys.addaudithook(hear)
from ampsm_engine.engine import startup
from ampsm_engine.store import follow
from ampsm_tui.app import AmpsmApp
from tests.tui.desk import screen_lines

engine = startup.open_engine()
board = engine.store.sessions.board()
engine.store.close()  # whoever reads from here on in this thread connects anew, and is heard
app = AmpsmApp(engine, follow(engine.store), board=board, settings=engine.settings)
STEPS = (
    ("", "fix login"), ("enter", "+ Answer"), ("v", "return 42"), ("c", "Comment"), ("x", "x"), ("ctrl+g", "not sent yet"),
    ("t", "viewed"), ("q", "Leave the review?"),
    ("y", "m writes a follow-up"), ("M", "Enter: the plan"), ("enter", "What will happen"), ("escape", "Enter: the plan"),
    ("escape", "m writes a follow-up"), ("q", "STATUS"), ("a", "New session"), ("escape", "STATUS"), ("comma", "Settings"),
    ("escape", "STATUS"), ("at", "needs you"), ("escape", "STATUS"),
)

async def drive(pilot):
    for key, word in STEPS:
        if key:
            await pilot.press(key)
        for _ in range(1500):
            text = "\\n".join(screen_lines(app))
            if word in text:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError(f"after {key} no {word}:\\n{text}")
    app.exit()

app.run(headless=True, size=(120, 40), auto_pilot=drive)
app.close()
print(json.dumps(seen))
"""


def test_neither_sqlite_nor_git_is_read_in_the_event_loop(bench: Bench) -> None:
    session = bench.new(None, name="fix login")
    root = Path(session.worktree_path)
    (root / "answer.py").write_text("def answer():\n    return 42\n")
    git(root, "add", "answer.py")
    git(root, "commit", "-qm", "Answer")
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROGRAM}"]
    done = subprocess.run(command, cwd=bench.repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
