"""What a diff holds is data: files, names and comments full of orders leave no order in the bytes of a terminal."""

import os
import subprocess
from pathlib import Path

from tests.journeys.conftest import Open
from tests.journeys.test_hostile_terminal import EVIL, foreign
from tests.worker.bench import Bench


def test_nothing_hostile_in_a_diff_reaches_the_terminal(bench: Bench, terminal: Open) -> None:
    session = bench.new(None, name="EVIL review")
    root = Path(session.worktree_path)
    content = (
        "\n".join(f"EVIL {name} {text}" for name, text in EVIL.items()).encode() + b"\nEVIL \x9b31m \xff\xfe end\r\n"
    )
    (root / "evil.py").write_bytes(content.replace(b"\0", b""))
    (root / "nul.bin").write_bytes(content)
    (root / "EVIL\x1b]0;owned\x07\u202e.py").write_bytes(b"x = '\x1b[2J'\n")
    (root / os.fsdecode(b"EVIL\xff\xc2\x9b31m.txt")).write_bytes(content)
    (root / "EVIL link").symlink_to("\x1b]52;c;QQ==\x07")
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "EVIL \x1b]0;owned\x07 \u202e"], cwd=root, check=True)
    for size, read in (((160, 50), "of 5 hunks"), ((40, 30), "0/5")):
        screen = terminal("review", session.id, size=size)
        screen.sees("EVIL link", read)
        screen.press("}", "]", "|", "w", "w", "=", "G", "Z", "Z", "g", "tab", "j", "tab").sees("} file")
        screen.press("c").sees("Comment on").press("escape").until(
            lambda s=screen: "Comment on" not in s.text, "the diff"
        )
        screen.press("/").press(*"EVIL", "enter").sees("of")
        screen.press("f").sees("two points").press("escape").until(
            lambda s=screen: "two points" not in s.text, "the diff"
        )
        screen.press("Z", "Z", "y").sees("Copied")
        assert [one for one in foreign(screen.bytes) if b"]52;c;" not in one] == []
        assert b"\x1b]0;" not in screen.bytes
        screen.close()
