"""The merge train: the base moves only to what passed, one at fault is set aside, and the others go on."""

import os
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.engine import scripts
from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git.integrate import branch_move
from ampsm_engine.git.integrate.outcomes import MovedBranch
from ampsm_engine.merging import operations, recovery, train
from ampsm_engine.merging.fault_search import worst_case
from ampsm_engine.merging.questions import ALL, Unanswered
from ampsm_engine.merging.train import TrainResult
from ampsm_engine.model import MergeState, Status
from tests.conftest import git
from tests.merging.desk import lines, options
from tests.merging.yard import Yard

PAIRS = "for pair in a+b c+d; do test -e ${pair%+*} -a -e ${pair#*+} && exit 1; done; exit 0"
"""A script to which no session alone gives a reason to fail."""


def names(yard: Yard, result: TrainResult) -> list[str]:
    return [yard.desk.engine.store.sessions.get(one.session_id).name for one in result.landed]


def aside(result: TrainResult) -> dict[str, str]:
    return {one.session.name: one.why for one in result.aside}


def test_what_goes_together_comes_in_at_once(yard: Yard) -> None:
    sessions = yard.sessions("a b c")
    result = yard.run(sessions)
    assert names(yard, result) == ["a", "b", "c"]
    assert result.aside == ()
    assert result.runs == 1
    assert result.base_before == yard.start
    assert result.base_after == yard.desk.sha("main")
    assert len(git(yard.desk.repo, "reflog", "main").splitlines()) == 3, "two commits at the beginning, and one move"
    for session, entry in zip(sessions, result.landed, strict=True):
        assert yard.desk.now(session).status is Status.DONE
        assert yard.desk.tip(session) == yard.desk.now(session).base_commit == entry.base_after, "it follows its work"
        yard.desk.clean(session)
        assert yard.desk.shown("main", session.name) == f"{session.name}\n"
    yard.holds()


def test_a_command_that_starts_beside_a_train_leaves_it_alone(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, looked_after = yard.desk.engine, []
    move = branch_move.move_target

    def while_another_starts(*args: Any, **more: Any) -> MovedBranch:
        looked_after.append(recovery.recover(engine))
        return move(*args, **more)

    monkeypatch.setattr(branch_move, "move_target", while_another_starts)
    result = yard.run(yard.sessions("a b"))
    assert names(yard, result) == ["a", "b"]
    assert set(looked_after) == {()}
    yard.holds()


def test_a_move_that_a_hook_refuses_leaves_no_session_at_a_merge(yard: Yard) -> None:
    sessions = yard.sessions("a b")
    hook = yard.desk.repo / ".git/hooks/reference-transaction"
    hook.write_text('#!/bin/sh\n[ "$1" != prepared ] || ! grep -q " refs/heads/main$"\n')
    hook.chmod(0o755)
    with pytest.raises(Refused, match="main could not be moved"):
        yard.run(sessions)
    hook.unlink()
    assert yard.desk.sha("main") == yard.start
    assert [yard.desk.last(one).state for one in sessions] == [MergeState.ROLLED_BACK] * 2
    assert git(yard.desk.repo, "status", "--porcelain") == ""
    assert names(yard, yard.run(sessions)) == ["a", "b"]


def test_each_can_be_taken_back_the_last_one_first(yard: Yard) -> None:
    sessions = yard.sessions("a b")
    tips = [yard.desk.tip(one) for one in sessions]
    yard.run(sessions)
    with pytest.raises(Refused, match="b was merged into main after a") as caught:
        operations.undo(yard.desk.engine, sessions[0].id)
    assert caught.value.hint == f"ampsm merge {sessions[1].id} --undo"
    for session in reversed(sessions):
        assert operations.undo(yard.desk.engine, session.id).state is MergeState.UNDONE
    assert yard.desk.sha("main") == yard.start
    assert [yard.desk.tip(one) for one in sessions] == tips
    facts = yard.desk.engine.store.facts.read(session_id=sessions[1].id)
    assert any("the script has not run on it" in fact.text for fact in facts)


def test_what_passed_not_long_ago_is_not_run_again_but_for_another_script(yard: Yard) -> None:
    sessions = yard.sessions("a b")

    def brought_in(**more: str) -> int:
        result = train.run(yard.desk.engine, [one.id for one in sessions], options(""), **more)
        assert names(yard, result) == ["a", "b"]
        for session in reversed(sessions):
            operations.undo(yard.desk.engine, session.id)
        return result.runs

    assert [brought_in(), brought_in(), brought_in(script="true")] == [1, 0, 1]


def test_one_at_fault_is_set_aside_and_the_others_come_in(yard: Yard) -> None:
    sessions = yard.sessions("a b c d e", "test ! -e c")
    result = yard.run(sessions)
    assert names(yard, result) == ["a", "b", "d", "e"]
    assert aside(result) == {"c": "script"}
    assert "on main and a, b" in result.aside[0].reason
    assert Path(result.aside[0].log).exists()
    assert result.runs == len(yard.runs) <= worst_case(5, 1)
    assert yard.desk.now(sessions[2]).status is not Status.DONE
    assert "set-aside" in yard.desk.facts(sessions[2])
    yard.holds()


def test_what_a_script_leaves_is_no_part_of_what_the_next_one_judges(yard: Yard) -> None:
    (yard.desk.repo / ".git/info/exclude").write_text("/.worktrees\n*.o\n")
    script = "test ! -e left -a ! -e built.o || exit 1; touch left built.o; test ! -e c"
    sessions = [yard.desk.session(name, script=script) for name in "abc"]
    for session in sessions:
        yard.desk.amp(session, {session.name: "x\n"})
    result = train.run(yard.desk.engine, [one.id for one in sessions], options(""))
    assert (names(yard, result), aside(result)) == (["a", "b"], {"c": "script"})


def test_a_fault_that_is_only_in_a_combination(yard: Yard) -> None:
    result = yard.run(yard.sessions("a c b d e", PAIRS))
    assert names(yard, result) == ["a", "c", "e"]
    assert aside(result) == {"b": "script", "d": "script"}
    assert len(yard.runs) <= worst_case(5, 2)
    yard.holds()


@pytest.mark.soak
def test_thirty_two_of_which_three_break_the_script_in_combination_alone(yard: Yard) -> None:
    script = "for pair in s3+s7 s11+s12 s2+s30; do test -e ${pair%+*} -a -e ${pair#*+} && exit 1; done; exit 0"
    result = yard.run(yard.sessions(" ".join(f"s{number}" for number in range(32)), script))
    assert aside(result) == {"s7": "script", "s12": "script", "s30": "script"}
    assert len(result.landed) == 29
    assert result.runs == len(yard.runs) <= worst_case(32, 3)
    assert 3 <= result.extra_runs <= 3 * 5
    yard.holds()
    yard.desk.sound()


def test_what_conflicts_is_set_aside_unless_what_it_conflicts_with_is(yard: Yard) -> None:
    first = yard.session("first", {"one.txt": lines(_3="first"), "bad": "x\n"}, "test ! -e bad")
    second = yard.session("second", {"one.txt": lines(_3="second")}, "test ! -e bad")
    third = yard.session("third", {"one.txt": lines(_3="third")}, "test ! -e bad")
    result = yard.run([first, second, third])
    assert names(yard, result) == ["second"]
    assert aside(result) == {"first": "script", "third": "conflict"}
    assert result.aside[1].files == ("one.txt",)
    assert yard.desk.shown("main", "one.txt") == lines(_3="second")
    yard.desk.clean(third)
    yard.holds()


def test_a_base_that_does_not_pass_itself_is_told_and_nobody_is_set_aside(yard: Yard) -> None:
    sessions = yard.sessions("a b", "test -e never")
    with pytest.raises(Refused, match=r"main itself does not pass .* exit code 1") as caught:
        yard.run(sessions)
    assert caught.value.hint.startswith("less /")
    assert [yard.desk.facts(session).count("set-aside") for session in sessions] == [0, 0]
    yard.holds()


def test_what_an_ordinary_merge_refuses_or_asks_a_train_does_too(yard: Yard) -> None:
    desk = yard.desk
    dirty, secret, fine = yard.sessions("dirty secret fine")
    desk.write(Path(dirty.worktree_path), {"left": "over\n"})
    desk.amp(secret, {".env": "TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ012345\n"})
    with pytest.raises(Unanswered, match="secret: Something that looks like a secret") as caught:
        yard.run([dirty, secret, fine])
    assert caught.value.hint == "ampsm merge A B --train --yes"
    assert desk.sha("main") == yard.start
    assert yard.runs == []
    result = train.run(desk.engine, [dirty.id, secret.id, fine.id], options("", answered=(ALL,)))
    assert names(yard, result) == ["secret", "fine"]
    assert aside(result) == {"dirty": "refused"}
    assert "not committed" in result.aside[0].reason
    (Path(dirty.worktree_path) / "left").unlink()
    yard.holds()


def test_who_gives_a_script_is_not_asked_about_those_of_the_sessions(yard: Yard) -> None:
    desk, sessions = yard.desk, yard.sessions("a b", "false")
    for session in sessions:
        scripts.run_script(desk.engine, session.id, lambda _content: None)
    result = train.run(desk.engine, [one.id for one in sessions], options("", answered=()), script=yard.script("true"))
    assert names(yard, result) == ["a", "b"]


def test_work_in_the_way_in_the_users_checkout_is_told_before_anything_runs(yard: Yard) -> None:
    sessions = yard.sessions("a b")
    (yard.desk.repo / "b").write_text("mine\n")
    with pytest.raises(Refused, match="in the way"):
        yard.run(sessions)
    assert yard.runs == []
    assert (yard.desk.repo / "b").read_text() == "mine\n"
    (yard.desk.repo / "b").unlink()
    yard.holds()


def test_hooks_and_merge_commits_are_as_in_an_ordinary_merge(yard: Yard) -> None:
    desk = yard.desk
    sessions = yard.sessions("a b c")
    hook = desk.repo / ".git" / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngrep -q '^Work on b$' $1 && { echo 'no b here' >&2; exit 1; }\necho hooked >> $1\n")
    hook.chmod(0o755)
    result = yard.run(sessions, fast_forward=False)
    assert names(yard, result) == ["a", "c"]
    assert "no b here" in result.aside[0].reason
    assert git(desk.repo, "rev-list", "--count", "--merges", f"{yard.start}..main").strip() == "2"
    for commit in ("main", "main^2"):
        assert git(desk.repo, "log", "-1", "--format=%B", commit).strip().endswith("hooked")
    yard.holds()


def test_somebody_elses_commit_on_the_base_begins_it_again(yard: Yard, tmp_path: Path) -> None:
    other, flag = yard.desk.repo, tmp_path / "flag"
    moves = f"test -e {flag} || {{ touch {flag}; cd {other}; touch theirs; git add theirs; git commit -qm Theirs; }}"
    sessions = yard.sessions("a b", f"({moves})")
    told: list[str] = []
    result = train.run(yard.desk.engine, [one.id for one in sessions], options(""), report=told.append)
    assert names(yard, result) == ["a", "b"]
    assert any("beginning again" in text for text in told)
    assert git(other, "log", "--format=%s", "main").splitlines()[2] == "Theirs"
    assert yard.desk.sha("main^{tree}") == yard.runs[-1][0]


def test_a_session_that_goes_on_meanwhile_stays_out(yard: Yard, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    late = yard.desk.session("late")
    at = late.worktree_path
    moves = f"test -e {flag} || {{ touch {flag}; cd {at}; git commit -q --allow-empty -m More; }}"
    yard.desk.amp(late, {"late": "late\n"})
    (first,) = yard.sessions("a", f"({moves})")
    result = yard.run([first, late])
    assert names(yard, result) == ["a"]
    assert aside(result) == {"late": "refused"}
    assert "moved meanwhile" in result.aside[0].reason
    yard.holds()


def test_a_signal_in_the_script_judges_nothing(yard: Yard) -> None:
    sessions = yard.sessions("a b")
    with pytest.raises(Failed, match="SIGTERM, which says nothing"):
        train.run(yard.desk.engine, [one.id for one in sessions], options("", answered=(ALL,)), script="kill -TERM $$")
    assert yard.desk.sha("main") == yard.start
    yard.holds()


def test_ctrl_c_ends_the_script_and_leaves_nothing(yard: Yard, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    sessions = yard.sessions("a b")
    with pytest.raises(KeyboardInterrupt):
        train.run(
            yard.desk.engine,
            [one.id for one in sessions],
            options("", answered=(ALL,)),
            script=f"echo $$ > {pid}; kill -INT $PPID; exec sleep 600",
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert yard.desk.sha("main") == yard.start
    yard.holds()


def test_what_lands_is_signed_and_what_is_tried_is_not(yard: Yard, tmp_path: Path) -> None:
    desk, signed = yard.desk, tmp_path / "signed"
    sessions = yard.sessions("a b c d", "test ! -e c")
    program = tmp_path / "gpg"
    words = "-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n"
    program.write_text(
        f"#!/bin/sh\ncat > /dev/null\necho x >> {signed}\nprintf -- '{words}'\necho '[GNUPG:] SIG_CREATED ' >&2\n"
    )
    program.chmod(0o755)
    for name, value in (("gpg.program", str(program)), ("commit.gpgSign", "true"), ("user.signingKey", "x")):
        git(desk.repo, "config", name, value)
    result = yard.run(sessions)
    assert names(yard, result) == ["a", "b", "d"]
    for commit in git(desk.repo, "rev-list", f"{yard.start}..main").split():
        assert "gpgsig" in git(desk.repo, "cat-file", "commit", commit)
    squashes, moved = len(sessions), 2  # the first of a train is its squash as it was signed
    assert len(signed.read_text().splitlines()) == squashes + moved
    yard.holds()


def test_commits_of_their_own_and_another_branch_come_in_too(yard: Yard) -> None:
    desk = yard.desk
    git(desk.repo, "branch", "release")
    first, second = yard.sessions("a b")
    desk.amp(first, {"a2": "x\n"}, "amp: more of a")
    result = train.run(desk.engine, [first.id, second.id], options("", squash=False, onto="release"))
    assert names(yard, result) == ["a", "b"]
    assert desk.sha("main") == yard.start
    subjects = git(desk.repo, "log", "--format=%s", f"{yard.start}..release").splitlines()
    assert subjects == ["amp: work on b", "amp: more of a", "amp: work on a"]
    assert result.target == "release"
