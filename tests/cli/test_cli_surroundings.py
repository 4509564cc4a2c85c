"""What the machine refuses is a sentence with an exit code: no home, no room, no standard streams."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ampsm_engine.cli import diagnostics, entry_point
from ampsm_engine.errors import Failed, Unfit
from tests.cli.conftest import Ampsm, Shelf, program
from tests.soak import one_in


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """The program in a shell line: `ampsm` in it is the program."""
    text = f'ampsm() {{ "{sys.executable}" -m ampsm_tui "$@"; }}; {line}'
    return subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["ls"], ["status"], ["show", "x"], ["new", "a", "--no-run"], ["doctor"]])
def test_a_home_that_is_a_file_is_unfit(ampsm: Ampsm, hermetic: Path, repo: Path, arguments: list[str]) -> None:
    (hermetic / "ampsm").write_text("")
    if arguments[0] == "new":
        arguments = [*arguments, "--repo", str(repo)]
    ran = ampsm(*arguments)
    assert ran.code == 5, ran
    assert "that is a file" in ran.err + ran.out


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, Unfit),
        (errno.EPERM, Unfit),
        (errno.EROFS, Unfit),
        (errno.ENOTDIR, Unfit),
        (errno.ENOSPC, Failed),
        (errno.EDQUOT, Failed),
    ],
)
@pytest.mark.parametrize("name", ["/some/where", b"/some/where", None])
def test_what_the_system_forbids_has_a_class_and_a_hint(
    number: int, kind: type[Exception], name: str | bytes | None
) -> None:
    told = entry_point.machine_problem(OSError(number, os.strerror(number), name))
    assert type(told) is kind
    assert told is not None
    assert os.strerror(number) in told.message
    assert told.hint
    assert ("/some/where" in told.message) is (name is not None)


def test_what_may_be_a_fault_stays_one() -> None:
    assert entry_point.machine_problem(FileNotFoundError(errno.ENOENT, "No such file", "/x")) is None
    assert entry_point.machine_problem(OSError("odd")) is None


def test_a_refusal_of_the_system_ends_a_command_with_five(
    ampsm: Ampsm, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/h/slots/0")

    monkeypatch.setattr("ampsm_engine.cli.engine_access.open_engine", forbidden)
    ran = ampsm("ls")
    assert ran.code == 5
    assert ran.err == "error: /h/slots/0 cannot be used: Permission denied.\nhint: ls -ld /h/slots/0\n"


@pytest.mark.parametrize(
    "case",
    one_in(
        4,
        [
            ("ampsm ls <&- >&- 2>&-", 0),
            ("ampsm ls <&-", 0),
            ("ampsm ls >&-", 0),
            ("ampsm ls 2>&-", 0),
            ("ampsm show nobody 2>/dev/full", 3),
            ("ampsm show nobody 2>&-", 3),
            ("ampsm lss 2>/dev/full", 2),
            ("ampsm trash 2>/dev/full", 2),
            ("ampsm iterate x --prompt-file - <&-", 2),
            ("ampsm --version >&-", 0),
            ("ampsm status --tmux >&-", 0),
            ("ampsm doctor >&- | true", 0),
        ],
    ),
)
def test_closed_and_full_streams_are_no_fault(shelf: Shelf, hermetic: Path, case: tuple[str, int]) -> None:
    line, code = case
    shelf.session()
    ran = shell(line)
    assert ran.returncode == code, ran
    assert "Traceback" not in ran.stderr
    assert not list((hermetic / "ampsm").glob("fault-*"))


@pytest.mark.parametrize(
    "line", one_in(3, ["--help", "ls --help", "--version", "ls --json", "ls", "status --tmux", "config get"])
)
def test_a_full_disk_behind_stdout_is_told(shelf: Shelf, hermetic: Path, line: str) -> None:
    shelf.session(status="error")
    ran = shell(f"ampsm {line} >/dev/full")
    assert ran.returncode == 1, ran
    assert ran.stderr.startswith("error: ")
    assert "No space left" in ran.stderr
    assert not list((hermetic / "ampsm").glob("fault-*"))


def test_a_closed_stdout_does_not_become_the_database(hermetic: Path) -> None:
    """A descriptor that is free is given to what is opened next."""
    assert shell("ampsm ls >&-; ampsm ls >&-; ampsm ls --json").stdout.startswith('{"version"')


def test_a_fault_is_kept_elsewhere_when_the_home_cannot_take_it(hermetic: Path, tmp_path: Path) -> None:
    (hermetic / "ampsm").write_text("")
    code = (
        "from ampsm_engine.cli import entry_point\n"
        "try:\n raise RuntimeError('it broke')\n"
        "except RuntimeError as e:\n entry_point.report_unexpected(type(e), e, e.__traceback__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert "Traceback" not in done.stderr
    (report,) = tmp_path.glob("ampsm-*/fault-*.txt")
    assert str(report) in done.stderr
    assert "it broke" in report.read_text()


def test_stderr_that_nobody_takes_does_not_end_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, _text: str) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stderr", Gone())
    diagnostics.note("lost")
    diagnostics.error(Failed("lost", "lost"))


@pytest.mark.parametrize(
    "case",
    one_in(
        3,
        [
            (command, unbuffered)
            for command in ("ls", "ls --json", "events", "events --json")
            for unbuffered in ("", "1")
        ],
    ),
)
def test_a_reader_that_has_had_enough_is_no_failure(
    shelf: Shelf, case: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ampsm ls | head -1` in a script with pipefail."""
    command, buffered = case
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    shelf.session("one")
    reader, writer = os.pipe()
    os.close(reader)
    process = program(*command.split(), stdout=writer)
    os.close(writer)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"")
