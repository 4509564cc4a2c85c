"""merge --train, check and radar as a person or a script calls them: words, documents, exit codes, signals."""

import json
import signal
from pathlib import Path

import pytest

from tests import waiting
from tests.cli.conftest import Ampsm, program
from tests.conftest import git
from tests.merging.desk import lines

SCRIPT = "echo judging; ! grep -q left one.txt || ! grep -q right two.txt"


class Tasks:
    """Sessions made by the command line, each with one commit of amp's."""

    def __init__(self, ampsm: Ampsm, repo: Path) -> None:
        self.ampsm, self.repo = ampsm, repo
        for name in ("one.txt", "two.txt"):
            (repo / name).write_text(lines())
        git(repo, "add", "-A")
        git(repo, "commit", "-qm", "Two files")

    def add(self, name: str, files: dict[str, str], script: str = SCRIPT) -> str:
        made = self.ampsm("new", "--no-run", "--name", name, "--script", script, "--repo", str(self.repo), "--json")
        session = made.json["session"]
        at = Path(session["worktreePath"])
        for path, content in files.items():
            (at / path).write_text(content)
        git(at, "add", "-A")
        git(at, "commit", "-qm", f"amp: {name}\n\nAmpsm-Session: {session['id']}")
        return str(session["id"])

    def pair(self) -> list[str]:
        """Two that do not go together, and one between them that goes with both."""
        return [
            self.add("left", {"one.txt": lines(_3="left")}),
            self.add("fine", {"fine.txt": "x\n"}),
            self.add("right", {"two.txt": lines(_5="right")}),
        ]


@pytest.fixture
def tasks(ampsm: Ampsm, repo: Path) -> Tasks:
    return Tasks(ampsm, repo)


def test_a_train_tells_what_landed_and_what_did_not(ampsm: Ampsm, tasks: Tasks) -> None:
    left, fine, right = tasks.pair()
    ran = ampsm("merge", "left", "fine", "right", "--train")
    assert ran.code == 1
    assert "✓ left" in ran.out
    assert "✓ fine" in ran.out
    assert "✗ right" in ran.out
    assert "    judging" in ran.out
    assert "main has 2 sessions more" in ran.out
    assert f"ampsm merge {fine} --undo" in ran.err
    again = ampsm("merge", left, fine, right, "--train", "--json")
    document = again.json["train"]
    assert again.code == 1
    assert again.json["version"] == 1
    assert list(document) == ["target", "baseBefore", "baseAfter", "scripts", "runs", "extraRuns", "landed", "setAside"]
    assert [(one["name"], one["why"]) for one in document["setAside"]] == [
        ("left", "nothing"), ("fine", "nothing"), ("right", "script"),
    ]  # fmt: skip
    assert list(document["setAside"][0]) == ["sessionId", "name", "why", "reason", "hint", "files", "log"]
    assert ampsm("merge", left, fine, "--train").code == 0
    assert ampsm("merge", fine, "--undo").code == 0


def test_what_conflicts_is_a_refusal_and_no_failure(ampsm: Ampsm, tasks: Tasks) -> None:
    tasks.add("one", {"one.txt": lines(_3="one")})
    two = tasks.add("two", {"one.txt": lines(_3="two")})
    ran = ampsm("merge", "one", "two", "--train", "--json")
    assert ran.code == 4
    assert ran.json["train"]["setAside"][0]["files"] == ["one.txt"]
    assert [one["name"] for one in ran.json["train"]["landed"]] == ["one"]
    assert list(ran.json["train"]["landed"][0]) == ["sessionId", "name", "merge"]
    assert f"ampsm merge {two} -m MESSAGE" in ran.json["train"]["setAside"][0]["hint"]


def test_what_is_asked_first_can_be_said_yes_to(ampsm: Ampsm, tasks: Tasks) -> None:
    one = tasks.add("one", {".env": "KEY=sk-ant-REDACTEDx\n"})
    refused = ampsm("merge", one, "--train", "--script", "true", "--no-ff", "--json")
    assert refused.code == 4
    assert "looks like a secret" in refused.json["error"]["message"]
    hint = refused.json["error"]["hint"]
    assert hint == f"ampsm merge {one} --train --script true --no-ff --yes"
    assert ampsm(*hint.split()[1:]).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("merge", "a", "b"), "with --train"),
        (("merge", "a", "--script", "true"), "--script goes with --train"),
        (("merge", "a", "b", "--train", "-m", "x"), "each message is drafted"),
        (("merge", "a", "b", "--train", "--push"), "--push is for one session"),
        (("merge", "a", "--train", "--undo"), "--undo is for one session"),
        (("merge", "a", "--train", "--script", " "), "The script is empty"),
        (("check", "--all", "--script", ""), "The script is empty"),
        (("check",), "Name sessions, or give --all"),
        (("check", "a", "--all"), "Name sessions, or give --all"),
        (("check", "a", "--repo", "."), "--repo goes with --all"),
    ],
)
def test_wrong_usage_is_told(ampsm: Ampsm, arguments: tuple[str, ...], words: str) -> None:
    ran = ampsm(*arguments)
    assert ran.code == 2
    assert words in ran.err


def test_a_check_names_the_pair_and_its_lines_and_knows_it_the_next_time(ampsm: Ampsm, tasks: Tasks) -> None:
    left, fine, right = tasks.pair()
    ran = ampsm("check", "--all", "--repo", str(tasks.repo))
    assert ran.code == 1
    assert "2 of 3 sessions pass together on main" in ran.out
    assert "right ≠ left" in ran.out
    assert "left: one.txt:3" in ran.out
    assert "right: two.txt:5" in ran.out
    assert "+ right" in ran.out
    assert f"ampsm merge {left} {fine} --train" in ran.err
    known = ampsm("check", "--all", "--json")
    (document,) = known.json["checks"]
    assert "Run 1" not in known.err
    assert known.code == 1
    assert document["isGood"] is False
    assert list(document) == [
        *("repoRoot", "target", "base", "tips", "scripts", "order", "culprits", "conflicts", "leftOut", "runs"),
        *("checkedAt", "isGood"),
    ]
    assert list(document["culprits"][0]) == [
        *("sessionId", "partner", "isPair", "reason", "log", "lines", "partnerLines"),
    ]
    assert "Run 1" in ampsm("check", "--all", "--again").err
    assert ampsm("check", left, "fine").code == 0
    git(tasks.repo, "update-ref", "-d", f"refs/heads/{ampsm('show', right, '--json').json['session']['branchName']}")
    gone = ampsm("check", right)
    assert gone.code == 4
    assert "not ready" in gone.out


def test_what_one_repository_lacks_keeps_no_other_from_its_answer(ampsm: Ampsm, tasks: Tasks, tmp_path: Path) -> None:
    fine = tasks.add("fine", {"one.txt": lines(_3="fine")})
    git(tasks.repo, "clone", "-q", str(tasks.repo), str(tmp_path / "elsewhere"))
    elsewhere = Tasks.__new__(Tasks)
    elsewhere.ampsm, elsewhere.repo = ampsm, tmp_path / "elsewhere"
    elsewhere.add("without script", {"two.txt": lines(_3="other")}, script="")
    ran = ampsm("check", "--all")
    assert ran.code == 4
    assert "✓ 1 session passes together on main" in ran.out
    assert f"{elsewhere.repo}: None of these sessions has a script" in ran.err
    told = ampsm("check", "--all", "--json").json
    assert [one["order"] for one in told["checks"]] == [[fine]]
    assert [one["repoRoot"] for one in told["refused"]] == [str(elsewhere.repo)]
    assert ampsm("check", "without").code == 4


def test_the_radar_is_a_matrix_and_a_document(ampsm: Ampsm, tasks: Tasks) -> None:
    assert "No session has work" in ampsm("radar").out
    one = tasks.add("one", {"one.txt": lines(_3="one", _9="one")})
    two = tasks.add("two", {"one.txt": lines(_3="two", _9="two")})
    tasks.add("far", {"two.txt": lines(_3="far")})
    out = ampsm("radar").out.splitlines()
    assert out[1].split() == ["base", "1", "2", "3"]
    assert [line.split() for line in out[2:5]] == [
        ["1", "one", "·", "-", "2", "·"], ["2", "two", "·", "2", "-", "·"], ["3", "far", "·", "·", "·", "-"],
    ]  # fmt: skip
    assert sorted(out[5].split()) == ["1", "2", "3/3,", "9/9", "lines", "one.txt", "≠"]
    ran = ampsm("radar", "--repo", str(tasks.repo), "--json")
    (pair,) = ran.json["pairs"]
    assert list(ran.json) == ["version", "sessions", "pairs", "pending"]
    assert ran.json["version"] == 1
    assert {pair["sessionId"], pair["other"]} == {one, two}
    assert pair["hunks"] == 2
    assert list(ran.json["sessions"][0]) == ["sessionId", "name", "repoRoot", "baseBranch"]
    assert pair["files"][0]["lines"] == [{"session": 3, "other": 3}, {"session": 9, "other": 9}]


def test_a_radar_that_is_watched_gives_a_line_for_each_change(ampsm: Ampsm, tasks: Tasks) -> None:
    tasks.add("one", {"one.txt": lines(_3="one")})
    watching = program("radar", "--json", "--watch")
    try:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        assert first["version"] == 1
        assert first["pairs"] == []
        tasks.add("two", {"one.txt": lines(_3="two")})
        ampsm("edit", "two", "--notes", "the store has changed")
        found: list[object] = []
        while not found:
            found = json.loads(watching.stdout.readline())["pairs"]
    finally:
        watching.send_signal(signal.SIGINT)
        assert watching.wait(waiting.DEADLINE) == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_script_and_leaves_nothing(
    tasks: Tasks, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    flag = tmp_path / "begun"
    one = tasks.add("one", {"one.txt": lines(_3="one")}, f"touch {flag}; exec sleep 600")
    before = git(tasks.repo, "for-each-ref", "refs/heads")
    running = program("merge", one, "--train")
    waiting.until(flag.exists, "the script to begin")
    running.send_signal(number)
    assert running.wait(waiting.DEADLINE) == code
    assert git(tasks.repo, "for-each-ref", "refs/heads") == before
    assert list((tasks.repo / ".worktrees").glob("check-*")) == []
    assert "check-" not in git(tasks.repo, "worktree", "list")
