"""A session to review, real: a repository with every kind of change in its worktree, and a desk that asks for real."""

import asyncio
import functools
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.engine import sessions, startup
from ampsm_engine.model import BoardRow
from ampsm_tui import ask
from ampsm_tui.app import AmpsmApp
from ampsm_tui.differ.arriving_diff import SIDES
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.screens.review.screen import ReviewScreen
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.layout import Row, RowKind
from tests.conftest import first_commits, revision
from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk
from tests.waiting import becomes

STAMP = "2026-09-14T10:00:00+00:00"

LOGIN = '''"""Logging in, and staying logged in."""

import re
from http import cookies

LIMIT = 5
"""Attempts before one has to wait."""


def redirect(target: str, default: str = "/") -> str:
    """Where to go after logging in."""
    if target.startswith("/"):
        return target
    return default


class Attempts:
    """Counts what failed."""

    def __init__(self) -> None:
        self.failed: dict[str, int] = {}

    def fail(self, name: str) -> None:
        self.failed[name] = self.failed.get(name, 0) + 1

    def may_try(self, name: str) -> bool:
        return self.failed.get(name, 0) < LIMIT

    def forget(self, name: str) -> None:
        self.failed.pop(name, None)


def cookie(token: str) -> str:
    jar = cookies.SimpleCookie()
    jar["session"] = token
    return jar.output(header="").strip()


def valid(name: str) -> bool:
    return bool(re.fullmatch("[a-z][a-z0-9]*", name))
'''

BEFORE: dict[str, str | bytes] = {
    "app/login.py": LOGIN,
    "app/old_name.py": "".join(f"def step_{number}() -> int:\n    return {number}\n\n\n" for number in range(12)),
    "app/gone.py": "GONE = True\n",
    "bin/run": "#!/bin/sh\nexec app\n",
    "docs/ending.txt": b"one\r\ntwo\r\nthree\r\n",
    "docs/last.txt": "first\nlast",
    "logo.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
    "Makefile": "all:\n\tpython -m app\n\ntest:\n\tpytest\n",
    "package-lock.json": "{\n" + "".join(f'  "p{at}": "1.{at}",\n' for at in range(40)) + '  "z": 1\n}\n',
}


def after(root: Path) -> None:
    """What amp has done to it."""
    changed = LOGIN.replace(
        '    if target.startswith("/"):\n        return target\n    return default\n',
        '    if target.startswith("/") and not target.startswith("//"):\n        return target\n    return default\n',
    )
    changed = changed.replace("        self.failed.pop(name, None)\n", "        del self.failed[name]\n")
    changed = changed.replace(
        '    jar["session"] = token\n',
        '    jar["session"] = token\n    jar["session"]["httponly"] = True\n    jar["session"]["samesite"] = "Lax"\n',
    )
    write = functools.partial(put, root)
    write("app/login.py", changed)
    (root / "app/old_name.py").rename(root / "app/new_name.py")
    write("app/new_name.py", (root / "app/new_name.py").read_text().replace("return 7\n", "return 70\n"))
    (root / "app/gone.py").unlink()
    (root / "bin/run").chmod(0o755)
    write("docs/ending.txt", b"one\r\ntwo\nthree\r\nfour\r\n")
    write("docs/last.txt", "first\nlast of all")
    write(
        "docs/hidden.txt",
        "access = 'user\u202e \u2066// only admins\u2069 \u2066'\nzero\u200bwidth\nbell \x07 esc \x1b[31m end\n",
    )
    write("docs/latin.txt", b"caf\xe9 ol\xe9\n")
    write("docs/wide.txt", "漢字とかな交じり文\nemoji 🎉 party 👩‍🚀\n")
    write("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 12)
    write("Makefile", "all:\n\tpython -m app\n\ntest:\n\tpytest -q\n\nlint:\n\truff check\n")
    write("package-lock.json", str(BEFORE["package-lock.json"]).replace('"1.', '"2.'))
    write("static/app.min.js", "var a=1;" * 2000 + "\n")
    write("video.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:" + "ab" * 32 + "\nsize 734003200\n")
    (root / "latest").symlink_to("docs/last.txt")


def put(root: Path, name: str, content: str | bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def git(root: Path, *arguments: str) -> str:
    dated = os.environ | {"GIT_AUTHOR_DATE": STAMP, "GIT_COMMITTER_DATE": STAMP}
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, env=dated)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


class Reviewed:
    """A session with a worktree, at a desk."""

    def __init__(self, desk: Desk, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = desk
        self.root = root
        first_commits(root, (BEFORE, "Begin"), at=STAMP)
        startup.make_ready(desk.engine)
        self.session, _ = sessions.new(desk.engine, path=root, prompt="Fix the login redirect", run=False)
        monkeypatch.setattr(ask, "call_side_process", self._answer)

    @property
    def worktree(self) -> Path:
        return Path(self.session.worktree_path)

    def change(self) -> None:
        """amp does its work, and it is committed but for the last file."""
        after(self.worktree)

    def commit(self, message: str = "amp: fix the login redirect") -> str:
        git(self.worktree, "add", "-A")
        git(self.worktree, "commit", "-q", "-m", message)
        return revision(self.worktree)

    async def _answer(self, question: "functools.partial[Any]") -> Any:
        self.desk.verbs.append((question.func.__name__, question.args, question.keywords))
        return await asyncio.to_thread(question)

    @asynccontextmanager
    async def open(self, size: tuple[int, int] = (120, 40), *, range_: str = "", **options: Any) -> AsyncIterator[Desk]:
        """The review of the session, everything here: patches, colours, words."""
        desk = self.desk
        async with desk.open(a_board(self.row()), size=size, **options):
            try:
                desk.app.push_screen(ReviewScreen(self.session, range_).data_bind(AmpsmApp.board))
                await self.there()
                yield desk
            finally:
                desk.app.close()

    def row(self) -> BoardRow:
        row = a_session("Fix the login redirect", id=self.session.id)
        return replace(row, session=replace(self.session, name="Fix the login redirect"))

    @property
    def screen(self) -> ReviewScreen:
        screen = next(one for one in self.desk.app.screen_stack if isinstance(one, ReviewScreen))
        assert isinstance(screen, ReviewScreen)
        return screen

    async def there(self) -> None:
        """All that was on its way is here, and on the screen."""
        while True:
            await self.until(self._is_there, "the diff")
            reading = self.screen.pane.reading
            assert reading is not None
            await self.until(functools.partial(self._is_coloured, reading), "colours and words")
            await asyncio.sleep(0)
            self.screen.pane.update_counts()
            await self.desk.settle()
            if self.screen.pane.reading is reading and self._is_there():
                return

    def _is_coloured(self, reading: DiffReading) -> bool:
        """Whether colours and words of what is on the screen are here, or another diff has taken its place."""
        if self.screen.pane.reading is not reading:
            return True
        review = reading.review
        for index in reading.on_screen():
            file = reading.document.files[index]
            if file.shape.folded or file.body is None or not file.body.hunks:
                continue
            if review.words(index) is None:
                return False
            for side in SIDES:
                if review.files[index].oid(side) and not review.files[index].is_submodule:
                    colours = review.colours(index, side)
                    if colours is None or not colours.complete:
                        return False
        return True

    def _is_there(self) -> bool:
        """What is committed comes first, and then what the worktree has besides."""
        under_way = {one.group for one in self.desk.app.workers if one.is_running} & {"renewing", "ask"}
        return not under_way and self.screen.pane.reading is not None and self.screen.pane.reading.is_complete

    async def until(self, fact: Callable[[], object], what: str = "the fact") -> None:
        await becomes(fact, lambda: f"{what}:\n{self.desk.text}")
        await self.desk.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.desk.press(*keys)

    def file(self, path: str) -> File:
        """What the screen knows of a file."""
        return next(one for one in self.screen.view.document.files if one.path == path)

    async def to(self, path: str, hunk: int | None = None) -> None:
        """The cursor on the head of a file, or on the heading of one of its hunks."""
        view = self.screen.view
        index = view.document.files.index(self.file(path))
        row = Row(RowKind.HEAD, index) if hunk is None else Row(RowKind.HUNK, index, hunk)
        view.land(view.document.find(row))
        await self.desk.settle()
