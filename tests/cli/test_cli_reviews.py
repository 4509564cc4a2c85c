"""review, comments, comment, and diff on a terminal: what scripts and editors call, and what a person sees."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ampsm
from tests.cli.test_cli_diff import KEY
from tests.cli.test_cli_output import is_inert
from tests.conftest import git


def test_a_comment_is_made_listed_edited_resolved_and_deleted(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    ran = ampsm("comment", session, "app.py:2", "Why 42?", "--json")
    assert ran.code == 0
    made_one = ran.json["comment"]
    assert (made_one["path"], made_one["line"], made_one["quote"]) == ("app.py", 2, "    return 42")
    assert (made_one["state"], made_one["side"], made_one["place"]) == ("open", "new", "app.py:2")
    assert ampsm("comment", session, "app.py:1-2", "Both", "--side", "old").out.endswith("on app.py:1-2.\n")
    assert ampsm("comment", session, f"{worktree}/new.txt:1", "By its whole path").code == 0
    assert ampsm("comment", session, "README.md", "All of it").out.endswith(" on README.md.\n")
    assert ampsm("comment", session, "--edit", made_one["id"][:6], "Why not 43?").code == 4
    assert ampsm("comment", session, "--delete", made_one["id"][:6]).code == 4
    assert ampsm("comment", session, "--reopen", made_one["id"][:3]).code == 3
    assert ampsm("comment", session, "--reopen", made_one["id"][:4]).code == 0
    assert ampsm("comment", session, "--edit", made_one["id"], "Why not 43?").code == 0
    listed = ampsm("comments", session, "--json").json["comments"]
    assert [one["text"] for one in listed] == ["Why not 43?", "Both", "By its whole path", "All of it"]
    assert listed[1]["quote"] == "def answer() -> int:\n    return 41"
    assert ampsm("comment", session, "--resolve", made_one["id"]).code == 0
    assert ampsm("comment", session, "--delete", listed[1]["id"]).code == 0
    shown = ampsm("comments", session).out
    assert "By its whole path" in shown
    assert "Why not" not in shown
    assert "Both" not in ampsm("comments", session, "--all").out
    assert "Why not" in ampsm("comments", session, "--all").out
    assert not git(worktree, "for-each-ref", f"refs/ampsm/review/*/{listed[1]['id']}/*")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("app.py:9", "x"), 3, "no line 9: it has 2"),
        (("nothing.py:1", "x"), 3, "no file"),
        (("../../etc/passwd:1", "x"), 3, "no file"),
        (("/etc/passwd:1", "x"), 3, "not in the worktree"),
        (("app.py:0", "x"), 2, "count from 1"),
        (("app.py:2-1", "x"), 2, "last one is before its first"),
        (("new.txt:1", "x", "--side", "old"), 3, "--side new"),
        (("app.py:1", " \n"), 2, "visible character"),
        (("app.py:1",), 2, "place and a text"),
        (("--resolve", "zz"), 3, "no comment"),
        (("--resolve", "zz", "more"), 2, "nothing but"),
        (("--edit", "zz"), 2, "new text"),
    ],
)
def test_what_cannot_be_commented_on_is_said(
    ampsm: Ampsm, changed: tuple[str, Path], arguments: tuple[str, ...], code: int, words: str
) -> None:
    ran = ampsm("comment", changed[0], *arguments)
    assert (ran.code, words in ran.err) == (code, True), ran.err
    assert ampsm("comments", changed[0], "--json").json["comments"] == []


def test_no_secret_and_no_order_to_a_terminal_gets_out_by_a_comment(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    (worktree / "app.py").write_text(f"key = '{KEY}'\nprint('\x1b[2J\u202e')\n")
    ampsm("comment", session, "app.py:1", f"Is {KEY} yours?")
    ampsm("comment", session, "app.py:2", "See \x1b]0;owned\x07 this")
    for form in ((), ("--prompt",), ("--json",)):
        ran = ampsm("comments", session, *form)
        assert ran.code == 0
        assert KEY not in ran.out
        assert is_inert(ran.out, "\n\t")


def test_comments_are_sent_and_come_back_with_what_amp_did(
    ampsm: Ampsm, changed: tuple[str, Path], scripted: Callable[[str], None]
) -> None:
    session, _ = changed
    assert ampsm("comments", session, "--send").code == 4
    ampsm("comment", session, "app.py:2", "Why 42?")
    assert "Why 42?" in ampsm("comments", session, "--prompt").out
    ran = ampsm("comments", session, "--send", "--wait", "--json")
    assert (ran.code, ran.json["iteration"]["outcome"]) == (0, "done")
    (one,) = ampsm("comments", session, "--json").json["comments"]
    assert (one["state"], one["outcome"], one["iterationId"]) == ("sent", "untouched", ran.json["iteration"]["id"])
    assert ampsm("comment", "--answer", one["id"], "done", "It was \x1b[31mso").code == 0
    answered = ampsm("comments", session, "--json").json
    (one,) = answered["comments"]
    assert (one["answer"], one["answerText"], one["round"], one["differs"]) == ("done", "It was \x1b[31mso", 1, True)
    assert [(each["number"], each["iterationId"]) for each in answered["rounds"]] == [(1, one["iterationId"])]
    shown = ampsm("comments", session).out
    assert "untouched ≠" in shown
    assert is_inert(shown, "\n\t")
    assert "1 sent in 1 round: 1 done" in ampsm("show", session).out
    assert ampsm("comments", session, "--prompt").out == ""
    ampsm("comment", session, "--reopen", one["id"])
    assert "Why 42?" in ampsm("comments", session, "--prompt").out


def test_notes_of_scripts_are_taken_or_dismissed_and_dismissed_ones_stay_away(
    ampsm: Ampsm, changed: tuple[str, Path], tmp_path: Path
) -> None:
    session, worktree = changed
    made = ampsm("note", session, "app.py:2", f"magic \x1b[31m{KEY}", "--by", "ruff", "--json").json["notes"][0]
    assert (made["state"], made["author"], made["place"]) == ("note", "ruff", "app.py:2")
    assert ampsm("note", session, "app.py:2", f"magic \x1b[31m{KEY}", "--by", "ruff", "--json").json["notes"][0] == made
    shown = ampsm("note", session).out
    assert "ruff" in shown
    assert KEY not in shown
    assert is_inert(shown, "\n\t")
    assert ampsm("comments", session, "--json").json["comments"] == []
    assert ampsm("comments", session, "--prompt").out == ""
    findings = tmp_path / "findings"
    findings.write_text(f"app.py:2: too short\n{worktree}/new.txt:1 - what for?\nnosuch.py:3: gone\n")
    ran = ampsm("note", session, "--findings", str(findings))
    assert ("nosuch.py:3" in ran.err, "2 notes" in ran.err) == (True, True)
    (worktree / "app.py").write_text("# one line more\n" + (worktree / "app.py").read_text())
    places = {one["text"]: (one["place"], one["author"]) for one in ampsm("note", session, "--json").json["notes"]}
    assert (places["too short"], places["what for?"]) == (("app.py:3", "amp review"), ("new.txt:1", "amp review"))
    assert ampsm("note", session, "--take", made["id"]).code == 0
    assert ampsm("note", session, "--take", made["id"]).code == 4
    assert [one["id"] for one in ampsm("comments", session, "--json").json["comments"]] == [made["id"]]
    assert "magic" in ampsm("comments", session, "--prompt").out
    for one in ampsm("note", session, "--json").json["notes"]:
        assert ampsm("note", session, "--dismiss", one["id"]).code == 0
    (worktree / "app.py").write_text((worktree / "app.py").read_text().removeprefix("# one line more\n"))
    assert ampsm("note", session, "--findings", str(findings)).code == 0
    findings.write_text("All is well.\n")
    nothing = ampsm("note", session, "--findings", str(findings))
    assert (nothing.code, "No findings were recognised" in nothing.err) == (1, True)
    assert ampsm("note", session, "--json").json["notes"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("note", "app.py:1"), 2, "place and a text"),
        (("note", "app.py:1", "x", "--take", "y"), 2, "Choose one"),
        (("note", "app.py:99", "x"), 3, "no line 99"),
        (("note", "--take", "nosuch"), 3, "no comment"),
        (("note", "--findings", "/nosuch"), 3, "cannot be read"),
        (("comment", "--answer", "nosuch", "done"), 3, "no comment"),
        (("comment", "--answer", "x", "perhaps"), 2, "An answer is done"),
        (("comment", "--answer", "x", "no"), 2, "or no and why"),
    ],
)
def test_what_is_no_note_and_no_answer_is_said(
    ampsm: Ampsm, changed: tuple[str, Path], arguments: tuple[str, ...], code: int, words: str
) -> None:
    command, *rest = arguments
    ran = ampsm(command, changed[0], *rest)
    assert (ran.code, words in ran.err) == (code, True), ran.err


def test_review_needs_a_terminal(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    ran = ampsm("review", changed[0])
    assert (ran.code, "ampsm diff" in ran.err) == (4, True)
    assert "ampsm diff 'two words'" in ampsm("review", "two words").err


def on_a_terminal(*arguments: str, **variables: str) -> bytes:
    """What the program writes to a terminal, that is its stdout and nothing else."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "ampsm_tui", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm-256color"} | variables,
    )
    os.close(theirs)
    taken = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux's way to say that nobody holds the other end
            break
        if not piece:
            break
        taken += piece
    os.close(ours)
    assert child.wait() == 0
    return taken


def test_diff_on_a_terminal_is_coloured_and_goes_through_the_pager(changed: tuple[str, Path], tmp_path: Path) -> None:
    session, worktree = changed
    (worktree / "app.py").write_text("def answer() -> int:\n-- 41\n\x1b[2Jred\n")
    git(worktree, "commit", "-qam", "Hostile")
    (worktree / "app.py").write_text("def answer() -> int:\n")
    seen = tmp_path / "seen"
    shown = on_a_terminal("diff", session, "--uncommitted", GIT_PAGER=f"cat > {seen}; echo done")
    assert shown.strip() == b"done"
    text = seen.read_bytes().decode()
    # What was deleted is red, although it looks like a header; what steers a terminal is a picture.
    assert "\x1b[31m--- 41\x1b[0m\n" in text
    assert "\x1b[31m-␛[2Jred\x1b[0m\n" in text
    assert "\x1b[2J" not in text
    assert b"\x1b[32m+new" in on_a_terminal("diff", session, "--uncommitted", "--no-pager")
    assert b"\x1b" not in on_a_terminal("diff", session, "--uncommitted", GIT_PAGER="", NO_COLOR="1")
    assert b"+new" in on_a_terminal("diff", session, "--uncommitted", GIT_PAGER="no-such-pager-anywhere")


def test_the_pager_is_the_users_and_never_the_repositorys(changed: tuple[str, Path], hermetic: Path) -> None:
    from ampsm_engine.cli import diff

    _, worktree = changed
    git(worktree, "config", "core.pager", "touch /owned")
    assert diff.chosen_pager({}) == "less -R"
    assert diff.chosen_pager({"PAGER": "more"}) == "more"
    git(worktree, "config", "--global", "core.pager", "less -S")
    assert diff.chosen_pager({"PAGER": "more"}) == "less -S"
    assert diff.chosen_pager({"GIT_PAGER": "cat", "PAGER": "more"}) == ""
