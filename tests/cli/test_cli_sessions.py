"""new, ls, show, edit, adopt: what they print is a contract, on a pipe, on a terminal and as JSON."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pexpect
import pytest

from ampsm_engine.context import Engine
from ampsm_engine.model import Outcome, ScriptResult, State, Status, Tally
from tests.cli.conftest import Ampsm, Shelf
from tests.cli.test_cli_output import HOSTILE, is_inert
from tests.conftest import git

SESSION_KEYS = {
    *("id", "name", "ampPrompt", "repoRoot", "baseBranch", "branchName", "worktreePath", "status"),
    *("scriptCommand", "modelOverride", "createdAt", "lastRun", "notes", "threadId", "iterations"),
}
ITERATION_KEYS = {
    *("id", "sessionId", "startTime", "endTime", "commitSha", "changedFiles", "testResult", "testExitCode"),
    *("tokenUsage", "state", "outcome", "error", "threadId", "inputTokens", "outputTokens"),
    *("cacheCreationTokens", "cacheReadTokens", "turns", "durationMs", "failure", "hint", "prompt", "number"),
}


def spawned(columns: int, *arguments: str) -> "pexpect.spawn[str]":
    """The program on a terminal of that width, without colours."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return pexpect.spawn(
        sys.executable,
        ["-m", "ampsm_tui", *arguments],
        dimensions=(40, columns),
        env=kept | {"TERM": "xterm-256color", "NO_COLOR": "1"},
        encoding="utf-8",
        timeout=60,
    )


def screen(columns: int, *arguments: str) -> list[str]:
    """What a terminal of that width gets."""
    child = spawned(columns, *arguments)
    shown = child.read()
    child.close()
    assert child.exitstatus == 0, shown
    return str(shown).replace("\r", "").splitlines()


@pytest.fixture
def board(shelf: Shelf) -> Shelf:
    """One session of each kind, told apart at a glance."""
    idle = shelf.session("fix login")
    shelf.iteration(
        idle, commit_sha="c0ffee" * 6 + "1234", changed_files=3, tally=Tally(1000, 200, 30, 4), status=Status.IDLE
    )
    waiting = shelf.session("dark mode")
    shelf.iteration(
        waiting,
        commit_sha="beef" * 10,
        changed_files=1,
        test_result=ScriptResult.FAIL,
        test_exit_code=2,
        status=Status.AWAITING_INPUT,
    )
    broken = shelf.session("export")
    shelf.iteration(
        broken, outcome=Outcome.FAILED, failure="no-credit", error="amp is out of credits.", status=Status.ERROR
    )
    shelf.session("not begun")
    running = shelf.session("the long one")
    shelf.iteration(running, State.RUNNING, activity="$ make test")
    return shelf


def test_ls_on_a_pipe(ampsm: Ampsm, board: Shelf) -> None:
    ran = ampsm("ls")
    assert (ran.code, ran.err) == (0, "")
    table = [re.split(r"  +", line.strip()) for line in ran.out.splitlines()]
    age, table[2][7] = table[2][7], "AGE"
    assert re.fullmatch(r"\d+[mhdwy]|now", age), "by the clock of the machine"
    assert table == [
        ["STATUS", "NAME", "REPO", "DOING", "ITER", "TOKENS", "AGE", "ID"],
        ["●", "running", "the long one", "shop", "$ make test", "1", "-", "now", "5a2b3c4d5e"],
        ["○", "idle", "not begun", "shop", "no iteration yet", "0", "-", "AGE", "4a2b3c4d5e"],
        ["✗", "error", "export", "shop", "amp is out of credits.", "1", "-", "now", "3a2b3c4d5e"],
        [
            "◆",
            "awaiting-input",
            "dark mode",
            "shop",
            "script failed (2), 1 file changed",
            "1",
            "-",
            "now",
            "2a2b3c4d5e",
        ],
        ["○", "idle", "fix login", "shop", "3 files changed", "1", "1.2k", "now", "1a2b3c4d5e"],
    ]
    columns = {line.index("a2b3c4d5e") for line in ran.out.splitlines()[1:]}
    assert len(columns) == 1, "the columns are aligned"


@pytest.mark.parametrize("columns", [30, 50, 80, 200])
def test_ls_fits_a_terminal(board: Shelf, columns: int) -> None:
    board.session("a name that is far too long for a side pane of thirty columns, and 日本語 as well")
    lines = screen(columns, "ls")
    assert len(lines) == 7, lines
    assert max(len(line.rstrip()) for line in lines) <= columns
    assert all(name[:10] in "\n".join(lines) for name in ("fix login", "dark mode", "export", "the long one"))
    assert any("…" in line for line in lines) == (columns < 200)
    assert ("ID" in lines[0]) == (columns >= 50)


def test_ls_json(ampsm: Ampsm, board: Shelf) -> None:
    ran = ampsm("ls", "--json")
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    assert ran.json["version"] == 1
    assert set(ran.json) == {"version", "sessions"}
    assert [one["name"] for one in ran.json["sessions"]] == [
        *("the long one", "not begun", "export", "dark mode", "fix login"),
    ]
    for session in ran.json["sessions"]:
        assert set(session) >= SESSION_KEYS
        for iteration in session["iterations"]:
            assert set(iteration) >= ITERATION_KEYS
    last = ran.json["sessions"][-1]["iterations"][0]
    assert last["tokenUsage"] == 1234
    assert [last[key] for key in ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")] == [
        *(1000, 200, 30, 4),
    ]
    unknown = ran.json["sessions"][2]["iterations"][0]
    assert (unknown["tokenUsage"], unknown["inputTokens"], unknown["commitSha"]) == (None, None, None)
    assert (unknown["outcome"], unknown["error"]) == ("failed", "amp is out of credits.")


def test_ls_filters(ampsm: Ampsm, board: Shelf, repo: Path) -> None:
    def names(*arguments: str) -> list[str]:
        return [one["name"] for one in ampsm("ls", "--json", *arguments).json["sessions"]]

    assert names("--status", "error") == ["export"]
    assert names("-s", "error", "-s", "awaiting-input") == ["export", "dark mode"]
    assert names("--repo", str(repo)) == []
    board.session("here", repo_root=str(repo))
    (repo / "below").mkdir()
    assert names("--repo", str(repo / "below")) == ["here"]
    shutil.rmtree(board.made[0].repo_root)
    assert names("--repo", board.made[0].repo_root) != []


@pytest.mark.parametrize(
    "verb", [("ls",), ("radar",), ("check", "--all"), ("metrics",), ("export", "--format", "csv"), ("report",)]
)
def test_a_repository_that_is_none_is_an_error(
    ampsm: Ampsm, board: Shelf, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    ran = ampsm(*verb, "--repo", "/nope")
    assert (ran.code, ran.out) == (3, "")
    assert "There is no folder /nope" in ran.err
    ran = ampsm(*verb, "--repo", str(tmp_path))
    assert (ran.code, ran.out) == (5, "")
    assert "is not in a git repository" in ran.err


def test_ls_in_a_worktree_lists_the_sessions_of_its_repository(ampsm: Ampsm, changed: tuple[str, Path]) -> None:
    session, worktree = changed
    ran = ampsm("ls", "--repo", str(worktree), "--json")
    assert [one["id"] for one in ran.json["sessions"]] == [session]


def test_no_sessions(ampsm: Ampsm) -> None:
    ran = ampsm("ls")
    assert (ran.code, ran.out) == (0, "")
    assert "ampsm new" in ran.err
    assert ampsm("ls", "--json").out == '{"version":1,"sessions":[]}\n'


def test_hostile_sessions_are_inert(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session(
        HOSTILE,
        amp_prompt=HOSTILE,
        notes=HOSTILE,
        script_command=HOSTILE,
        repo_root=f"/a{HOSTILE}",
        base_branch=HOSTILE,
    )
    shelf.iteration(session, prompt=HOSTILE, outcome=Outcome.FAILED, error=HOSTILE, hint=HOSTILE, status=Status.ERROR)
    for command in (["ls"], ["show", session.id], [], ["events"], ["log", session.id]):
        ran = ampsm(*command)
        assert ran.code == 0, ran
        assert is_inert(ran.out + ran.err, "\n"), command
    for command in (["ls", "--json"], ["show", session.id, "--json"], ["events", "--json"]):
        ran = ampsm(*command)
        assert ran.out.isascii()
        assert is_inert(ran.out, "\n")
    assert "\x1b[2J" in json.loads(ampsm("ls", "--json").out)["sessions"][0]["name"]


def test_hostile_names_are_inert_on_a_terminal(shelf: Shelf) -> None:
    shelf.session("[red]markup[/red] :smile: \x1b[2J\u202e")
    shown = "\n".join(screen(120, "ls"))
    assert "[red]markup[/red] :smile: ␛[2J<U+202E>" in shown
    assert is_inert(shown, "\n")


def test_show(ampsm: Ampsm, board: Shelf, repo: Path) -> None:
    board.session("real", id="9" * 10, repo_root=str(repo), notes="first\nsecond", script_command="make test")
    ran = ampsm("show", "real")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "○ real  idle"
    assert "make test" in ran.out
    assert "second" in ran.out
    ran = ampsm("show", "3a2b")
    assert "amp is out of credits." in ran.out
    assert "failed" in ran.out
    assert "hint: ampsm log 3a2b3c4d5e" in ran.err


def test_show_json_is_the_contract(ampsm: Ampsm, board: Shelf) -> None:
    ran = ampsm("show", "fix login", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert set(ran.json) == {"version", "session", "readiness"}
    assert set(ran.json["session"]) >= SESSION_KEYS
    assert ran.json["session"]["iterations"][0]["number"] == 1


def test_a_reference_is_an_id_a_prefix_or_a_name(ampsm: Ampsm, board: Shelf) -> None:
    for reference in ("1a2b3c4d5e", "1a2b", "fix login", "fix"):
        assert ampsm("show", reference, "--json").json["session"]["id"] == "1a2b3c4d5e"
    board.session("fix login")
    ran = ampsm("show", "fix login")
    assert ran.code == 4
    assert "1a2b3c4d5e" in ran.err


CHANGING = (
    ("rm", "{}", "--yes"),
    ("stop", "{}"),
    ("iterate", "{}", "Go on"),
    ("run", "{}"),
    ("edit", "{}", "--notes", "x"),
    ("squash", "{}", "-m", "x"),
    ("rebase", "{}"),
    ("merge", "{}", "-m", "x", "--yes"),
    ("merge", "{}", "--abort"),
    ("merge", "{}", "--undo"),
    ("merge", "{}", "--continue"),
    ("merge", "{}", "--reject"),
    ("merge", "{}", "--amp"),
    ("comment", "{}", "a.txt:1", "x"),
    ("comments", "{}", "--send"),
    ("trash", "restore", "{}"),
    ("trash", "purge", "{}", "--yes"),
)


def test_a_beginning_is_enough_for_looking_only(ampsm: Ampsm, board: Shelf) -> None:
    """`--yes` answers the question of the command, and not which session is meant."""
    store = board.engine.store

    def everything() -> tuple[object, ...]:
        return store.sessions.all(), store.sessions.all(trashed=True), store.facts.read()

    for words in CHANGING:
        if words[0] == "trash":
            store.sessions.update("1a2b3c4d5e", trashed_at="2026-09-02T00:00:00.000Z")
        for beginning in ("1a2b", "fix lo"):
            before = everything()
            ran = ampsm(*(word.format(beginning) for word in words), *(() if words[-1] == "--reject" else ("--json",)))
            assert ran.code == 4, ran
            assert f"{beginning!r} is the beginning of the" in ran.err
            assert "session fix login (1a2b3c4d5e)" in ran.err
            assert "Name it: 1a2b3c4d5e" in ran.err
            assert everything() == before, words


def test_new_without_a_run(ampsm: Ampsm, repo: Path, engine: Engine) -> None:
    before = git(repo, "rev-parse", "HEAD", "refs/heads/main") + git(repo, "status", "--porcelain", "--branch")
    ran = ampsm("new", "--no-run", "--name", "fix login", "--repo", str(repo), "--script", "make", "--json")
    assert (ran.code, ran.err) == (0, "")
    session = ran.json["session"]
    assert (session["name"], session["status"], session["baseBranch"], session["iterations"]) == (
        *("fix login", "idle", "main", []),
    )
    assert session["scriptCommand"] == "make"
    assert f"worktree {session['worktreePath']}\n" in git(repo, "worktree", "list", "--porcelain")
    assert session["branchName"].startswith("amp/fix-login/")
    after = git(repo, "rev-parse", "HEAD", "refs/heads/main") + git(repo, "status", "--porcelain", "--branch")
    assert after == before
    ran = ampsm("new", "--no-run", "--repo", str(repo))
    assert ran.code == 0
    assert "iteration  none yet" in ran.out
    assert "hint: ampsm iterate " in ran.err


def test_an_unknown_base_is_not_found(ampsm: Ampsm, repo: Path) -> None:
    ran = ampsm("new", "--no-run", "--repo", str(repo), "--base", "mian")
    assert (ran.code, ran.out) == (3, "")
    assert "main" in ran.err
    assert ampsm("ls", "--json").json["sessions"] == []


def test_without_amp_new_is_unfit_and_makes_nothing(ampsm: Ampsm, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_CLI_PATH", "/nowhere/amp")
    ran = ampsm("new", "Do it", "--repo", str(repo))
    assert (ran.code, ran.out) == (5, "")
    assert "hint:" in ran.err
    assert not (repo / ".worktrees").exists()


def test_prompts_that_are_no_text_are_wrong_usage(ampsm: Ampsm, repo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"caf\xe9")
    (tmp_path / "empty").write_bytes(b" \n")
    (tmp_path / "huge").write_bytes(b"x" * 1_048_577)
    for name, code, word in (("bad", 2, "UTF-8"), ("empty", 2, "empty"), ("huge", 4, "larger")):
        ran = ampsm("new", "--repo", str(repo), "--prompt-file", str(tmp_path / name))
        assert (ran.code, ran.out) == (code, "")
        assert word in ran.err
    ran = ampsm("new", "caf\udce9", "--repo", str(repo))
    assert (ran.code, "UTF-8" in ran.err) == (2, True)


def test_a_key_typed_in_the_wrong_place_is_not_told(ampsm: Ampsm, repo: Path) -> None:
    key = "sgamp_" + "user_01TYPO_" + "0123456789abcdef" * 2
    for words in (("new", "--no-run", "--repo", str(repo), "--base", key), ("show", key), (key,), ("ls", f"--{key}")):
        ran = ampsm(*words)
        assert ran.code in {2, 3}, words
        assert key not in ran.out + ran.err, words


def test_a_complaint_of_the_post_checkout_hook_is_told(ampsm: Ampsm, repo: Path) -> None:
    hook = repo / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'npm is missing' >&2\nexit 3\n")
    hook.chmod(0o755)
    ran = ampsm("new", "x", "--repo", str(repo), "--no-run")
    assert ran.code == 0
    assert "warning: The post-checkout hook ended with 3: npm is missing." in ran.err


def test_what_a_new_worktree_was_given_is_no_warning_and_what_it_was_not_is_one(ampsm: Ampsm, repo: Path) -> None:
    (repo / ".worktreeinclude").write_text("*.env\n")
    (repo / ".git/info/exclude").write_text("*.env\n")
    (repo / "a.env").write_text("A=1\n")
    (repo / "b.env").symlink_to("/etc/hostname")
    ran = ampsm("new", "x", "--repo", str(repo), "--no-run")
    assert ran.code == 0
    assert "warning: Not copied, it is a link that leads out of the repository: b.env." in ran.err
    assert "warning: Copied" not in ran.err
    assert "Copied from the checkout: 1 ignored file, 4 bytes." in ran.err


def test_edit(ampsm: Ampsm, shelf: Shelf) -> None:
    shelf.session("fix login", script_command="make")
    ran = ampsm(
        "edit", "1a2b3c4d5e", "--name", "Login", "--notes", "ask Ann", "--script", "", "--mode", "rush", "--json"
    )
    session = ran.json["session"]
    assert (session["name"], session["notes"], session["scriptCommand"], session["modelOverride"]) == (
        *("Login", "ask Ann", None, "rush"),
    )
    assert ampsm("edit", "Login", "--name", " \x1b ").code == 2


def test_adopt(ampsm: Ampsm, repo: Path) -> None:
    git(repo, "worktree", "add", "-q", "-b", "mine", "../mine")
    ran = ampsm("adopt", str(repo.parent / "mine"), "--name", "taken in", "--json")
    assert ran.code == 0, ran
    assert (ran.json["session"]["branchName"], ran.json["session"]["name"]) == ("mine", "taken in")
    assert ampsm("adopt", str(repo.parent / "mine")).code == 4
    assert ampsm("adopt", str(repo)).code == 4


def test_tags_and_an_archive_of_ones_own(ampsm: Ampsm, board: Shelf) -> None:
    assert ampsm("edit", "dark mode", "--tag", "Design", "--tag", "#urgent").code == 0
    assert ampsm("edit", "fix login", "--tag", "urgent").code == 0
    tagged = ampsm("ls", "--tag", "urgent", "--json").json["sessions"]
    assert [(one["name"], one["tags"]) for one in tagged] == [
        ("dark mode", ["design", "urgent"]),
        ("fix login", ["urgent"]),
    ]
    assert [one["name"] for one in ampsm("ls", "--tag", "urgent", "--tag", "design", "--json").json["sessions"]] == [
        "dark mode"
    ]
    assert ampsm("edit", "dark mode", "--untag", "design", "--archive").code == 0
    assert ampsm("show", "dark mode", "--json").json["session"]["tags"] == ["urgent"]
    assert "dark mode" not in ampsm("ls").out
    assert "dark mode" in ampsm("ls", "--archived").out
    assert ampsm("status", "--json").json["awaitingInput"] == 0
    assert ampsm("edit", "dark mode", "--unarchive").code == 0
    assert "dark mode" in ampsm("ls").out
    wrong = ampsm("edit", "dark mode", "--tag", "two words")
    assert (wrong.code, "one word" in wrong.err) == (4, True)


def test_a_session_is_found_by_a_beginning_large_or_small_and_a_word_of_its_name_is_offered(
    ampsm: Ampsm, board: Shelf
) -> None:
    assert ampsm("show", "DARK", "--json").json["session"]["name"] == "dark mode"
    assert "Did you mean 'fix login'?" in ampsm("show", "login").err
