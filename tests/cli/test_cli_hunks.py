"""stage, reject and viewed: what the keys of a review do, for scripts; git says what is staged and what is back."""

from pathlib import Path

import pytest

from tests.cli.conftest import Ampsm, made
from tests.conftest import git

LONG = [f"line {number}\n" for number in range(1, 41)]


@pytest.fixture
def long(ampsm: Ampsm, repo: Path) -> tuple[str, Path]:
    """A session whose worktree has two hunks in a tracked file, three lines in the first, and a new file."""
    (repo / "long.txt").write_text("".join(LONG))
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "long")
    session = made(ampsm, repo)
    worktree = Path(ampsm("show", session, "--json").json["session"]["worktreePath"])
    now = ["new first\n", *LONG]
    now[11:13] = ["eleven\n", "twelve\n", "and more\n"]
    now[33:34] = []
    (worktree / "long.txt").write_text("".join(now))
    (worktree / "binary").write_bytes(b"\0\1")
    return session, worktree


def staged(worktree: Path, path: str = "long.txt") -> list[str]:
    """The changed lines of the index."""
    shown = git(worktree, "diff", "--cached", "-U0", "--", path).splitlines()
    return [line for line in shown if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_files_lines_and_hunks_are_staged_and_taken_out_again(ampsm: Ampsm, long: tuple[str, Path]) -> None:
    session, worktree = long
    listed = ampsm("stage", session, "--json").json["hunks"]
    assert [(one["path"], one["line"], one["isStaged"]) for one in listed[1:]] == [
        ("long.txt", start, False) for start in (1, 12, 34)
    ]
    assert ampsm("stage", session, "long.txt:13").code == 0
    assert staged(worktree) == ["-line 12", "+twelve"], "a line takes with it what stood in its place"
    assert ampsm("stage", session, "long.txt:32", "--side", "old").code == 0
    assert ampsm("stage", session, "--hunk", listed[2]["id"][:8]).code == 0, "the rest of a hunk in part staged"
    assert staged(worktree) == ["-line 11", "-line 12", "+eleven", "+twelve", "+and more", "-line 32"]
    assert ampsm("stage", session, "long.txt:13", "--undo").code == 0
    ran = ampsm("stage", session, "long.txt:1", "binary", "--json")
    assert "+new first" in staged(worktree)
    assert "+twelve" not in staged(worktree)
    assert [one["isStaged"] for one in ran.json["hunks"]] == [True, True, False, True]
    assert ampsm("stage", session, "long.txt", "--undo").code == 0
    assert staged(worktree) == []
    assert git(worktree, "diff", "--cached", "--name-only").split() == ["binary"]
    assert "1 of 4 hunks staged" in ampsm("stage", session).out


def test_a_change_is_rejected_listed_and_brought_back(ampsm: Ampsm, long: tuple[str, Path]) -> None:
    session, worktree = long
    git(worktree, "add", ".")
    git(worktree, "commit", "-qm", "All")
    text = (worktree / "long.txt").read_text()
    ran = ampsm("reject", session, "long.txt:12-14", "--reason", "Not so", "--json")
    (made_one,) = ran.json["rejections"]
    assert (made_one["state"], made_one["reason"]) == ("done", "Not so")
    assert git(worktree, "log", "-1", "--format=%s").strip() == "ampsm: reject a change in long.txt"
    assert (worktree / "long.txt").read_text() == text.replace("eleven\ntwelve\nand more\n", "line 11\nline 12\n")
    hunk = ampsm("viewed", session, "--json").json["hunks"][-1]["id"]
    assert "by commit" in ampsm("reject", session, "--hunk", hunk).out
    assert "line 32\n" in (worktree / "long.txt").read_text()
    assert "Not so" in ampsm("reject", session).out
    assert ampsm("reject", session, "--undo", "last").out.endswith("it is back.\n")
    assert ampsm("reject", session, "--undo", made_one["id"][:6]).code == 0
    assert (worktree / "long.txt").read_text() == text
    assert ampsm("reject", session, "--undo", "last").code == 4


def test_what_is_viewed_stays_viewed_until_it_changes(ampsm: Ampsm, long: tuple[str, Path]) -> None:
    session, worktree = long

    def viewed() -> list[bool]:
        return [one["isViewed"] for one in ampsm("viewed", session, "--json").json["hunks"]]

    assert viewed() == [False] * 4
    assert "2 of 4 hunks viewed" in ampsm("viewed", session, "long.txt:11", "binary").out
    assert viewed() == [True, False, True, False]
    (worktree / "long.txt").write_text((worktree / "long.txt").read_text().replace("twelve", "12"))
    assert viewed() == [True, False, False, False]
    assert ampsm("diff", session, "--since", "looked", "--name-only").out.split() == ["long.txt"]
    assert "4 of 4" in ampsm("viewed", session, "--all").out
    assert "3 of 4" in ampsm("viewed", session, "long.txt:1", "--undo").out
    assert ampsm("diff", session, "--since", "looked", "--name-only").out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("stage", "ong.txt"), 3, "Did you mean long.txt?"),
        (("stage", "long.txt:20"), 3, "Nothing of long.txt is changed at line 20"),
        (("stage", "binary:1"), 4, "no lines to choose from"),
        (("stage", "--hunk", "zzzzzz"), 3, "no hunk"),
        (("stage", "--hunk", "z"), 3, "no hunk"),
        (("stage", "--undo"), 2, "needs a place"),
        (("stage", "long.txt", "README.md"), 3, "README.md is not changed in what is not committed"),
        (("reject", "long.txt", "--hunk", "x"), 2, "Choose one"),
        (("reject", "--reason", "x"), 2, "goes with"),
        (("reject", "--undo", "zzzz"), 3, "no rejection"),
        (("reject", "long.txt", "--iteration", "3"), 3, "no iteration 3"),
        (("viewed", "--all", "long.txt"), 2, "--all goes with"),
        (("viewed", "--undo"), 2, "needs a place"),
        (("viewed", "/etc/passwd"), 3, "not in the worktree"),
    ],
)
def test_slips_are_told_and_change_nothing(
    ampsm: Ampsm, long: tuple[str, Path], arguments: tuple[str, ...], code: int, words: str
) -> None:
    session, worktree = long
    before = git(worktree, "status", "--porcelain")
    ran = ampsm(arguments[0], session, *arguments[1:])
    assert (ran.code, words in ran.err) == (code, True), ran
    assert "hint: " in ran.err or code == 2
    assert git(worktree, "status", "--porcelain") == before
