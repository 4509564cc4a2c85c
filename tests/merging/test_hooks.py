"""The user's hooks around a merge: each runs once, may forbid it, and may rewrite the message."""

from pathlib import Path

import pytest

from ampsm_engine.config import config_path
from ampsm_engine.engine import merges, views
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.merging import operations
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session
from tests.conftest import git
from tests.merging.desk import Desk, lines, refused


def hook(repo: Path, name: str, text: str) -> None:
    path = repo / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_failing_pre_commit_hook_forbids_the_squash(desk: Desk, task: Session) -> None:
    hook(desk.repo, "pre-commit", "echo 'not on a friday' >&2; exit 1")
    assert "commit.hooks" in refused(desk, task, "hook refused .*not on a friday").hint


@pytest.mark.parametrize("condition", ["onbranch:amp/**", "gitdir:**/worktrees/*"])
def test_hooks_that_are_configured_for_the_session_alone_count(desk: Desk, task: Session, condition: str) -> None:
    places = desk.repo.parent / "of-sessions"
    (places / "hooks").mkdir(parents=True)
    (places / "config").write_text(f"[core]\n\thooksPath = {places}/hooks\n")
    git(desk.repo, "config", f"includeIf.{condition}.path", str(places / "config"))
    for name in ("pre-commit", "pre-merge-commit"):
        (places / "hooks" / name).write_text(f"#!/bin/sh\necho 'no {name} here' >&2\nexit 1\n")
        (places / "hooks" / name).chmod(0o755)
    refused(desk, task, "no pre-commit here")
    (places / "hooks/pre-commit").unlink()
    with pytest.raises(Refused, match="no pre-merge-commit here"):
        desk.merge(task, fast_forward=False)


def test_a_commit_msg_hook_may_rewrite_the_message(desk: Desk, task: Session) -> None:
    hook(desk.repo, "commit-msg", 'echo "Change-Id: I123" >> "$1"')
    desk.merge(task, "Bring it in\n\nWords.")
    assert "Change-Id: I123" in git(desk.repo, "log", "-1", "--format=%B", "main")


def test_a_commit_msg_hook_may_forbid_it(desk: Desk, task: Session) -> None:
    hook(desk.repo, "commit-msg", 'grep -q "^[A-Z]*-[0-9]" "$1" || { echo "no ticket"; exit 1; }')
    refused(desk, task, "no ticket")
    desk.merge(task, "ABC-1 Bring it in")


def counting(desk: Desk) -> dict[str, int]:
    """How often each hook ran so far."""
    seen = desk.repo.parent / "hooks-that-ran"
    names = seen.read_text().split() if seen.exists() else []
    return {name: names.count(name) for name in names}


def count_hooks(desk: Desk, *, message: str = ":") -> None:
    seen = desk.repo.parent / "hooks-that-ran"
    for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "pre-merge-commit", "post-merge"):
        hook(desk.repo, name, f"echo {name} >> {seen}\n" + (message if name == "commit-msg" else ""))


def test_each_hook_runs_once(desk: Desk, task: Session) -> None:
    count_hooks(desk, message='sed -i s/it/all/ "$1"')
    desk.merge(task)
    once = {"pre-commit": 1, "prepare-commit-msg": 1, "commit-msg": 1}
    assert counting(desk) == {**once, "post-merge": 1}
    assert git(desk.repo, "log", "-1", "--format=%s", "main") == "Bring all in\n"
    desk.amp(task, {"one.txt": lines(_3="session", _9="more")})
    (desk.repo.parent / "hooks-that-ran").unlink()
    desk.merge(task, fast_forward=False)
    twice = {"pre-commit": 1, "prepare-commit-msg": 2, "commit-msg": 2}
    assert counting(desk) == {**twice, "pre-merge-commit": 1, "post-merge": 1}


def test_hooks_run_once_for_a_squash_that_conflicts(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    count_hooks(desk, message='sed -i s/it/all/ "$1"')
    with pytest.raises(ConflictsWait):
        desk.merge(task)
    at = Path(task.worktree_path)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    operations.continue_(desk.engine, task.id)
    assert counting(desk) == {"pre-commit": 1, "prepare-commit-msg": 1, "commit-msg": 1, "post-merge": 1}
    assert git(desk.repo, "log", "-1", "--format=%s", "main") == "Bring all in\n"


def test_hooks_are_left_out_where_the_settings_say_so(desk: Desk, task: Session) -> None:
    hook(desk.repo, "pre-commit", "exit 1")
    config_path().write_text("[notify]\ndesktop = false\n[commit]\nhooks = false\n")
    desk.merge(task)
    assert desk.shown("main", "one.txt") == lines(_3="session")


def test_a_hook_that_changes_files_forbids_the_merge_commit(desk: Desk, task: Session) -> None:
    before = desk.sha("main"), desk.tip(task)
    hook(desk.repo, "pre-merge-commit", "echo generated > two.txt")
    with pytest.raises(Refused, match="changed files"):
        desk.merge(task, fast_forward=False)
    assert (desk.sha("main"), desk.tip(task)) == before


def test_a_hook_that_changes_files_forbids_the_squash(desk: Desk, task: Session) -> None:
    hook(desk.repo, "pre-commit", "echo formatted >> two.txt")
    main, tip = desk.sha("main"), desk.tip(task)
    with pytest.raises(Refused, match="changed files"):
        desk.merge(task)
    assert (desk.sha("main"), desk.tip(task)) == (main, tip)


def test_a_signature_that_fails_is_no_hook_that_refuses(desk: Desk, task: Session) -> None:
    hook(desk.repo, "pre-commit", "exit 0")
    git(desk.repo, "config", "commit.gpgSign", "true")
    git(desk.repo, "config", "gpg.program", "false")
    main, tip = desk.sha("main"), desk.tip(task)
    with pytest.raises(Failed, match="could not sign") as failed:
        desk.merge(task)
    assert "commit.hooks" not in failed.value.hint
    assert (desk.sha("main"), desk.tip(task)) == (main, tip)


def test_a_rule_for_messages_asks_for_another_message(desk: Desk, task: Session) -> None:
    hook(desk.repo, "commit-msg", "echo 'subject may not be empty [subject-empty]'; exit 1")
    assert "-m" in refused(desk, task, "refused the message").hint


def test_hooks_that_a_worktree_does_not_have_are_named(desk: Desk) -> None:
    hooks = desk.repo / ".husky" / "_"
    hooks.mkdir(parents=True)
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (hooks / ".gitignore").write_text("*\n")
    git(desk.repo, "config", "core.hooksPath", ".husky/_")
    session = desk.session()
    assert "core.hooksPath is .husky/_" in next(
        fact.text for fact in desk.engine.store.facts.read(session_id=session.id) if fact.kind == "worktree"
    )
    desk.amp(session, {"one.txt": lines(_3="session")})
    found = merges.preflight(desk.engine, session.id).findings
    assert next(one for one in found if one.kind == "hooks").level == "warn"
    assert views.show(desk.engine, session).lacking
    (Path(session.worktree_path) / ".husky" / "_").mkdir(parents=True)
    assert not views.show(desk.engine, session).lacking


def refusing(desk: Desk, branches: str) -> Path:
    """A hook that lets no branch move whose full name begins so; git asks it before it moves any."""
    hook(desk.repo, "reference-transaction", f'[ "$1" != prepared ] || ! grep -q " refs/heads/{branches}"')
    return desk.repo / ".git" / "hooks" / "reference-transaction"


def test_a_merge_whose_session_cannot_follow_is_done_and_says_so(desk: Desk, task: Session) -> None:
    tip, before = desk.tip(task), desk.sha("main")
    refusing(desk, task.branch_name)
    with pytest.raises(AmpsmError):
        desk.merge(task)
    assert (desk.last(task).state, desk.tip(task)) == (MergeState.DONE, tip)
    assert desk.shown("main", "one.txt") == lines(_3="session")
    assert desk.sha("main") != before
    notes = [fact.text for fact in desk.engine.store.facts.read(session_id=task.id) if fact.kind == "note"]
    assert any(f"{task.branch_name} stays where it was" in note for note in notes)
    desk.clean(task)


def test_an_undo_that_the_base_does_not_let_through_is_none(desk: Desk, task: Session) -> None:
    desk.merge(task)
    merged = desk.sha("main")
    protection = refusing(desk, "main$")
    with pytest.raises(AmpsmError, match="could not be moved"):
        operations.undo(desk.engine, task.id)
    assert (desk.last(task).state, desk.sha("main"), desk.tip(task)) == (MergeState.DONE, merged, merged)
    assert git(desk.repo, "status", "--porcelain") == ""
    protection.unlink()
    assert operations.undo(desk.engine, task.id).state is MergeState.UNDONE


def test_an_undo_whose_session_cannot_follow_is_done_and_says_so(desk: Desk, task: Session) -> None:
    before = desk.sha("main")
    desk.merge(task)
    merged = desk.tip(task)
    refusing(desk, task.branch_name)
    with pytest.raises(AmpsmError, match="could not be moved"):
        operations.undo(desk.engine, task.id)
    assert (desk.last(task).state, desk.sha("main"), desk.tip(task)) == (MergeState.UNDONE, before, merged)
    notes = [fact.text for fact in desk.engine.store.facts.read(session_id=task.id) if fact.kind == "note"]
    assert any(f"{task.branch_name} stays where it is" in note for note in notes)
