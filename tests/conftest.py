"""What every test stands on: a home of its own, a git of its own, nothing of the user's."""

import contextlib
import functools
import gc
import importlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pygit2
import pytest
from hypothesis import HealthCheck, settings
from pygit2.enums import RepositoryOpenFlag

from ampsm_engine import redact
from ampsm_engine.store import Store, database_files
from tests import memory_folder

memory_folder.use()

pytest_plugins = ["tests.hang_guard"]

# Whoever starts the tests in the background may have them ignore these, and every child would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)

_OURS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
# The same examples each time: whether a change is green must not be luck. New ones are looked for by `make soak`.
settings.register_profile("ampsm", derandomize=True, max_examples=40, **_OURS)
settings.register_profile("search", **_OURS)
settings.load_profile("ampsm")


def examples(many: int) -> int:
    """How many examples: so many in `make soak`, a third of them in `make test`."""
    return many if settings.get_current_profile_name() == "search" else max(many // 3, 1)


_NOT_OURS = {"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "EDITOR", "VISUAL", "PYTHONUNBUFFERED", "PYTHONSAFEPATH"}
"""The last two: people's programs have a buffer, and what cannot be written stays in it; an app that asked a side
process has set the other one for good."""


def pytest_configure(config: pytest.Config) -> None:
    """Compile what was edited, once: the many processes that the tests start would each do it again, and forget it."""
    if not hasattr(config, "workerinput"):
        houses = [Path(__file__).parent.parent / house for house in ("ampsm_engine", "ampsm_tui")]
        subprocess.run([sys.executable, "-m", "compileall", "-qq", "-j", "0", *houses], check=False)


def pytest_collection(session: pytest.Session) -> None:
    """Begin each process of pytest-xdist with other modules: what one has rewritten and kept the others only read."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    gc.disable()  # until all is collected: what is imported stays
    top = session.config.rootpath
    modules = sorted(path for name in session.config.args for path in (top / name).rglob("test_*.py"))
    first = len(modules) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for path in (*modules[first:], *modules[:first]):
        with contextlib.suppress(Exception, pytest.skip.Exception):  # the collecting says what is wrong with it
            importlib.import_module(".".join(path.relative_to(top).with_suffix("").parts))


_WAITS_LONGEST = "tests/cluster/test_runs.py"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mix the modules, where several processes share them: some folders compute, and some wait for processes.

    In the order of their names all of them wait at the end, beside cores that have nothing to do. The module that waits
    the longest comes first: 100 s, of which it computes a third.
    """
    if hasattr(config, "workerinput"):
        names = {item: item.nodeid.partition("::")[0] for item in items}
        items.sort(key=lambda item: (names[item] != _WAITS_LONGEST, zlib.crc32(names[item].encode())))


def pytest_collection_finish() -> None:
    """What is imported and collected now stays: a quarter of an app's test went into looking at it again and again."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)


NO_TIME = "[maintenance]\n\tauto = false\n[core]\n\tfsync = none\n"
"""Time that no test is about: a second process after each commit, and waiting for a disk."""

_numbers = itertools.count()


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests' homes are. (pytest would read all their names for each new number.)"""
    return tmp_path_factory.mktemp("users")


@pytest.fixture(autouse=True)
def hermetic(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty HOME, no git configuration but ours, no variable that ampsm, amp or git would listen to."""
    place = homes / f"user{next(_numbers)}"
    place.mkdir(mode=0o700)
    for name in list(os.environ):
        if name.startswith(("GIT_", "AMP", "XDG_", "AGENT")) or name in _NOT_OURS:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(place))
    for kind in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(place / kind.lower()))
    monkeypatch.setenv("AMPSM_HOME", str(place / "ampsm"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(place / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (place / "gitconfig").write_text(
        f"[user]\n\tname = Some Body\n\temail = body@example.org\n[init]\n\tdefaultBranch = main\n{NO_TIME}"
    )
    monkeypatch.setattr(database_files, "create", _copy_database)
    # Its rules are made once a process, with the secrets of the environment as it is then.
    redact._default.cache_clear()
    yield place
    redact._default.cache_clear()


_create_database = database_files.create


@functools.cache
def _made_database() -> Path:
    """A database as ampsm makes one, made once a process: its making is most of what a small test costs."""
    path = Path(TEMPLATES.name) / "database" / "ampsm.sqlite"
    store = Store(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_files, "create", _create_database)
        store.open()
    store.close()
    return path


def _copy_database(path: Path) -> None:
    if path.exists():
        _create_database(path)
        return
    made = _made_database().read_bytes()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(made)


@pytest.fixture
def real_making(hermetic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases are made step by step, as where ampsm runs, and not copied."""
    monkeypatch.setattr(database_files, "create", _create_database)


def git(cwd: Path, *arguments: str, at: str = "") -> str:
    """The git program's answer: the oracle. `at`: the time of what it commits."""
    environ = os.environ | {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at} if at else None
    done = subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True, env=environ)
    return done.stdout


def revision(root: Path, name: str = "HEAD") -> str:
    """The id that a name has, read without a start of git, which takes ten times as long as most of what a test does."""
    try:
        return str(pygit2.Repository(os.fspath(root), RepositoryOpenFlag.NO_SEARCH).revparse_single(name).id)
    except (pygit2.GitError, KeyError, ValueError):
        return git(root, "rev-parse", name).strip()


Files = Mapping[str, str | bytes]
"""Files of a repository: their paths in it, and what they hold."""


TEMPLATES = tempfile.TemporaryDirectory(prefix="ampsm-tests-")
"""What is made once a process and copied ever after."""


def pytest_sessionfinish() -> None:
    """Leave nothing in the temporary folder: a worker of pytest-xdist ends without Python's own cleaning up."""
    TEMPLATES.cleanup()
    gc.freeze()  # pytest looks through all that lives another five times


_made: dict[tuple[object, ...], Path] = {}


def first_commits(root: Path, *commits: tuple[Files, str], at: str = "") -> None:
    """A new repository with these commits (files, message); made once with this configuration of git, then copied.

    `at`: the time of all of them; now where there is none.
    """
    key = (repr(commits), at, Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text())
    if key not in _made:
        made = Path(TEMPLATES.name) / str(len(_made))
        made.mkdir()
        git(made, "init", "-q")
        for files, message in commits:
            for name, content in files.items():
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                (made / name).write_bytes(content.encode() if isinstance(content, str) else content)
            git(made, "add", "-A")
            git(made, "commit", "-q", "-m", message, at=at)
        for sample in (made / ".git" / "hooks").glob("*.sample"):
            sample.unlink()
        _made[key] = made
    shutil.copytree(_made[key], root)
    _note_inodes(root)


def _note_inodes(root: Path) -> None:
    """Let the index of a copied repository know its files, as if they had been written here."""
    index = pygit2.Repository(os.fspath(root), RepositoryOpenFlag.NO_SEARCH).index
    known = [(entry.path, entry.id, entry.mode) for entry in index]
    for path, _, _ in known:
        index.add(path)
    if known == [(entry.path, entry.id, entry.mode) for entry in index]:
        index.write()
    else:  # a filter or a setting that libgit2 does not know
        git(root, "update-index", "-q", "--refresh")


BEGIN = ({"README.md": "# A project\n", "app.py": "def answer() -> int:\n    return 41\n"}, "Begin")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A small repository with one commit on `main`."""
    root = tmp_path / "project"
    first_commits(root, BEGIN)
    return root
