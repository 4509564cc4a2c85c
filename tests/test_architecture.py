"""The house: arrows point down, files stay small, every module says what it is."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for house in ("ampsm_engine", "ampsm_tui") for path in (ROOT / house).rglob("*.py"))


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_says_what_it_is_and_stays_small() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in SOURCES}
    silent = [name for name, text in texts.items() if not ast.get_docstring(ast.parse(text))]
    assert silent == [], "a module opens with what lives here"
    long = [name for name, text in texts.items() if text.count("\n") > 500]
    assert long == [], "a file this long is a call to look at the walls"
