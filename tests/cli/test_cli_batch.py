"""The command batch, and variants of one prompt: what is printed, for people and for programs, and the exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.batch import runs
from ampsm_engine.cli import batch_text
from ampsm_engine.engine import sessions
from ampsm_engine.errors import Failed
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Batch, BatchItem, BatchState, ItemState
from ampsm_engine.worker import launch
from tests.cli.conftest import Ampsm, Shelf


def a_run(shelf: Shelf, *states: ItemState, state: BatchState = BatchState.ENDED) -> Batch:
    batch = Batch(
        id="nightly", name="Nightly", state=state, plan='{"limits": {}}', created_at="2026-01-01T00:00:00.000Z",
        concurrency=2, ended_at="2026-01-01T00:10:00.000Z",
    )  # fmt: skip
    items = [
        BatchItem(
            f"nightly-{number}", "nightly", number, f"Item {number}", "/repo", "Go", '{"retries": 1}',
            state=item, reason="It is so." if item is not ItemState.SUCCESS else None,
        )
        for number, item in enumerate(states, start=1)
    ]  # fmt: skip
    return shelf.engine.store.batches.start(batch, items)


def test_a_run_is_told_for_people_and_for_programs(ampsm: Ampsm, shelf: Shelf) -> None:
    a_run(shelf, ItemState.SUCCESS, ItemState.FAIL, ItemState.CONFLICT)
    assert "Nightly" in ampsm("batch", "ls").out
    shown = ampsm("batch", "status", "Night").out
    assert "✓ 1 success  ⊘ 1 fail  ≠ 1 conflict" in shown
    assert "It is so." in shown
    told = ampsm("batch", "status", "nightly", "--json").json
    assert list(told) == ["version", "batch", "items"]
    assert told["batch"]["progress"]["items"]["fail"] == 1
    assert [item["state"] for item in told["items"]] == ["success", "fail", "conflict"]
    assert (told["items"][0]["spec"], told["items"][0]["tried"]) == ({"retries": 1}, [])


def test_a_reason_is_told_to_its_end_for_there_may_be_a_command_in_it(
    ampsm: Ampsm, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    a_run(shelf, ItemState.SUCCESS, ItemState.ERROR)
    reason = "It passed, and is not merged: main has moved. ampsm merge 1a2b3c4d5e -m 'Make it dark' --yes"
    shelf.engine.store.batches.move_item("nightly-2", (ItemState.ERROR,), ItemState.ERROR, reason=reason)
    assert reason in ampsm("batch", "status", "nightly").out


@pytest.mark.parametrize(("states", "code"), [([ItemState.SUCCESS] * 2, 0), ([ItemState.SUCCESS, ItemState.FAIL], 1)])
def test_following_tells_each_change_as_a_line_and_ends_well_when_all_passed(
    ampsm: Ampsm, shelf: Shelf, states: list[ItemState], code: int
) -> None:
    a_run(shelf, *states)
    found = ampsm("batch", "status", "nightly", "--follow")
    assert [line["version"] for line in found.lines] == [1] * len(found.lines)
    assert [line["item"]["id"] for line in found.lines if "item" in line] == ["nightly-1", "nightly-2"]
    assert found.lines[-1]["batch"]["state"] == "ended"
    assert found.code == code


def test_following_goes_on_where_no_process_can_be_started(
    ampsm: Ampsm, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_run(shelf, ItemState.QUEUED)
    batches = shelf.engine.store.batches
    sweeps: list[int] = []

    def no_process(*_: object) -> int:
        sweeps.append(1)
        if len(sweeps) > 1:  # the first is that of every command
            batches.end("nightly", BatchState.STOPPED)
            raise Failed("No worker could be started: too many processes.", "ampsm doctor")
        batches.change("nightly", [BatchState.ENDED], state=BatchState.RUNNING)
        return 0

    monkeypatch.setattr(launch, "sweep", no_process)
    found = ampsm("batch", "status", "nightly", "--follow")
    assert found.lines[-1]["batch"]["state"] == "stopped"
    assert found.err == ""


def test_what_may_not_be_done_is_refused_with_what_may(ampsm: Ampsm, shelf: Shelf) -> None:
    a_run(shelf, ItemState.SUCCESS)
    assert "ended" in ampsm("batch", "stop", "nightly").err
    assert "Nothing of Nightly" in ampsm("batch", "resume", "nightly").err
    assert "ampsm batch status nightly" in ampsm("batch", "retry", "nightly-1").err
    assert "There is no batch" in ampsm("batch", "status", "weekly").err
    assert "--yes" in ampsm("batch", "rm", "nightly").err
    assert ampsm("batch", "rm", "nightly", "--yes", "--json").json["batchRemoved"] is True


def test_a_run_is_removed_only_when_it_is_named_whole_and_alone(ampsm: Ampsm, shelf: Shelf) -> None:
    first = a_run(shelf, ItemState.SUCCESS)
    shelf.engine.store.batches.start(replace(first, id="newest", created_at="2026-01-02T00:00:00.000Z"), [])
    for reference in ("Nightly", "Night"):
        refused = ampsm("batch", "rm", reference, "--yes")
        assert (refused.code, "2 runs" in refused.err or "2 batches" in refused.err) == (4, True)
    assert ampsm("batch", "rm", "newest", "--yes").code == 0
    for verb in (("rm", "--yes"), ("stop",), ("resume",)):
        refused = ampsm("batch", verb[0], "Night", *verb[1:])
        assert (refused.code, "Name it: nightly" in refused.err) == (4, True)
    assert [one.id for one in shelf.engine.store.batches.all()] == ["nightly"]
    assert ampsm("batch", "rm", "Nightly", "--yes").code == 0


def test_what_a_run_takes_to_the_trash_is_told_before(ampsm: Ampsm, repo: Path, shelf: Shelf) -> None:
    batch = a_run(shelf, ItemState.SUCCESS)
    session, _ = sessions.new(shelf.engine, path=repo, prompt=None, name="dark", run=False, origin="nightly-1")
    (repo / ".git" / "info" / "exclude").write_text("cache/\n.env\n")
    worktree = Path(session.worktree_path)
    (worktree / "cache").mkdir()
    (worktree / "cache" / "big").write_text("big\n")
    (worktree / "loose.txt").write_text("loose\n")
    asked = ampsm("batch", "rm", batch.id)
    assert "loose.txt" in asked.err
    assert worktree.is_dir()
    gone = ampsm("batch", "rm", batch.id, "--yes")
    assert "What git ignores in dark is not kept: cache (4 bytes)" in gone.err
    assert not worktree.exists()


def test_a_dry_run_shows_what_would_run_and_starts_nothing(
    ampsm: Ampsm, shelf: Shelf, repo: Path, tmp_path: Path
) -> None:
    place = tmp_path / "plan.yaml"
    entry = {"repo": str(repo), "prompt": "Go", "axes": {"model": ["a", "b"]}, "mergeOnPass": True}
    place.write_text(json.dumps({"matrix": [entry]}))
    shown = ampsm("batch", "start", str(place), "--dry-run")
    assert "merge on pass" in shown.out
    assert "Go (b)" in shown.out
    assert len(ampsm("batch", "start", str(place), "--dry-run", "--json").json["items"]) == 2
    assert shelf.engine.store.batches.all() == ()
    place.write_text("matrix:\n  - repo: /nowhere\n    promt: Go\n")
    refused = ampsm("batch", "start", str(place))
    err = refused.err
    assert refused.code == 4
    assert "line 2: There is no folder /nowhere" in err
    assert "line 3: An item has no field 'promt'. Did you mean prompt?" in err


def test_variants_are_a_run_of_their_own(
    ampsm: Ampsm,
    shelf: Shelf,
    repo: Path,
    scripted: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted("ok")
    monkeypatch.setattr(launch, "sweep_batches", lambda *_, **__: 0)
    new = ("new", "Speed it up", "--repo", str(repo), "--copies", "2", "--mode", "medium,high", "--json")
    batch = ampsm(*new).json["batch"]
    items = shelf.engine.store.batches.items(batch["id"])
    assert [(item.mode, item.variant_of) for item in items] == [
        (mode, f"{batch['id']}-1") for mode in ("medium", "high") for _ in range(2)
    ]
    assert ampsm("new", "Go", "--copies", "2", "--no-run").code == 2


def test_a_dry_run_shows_no_secret_of_the_plan(ampsm: Ampsm, repo: Path, tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"matrix:\n  - repo: {repo}\n    prompt: Use {token}\n    name: With {token}\n")
    for options in ((), ("--json",)):
        told = ampsm("batch", "start", str(plan), "--dry-run", *options)
        assert told.code == 0
        assert "[redacted:" in told.out
        assert token not in told.out


@pytest.mark.parametrize(("state", "resumes"), [(ItemState.FAIL, True), (ItemState.CONFLICT, False)])
def test_resume_is_named_only_where_it_has_something_to_take_up(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], state: ItemState, *, resumes: bool
) -> None:
    run = a_run(shelf, ItemState.SUCCESS, state)
    batch_text.Follower(shelf.engine, as_json=False).print_end(runs.status(shelf.engine, run.id))
    told = capsys.readouterr().err
    assert ("ampsm batch resume nightly" in told) is resumes
    assert "ampsm batch retry ITEM" in told


def test_of_several_runs_at_work_the_one_that_is_meant_is_named(
    ampsm: Ampsm, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "sweep_batches", lambda *_args, **_more: 0)
    a_run(shelf, ItemState.SUCCESS)
    assert ampsm("batch", "status").err == ""
    for number, state in enumerate((BatchState.RUNNING, BatchState.RUNNING, BatchState.ENDED), start=2):
        batch = Batch(
            id=f"b{number}", name=f"Run {number}", state=state, plan='{"limits": {}}', concurrency=2,
            created_at=f"2026-01-0{number}T00:00:00.000Z",
        )  # fmt: skip
        shelf.engine.store.batches.start(batch, ())
    found = ampsm("batch", "status")
    assert "Run 3" in found.out
    assert "2 runs are at work; this is the newest, Run 3 (b3)." in found.err
    assert "ampsm batch ls" in found.err
