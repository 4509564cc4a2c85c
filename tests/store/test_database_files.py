"""The database as files: private, set aside when corrupt, refused where it cannot be shared."""

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed, Unfit
from ampsm_engine.store import Store, database_files
from tests.store.values import a_session, ended, start

pytestmark = pytest.mark.usefixtures("real_making")


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_every_file_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = Store(tmp_path / "new" / "home" / "ampsm.sqlite")
        store.sessions.add(a_session())
        found = modes(store.path.parent)
    finally:
        os.umask(before)
    assert {"ampsm.sqlite", "ampsm.sqlite-wal", "ampsm.sqlite-shm"} <= set(found)
    assert not {name for name, mode in found.items() if mode & 0o077}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) & 0o077 == 0


def test_a_database_that_others_could_read_becomes_private(store: Store) -> None:
    store.sessions.add(a_session())
    for part in database_files.file_parts(store.path):
        part.chmod(0o644)
    Store(store.path).open()
    assert {modes(store.path.parent)[part.name] for part in database_files.file_parts(store.path)} == {0o600}


@pytest.mark.parametrize("name", ["a b.sqlite", "q?mode=memory", "h#x%20.sqlite", "ü𝔘.sqlite", "back\\slash"])
def test_any_path_names_a_database(tmp_path: Path, name: str) -> None:
    Store(tmp_path / name).sessions.add(a_session())
    assert (tmp_path / name).stat().st_size
    assert len(Store(tmp_path / name).sessions.all()) == 1


def test_a_path_that_is_no_unicode_names_a_database(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.sqlite")
    Store(path).sessions.add(a_session())
    assert path.exists()


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="no file"):
        Store(tmp_path).open()


def corrupt_page(path: Path) -> None:
    """Overwrite everything behind the first page: the header still looks well."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def filled(path: Path) -> None:
    store = Store(path)
    for number in range(50):
        store.sessions.add(a_session(f"s{number}", notes="n" * 500))
    store.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()


def test_what_is_no_database_is_set_aside_and_said_so(database: Path) -> None:
    database.parent.mkdir()
    database.write_bytes(b"not a database, but somebody's text\n" * 200)
    with pytest.raises(Unfit, match="set aside as") as told:
        Store(database).open()
    (aside,) = database.parent.glob("ampsm.sqlite.corrupt-*")
    assert str(aside) in told.value.message
    assert told.value.hint.startswith("ampsm repair")
    assert aside.read_bytes().startswith(b"not a database, but somebody's text\n")
    Store(database).sessions.add(a_session())
    assert len(list(database.parent.glob("ampsm.sqlite.corrupt-*"))) == 1


def test_a_broken_page_is_found_by_whoever_reads_it(database: Path) -> None:
    filled(database)
    corrupt_page(database)
    store = Store(database)
    with pytest.raises(Unfit, match="set aside as"):
        store.sessions.all()
    assert store.sessions.all() == (), "the next start begins with an empty one"


def test_a_broken_page_is_found_by_whoever_writes(database: Path) -> None:
    filled(database)
    corrupt_page(database)
    with pytest.raises(Unfit, match="set aside as"):
        Store(database).sessions.update("s1", name="x")


def test_its_log_goes_aside_with_it(database: Path) -> None:
    filled(database)
    corrupt_page(database)
    for part in database_files.file_parts(database)[1:]:
        part.write_bytes(b"log")
    with database_files.exclusive_change(database):
        database_files.quarantine(database)
    names = {file.name.rpartition("Z")[2] for file in database.parent.glob("*.corrupt-*")}
    assert names == {"", "-wal", "-shm"}
    assert not any(part.exists() for part in database_files.file_parts(database))


def test_two_that_are_set_aside_in_one_second_are_both_kept(database: Path) -> None:
    database.parent.mkdir()
    for content in (b"first " * 300, b"second" * 300):
        database.write_bytes(content)
        with pytest.raises(Unfit):
            Store(database).open()
    kept = {file.read_bytes()[:6] for file in database.parent.glob("*.corrupt-*")}
    assert kept == {b"first ", b"second"}


def test_a_corrupt_database_that_another_process_has_open_stays_where_it_is(database: Path) -> None:
    filled(database)
    other = start(
        "store = Store(Path(sys.argv[1]))\nstore.open()\nprint('open', flush=True)\nsys.stdin.readline()", database
    )
    assert other.stdout.readline() == "open\n"
    corrupt_page(database)
    with pytest.raises(Unfit, match="another process has it open"):
        Store(database).sessions.all()
    assert database.exists()
    other.stdin.write("\n")
    ended(other)
    with pytest.raises(Unfit, match="set aside"):
        Store(database).sessions.all()


def test_a_sound_database_is_never_set_aside(store: Store) -> None:
    store.sessions.add(a_session())
    broken = sqlite3.DatabaseError("malformed")
    broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    assert isinstance(store.confirm_corrupt(broken), Failed)
    assert len(store.sessions.all()) == 1


def test_a_writer_that_does_not_end_is_told_as_busy(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_files, "BUSY_SECONDS", 0.05)
    waiting = Store(store.path)
    waiting.open()
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Failed, match="busy") as told:
            waiting.sessions.add(a_session())
        assert told.value.hint
        assert waiting.sessions.all() == (), "a reader never waits for a writer"
    waiting.sessions.add(a_session())


def test_a_full_disk_is_told_and_loses_nothing(store: Store) -> None:
    store.sessions.add(a_session())
    ((pages,),) = store.select("PRAGMA page_count")
    store.select(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Failed, match="disk is full"):
        store.sessions.update("s1", notes="n" * 1_000_000)
    assert store.sessions.get("s1") == a_session()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_without_the_right_to_write_is_unfit(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Unfit):
        Store(tmp_path / "sub" / "ampsm.sqlite").open()
    tmp_path.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_unfit() -> None:
    with pytest.raises(Unfit, match="cannot be opened or written") as told:
        Store(Path("/proc/nobody/ampsm.sqlite")).open()
    assert told.value.hint


def test_where_sqlite_cannot_use_wal_is_unfit(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """unix-dotfile is SQLite's own driver for file systems without proper locks."""

    def without_wal(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(f"{path.as_uri()}?mode=rw&vfs=unix-dotfile", uri=True, isolation_level=None)

    monkeypatch.setattr(database_files, "connect", without_wal)
    with pytest.raises(Unfit, match="WAL") as told:
        Store(database).open()
    assert "AMPSM_DB_PATH" in told.value.hint


MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:27 / /home rw,relatime shared:5 master:1 - nfs4 server:/home rw,vers=4.2
31 30 0:28 / /home/me/local\\040disk rw - ext4 /dev/sdb rw
32 22 0:29 / /mnt/x rw - fuse.sshfs me@host: rw
34 33 0:31 / /data/disk rw - ext4 /dev/sdc rw
33 22 0:30 / /data rw - cifs //server/data rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", None),
        ("/home/me", "nfs4"),
        ("/homely", None),
        ("/home/me/local disk/a", None),
        ("/mnt/x/y", "fuse.sshfs"),
        ("/data/disk/a", None),
        ("/data/a", "cifs"),
    ],
)
def test_a_network_file_system_is_known_by_its_mount(path: str, kind: str | None) -> None:
    assert database_files.network_mount(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused_before_anything_is_made(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_files, "network_mount", lambda _path, _mounts: "nfs4")
    with pytest.raises(Unfit, match="nfs4"):
        Store(database).open()
    assert not database.exists()


def test_somebody_who_changes_the_database_for_too_long_is_told(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_files, "CHANGING_SECONDS", 0.05)
    with database_files.exclusive_change(database), pytest.raises(Failed, match="changing"):
        Store(database).open()


def test_the_pragmas_are_in_force(store: Store) -> None:
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 30_000}
    assert {name: store.select(f"PRAGMA {name}")[0][0] for name in wanted} == wanted
