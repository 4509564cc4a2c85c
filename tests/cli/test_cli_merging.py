"""preflight, squash, rebase and merge as a person or a script calls them: words, documents, exit codes."""

import json
import os
import pty
import shlex
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ampsm, program
from tests.conftest import git
from tests.merging.desk import lines
from tests.soak import one_in


class Task:
    """A session made by the command line, with commits of amp's."""

    def __init__(self, ampsm: Ampsm, repo: Path, name: str = "dark mode") -> None:
        made = ampsm("new", "--no-run", "--name", name, "--repo", str(repo), "--json").json["session"]
        self.id, self.branch, self.at, self.repo = made["id"], made["branchName"], Path(made["worktreePath"]), repo

    def amp(self, path: str, content: str, subject: str = "amp: work") -> None:
        (self.at / path).write_text(content)
        git(self.at, "add", "-A")
        git(self.at, "commit", "-qm", f"{subject}\n\nAmpsm-Session: {self.id}")


@pytest.fixture
def task(ampsm: Ampsm, repo: Path) -> Task:
    (repo / "one.txt").write_text(lines())
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "One")
    made = Task(ampsm, repo)
    made.amp("one.txt", lines(_3="dark"), "amp: paint it dark")
    return made


def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `gh` that writes down how it was called, into the file that is answered."""
    folder, called = tmp_path / "bin", tmp_path / "called"
    folder.mkdir()
    tool = folder / "gh"
    tool.write_text(
        "#!/usr/bin/env python3\nimport json, sys\n"
        f"open({str(called)!r}, 'w').write(json.dumps(sys.argv[1:]))\n"
        "print('https://github.com/some/where/pull/7')\n"
    )
    tool.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return called


def main_moves(repo: Path, content: str) -> None:
    (repo / "one.txt").write_text(content)
    git(repo, "commit", "-qam", "The base goes on")


def test_preflight_says_what_is_there_and_what_to_do(ampsm: Ampsm, task: Task) -> None:
    ran = ampsm("preflight", "dark mode")
    assert ran.code == 0
    assert [line.split()[1] for line in ran.out.splitlines()] == [
        "session", "worktree", "base", "commits", "script", "conflicts", "secrets",
    ]  # fmt: skip
    assert f"ampsm merge {task.id} -m 'Paint it dark'" in ran.err
    (task.at / "new.txt").write_text("x")
    ran = ampsm("preflight", "dark mode", "--json")
    assert (ran.code, ran.json["version"], ran.json["ready"]) == (4, 1, False)
    (stop,) = [finding for finding in ran.json["findings"] if finding["level"] == "stop"]
    assert stop["kind"] == "worktree"
    assert "new.txt" in stop["text"]
    assert stop["hint"]


def test_merge_and_undo(ampsm: Ampsm, task: Task) -> None:
    before = git(task.repo, "rev-parse", "main")
    ran = ampsm("merge", task.id, "-m", "Dark mode", "-m", "With words.", "--json")
    assert (ran.code, ran.json["commits"], ran.json["session"]["status"]) == (0, 1, "done")
    assert ran.json["merge"]["target"] == "main"
    assert ran.json["checkouts"] == [str(task.repo)]
    assert git(task.repo, "log", "-1", "--format=%B").startswith("Dark mode\n\nWith words.\n")
    ran = ampsm("merge", task.id, "--undo")
    assert (ran.code, ran.out) == (0, "main and the session are as before the merge.\n")
    assert git(task.repo, "rev-parse", "main") == before
    assert ampsm("merge", task.id, "--undo").code == 3


def test_conflicts_end_with_four_and_wait(ampsm: Ampsm, task: Task, scripted: Callable[[str], None]) -> None:
    main_moves(task.repo, lines(_3="light"))
    ran = ampsm("merge", task.id, "-m", "Dark mode", "--json")
    assert ran.code == 4
    assert ran.json["conflicts"] == [{"path": "one.txt", "kind": "content", "hunks": 1}]
    assert "main is untouched" in ran.err
    assert "--continue" in ran.err
    assert ampsm("merge", task.id, "--continue").code == 4
    assert "one.txt" in ampsm("merge", task.id, "--show").out
    for refused in (("iterate", task.id, "More"), ("merge", task.id, "-m", "x"), ("rm", task.id, "--yes")):
        ran = ampsm(*refused)
        assert (ran.code, "--continue" in ran.err) == (4, True), refused
    (task.at / "one.txt").write_text(lines(_3="dim"))
    git(task.at, "add", "one.txt")
    ran = ampsm("merge", task.id, "--continue")
    assert (ran.code, ran.out.startswith("dark mode is in main: 1 commit (")) == (0, True)
    assert (task.repo / "one.txt").read_text() == lines(_3="dim")


def test_abort(ampsm: Ampsm, task: Task) -> None:
    tip = git(task.repo, "rev-parse", task.branch)
    main_moves(task.repo, lines(_3="light"))
    assert ampsm("rebase", task.id).code == 4
    ran = ampsm("merge", task.id, "--abort", "--json")
    assert (ran.code, ran.json["merge"]["state"], ran.json["merge"]["kind"]) == (0, "aborted", "rebase")
    assert git(task.repo, "rev-parse", task.branch) == tip
    assert git(task.at, "status", "--porcelain") == ""


def test_squash_and_rebase_move_the_session_alone(ampsm: Ampsm, task: Task) -> None:
    task.amp("two.txt", "two\n")
    main_moves(task.repo, lines(_15="base"))
    main = git(task.repo, "rev-parse", "main")
    assert ampsm("squash", task.id, "-m", "Both").code == 0
    assert git(task.repo, "rev-list", "--count", f"main..{task.branch}").strip() == "1"
    assert ampsm("rebase", task.id).code == 0
    assert git(task.repo, "merge-base", "main", task.branch) == main
    assert git(task.repo, "rev-parse", "main") == main
    assert ampsm("merge", task.id, "--undo").code == 0
    assert ampsm("merge", task.id, "--undo").code == 0
    assert git(task.repo, "rev-list", "--count", f"main..{task.branch}").strip() == "2"


def test_wrong_usage(ampsm: Ampsm, task: Task) -> None:
    for arguments in ("", "--continue --abort", "--accept", "-m x --manual other", "-m x --pr --no-ff"):
        assert ampsm("merge", task.id, *arguments.split()).code == 2, arguments


def test_a_patch_that_git_am_takes(ampsm: Ampsm, task: Task, tmp_path: Path) -> None:
    (task.at / "bin").write_bytes(bytes(range(256)))
    task.amp("two.txt", "two\n")
    before = git(task.repo, "rev-parse", "main").strip()
    patch = tmp_path / "work.patch"
    assert ampsm("merge", task.id, "-m", "Dark mode", "--export-patch", str(patch)).code == 0
    git(task.repo, "worktree", "add", "-q", "--detach", str(tmp_path / "other"), before)
    git(tmp_path / "other", "am", "-q", str(patch))
    assert git(tmp_path / "other", "rev-parse", "HEAD^{tree}") == git(task.repo, "rev-parse", "main^{tree}")
    refused = ampsm("merge", task.id, "-m", "x", "--export-patch", str(patch))
    assert refused.code == 4


def test_push(ampsm: Ampsm, task: Task, tmp_path: Path) -> None:
    ran = ampsm("merge", task.id, "-m", "x", "--push")
    assert (ran.code, "no remote" in ran.err) == (4, True)
    git(task.repo, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    git(task.repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(task.repo, "push", "-q", "origin", "main")
    ran = ampsm("merge", task.id, "-m", "Dark mode", "--push")
    assert (ran.code, "main is pushed to origin/main" in ran.out) == (0, True)
    assert git(tmp_path / "remote.git", "rev-parse", "main") == git(task.repo, "rev-parse", "main")


def test_a_push_that_would_be_rejected_is_refused_before(ampsm: Ampsm, task: Task, tmp_path: Path) -> None:
    git(task.repo, "clone", "-q", "--bare", str(task.repo), str(tmp_path / "remote.git"))
    git(task.repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), "other")
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "Theirs")
    git(tmp_path / "other", "push", "-q", "--force", "origin", "HEAD:main")
    git(task.repo, "fetch", "-q")
    git(task.repo, "branch", "-q", "-u", "origin/main", "main")
    before = git(task.repo, "rev-parse", "main")
    ran = ampsm("merge", task.id, "-m", "x", "--push")
    assert (ran.code, "would be rejected" in ran.err) == (4, True)
    assert git(task.repo, "rev-parse", "main") == before
    ran = ampsm("preflight", task.id, "--fetch")
    assert "main is 1 commit behind origin/main" in ran.out


def test_a_pull_request(ampsm: Ampsm, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(task.repo, "init", "-q", "--bare", str(tmp_path / "github.com.git"))
    git(task.repo, "remote", "add", "origin", str(tmp_path / "github.com.git"))
    ran = ampsm("merge", task.id, "-m", "x", "--pr")
    assert (ran.code, "gh" in ran.err) == (5, True)
    gh(tmp_path, monkeypatch)
    before = git(task.repo, "rev-parse", "main")
    ran = ampsm("merge", task.id, "-m", "Dark mode", "-m", "$(touch x); `y`", "--pr")
    assert (ran.code, "https://github.com/some/where/pull/7" in ran.out) == (0, True)
    called = json.loads((tmp_path / "called").read_text())
    assert called[:6] == ["pr", "create", "--base", "main", "--head", task.branch]
    assert called[6:] == ["--title", "Dark mode", "--body", "$(touch x); `y`"]
    assert git(task.repo, "rev-parse", "main") == before
    assert git(tmp_path / "github.com.git", "rev-parse", task.branch) == git(task.repo, "rev-parse", task.branch)


def test_a_killed_merge_is_told_by_the_next_command(ampsm: Ampsm, task: Task) -> None:
    from ampsm_engine.context import engine_at
    from ampsm_engine.merging import journal, situation
    from ampsm_engine.merging.results import Options

    engine = engine_at()
    now = situation.look(engine.store, task.id)
    engine.store.merges.begin(journal.new(now, Options(message="x"), moved="main"))
    ran = ampsm("ls", "--json")
    assert "The merge of dark mode was rolled back" in ran.err
    assert ran.json["sessions"][0]["status"] == "idle"
    assert "rolled back" not in ampsm("ls").err
    done = subprocess.run(["git", "fsck"], cwd=task.repo, capture_output=True, check=True)
    assert b"error" not in done.stderr


def test_what_looks_like_a_secret_needs_a_word(ampsm: Ampsm, task: Task) -> None:
    before = git(task.repo, "rev-parse", "main")
    task.amp("settings.py", "KEY = 'sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2 + "'\n")
    ran = ampsm("merge", task.id, "-m", "Settings")
    assert ran.code == 4
    assert "looks like a secret would be merged, in settings.py" in ran.err
    assert "0123456789abcdef" not in ran.err + ran.out
    assert "--yes" in ran.err
    assert git(task.repo, "rev-parse", "main") == before
    for command in (("squash", task.id, "-m", "Settings"), ("rebase", task.id)):
        ran = ampsm(*command)
        assert (ran.code, "looks like a secret" in ran.err) == (4, True)
    git(task.at, "commit", "-q", "--amend", "-m", "Use sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2)
    told = ampsm("preflight", task.id)
    assert "0123456789abcdef" not in told.err + told.out
    assert "redacted" in ampsm("preflight", task.id, "--json").json["draft"]
    (hint,) = [line for line in ampsm("merge", task.id, "-m", "It's set").err.splitlines() if "hint:" in line]
    assert ampsm(*shlex.split(hint.partition("ampsm ")[2])).code == 0
    assert git(task.repo, "log", "-1", "--format=%s", "main").strip() == "It's set"
    assert git(task.repo, "rev-parse", "main") != before


@pytest.mark.parametrize("result", one_in(2, ["fails", "never ran", "ran on an older commit"]))
def test_a_script_that_does_not_pass_needs_a_word(ampsm: Ampsm, task: Task, result: str) -> None:
    passes = "test ! -e one.txt" if result == "fails" else "true"
    assert ampsm("edit", task.id, "--script", passes).code == 0
    if result != "never ran":
        ampsm("preflight", task.id)
    if result == "ran on an older commit":
        task.amp("two.txt", "two\n")
    before = git(task.repo, "rev-parse", "main")
    ran = ampsm("merge", task.id, "-m", "Dark mode")
    said = "The script of dark mode fails on" if result == "fails" else "The script of dark mode has not run on"
    assert (ran.code, said in ran.err, "--yes" in ran.err) == (4, True, True)
    assert git(task.repo, "rev-parse", "main") == before
    if result != "fails":
        assert ampsm("preflight", task.id).code == 0
    assert ampsm("merge", task.id, "-m", "Dark mode", *(["--yes"] if result == "fails" else [])).code == 0


FORK = {
    "gh repo fork": {"branch.main.remote": "upstream"},
    "pushRemote": {"remote.upstream.gh-resolved": "base", "branch.main.pushRemote": "mine"},
    "pushDefault": {"branch.main.remote": "upstream", "remote.pushDefault": "mine"},
    "gh's own choice": {"remote.origin.gh-resolved": "them/shop", "remote.pushDefault": "origin"},
    "which base": {"branch.main.remote": "origin"},
    "not clear": {"branch.main.remote": "upstream"},
}


FORK_OF = {"gh's own choice": "them/shop"}


@pytest.mark.parametrize("how", one_in(2, FORK))
def test_a_pull_request_of_a_fork_pushes_to_the_fork(
    ampsm: Ampsm, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    called = gh(tmp_path, monkeypatch)
    names = {"upstream": "them", "origin": "me"} | ({"mine": "me2"} if how in ("pushDefault", "not clear") else {})
    names |= {"mine": "me2"} if how == "pushRemote" else {}
    for name, owner in names.items():
        address = f"git@github.com:{owner}/shop.git"
        git(task.repo, "init", "-q", "--bare", str(tmp_path / owner))
        git(task.repo, "remote", "add", name, address)
        git(task.repo, "config", f"url.{tmp_path / owner}.insteadOf", address)
    for name, value in FORK[how].items():
        git(task.repo, "config", name, value)
    ran = ampsm("merge", task.id, "-m", "Dark mode", "--pr")
    pushed = [owner for owner in names.values() if git(tmp_path / owner, "branch", "--list", task.branch)]
    if how in ("not clear", "which base"):
        assert (ran.code, "not clear" in ran.err, pushed) == (4, True, [])
        assert "config remote." in ran.err
        return
    mine = "me" if how in ("gh repo fork", "gh's own choice") else "me2"
    assert (ran.code, pushed) == (0, [mine])
    arguments = json.loads(called.read_text())
    assert arguments[:4] == ["pr", "create", "--base", "main"]
    assert arguments[4:8] == ["--head", f"{mine}:{task.branch}", "--repo", FORK_OF.get(how, "github.com/them/shop")]


def test_a_pull_request_does_not_bring_what_the_base_has_not_pushed(
    ampsm: Ampsm, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh(tmp_path, monkeypatch)
    git(task.repo, "init", "-q", "--bare", str(tmp_path / "github.com.git"))
    git(task.repo, "remote", "add", "origin", str(tmp_path / "github.com.git"))
    git(task.repo, "push", "-q", "origin", "main")
    main_moves(task.repo, lines(_15="not to be seen yet"))
    ran = ampsm("merge", task.id, "-m", "Dark mode", "--pr")
    assert (ran.code, "'The base goes on' by Some Body" in ran.err) == (4, True)
    assert git(tmp_path / "github.com.git", "branch", "--list", task.branch) == ""
    assert ampsm("merge", task.id, "-m", "Dark mode", "--pr", "--yes").code == 0


def test_a_rebase_onto_nothing_speaks_of_a_rebase(ampsm: Ampsm, task: Task) -> None:
    ran = ampsm("rebase", task.id, "--onto", "nope")
    assert ran.code == 3
    assert "nope, which dark mode would be rebased onto, is no branch or commit" in ran.err
    assert f"ampsm rebase {task.id} --onto REF" in ran.err


def test_amps_resolution_is_rejected(ampsm: Ampsm, task: Task, scripted: Callable[[str], None]) -> None:
    main_moves(task.repo, lines(_3="light"))
    assert ampsm("merge", task.id, "-m", "Dark mode").code == 4
    laid_out = (task.at / "one.txt").read_text()
    assert ampsm("merge", task.id, "--reject").code == 4  # amp was not asked
    scripted(json.dumps([{"shell": "echo resolved > one.txt; echo more > more.txt"}, {"say": "Done"}]))
    assert ampsm("merge", task.id, "--amp").code == 0
    ampsm("wait", task.id)
    ran = ampsm("merge", task.id, "--show")
    assert "+resolved" in ran.out
    ran = ampsm("merge", task.id, "--reject", "--json")
    assert (ran.code, ran.json["needsReview"], [one["path"] for one in ran.json["conflicts"]]) == (
        0,
        False,
        ["one.txt"],
    )
    assert (task.at / "one.txt").read_text() == laid_out
    assert not (task.at / "more.txt").exists()
    assert git(task.at, "status", "--porcelain") == "UU one.txt\n"


def in_editor(folder: Path, script: str, *arguments: str) -> tuple[int, str]:
    """The exit code and the output of the program in a terminal whose editor is a shell script."""
    editor = folder / "editor"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(stat.S_IRWXU)
    ours, theirs = pty.openpty()
    child = program(
        *arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"GIT_EDITOR": str(editor)}
    )
    os.close(theirs)
    taken = b""
    while piece := _read(ours):
        taken += piece
    os.close(ours)
    return child.wait(), taken.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that nobody holds the other end
        return b""


def test_without_a_message_the_editor_opens_with_a_draft_and_nothing_written_is_lost(
    ampsm: Ampsm, task: Task, repo: Path, tmp_path: Path
) -> None:
    before = git(repo, "rev-parse", "main")
    seen_file = tmp_path / "seen"
    code, said = in_editor(tmp_path, f'cp "$1" {seen_file}; : > "$1"', "merge", task.id)
    assert (code, "The message is empty" in said) == (4, True)
    seen = seen_file.read_text()
    assert seen.startswith("Paint it dark\n\n# ---")
    assert "main is fast-forwarded" in seen
    code, said = in_editor(tmp_path, 'echo "Half a thought" > "$1"; kill -9 $$', "merge", task.id)
    assert (code, "what you wrote is kept" in said) == (4, True)
    assert git(repo, "rev-parse", "main") == before
    code, said = in_editor(tmp_path, 'grep -q "^Half a thought" "$1"', "merge", task.id, "-e")
    assert code == 0, said
    assert git(repo, "log", "-1", "--format=%s", "main").strip() == "Half a thought"
    assert ampsm("squash", task.id).code == 2
    for verb in ("squash", "merge"):
        ran = ampsm(verb, "nobody")
        assert (ran.code, "nobody" in ran.err, "-m" in ran.err) == (3, True, False), (
            "first that there is no such session"
        )
