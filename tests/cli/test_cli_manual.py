"""The manual page: every command and option of the help is in it, and `man` has nothing to say against it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.cli import manual
from ampsm_engine.cli.root import MODULES


def shown(page: str, folder: Path, width: int = 100) -> str:
    """The page as a terminal shows it, without overstriking."""
    file = folder / "ampsm.1"
    file.write_text(page, encoding="ascii")
    command = ["man", "--warnings=all", "--no-hyphenation", "--no-justification", "-P", "cat", "-l", str(file)]
    environ = {**os.environ, "MANWIDTH": str(width), "LC_ALL": "C.UTF-8", "TERM": "dumb", "GROFF_NO_SGR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    assert done.stderr == ""
    return re.sub(".\b", "", done.stdout)


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man on this machine")
def test_every_command_and_option_is_read_in_the_manual_page(tmp_path: Path) -> None:
    text = " ".join(shown(manual.man_page("1.2.3"), tmp_path).split())
    assert "ampsm 1.2.3" in text
    for entry in manual.entries():
        for part in (
            f"{entry.name} {entry.usage}",
            *entry.paragraphs,
            *(word for one in entry.options for word in one),
        ):
            assert " ".join(part.split()) in text


def test_no_command_is_left_out() -> None:
    names = [entry.name for entry in manual.entries()]
    assert names[0] == "ampsm"
    assert {name.split()[1] for name in names[1:]} == set(MODULES)
    assert {"ampsm batch start", "ampsm config set", "ampsm trash purge"} <= set(names)
    assert [entry.name for entry in manual.entries() if not entry.paragraphs] == []


def test_every_help_has_an_example() -> None:
    def has_example(entry: manual.ManualEntry) -> bool:
        lines = [line.strip() for paragraph in entry.paragraphs for line in paragraph.splitlines()]
        return any(entry.name in line for line in lines)

    assert [entry.name for entry in manual.entries() if not has_example(entry)] == []


def test_what_begins_like_a_request_of_roff_is_text() -> None:
    assert manual._roff(".TH x") == r"\&.TH x"
    assert manual._roff('\'a\\b - "c" …') == r"\&'a\eb \- \(dqc\(dq \[u2026]"


def test_the_reference_has_a_heading_a_command() -> None:
    text = manual.markdown()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
        entry.name for entry in manual.entries()[1:]
    ]
