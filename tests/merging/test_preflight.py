"""What is told before anything happens: findings with what to do, the plan, the conflict forecast, and what rm proves."""

from pathlib import Path

import pytest

from ampsm_engine import timestamps
from ampsm_engine.engine import comments, merges, repair, scripts, session_trash, sessions
from ampsm_engine.errors import Refused
from ampsm_engine.git import program
from ampsm_engine.git.integrate import conflict_checkout, laid_conflict, rewrite
from ampsm_engine.merging import forecast, operations, preflight, publish
from ampsm_engine.merging.results import Finding, Options
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import Iteration, MergeState, Outcome, ScriptResult, Session, State, Status
from tests.conftest import git
from tests.merging.desk import Desk, lines
from tests.waiting import until

KEY = "sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2


@pytest.fixture
def task(desk: Desk) -> Session:
    session = desk.session(script="test -f passes")
    desk.amp(session, {"one.txt": lines(_3="session")}, "amp: paint it dark")
    return session


def told(desk: Desk, session: Session, **more: object) -> dict[str, Finding]:
    return {one.kind: one for one in merges.preflight(desk.engine, session.id, **more).findings}


def test_nothing_is_touched_and_conflicts_are_foreseen(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    checkout, objects = desk.checkout(), git(desk.repo, "count-objects", "-v")
    found = merges.preflight(desk.engine, task.id, run_script=False)
    assert (desk.checkout(), git(desk.repo, "count-objects", "-v")) == (checkout, objects)
    assert [(file.path, file.kind) for file in found.conflicts] == [("one.txt", "content")]
    assert (found.ahead, found.behind, found.ready) == (1, 1, True)
    by_kind = {one.kind: one for one in found.findings}
    assert (by_kind["conflicts"].level, "one.txt" in by_kind["conflicts"].text) == ("warn", True)
    desk.clean(task)


def test_comments_that_amp_has_not_got_are_told(desk: Desk, task: Session) -> None:
    assert not [one for one in merges.preflight(desk.engine, task.id).findings if one.kind == "comments"]
    comments.add_comment(desk.engine, task.id, "one.txt", (3, 3), "Why?")
    comments.add_comment(desk.engine, task.id, "one.txt", (3, 3), "Lint", note_by="ruff")
    (found,) = [one for one in merges.preflight(desk.engine, task.id).findings if one.kind == "comments"]
    assert (found.level, found.text) == ("warn", "1 comment of a review was not sent to amp")
    assert found.hint == f"ampsm comments {task.id} --send"


def test_what_is_known_of_the_script(desk: Desk, task: Session) -> None:
    def known(session: Session) -> str:
        return merges.preflight(desk.engine, session.id, run_script=False).script

    assert known(desk.session("without")) == "none"
    assert known(task) == "not run"
    for passed, word in ((True, "passed"), (False, "failed")):
        preflight.script_result(desk.engine, task.id, passed=passed)
        assert known(task) == word
    desk.amp(task, {"passes": ""})
    (Path(task.worktree_path) / "one.txt").write_text("not committed\n")
    assert merges.preflight(desk.engine, task.id).script == "not run"


def test_the_script_is_run_once_for_each_commit(desk: Desk, task: Session) -> None:
    assert told(desk, task, run_script=False)["script"].level == "warn"
    assert "fails" in told(desk, task)["script"].text
    said: list[bytes] = []
    assert "fails" in told(desk, task, output=said.append)["script"].text
    desk.amp(task, {"passes": ""})
    assert "no result" in told(desk, task, run_script=False)["script"].text
    assert (told(desk, task)["script"].level, told(desk, task, run_script=False)["script"].level) == ("ok", "ok")
    desk.amp(task, {"passes": None})
    preflight.script_result(desk.engine, task.id, passed=True)
    assert told(desk, task)["script"].level == "ok"


def with_result(desk: Desk, task: Session, result: ScriptResult = ScriptResult.PASS) -> None:
    """An iteration that came to the commit where the session is, and what its script said there."""
    store = desk.engine.store
    store.queue.add(Iteration("i1", task.id, 0, "Do it", State.QUEUED, ""))
    store.queue.claim()
    store.iterations.begin_settling("i1", outcome=Outcome.DONE)
    store.iterations.settle("i1", status=Status.IDLE, commit_sha=desk.tip(task), test_result=result, test_exit_code=0)


def test_the_result_of_an_iteration_counts_for_its_commit_alone(desk: Desk, task: Session) -> None:
    with_result(desk, task)
    assert told(desk, task, run_script=False)["script"].level == "ok"
    tip = desk.tip(task)
    desk.amp(task, {"two.txt": "nobody ran the script on this\n"})
    assert "no result" in told(desk, task, run_script=False)["script"].text
    git(Path(task.worktree_path), "reset", "-q", "--hard", tip)
    assert told(desk, task, run_script=False)["script"].level == "ok"
    scripts.run_script(desk.engine, task.id, lambda _: None)  # by hand, in whatever state the files are
    assert "no result" in told(desk, task, run_script=False)["script"].text


@pytest.mark.parametrize("passed", [True, False])
def test_of_two_results_for_one_commit_the_newer_counts(desk: Desk, task: Session, passed: bool) -> None:
    def known() -> str:
        return merges.preflight(desk.engine, task.id, run_script=False).script

    words = {True: "passed", False: "failed"}
    preflight.script_result(desk.engine, task.id, passed=passed)
    (checked,) = (fact for fact in desk.engine.store.facts.read(session_id=task.id) if fact.kind == preflight.CHECKED)
    until(lambda: timestamps.now() > checked.time, "the next millisecond")
    with_result(desk, task, ScriptResult.FAIL if passed else ScriptResult.PASS)
    assert known() == words[not passed]
    (iteration,) = desk.engine.store.iterations.of(task.id)
    until(lambda: timestamps.now() > (iteration.end_time or ""), "the next millisecond")
    preflight.script_result(desk.engine, task.id, passed=passed)
    assert known() == words[passed]


def test_the_result_of_an_iteration_goes_with_its_script(desk: Desk, task: Session) -> None:
    with_result(desk, task)
    assert told(desk, task, run_script=False)["script"].level == "ok"
    sessions.edit(desk.engine, task.id, script="false")
    assert "no result" in told(desk, task, run_script=False)["script"].text


def test_what_another_script_said_does_not_count(desk: Desk, task: Session) -> None:
    def known() -> str:
        return merges.preflight(desk.engine, task.id, run_script=False).script

    preflight.script_result(desk.engine, task.id, passed=True)
    sessions.edit(desk.engine, task.id, name="the same script")
    assert known() == "passed"
    sessions.edit(desk.engine, task.id, script="false")
    assert known() == "not run"
    preflight.script_result(desk.engine, task.id, passed=False)
    assert known() == "failed"


def test_secrets_are_foreseen_by_file_and_never_shown(desk: Desk, task: Session) -> None:
    assert told(desk, task)["secrets"].level == "ok"
    desk.amp(task, {"config.py": f"KEY = '{KEY}'\n", "fine.py": "x = 1\n"})
    found = told(desk, task)["secrets"]
    assert (found.level, "config.py" in found.text, "fine.py" in found.text) == ("warn", True, False)
    assert KEY not in repr(merges.preflight(desk.engine, task.id).findings)


def test_the_plan_and_its_draft(desk: Desk, task: Session) -> None:
    desk.by_hand(task, {"two.txt": lines(_1="hand")}, "Correct it by hand")
    plan = preflight.plan(desk.engine, task.id, Options(manual="keep"))
    assert [step.name for step in plan.steps] == ["squash", "rebase", "merge"]
    assert [(commit.subject, commit.ours) for commit in plan.commits] == [
        ("amp: paint it dark", True), ("Correct it by hand", False),
    ]  # fmt: skip
    assert plan.draft == "Paint it dark\n\n- paint it dark\n- Correct it by hand"


def test_a_draft_is_named_by_what_the_session_is_for_and_not_by_a_prompt_of_comments(desk: Desk) -> None:
    session, _ = sessions.new(desk.engine, path=desk.repo, prompt="Rename the helpers. All of them.", run=False)
    desk.by_hand(session, {"one.txt": lines(_1="hand")}, "Begin it by hand")
    desk.amp(session, {"two.txt": lines(_1="amp")}, "amp: rename the rest")
    review = Iteration("i1", session.id, 0, "Address 1 review comment.\n\nWhat stands ...", State.QUEUED, "")
    desk.engine.store.queue.add(review)
    draft = preflight.plan(desk.engine, session.id, Options()).draft
    assert draft == "Rename the helpers\n\n- Begin it by hand\n- rename the rest"


def test_a_long_prompt_gives_its_clause_and_not_the_subject_of_one_commit_of_several(desk: Desk) -> None:
    prompt = (
        "Make the login lead to the page that was asked for, and also mend the header of the settings, which overlaps."
    )
    session, _ = sessions.new(desk.engine, path=desk.repo, prompt=prompt, run=False)
    desk.amp(session, {"one.txt": lines(_1="amp")}, "amp: begin with a test")
    desk.amp(session, {"two.txt": lines(_1="amp")}, "amp: mend the header")
    draft = preflight.plan(desk.engine, session.id, Options()).draft
    assert draft.partition("\n")[0] == "Make the login lead to the page that was asked for"


LONG = "Added a dark mode to the settings, so that nobody who works at night is blinded by a page of white any more."


@pytest.mark.parametrize(
    ("subject", "said", "title"),
    [
        ("amp: added a dark mode to the settings, so that nobody who works at…", LONG, "Added a dark mode to the settings"),
        ("amp: the flag…", "Done.\n\nThe flag `--dark`\nis read.", "Added by amp"),
        ("amp: made the flag that turns it on…", "- made the flag that\nturns it on and off\n- more", "Made the flag that turns it on and off"),
        ("amp: " + "word" * 30 + "…", "", "Fix login"),
    ],
)  # fmt: skip
def test_what_was_cut_is_never_the_title_of_a_draft(desk: Desk, subject: str, said: str, title: str) -> None:
    session = desk.session("Added by amp" if "flag…" in subject else "fix login")
    desk.amp(session, {"new.txt": "x"}, f"{subject}\n\n{said}")
    draft = preflight.plan(desk.engine, session.id, Options()).draft
    assert draft.partition("\n")[0] == title


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (Options(kind="squash"), ["squash"]),
        (Options(kind="rebase"), ["rebase"]),
        (Options(squash=False), ["rebase", "merge"]),
        (Options(push=True), ["squash", "rebase", "merge", "push"]),
        (Options(pull_request=True), ["squash", "rebase", "pull-request"]),
    ],
)
def test_the_plan_has_the_steps_that_the_options_ask_for(
    desk: Desk, task: Session, options: Options, steps: list[str]
) -> None:
    assert [step.name for step in preflight.plan(desk.engine, task.id, options).steps] == steps


def test_of_several_remotes_a_push_goes_to_origin(desk: Desk) -> None:
    for name in ("backup", "origin", "fork"):
        git(desk.repo, "remote", "add", name, f"/nowhere/{name}")
    assert publish.remote_of(desk.repo, "main") == "origin"
    git(desk.repo, "remote", "remove", "origin")
    with pytest.raises(Refused, match="2 remotes, and none of them is where main goes"):
        publish.remote_of(desk.repo, "main")


@pytest.mark.parametrize(("ending", "hint"), [("\r\n", "git am --keep-cr "), ("\n", "git am ")])
def test_a_patch_says_how_its_line_ends_survive(desk: Desk, tmp_path: Path, ending: str, hint: str) -> None:
    (desk.repo / "lines.txt").write_bytes(f"one{ending}two{ending}".encode())
    git(desk.repo, "add", "-A")
    git(desk.repo, "commit", "-qm", "Lines")
    told = publish.export_patch(desk.repo, "main~1", "main", tmp_path / "lines.patch")
    assert told.hint == f"{hint}{tmp_path / 'lines.patch'}"
    git(desk.repo, "reset", "-q", "--hard", "main~1")
    git(desk.repo, *told.hint.split()[1:])
    assert (desk.repo / "lines.txt").read_bytes() == f"one{ending}two{ending}".encode()


@pytest.mark.parametrize("apart", [True, False])
def test_commits_by_hand_stay_commits_of_their_own(desk: Desk, task: Session, apart: bool) -> None:
    path = "two.txt" if apart else "one.txt"
    desk.by_hand(task, {path: lines(_3="hand")}, "By hand")
    desk.amp(task, {path: lines(_3="amp again")}, "amp: again")
    done = desk.merge(task, "Squashed", manual="keep", answered=("*",))
    subjects = git(desk.repo, "log", "--format=%s", f"{done.merge.base_before}..main").splitlines()
    assert subjects.count("By hand") == 1
    assert desk.shown("main", path) == lines(_3="amp again")
    assert bool(done.notes) is (subjects.count("Squashed") > 1)


def test_the_forecast_sees_bases_and_neighbours_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, third = desk.session("one"), desk.session("other"), desk.session("third")
    desk.amp(one, {"one.txt": lines(_3="one")})
    desk.amp(other, {"one.txt": lines(_3="other"), "two.txt": lines(_3="other")})
    desk.amp(third, {"three.txt": "third\n"})
    desk.base({"two.txt": lines(_3="base")})
    waiting = forecast.forecast_conflicts(desk.engine, budget=0)
    assert (waiting.conflicts, waiting.pending > 0) == ((), True)
    found = forecast.forecast_conflicts(desk.engine)
    assert predicted(desk) == {(frozenset((other.id, "")), "two.txt"), (frozenset((one.id, other.id)), "one.txt")}
    monkeypatch.setattr(rewrite, "forecast", lambda *_: pytest.fail("it was known"))
    assert forecast.forecast_conflicts(desk.engine, budget=0) == found


def predicted(desk: Desk) -> set[tuple[object, ...]]:
    """Who would conflict with whom (empty: the base), and in which files."""
    found = forecast.forecast_conflicts(desk.engine).conflicts
    return {(frozenset((one.session_id, one.other)), *(file.path for file in one.files)) for one in found}


def test_the_forecast_is_of_a_sessions_own_work_alone(desk: Desk) -> None:
    """One was merged onto a branch that conflicts with the base: what it stands on there is not its work."""
    git(desk.repo, "branch", "release")
    ported, other = desk.session("ported"), desk.session("other")
    desk.amp(ported, {"two.txt": lines(_9="ported")})
    git(desk.repo, "checkout", "-q", "release")
    desk.base({"one.txt": lines(_3="as released")})
    git(desk.repo, "checkout", "-q", "main")
    desk.base({"one.txt": lines(_3="on main")})
    desk.merge(ported, onto="release")
    desk.amp(other, {"one.txt": lines(_15="other")})
    assert predicted(desk) == set()
    desk.amp(other, {"two.txt": lines(_9="other")})
    assert predicted(desk) == {(frozenset((ported.id, other.id)), "two.txt")}


def test_the_forecast_holds_no_work_of_a_base_that_was_rewritten(desk: Desk) -> None:
    desk.base({"one.txt": lines(_3="taken out later")})
    task = desk.session("task")
    desk.amp(task, {"two.txt": lines(_9="task")})
    git(desk.repo, "reset", "-q", "--hard", "HEAD~1")
    desk.base({"one.txt": lines(_3="instead")})
    assert predicted(desk) == set()


def test_what_conflicts_with_the_base_is_not_said_again_of_a_neighbour(desk: Desk) -> None:
    early = desk.session("early")
    desk.amp(early, {"one.txt": lines(_3="early"), "two.txt": lines(_1="early")})
    desk.base({"one.txt": lines(_3="base")})
    late = desk.session("late")
    desk.amp(late, {"two.txt": lines(_15="late")})
    assert predicted(desk) == {(frozenset((early.id, "")), "one.txt")}


def test_the_forecast_asks_git_a_few_questions_however_many_sessions_there_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [desk.session(f"s{number}") for number in range(6)]
    for number, session in enumerate(made):
        desk.amp(session, {f"{number}.txt": "own\n", "one.txt": lines(_3=f"{number}")})
    found = forecast.forecast_conflicts(desk.engine)
    assert len(found.conflicts) == 15  # every pair, in one.txt
    asked: list[tuple[object, ...]] = []
    read = program.Running.__init__

    def counted(self: program.Running, argv: tuple[object, ...], *more: object) -> None:
        asked.append(argv)
        read(self, argv, *more)

    monkeypatch.setattr(program.Running, "__init__", counted)
    assert forecast.forecast_conflicts(desk.engine, budget=0) == found
    assert len(asked) == 1


def test_rm_proves_that_the_work_is_in_the_base(desk: Desk, task: Session) -> None:
    sentence = session_trash.describe_loss(desk.engine, task.id)
    assert "1 commit that main does not have (one.txt)" in sentence
    # Somebody squashes it into the base by other means: only its change tells.
    desk.amp(task, {"two.txt": lines(_9="more")})
    git(desk.repo, "merge", "-q", "--squash", task.branch_name)
    git(desk.repo, "commit", "-qm", "Squashed elsewhere")
    desk.base({"three.txt": "later\n"})
    assert "nothing is lost" in session_trash.describe_loss(desk.engine, task.id)
    (Path(task.worktree_path) / "new.txt").write_text("x")
    assert "1 uncommitted file (new.txt)" in session_trash.describe_loss(desk.engine, task.id)
    gone = session_trash.remove(desk.engine, task.id)
    assert (gone.in_base, gone.how, gone.unmerged_commits, gone.uncommitted) == (True, "patch-id", 0, 1)


def test_a_purge_forgets_the_backups_too(desk: Desk, task: Session) -> None:
    desk.merge(task, answered=("*",))
    refs = f"refs/ampsm/backup/{task.id}/"
    assert git(desk.repo, "for-each-ref", refs)
    session_trash.remove(desk.engine, task.id)
    (entry,) = session_trash.trashed(desk.engine)
    assert entry.bytes >= 0
    session_trash.purge(desk.engine, task.id)
    assert git(desk.repo, "for-each-ref", refs) == ""
    desk.sound()


def test_repair_offers_and_removes_nothing_unasked(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(task, answered=("*",))
    assert repair.find_disagreements(desk.engine) == ()
    at = Path(task.worktree_path)
    desk.engine.store.merges.end(desk.last(task).id, MergeState.ABORTED)  # as if the store were an older copy
    (found,) = repair.find_disagreements(desk.engine)
    assert (found.kind, found.mended) == ("conflict", False)
    assert laid_conflict.laid(at) is not None
    (found,) = repair.find_disagreements(desk.engine, apply=True)
    assert found.mended
    desk.clean(task)
    with pytest.raises(ConflictsWait):
        desk.merge(task, answered=("*",))
    conflict_checkout.abort(at)
    (found,) = repair.find_disagreements(desk.engine)
    assert found.action == f"ampsm merge {task.id} --abort"
    operations.abort(desk.engine, task.id)
    git(desk.repo, "update-ref", "refs/ampsm/backup/0123456789/x/branch", "main")
    (found,) = repair.find_disagreements(desk.engine)
    assert (found.kind, "0123456789" in found.text) == ("refs", True)


def test_a_row_without_worktree_and_branch_is_offered(desk: Desk, task: Session) -> None:
    git(desk.repo, "worktree", "remove", "--force", task.worktree_path)
    git(desk.repo, "branch", "-D", task.branch_name)
    (found,) = repair.find_disagreements(desk.engine, apply=True)
    assert (found.kind, found.mended, f"ampsm rm {task.id}" in found.action) == ("row", False, True)
    session_trash.remove(desk.engine, task.id)
    session_trash.purge(desk.engine, task.id)
    assert repair.find_disagreements(desk.engine) == ()


def test_a_merged_session_goes_on(desk: Desk, task: Session) -> None:
    desk.merge(task, answered=("*",))
    desk.amp(task, {"one.txt": lines(_3="session", _9="later")}, "amp: later")
    done = desk.merge(task, "Again", answered=("*",))
    assert done.commits == 1
    assert desk.shown("main", "one.txt") == lines(_3="session", _9="later")
    assert sessions.edit(desk.engine, task.id, name="renamed").name == "renamed"
