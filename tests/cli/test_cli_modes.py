"""The modes of amp on the command line: completed as amp lists them, and warned of where it does not."""

import json

import pytest
from click.shell_completion import ShellComplete

from ampsm_engine.cli.root import root
from tests.cli.conftest import Ampsm
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["low", "medium", "high", "ultra"]),
        ("m", ["medium"]),
        ("low,h", ["low,high"]),
        ("smart", []),
    ],
)
def test_modes_are_completed_as_amp_lists_them(bench: Bench, typed: str, offered: list[str]) -> None:
    found = ShellComplete(root, {}, "ampsm", "_AMPSM_COMPLETE").get_completions(["new", "Do it", "--mode"], typed)
    assert [item.value for item in found] == offered
    found = ShellComplete(root, {}, "ampsm", "_AMPSM_COMPLETE").get_completions(["config", "set", "amp.mode"], typed)
    assert [item.value for item in found] == offered


def test_a_mode_that_amp_does_not_list_is_warned_of_and_used(bench: Bench, ampsm: Ampsm) -> None:
    made = ampsm("new", "--repo", str(bench.repo), "--no-run", "--name", "x", "--mode", "smart", "--json")
    assert made.code == 0
    assert "amp lists the modes low, medium, high, ultra: smart is none" in made.err
    assert json.loads(made.out)["session"]["modelOverride"] == "smart"
    assert "warning" not in ampsm("edit", "x", "--mode", "HIGH").err
    assert "rush is none" in ampsm("config", "set", "amp.mode", "rush").err


def test_without_an_amp_nothing_is_said_of_modes(bench: Bench, ampsm: Ampsm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_CLI_PATH", str(bench.folder / "missing"))
    assert "modes" not in ampsm("config", "set", "amp.mode", "rush").err
