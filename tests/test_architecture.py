"""The house: arrows point down, files stay small, every module says what it is, light commands stay light."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine import private_folder
from ampsm_engine.errors import AmpsmError

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for house in ("ampsm_engine", "ampsm_tui") for path in (ROOT / house).rglob("*.py"))
HEAVY = ("textual", "pygit2", "notifypy", "psutil", "rich", "asyncio", "detect_secrets")


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_and_stays_small(path: Path) -> None:
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "a module opens with what lives here"
    assert text.count("\n") <= 500, "a file this long is a call to look at the walls"


def test_light_commands_import_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "os._exit = sys.exit\n"  # a command ends at once, and we want to look at it
        "from ampsm_tui.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    for arguments in (["ls", "--json"], ["status"], ["events", "--json"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=os.environ | {"AMPSM_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.strip().splitlines()[-1] == "[]", (arguments, done.stderr)


def test_errors_stay_few() -> None:
    assert {kind.__name__ for kind in AmpsmError.__subclasses__()} == {"NotFound", "Refused", "Unfit", "Failed"}


def test_no_folder_bears_a_name_that_is_cleared_away_without_the_lock_that_keeps_it() -> None:
    """`private_folder.remove_abandoned` takes a folder of its names that nobody has locked for a dead process's."""
    made = [
        (str(path), prefix)
        for path in SOURCES
        if path.name != "private_folder.py"
        for prefix in re.findall(r'prefix=f?"([^"]*)"', path.read_text())
    ]
    assert made
    assert [one for one in made if private_folder._OURS.fullmatch(f"{one[1]}x")] == []
