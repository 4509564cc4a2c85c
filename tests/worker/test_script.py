"""The session's script: what is kept of what it prints."""

import asyncio
import os
from pathlib import Path

import pytest

from ampsm_engine.worker import script


async def test_the_middle_of_an_endless_output_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "OUTPUT_LIMIT", 100_000)
    monkeypatch.setattr(script, "_SIDE", 10_000)
    output = tmp_path / "script.txt"
    text = "echo first; yes filler | head -c 3000000; echo; echo last"
    ran = await script.run(text, tmp_path, output, os.environ, limit=60, stop=asyncio.sleep(60))
    kept = output.read_text().splitlines()
    assert ran.exit_code == 0
    assert output.stat().st_size <= 100_000
    assert (kept[0], kept[-1]) == ("first", "last")
    assert any(line.startswith("[ampsm: ") and line.endswith(" MB of output dropped here]") for line in kept)


async def test_an_output_of_ordinary_length_is_kept_whole(tmp_path: Path) -> None:
    output = tmp_path / "script.txt"
    await script.run("seq 20000", tmp_path, output, os.environ, limit=60, stop=asyncio.sleep(60))
    assert output.read_text().split() == [str(number) for number in range(1, 20_001)]
