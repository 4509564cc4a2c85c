"""A lost database: what is sound in it is recovered, then what its newest copy knew; and the copies themselves."""

import contextlib
import os
import random
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ampsm_engine import timestamps
from ampsm_engine.errors import Unfit
from ampsm_engine.model import BatchState, ItemState, Merge, MergeState, Outcome, State
from ampsm_engine.store import Store, copies, database_files
from tests.conftest import TEMPLATES
from tests.soak import one_in
from tests.store.test_batches import a_batch, an_item
from tests.store.test_reviews import a_comment
from tests.store.values import a_session, an_iteration, ended, start

pytestmark = pytest.mark.usefixtures("real_making")

PAGE = 4096


def filled(database: Path, sessions: int = 60) -> Store:
    """A store whose rows fill many pages, all of them in the database's own file; made once, copied ever after."""
    made = Path(TEMPLATES.name) / f"store{sessions}"
    if not made.exists():
        fill(made / database.name, sessions)
    shutil.copytree(made, database.parent)
    return Store(database)


def fill(database: Path, sessions: int) -> None:
    store = Store(database)
    for number in range(sessions):
        store.sessions.add(a_session(f"s{number:03}", notes=f"{number} " + "n" * 900))
        store.queue.add(an_iteration(f"i{number:03}", f"s{number:03}"))
        store.queue.ask_to_stop(f"s{number:03}")
    checkpoint(store)


def checkpoint(store: Store) -> None:
    store.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


def recovered(database: Path) -> set[str]:
    """The sessions that the next start finds, after the first has told of the loss."""
    with pytest.raises(Unfit) as told:
        Store(database).check()
    assert told.value.hint.startswith("ampsm repair")
    assert re.search(r"; recovered: \d+ sessions? and \d+ iterations? from (itself|its copy)", told.value.message)
    store = Store(database)
    store.check()
    store.sessions.add(a_session("another"))
    return {session.id for session in store.sessions.all()} - {"another"}


def noise(size: int) -> bytes:
    return random.Random(7).randbytes(size)


def overwrite(database: Path, start: int, size: int) -> None:
    with database.open("r+b") as file:
        file.seek(start)
        file.write(noise(size))


def test_broken_pages_cost_only_the_rows_on_them(database: Path) -> None:
    filled(database)
    pages = database.stat().st_size // PAGE
    for page in range(pages * 3 // 4, pages * 3 // 4 + 3):  # the first half are tables without rows
        overwrite(database, page * PAGE, PAGE)
    kept = recovered(database)
    assert 45 <= len(kept) < 60
    assert all(len(Store(database).sessions.get(key).notes or "") > 900 for key in kept)
    (aside,) = database.parent.glob("*.corrupt-*")
    assert aside.stat().st_size == pages * PAGE, "what was lost stays as it was found"


@pytest.mark.parametrize("seed", one_in(3, range(6)))
def test_noise_anywhere_ends_in_a_sound_store(database: Path, seed: int) -> None:
    store = filled(database, 30)
    store.copy_when_due()
    store.close()
    luck = random.Random(seed)
    size = database.stat().st_size
    with database.open("r+b") as file:
        for _ in range(8):
            file.seek(luck.randrange(size - 600))
            file.write(luck.randbytes(600))
    for part in database_files.file_parts(database)[1:]:
        part.unlink(missing_ok=True)
    with contextlib.suppress(Unfit):  # some bytes lie where nothing is
        Store(database).check()
    again = Store(database)
    again.check()
    assert {session.id for session in again.sessions.all()} >= {f"s{number:03}" for number in range(30)}


LOSSES: dict[str, Callable[[Path], object]] = {
    "no byte": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "text": lambda path: path.write_bytes(b"somebody's text, and no database\n" * 500),
    "a header": lambda path: overwrite(path, 0, 100),
    "a first page": lambda path: overwrite(path, 0, PAGE),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a part of a page": lambda path: os.truncate(path, path.stat().st_size - 1000),
    "one page": lambda path: os.truncate(path, PAGE),
    "noise": lambda path: path.write_bytes(noise(50_000)),
    "zeros": lambda path: path.write_bytes(bytes(50_000)),
}


@pytest.mark.parametrize("how", one_in(2, LOSSES))
def test_with_a_copy_no_session_is_lost(database: Path, how: str) -> None:
    store = filled(database)
    store.copy_when_due()
    store.close()
    LOSSES[how](database)
    assert recovered(database) == {f"s{number:03}" for number in range(60)}
    assert any(fact.kind == "recovered" for fact in Store(database).facts.read())


@pytest.mark.parametrize("how", one_in(2, ["half", "a header", "a first page", "a part of a page"]))
def test_without_a_copy_what_is_sound_is_recovered(database: Path, how: str) -> None:
    filled(database)
    os.truncate(database, database.stat().st_size * 3 // 4) if how == "half" else LOSSES[how](database)
    assert len(recovered(database)) >= 20


@pytest.mark.parametrize("noted", [True, False])
def test_an_empty_database_beside_its_log_gives_what_the_log_holds(database: Path, noted: bool) -> None:
    store = Store(database)
    for number in range(20):
        store.sessions.add(a_session(f"s{number:03}"))
    shutil.copy(database_files.file_parts(database)[1], database.parent / "log")
    store.close()
    database.write_bytes(b"")
    shutil.copy(database.parent / "log", database_files.file_parts(database)[1])
    if not noted:
        shutil.rmtree(copies.folder(database))
    assert recovered(database) == {f"s{number:03}" for number in range(20)}


def test_fresher_rows_win_over_the_copy(database: Path) -> None:
    store = filled(database, 5)
    store.copy_when_due()
    store.sessions.update("s001", name="a new name")
    store.sessions.add(a_session("later"))
    checkpoint(store)
    overwrite(database, 0, 100)
    assert "later" in recovered(database)
    assert Store(database).sessions.get("s001").name == "a new name"


def test_what_waited_when_the_copy_was_made_does_not_begin_by_itself(database: Path) -> None:
    store = Store(database)
    store.sessions.add(a_session())
    store.queue.add(an_iteration())
    store.copy_when_due()
    store.close()
    database.unlink()
    for part in database_files.file_parts(database)[1:]:
        part.unlink(missing_ok=True)
    assert recovered(database) == {"s1"}
    (iteration,) = Store(database).iterations.of("s1")
    assert (iteration.state, iteration.outcome) == (State.SETTLED, Outcome.STOPPED)
    assert "lost" in (iteration.error or "")
    assert not Store(database).queue.has_claimable()


def test_a_merge_that_went_on_when_the_copy_was_made_does_not_go_on_by_itself(database: Path) -> None:
    store = Store(database)
    for key in ("done", "works"):
        store.sessions.add(a_session(key))
        store.merges.begin(Merge(key, key, "merge", MergeState.WORKING, "begun", timestamps.now()))
    store.merges.end("done", MergeState.DONE)
    store.copy_when_due()
    store.close()
    for part in database_files.file_parts(database):
        part.unlink(missing_ok=True)
    assert recovered(database) == {"done", "works"}
    store = Store(database)
    assert store.merges.working() == ()
    assert store.merges.get("works").state is MergeState.ROLLED_BACK
    assert store.merges.get("done").state is MergeState.DONE


def test_a_run_that_went_on_when_the_copy_was_made_does_not_go_on_by_itself(database: Path) -> None:
    store = Store(database)
    store.batches.start(a_batch(), [an_item(number) for number in range(1, len(ItemState) + 1)])
    for number, state in enumerate(ItemState, 1):
        store.batches.move_item(f"b1-{number}", list(ItemState), state)
    store.sessions.add(a_session())
    store.copy_when_due()
    store.close()
    for part in database_files.file_parts(database):
        part.unlink(missing_ok=True)
    assert recovered(database) == {"s1"}
    store = Store(database)
    assert store.batches.active() == ()
    assert store.batches.get("b1").state is BatchState.STOPPED
    items = store.batches.items("b1")
    assert [one.state for one in items] == [state if state.is_final else ItemState.STOPPED for state in ItemState], (
        "no item waits, or is at work, of which nobody knows whether it is"
    )
    assert all(
        "lost" in (one.reason or "") for one, before in zip(items, ItemState, strict=True) if not before.is_final
    )


def test_a_broken_copy_is_passed_over_for_the_one_before(database: Path) -> None:
    store = filled(database)
    store.copy_when_due()
    store.close()
    (sound,) = copies.existing(database)
    newer = sound.with_name("29990101T000000Z.sqlite")
    shutil.copy(sound, newer)
    overwrite(newer, newer.stat().st_size // 2 // PAGE * PAGE, 2 * PAGE)
    for part in database_files.file_parts(database):
        part.unlink(missing_ok=True)
    assert recovered(database) == {f"s{number:03}" for number in range(60)}


def test_rows_between_two_broken_pages_are_found_one_by_one(database: Path) -> None:
    filled(database)
    content = database.read_bytes()
    for place in range(0, len(content), PAGE):
        if any(name in content[place : place + PAGE] for name in (b"name of s010", b"name of s045")):
            overwrite(database, place, PAGE)
    lost = {f"s{number:03}" for number in range(60)} - recovered(database)
    assert {"s010", "s045"} <= lost
    assert len(lost) < 12, "no more than those on the two pages"


def test_what_belongs_to_a_lost_row_goes_with_it_and_leaves_what_can_be_without(database: Path) -> None:
    store = filled(database, 5)
    store.reviews.add_comment(a_comment("kept", session_id="s002"))
    checkpoint(store)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as raw:
        raw.execute("UPDATE reviewComments SET iterationId = 'i002'")
        raw.execute("DELETE FROM sessions WHERE id = 's001'")
        raw.execute("DELETE FROM iterations WHERE id = 'i002'")
    overwrite(database, 0, 100)
    assert recovered(database) == {"s000", "s002", "s003", "s004"}
    assert Store(database).reviews.comment("kept").iteration_id is None
    with contextlib.closing(sqlite3.connect(database)) as raw:
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        assert [one for (one,) in raw.execute("SELECT id FROM iterations ORDER BY id")] == ["i000", "i003", "i004"]


def test_a_new_home_has_lost_nothing(database: Path) -> None:
    Store(database).open()
    database.unlink()
    Store(database).open()
    assert Store(database).sessions.all() == ()


def test_a_lost_database_that_another_process_has_open_is_left_alone(database: Path) -> None:
    filled(database, 3).close()
    other = start(
        "store = Store(Path(sys.argv[1]))\nstore.open()\nprint('open', flush=True)\nsys.stdin.readline()", database
    )
    assert other.stdout.readline() == "open\n"
    os.truncate(database, 0)
    with pytest.raises(Unfit, match="another process has it open"):
        Store(database).open()
    assert database.stat().st_size == 0
    other.stdin.write("\n")
    ended(other)


def test_a_folder_in_its_place_is_told_with_the_way_out(database: Path) -> None:
    store = filled(database, 3)
    store.copy_when_due()
    store.close()
    for part in database_files.file_parts(database):
        part.unlink(missing_ok=True)
    database.mkdir()
    with pytest.raises(Unfit, match="no file") as told:
        Store(database).open()
    command, _, _ = told.value.hint.partition(", then")
    _, source, target = command.split()
    Path(source).rename(target)
    assert recovered(database) == {"s000", "s001", "s002"}


def test_a_copy_is_made_once_a_day_and_few_are_kept(database: Path) -> None:
    store = filled(database, 2)
    store.copy_when_due()
    (first,) = copies.existing(database)
    store.copy_when_due()
    assert copies.existing(database) == [first]
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    for day in range(8):
        made = first.with_name(f"2026010{day}T000000Z.sqlite")
        shutil.copy(first, made)
        os.utime(made, (time.time() - copies.EVERY * (10 - day),) * 2)
    os.utime(first, (time.time() - copies.EVERY - 60,) * 2)
    store.sessions.add(a_session("new"))
    store.copy_when_due()
    found = copies.existing(database)
    assert len(found) == copies.KEPT
    assert first in found
    with contextlib.closing(sqlite3.connect(found[0])) as copy:
        assert copy.execute("SELECT count(*) FROM sessions").fetchone() == (3,)


def test_a_store_without_sessions_takes_no_copys_place(database: Path) -> None:
    Store(database).open()
    Store(database).copy_when_due()
    assert copies.existing(database) == []


def test_a_copy_of_a_broken_database_is_not_kept(database: Path) -> None:
    store = filled(database)
    store.copy_when_due()
    (sound,) = copies.existing(database)
    os.utime(sound, (time.time() - copies.EVERY - 60,) * 2)
    store.close()
    pages = database.stat().st_size // PAGE
    overwrite(database, pages // 2 * PAGE, 2 * PAGE)
    with pytest.raises(Unfit, match="set aside"):
        Store(database).copy_when_due()
    assert copies.existing(database) == [sound]
    assert len(Store(database).sessions.all()) == 60


def test_repositories_are_remembered_beside_the_database(database: Path) -> None:
    store = Store(database)
    store.sessions.add(a_session("a", repo_root="/one"))
    store.sessions.add(a_session("b", repo_root="/two\nlines"))
    store.sessions.add(a_session("c", repo_root="/one"))
    assert store.repositories() == (Path("/one"), Path("/two\nlines"))


def test_no_repository_is_missed_where_many_begin_at_once(database: Path) -> None:
    Store(database).open()
    roots = [Path(f"/repository/{number}") for number in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda root: copies.note_repository(database, str(root)), roots))
    assert sorted(Store(database).repositories()) == sorted(roots)
