"""What comes from a host is not trusted: each way in which an archive can be wrong is refused, and nothing is entered."""

import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.batch import item_run
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.cluster import clones, intake, result_archive
from ampsm_engine.cluster.result_archive import ResultArchive
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.lean_dataclass import asdict, replace
from ampsm_engine.model import BatchItem, ItemState
from tests.cluster.desk import ClusterDesk
from tests.conftest import git
from tests.store.values import an_iteration

Change = Callable[[dict[str, Any]], None]

IDS = ("1" * 10, "2" * 10)


@pytest.fixture
def item(cluster: ClusterDesk) -> BatchItem:
    """An item whose archive is about to be taken."""
    batch = cluster.enter(cluster.item(cluster.writes("a.txt")))
    store = cluster.engine.store.batches
    (found,) = cluster.items(batch)
    store.place(found.id, "web1", "boot")
    item_run.prepared(cluster.engine, found, ItemSpec.read(found.spec))
    store.move_item(found.id, (ItemState.PLACED,), ItemState.COLLECTING)
    return store.item(found.id)


def an_archive(
    cluster: ClusterDesk, item: BatchItem, folder: Path, change: Change = lambda _found: None
) -> ResultArchive:
    """An archive with one commit on top of the session's branch and one iteration, changed."""
    session = cluster.engine.store.sessions.get(item.session_id)
    clone = folder / "clone"
    if not clone.exists():
        subprocess.run(["git", "clone", "-q", "-b", session.branch_name, cluster.repo, clone], check=True)
        (clone / "a.txt").write_text("from web1\n")
        git(clone, "add", "-A")
        git(clone, "commit", "-q", "-m", "amp: a")
        git(clone, "bundle", "create", "-q", str(folder / "bundle"), session.branch_name, "^HEAD^")
    one = replace(an_iteration(IDS[0], session.id), state="settled", outcome="done")
    found: dict[str, Any] = {
        "item": {"id": f"desk.{item.id}", "state": "success", "step": "prompt", "reason": None},
        "tries": [{"kind": "prompt", "started_at": "2026-01-01T00:00:00Z", "iteration_id": one.id, "outcome": "pass"}],
        "calls": {},
        "iterations": [asdict(one)],
        "session": {"status": "idle", "thread": None},
        "tip": git(clone, "rev-parse", "HEAD").strip(),
    }
    change(found)
    run = cluster.engine.home.iteration("9" * 10)
    run.path.mkdir(parents=True, exist_ok=True)
    run.stream.write_text("{}\n")
    path = folder / "archive.zip"
    result_archive.write(path, found, folder / "bundle", {one.id: run})
    return ResultArchive(path)


def take(cluster: ClusterDesk, item: BatchItem, given: ResultArchive) -> None:
    intake.take(cluster.engine, item, ItemSpec.read(item.spec), given, None)


def test_taking_an_archive_twice_comes_to_the_same(cluster: ClusterDesk, item: BatchItem, tmp_path: Path) -> None:
    given = an_archive(cluster, item, tmp_path)
    take(cluster, item, given)
    store = cluster.engine.store
    store.batches.move_item(item.id, (ItemState.SUCCESS,), ItemState.COLLECTING)
    take(cluster, item, given)
    assert [one.id for one in store.iterations.of(item.session_id)] == [IDS[0]]
    assert (Path(store.sessions.get(item.session_id).worktree_path) / "a.txt").read_text() == "from web1\n"


def _other_tip(found: dict[str, Any]) -> None:
    found["tip"] = "0" * 40


WRONG: dict[str, Change] = {
    "another item": lambda found: found["item"].update(id="desk.b1-9"),
    "no end": lambda found: found["item"].update(state="running"),
    "an end that no host can bring about": lambda found: found["item"].update(state="conflict"),
    "a tip that is not in it": _other_tip,
    "a tip that is no commit": lambda found: found.update(tip="--upload-pack=touch x"),
    "an iteration that is none": lambda found: found["iterations"][0].update(state="dancing"),
    "an iteration at work": lambda found: found["iterations"][0].update(state="running"),
    "an id that is a path": lambda found: found["iterations"][0].update(id="../../etc"),
    "no item": lambda found: found.pop("item"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_an_archive_that_is_wrong_enters_nothing(
    cluster: ClusterDesk, item: BatchItem, tmp_path: Path, change: Change
) -> None:
    session = cluster.engine.store.sessions.get(item.session_id)
    with pytest.raises(Refused):
        take(cluster, item, an_archive(cluster, item, tmp_path, change))
    store = cluster.engine.store
    assert store.iterations.of(session.id) == ()
    assert store.batches.item(item.id).state is ItemState.COLLECTING


def test_work_that_was_done_here_meanwhile_is_not_written_over(
    cluster: ClusterDesk, item: BatchItem, tmp_path: Path
) -> None:
    given = an_archive(cluster, item, tmp_path)
    worktree = Path(cluster.engine.store.sessions.get(item.session_id).worktree_path)
    (worktree / "a.txt").write_text("by hand\n")
    with pytest.raises(Refused, match="by hand are in the way"):
        take(cluster, item, given)
    assert (worktree / "a.txt").read_text() == "by hand\n"
    git(worktree, "add", "a.txt")
    git(worktree, "commit", "-q", "-m", "By hand")
    with pytest.raises(Refused, match="changed here while"):
        take(cluster, item, given)
    kept = git(cluster.repo, "for-each-ref", "--format=%(objectname)", f"refs/ampsm/batch/{item.batch_id}/").split()
    assert kept == [given.item()["tip"]], "nothing is lost either way"


def test_files_of_an_archive_land_in_run_directories_alone(
    cluster: ClusterDesk, item: BatchItem, tmp_path: Path
) -> None:
    given = an_archive(cluster, item, tmp_path)
    secret = "sk-ant-api03-" + "a1B2" * 22 + "AA"
    with zipfile.ZipFile(given.path, "a") as opened:
        for name in (
            "../evil",
            "/tmp/evil",
            f"runs/{IDS[0]}/../evil",
            f"runs/{IDS[0]}/lease",
            f"runs/{IDS[1]}/amp.ndjson",
        ):
            opened.writestr(name, "evil")
        opened.writestr(f"runs/{IDS[0]}/script.log", f"the key is {secret}\n")
    take(cluster, item, given)
    home = cluster.engine.home
    assert sorted(path.name for path in home.iteration(IDS[0]).path.iterdir()) == [
        "amp.ndjson",
        "record.json",
        "script.log",
    ]
    assert not home.iteration(IDS[1]).path.exists()
    assert secret not in home.iteration(IDS[0]).script_output.read_text()
    assert not list(tmp_path.rglob("evil"))


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(result_archive.ITEM, json.dumps({"pad": "0" * 100_000}))
    monkeypatch.setattr(result_archive, "MOST_BYTES", 50_000)
    with pytest.raises(Refused, match="holds more than"):
        ResultArchive(path).item()
    path.write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(Refused, match="no result archive"):
        ResultArchive(path).item()


def test_a_repository_travels_in_pieces_that_can_be_sent_again(
    cluster: ClusterDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cluster.repo / "big.bin").write_bytes(bytes(range(256)) * 400)
    git(cluster.repo, "add", "-A")
    git(cluster.repo, "commit", "-q", "-m", "Big")
    tip = git(cluster.repo, "rev-parse", "HEAD").strip()
    file = tmp_path / "bundle"
    name = clones.bundle(cluster.repo, "main", (), file)
    host = cluster.host("web1")
    content, half = file.read_bytes(), 300
    assert host.clones.put(name, 0, content[:half]) == half
    assert host.clones.put(name, 0, content[:half]) == half, "a piece that is sent again changes nothing"
    assert host.clones.put(name, half + 5, b"ahead") == half
    assert host.clones.put(name, half, content[half:]) == len(content)
    wanted = clones.WantedRepository("project-1", tip, None, name, {"user.name": "Some Body"})
    clone = host.clones.provide(wanted)
    assert isinstance(clone, Path)
    assert git(clone, "cat-file", "-t", tip).strip() == "commit"
    assert git(clone, "config", "user.name").strip() == "Some Body"
    assert isinstance(host.clones.provide(replace(wanted, base="f" * 40, bundle=None)), clones.MissingBase)
    monkeypatch.setattr(clones, "MOST_SENT", 100)
    with pytest.raises(Refused, match="at most") as refused:
        clones.bundle(cluster.repo, "main", (), file)
    assert "source:" in refused.value.hint


@pytest.mark.parametrize("name", ["x" * 64, "../../../etc/passwd", "A" * 64])
def test_a_bundle_has_the_name_of_its_content_and_no_other(cluster: ClusterDesk, name: str) -> None:
    host = cluster.host("web1")
    with pytest.raises(AmpsmError):
        host.clones.put(name, 0, b"content")
