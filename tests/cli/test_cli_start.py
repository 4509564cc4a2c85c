"""A light command starts light, and every command explains itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine.cli import entry_point, plain_arguments, session_start
from ampsm_engine.cli.root import MODULES
from tests.cli.conftest import Ampsm, Shelf, program

HEAVY = ("textual", "pygit2", "notifypy", "psutil", "rich", "asyncio", "platformdirs", "tomlkit")

NESTED = [
    ["trash", "ls"],
    ["trash", "restore"],
    ["trash", "purge"],
    ["config", "path"],
    ["config", "get"],
    ["config", "set"],
    ["batch", "export"],
    ["batch", "report"],
]


def imported(*arguments: str) -> set[str]:
    """The modules that a command imports, seen from outside."""
    code = (
        "import os, sys\nos._exit = sys.exit\nfrom ampsm_tui.__main__ import main\ntry:\n    main()\nexcept SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=os.environ
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls", "--json"],
        ["ls"],
        ["show", "1a2b3c4d5e", "--json"],
        ["status", "--tmux"],
        ["events", "--json"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(shelf: Shelf, arguments: list[str]) -> None:
    shelf.session()
    assert imported(*arguments) & set(HEAVY) == set()


def test_a_command_loads_its_own_file_alone(shelf: Shelf) -> None:
    shelf.session()
    rooms = {name.rpartition(".")[2] for name in imported("events", "--json") if name.startswith("ampsm_engine.cli.")}
    assert rooms & set(MODULES.values()) == {"watch"}


@pytest.mark.parametrize(
    "arguments",
    [
        *(["ls"], ["ls", "--json"], ["show", "fix"], ["show", "fix login", "--json"], ["show", "nobody"]),
        *(["show", "\u00e9t\u00e9"], ["show", "ls"], ["show", "dark", "--json"]),
        *(["merge", "nobody", "-m", "All"], ["merge", "fix", "-m", "All", "--yes", "--no-ff", "--no-squash", "--json"]),
    ],
    ids=" ".join,
)
def test_plain_arguments_mean_the_same_to_the_parser(
    ampsm: Ampsm, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    shelf.session("fix login")
    shelf.session("\u00e9t\u00e9")
    directly = ampsm(*arguments)
    assert plain_arguments.command(arguments, None) is not None
    monkeypatch.setattr(plain_arguments, "command", lambda *_: None)
    assert ampsm(*arguments) == directly


@pytest.mark.parametrize(
    "arguments",
    [
        *(["ls", "--json", "--json"], ["ls", "--jso"], ["ls", "-s", "idle"], ["show"], ["show", "--json"]),
        *(["show", "--help"], ["show", "-h"], ["show", "--", "x"], ["show", ""], ["show", "x\udc80"], ["show", "x\n"]),
        *(["merge", "x"], ["merge", "x", "-m"], ["merge", "x", "-m", " "], ["merge", "x", "-m", "-y"]),
        *(["merge", "x", "-m", "y", "--no-f"], ["merge", "x", "-m", "y", "-y"], ["merge", "x", "-m", "y", "z"]),
        *(
            ["new"],
            ["new", ""],
            ["new", " "],
            ["new", "--json"],
            ["new", "x", "y"],
            ["new", "x", "--name"],
            ["new", "-h"],
        ),
        *(["new", "x", "--name", " "], ["new", "x", "--name", "y", "--name", "z"], ["new", "x", "--repo", "nowhere"]),
        *(
            ["new", "x", "--wait"],
            ["new", "x", "--no-r"],
            ["new", "x\ny"],
            ["new", "--", "x"],
            ["new", "x", "--mode", "y"],
        ),
        *(["--help"], ["-h"], ["l"], ["events", "--json"], ["show", "--json", "x"], ["review", "x"], []),
    ],
    ids=repr,
)
def test_what_is_not_plain_is_left_to_the_parser(arguments: list[str]) -> None:
    assert plain_arguments.command(arguments, None) is None


@pytest.mark.parametrize(
    "arguments",
    [
        *(["Fix it"], ["Fix it", "--name", "fix"], ["--name", "fix", "--no-run"], ["--json", "Fix it", "--no-run"]),
        *(["--repo", ".", "Fix it", "--name", "ls", "--json"], ["ls"], ["\u00e9t\u00e9", "--name", "\u00e9t\u00e9"]),
    ],
    ids=" ".join,
)
def test_a_plain_new_session_means_the_same_to_the_parser(
    ampsm: Ampsm, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    begun: list[dict[str, object]] = []

    def begin(path: Path, prompt: str | None, **given: object) -> int:
        as_given = {key: value for key, value in given.items() if value is not None}
        begun.append(
            {"wait": False, "trust_setup": False, "with_setup": True, "path": path, "prompt": prompt} | as_given
        )
        return 0

    monkeypatch.setattr(session_start, "begin", begin)
    assert plain_arguments.command(["new", *arguments], None) is not None
    ampsm("new", *arguments)
    monkeypatch.setattr(plain_arguments, "command", lambda *_: None)
    ampsm("new", *arguments)
    assert begun[0] == begun[1]


@pytest.mark.parametrize("command", [*([name] for name in MODULES), *NESTED], ids=" ".join)
def test_every_command_explains_itself(ampsm: Ampsm, command: list[str]) -> None:
    ran = ampsm(*command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: ampsm {' '.join(command)}")
    assert max(map(len, ran.out.splitlines())) <= 100
    assert "\b" not in ran.out
    lines = ran.out[: ran.out.find("\nOptions:")].splitlines()
    assert all(line.startswith("    ") for line in lines if line.lstrip().startswith("ampsm ")), "an example a line"


def test_the_help_explains_the_words(ampsm: Ampsm) -> None:
    ran = ampsm("--help")
    assert ran.code == 0
    for word in ("  session ", "  iteration ", "  base ", "ampsm demo", "ampsm new", "Exit codes"):
        assert word in ran.out
    assert all(f"\n  {name}  " in ran.out for name in MODULES)
    assert ran.out == ampsm("-h").out


def test_commands_of_the_contract_are_there() -> None:
    wanted = "new ls show status iterate wait stop log run edit adopt diff rm trash events doctor repair config demo"
    assert set(wanted.split()) <= set(MODULES)


def test_version(ampsm: Ampsm) -> None:
    ran = ampsm("--version")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("ampsm 0.")
    assert program("--version").communicate()[0].decode() == ran.out, "the short way says the same"


@pytest.mark.parametrize("arguments", [["--version"], ["status", "--tmux"]], ids=" ".join)
def test_what_runs_by_the_minute_imports_next_to_nothing(shelf: Shelf, arguments: list[str]) -> None:
    shelf.session()
    assert (
        imported(*arguments) & {"click", "pathlib", "dataclasses", "ampsm_engine.home", "ampsm_engine.model"} == set()
    )


@pytest.mark.parametrize("arguments", [["ls", "--json"], ["status", "--tmux"]], ids=" ".join)
def test_a_folder_that_is_gone_is_no_matter(shelf: Shelf, tmp_path: Path, arguments: list[str]) -> None:
    """As where a shell stands in the worktree of a session that went to the trash."""
    shelf.session("here")
    (gone := tmp_path / "gone").mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    ampsm = [Path(sys.executable).with_name("ampsm"), *arguments]
    done = subprocess.run(["/bin/sh", "-c", script, gone, *ampsm], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ampsm_alone_tells_what_to_try(ampsm: Ampsm, shelf: Shelf) -> None:
    assert "ampsm demo" in ampsm().out
    shelf.session("fix login")
    assert "fix login" in ampsm().out


def test_ampsm_alone_opens_the_screens_on_a_terminal_only(ampsm: Ampsm, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def screens() -> int:
        opened.append("screens")
        return 7

    assert entry_point.run([], screens=screens) == 0
    assert opened == []
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert entry_point.run([], screens=screens) == 7
    assert opened == ["screens"]


def test_a_review_is_opened_on_a_terminal_without_a_parser_and_refused_as_with_one(
    ampsm: Ampsm, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    session = shelf.session("fix login")
    opened: list[str] = []

    def screens(*, review: str) -> int:
        opened.append(review)
        return 7

    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert entry_point.run(["review", "fix login"], screens=screens) == 7
    assert entry_point.run(["review", session.id[:4]], screens=screens) == 7
    assert opened == [session.id] * 2
    capsysbinary.readouterr()
    directly = entry_point.run(["review", "nobody"], screens=screens), capsysbinary.readouterr()
    parsed = entry_point.run(["review", "--", "nobody"], screens=screens), capsysbinary.readouterr()
    assert directly == parsed
    assert directly[0] == 3
    assert entry_point.run(["review", "--help"], screens=screens) == 0
    assert len(opened) == 2


def test_completion_scripts_are_scripts(ampsm: Ampsm, tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        ran = ampsm("completion", shell)
        assert ran.code == 0
        assert "_AMPSM_COMPLETE" in ran.out
    script = tmp_path / "c.bash"
    script.write_text(ampsm("completion", "bash").out)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ampsm sh", ["show"]),
        ("ampsm show 1", ["1a2b3c4d5e"]),
        ("ampsm show dark", ["dark"]),
        ("ampsm log dark --f", ["--follow"]),
        ("ampsm ls --status aw", ["awaiting-input"]),
        ("ampsm config get amp.m", ["amp.mode"]),
        ("ampsm trash restore ", []),
    ],
)
def test_tab_completes(shelf: Shelf, words: str, found: list[str]) -> None:
    shelf.session("fix login\x1b[2J")
    shelf.session("dark")
    assert completed(words) == found


def completed(words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "ampsm_tui"],
        env=os.environ
        | {"_AMPSM_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_completing_makes_nothing(hermetic: Path) -> None:
    assert completed("ampsm show x") == []
    assert not (hermetic / "ampsm").exists()


def test_a_side_process_runs_the_launcher_and_starts_nothing() -> None:
    """Who starts a process of this program anew, as the screens do for their questions, runs its main file by another name."""
    launcher = Path(__file__).parents[2] / "scripts" / "ampsm"
    code = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__mp_main__'); print('nothing')"
    done = subprocess.run([sys.executable, "-c", code, launcher], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing\n", "")
