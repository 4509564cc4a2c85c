"""The review screen over a real repository and a real diff process: what is read, and how one moves in it."""

from pathlib import Path

import pytest

from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    return made


async def test_the_diff_of_a_session(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open() as desk:
        desk.sees("the whole session", "app/login.py", "0 of ")
        snapshot_svg(desk.app)


async def test_every_kind_of_file(reviewed: Reviewed, snapshot_svg: Camera) -> None:
    async with reviewed.open((120, 150)) as desk:
        desk.sees(
            "mode 100644 → 100755, now executable",
            "R app/old_name.py → app/new_name.py",
            "binary, 2.1 KB → 3.1 KB",
            "kept by Git LFS: 734.0 MB",
            "a symbolic link",
            "lock file",
            "generated",
            "two␊",
            "no newline",
            "⟨U+202E⟩",
            "␛[31m",
            "caf\\xe9",
        )
        snapshot_svg(desk.app)
