"""What the columns of an iteration do not say reaches the person who waits, looks or reads, and the JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine import labels
from ampsm_engine.cli import iteration_text
from ampsm_engine.model import BoardRow, Fact, Iteration, Outcome, ScriptResult, State, Status
from tests.cli.conftest import Ampsm, Shelf

HOOK = "the changes are left in /somewhere/shop/.worktrees/1: the hook said:\nno tabs please\nsee \x1b[2J line 3"

KINDS = {
    "not-committed": HOOK,
    "left-out": ".env: it holds secrets",
    "branch": "the agent had left its branch",
    "stray": "ended what was left running: sleep 1000",
    "note": "a hook of the repository changed a file",
    "context": "the context files could not be written",
    "trouble": "the disk is full",
    "not-redacted": "/h/runs/x could not be cleaned of secrets",
}


def noted(shelf: Shelf, facts: dict[str, str], **columns: object) -> tuple[str, str]:
    """A session whose only iteration is done and has these facts; the ids of both."""
    session = shelf.session(f"session {len(shelf.made)}")
    iteration = shelf.iteration(session, status=Status.AWAITING_INPUT, **columns)
    for kind, text in facts.items():
        shelf.engine.store.facts.add(kind, text, session_id=session.id, iteration_id=iteration.id)
    return session.id, iteration.id


def test_notes_are_told_by_wait_show_and_log(ampsm: Ampsm, shelf: Shelf) -> None:
    session, _ = noted(shelf, KINDS)
    for shown in (ampsm("wait", session).err, ampsm("show", session).out, ampsm("log", session).out):
        assert "\x1b" not in shown
        for text in KINDS.values():
            assert text.split("\n")[0] in shown, (text, shown)
        assert "no tabs please" in shown
        assert "not committed: the changes are left in" in shown
        assert "not committed: .env" in shown
    assert "no commit" not in ampsm("wait", session).err
    assert "iteration 1 done; not committed" in ampsm("wait", session).err
    assert f"hint: ampsm diff {session} --uncommitted" in ampsm("wait", session).err


def test_notes_stand_in_the_json_of_every_iteration(ampsm: Ampsm, shelf: Shelf) -> None:
    session, _ = noted(shelf, KINDS)
    plain, _ = noted(shelf, {})
    expected = [{"kind": kind, "text": text} for kind, text in KINDS.items()]
    assert ampsm("show", session, "--json").json["session"]["iterations"][0]["notes"] == expected
    listed = {each["id"]: each["iterations"][0]["notes"] for each in ampsm("ls", "--json").json["sessions"]}
    assert listed == {session: expected, plain: []}
    assert ampsm("wait", session, "--json").json["sessions"][0]["iterations"][0]["notes"] == expected
    assert ampsm("log", session, "--json").json["iteration"]["notes"] == expected


def test_the_list_does_not_say_that_nothing_changed(ampsm: Ampsm, shelf: Shelf) -> None:
    noted(shelf, {"not-committed": HOOK})
    noted(shelf, {"not-committed": HOOK}, test_result=ScriptResult.FAIL, test_exit_code=1)
    noted(shelf, {"not-committed": HOOK}, commit_sha="c" * 40, changed_files=2)
    noted(shelf, {"lost-worktree": "the worktree is gone"})
    noted(shelf, {"left-out": "x"}, test_result=ScriptResult.FAIL, test_exit_code=1)
    lines = ampsm("ls").out.splitlines()[:0:-1]
    assert [any("not committed" in line for line in (each,)) for each in lines] == [True, True, False, True, False]
    assert "script failed (1), not committed" in lines[1]
    assert "2 files changed, not all of it committed" in lines[2]
    assert "script failed (1), no new changes" in lines[4]


def test_a_refused_commit_is_never_plainly_done(ampsm: Ampsm, repo: Path, scripted: Callable[[str], None]) -> None:
    """The whole way: a real hook, a real worker."""
    hook = repo / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no tabs please >&2\nexit 1\n")
    hook.chmod(0o755)
    ran = ampsm("new", "Add a greeting", "--repo", str(repo), "--wait", "--json")
    assert "not committed" in ran.err
    assert "no tabs please" in ran.err
    assert "no commit" not in ran.err
    (note,) = [each for each in ran.json["session"]["iterations"][0]["notes"] if each["kind"] == "not-committed"]
    assert "no tabs please" in note["text"]
    assert "not committed" in ampsm("ls").out


def test_a_script_that_took_too_long_is_not_one_that_failed(ampsm: Ampsm, shelf: Shelf) -> None:
    text = "the script took longer than 900 s and was ended"
    session, _ = noted(shelf, {"tested": text}, test_result=ScriptResult.FAIL, test_exit_code=124)
    own, _ = noted(
        shelf, {"tested": "the script failed with exit code 7"}, test_result=ScriptResult.FAIL, test_exit_code=7
    )
    for shown in (ampsm("wait", session).err, ampsm("show", session).out, ampsm("log", session).out):
        assert "script took longer than 900 s and was ended" in shown
        assert "failed with exit code 124" not in shown
    assert ampsm("show", session, "--json").json["session"]["iterations"][0]["notes"] == [
        {"kind": "tested", "text": text}
    ]
    assert "script failed with exit code 7" in ampsm("wait", own).err
    assert ampsm("show", own, "--json").json["session"]["iterations"][0]["notes"] == []


def test_many_notes_of_one_kind_are_counted() -> None:
    facts = [Fact(number, "t", "left-out", "s", "i", f"file{number}: secret") for number in range(12)]
    told = iteration_text.sentences(facts)
    assert len(told) == iteration_text.MOST + 1
    assert "7 more" in told[-1][1]


def test_the_whole_error_is_read_in_show_and_log_and_its_gist_in_lists(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session()
    error = "Error: request failed\n  at fetch (cli.js:1)\nreason: no route to host\n---\n"
    shelf.iteration(session, outcome=Outcome.FAILED, error=error, status=Status.ERROR)
    listed = ampsm("ls").out
    assert "reason: no route to host" in listed
    assert "at fetch" not in listed
    assert "reason: no route to host" in ampsm("wait", session.id).err
    for shown in (ampsm("show", session.id).out, ampsm("log", session.id).out):
        assert "at fetch (cli.js:1)" in shown


@pytest.mark.parametrize(
    ("text", "gist"),
    [
        *[("one", "one"), ("a\nb\n---\n\n", "b"), ("", ""), ("!!\n??", "!!\n??"), (" x \r\n ", "x")],
        ("Error: Couldn't connect.\n\nRun `pnpm dev`, then try again.", "Error: Couldn't connect."),
        ("error: failed to push\nhint: Updates were rejected", "error: failed to push"),
        ("Run it again.", "Run it again."),
    ],
)
def test_the_gist_is_the_last_line_that_says_what_is_wrong(text: str, gist: str) -> None:
    assert labels.key_line(text) == gist


def test_what_is_long_does_not_widen_a_list_off_a_terminal(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session("n" * 200)
    shelf.iteration(session, outcome=Outcome.FAILED, error="e" * 5000, prompt="p" * 3000, status=Status.ERROR)
    assert max(map(len, ampsm("ls").out.splitlines())) < 250
    assert "n" * 59 + "…" in ampsm("ls").out
    assert all(len(line) < 250 for line in ampsm("show", session.id).out.splitlines() if "p" * 50 in line)


def test_log_does_not_point_to_itself(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session()
    shelf.iteration(session)
    assert f"hint: ampsm iterate {session.id}" in ampsm("log", session.id).err
    shelf.iteration(session, outcome=Outcome.FAILED, error="amp gave up.", hint=f"ampsm log {session.id}")
    assert "ampsm log" not in ampsm("log", session.id).err
    assert f"hint: ampsm log {session.id}" in ampsm("wait", session.id).err


def test_the_board_tells_uncommitted_work_by_the_status(shelf: Shelf) -> None:
    session = shelf.session(status=Status.AWAITING_INPUT)
    done = Iteration("i", session.id, 1, "p", State.SETTLED, "t", outcome=Outcome.DONE)
    assert labels.activity(BoardRow(session, 1, 0, done)) == "not committed"
    assert labels.activity(BoardRow(session, 1, 0, done), uncommitted=False) == "no new changes"


def test_smaller_refusals_say_what_to_do(ampsm: Ampsm, shelf: Shelf, repo: Path, tmp_path: Path) -> None:
    session = shelf.session()
    ran = ampsm("edit", session.id, "--name", " \u200b ")
    assert ran.code == 2
    assert "visible character" in ran.err
    (tmp_path / "nul").write_bytes(b"Fix\0it")
    ran = ampsm("new", "--prompt-file", str(tmp_path / "nul"), "--repo", str(repo))
    assert ran.code == 2
    assert "NUL" in ran.err
    for value in ("-1", "-0.5", "1e20"):
        ran = ampsm("config", "set", "slots", value)
        assert ran.code == 2
        assert "from 1 to 256" in ran.err


def test_a_file_name_that_is_no_text_keeps_its_bytes_in_json(ampsm: Ampsm, repo: Path) -> None:
    import base64
    import os

    session = ampsm("new", "--no-run", "--repo", str(repo), "--json").json["session"]
    raw = b"caf\xe9.txt"
    Path(os.fsdecode(os.fsencode(session["worktreePath"]) + b"/" + raw)).write_text("x")
    (Path(session["worktreePath"]) / "plain.txt").write_text("x")
    ran = ampsm("diff", session["id"], "--json")
    json.loads(ran.out.encode())
    odd, plain = ran.json["files"]
    assert odd["path"] == "caf\ufffd.txt"
    assert base64.b64decode(odd["pathBytes"]) == raw
    assert plain["path"] == "plain.txt"
    assert "pathBytes" not in plain


def test_a_repository_that_is_gone_is_called_that(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session(repo_root="/nowhere/shop", worktree_path="/nowhere/shop/.worktrees/1")
    told = "The repository /nowhere/shop of session fix login is gone."
    assert told in ampsm("show", session.id).out
    for arguments in (["diff", session.id], ["diff", session.id, "--uncommitted"]):
        ran = ampsm(*arguments)
        assert ran.code == 3
        assert told in ran.err
        assert "ampsm rm" in ran.err
