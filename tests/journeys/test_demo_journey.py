"""The demo from within somebody's own repository: whatever is done in it, that repository is byte for byte as before."""

import os
import re
from pathlib import Path

import pytest

from tests.conftest import git
from tests.journeys.conftest import AMPSM
from tests.journeys.terminal import Terminal


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every path below a folder, its mode and what it holds."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
        )
        for path in folder.rglob("*")
    }


def test_a_session_begun_in_the_demo_is_made_in_the_demos_repository(repo: Path, tmp_path: Path) -> None:
    place = tmp_path / "played"
    before = content(repo)
    screen = Terminal(
        [AMPSM, "demo", "--speed", "100", "--folder", str(place)],
        size=(160, 30),
        cwd=repo,
        environ={"GIT_DIR": str(repo / ".git"), "PWD": str(repo)},
    )
    try:
        screen.sees("Export to CSV", "a new").press("a")
        screen.sees("New session", "Prompt").type("Fix the redirect").press("ctrl+g")
        screen.sees_no_more("New session").sees("Fix the redirect", "a new").press("a")
        screen.sees("New session", str(place / "pocketbook")).type("Not here").press("shift+tab", "shift+tab")
        screen.press("ctrl+u").type(str(repo)).press("ctrl+g").sees("This is a demo").press("escape")
        # What still runs is not moved to the trash.
        screen.until(
            lambda: any(re.search("Fix the redirect .*script passed", line) for line in screen.lines), "an end"
        )
        screen.sees_no_more("New session").sees("a new").press("d").sees("to the trash?").press("y")
        screen.sees("In the trash").press("q")
        code = screen.ended()
    finally:
        screen.close()
    told = screen.bytes.decode()
    assert code == 0, told
    assert "Traceback" not in told
    assert "To leave nothing behind" in told
    assert "Not here" not in git(place / "pocketbook", "log", "--all")
    assert content(repo) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("new", "x"),
        ("new", "x", "--no-run"),
        ("new", "--no-run", "--name", "x", "--repo", "."),
        ("adopt", "../elsewhere"),
        ("repair", "--repo", "."),
    ],
)
def test_the_home_of_a_demo_works_in_no_other_repository(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    from tests.cli.conftest import program

    place = tmp_path / "played"
    (place / "home").mkdir(parents=True)
    (place / "home" / "only-repository").write_bytes(os.fsencode(place / "pocketbook"))
    git(repo, "worktree", "add", "-q", "../elsewhere", "-b", "elsewhere")
    before = content(repo)
    monkeypatch.setenv("AMPSM_HOME", str(place / "home"))
    ran = program(*arguments, cwd=repo)
    _, told = ran.communicate()
    assert (ran.returncode, "This is a demo" in told.decode()) == (4, True), told
    assert content(repo) == before
