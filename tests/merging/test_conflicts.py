"""Conflicts: of every kind, one after the other, resolved by hand, by choice, by amp, and taken back again."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from ampsm_engine import demo, labels
from ampsm_engine.context import Engine
from ampsm_engine.engine import merges
from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git.integrate import conflict_checkout
from ampsm_engine.merging import open_conflict, operations
from ampsm_engine.merging.open_conflict import MarkersLeft
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Outcome, Session, Status
from ampsm_engine.worker import launch
from tests.conftest import git
from tests.merging.desk import Desk, lines
from tests.worker.bench import Bench


def stopped(desk: Desk, session: Session, **more: object) -> Path:
    with pytest.raises(ConflictsWait):
        desk.merge(session, **more)
    return Path(session.worktree_path)


@pytest.fixture
def task(desk: Desk) -> Session:
    """A session in conflict with its base on two hunks of one file."""
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="session 3", _15="session 15"), "two.txt": lines(_3="session")})
    desk.base({"one.txt": lines(_3="base 3", _15="base 15")})
    return session


def test_by_hunk_and_back_again(desk: Desk, task: Session) -> None:
    stopped(desk, task)
    found = open_conflict.conflicts(desk.engine, task.id)
    (file,) = found.files
    assert (file.path, file.kind, [hunk.number for hunk in file.hunks]) == ("one.txt", "content", [1, 2])
    assert (file.hunks[0].ours, file.hunks[0].theirs) == ("base 3\n", "session 3\n")
    left = open_conflict.resolve(desk.engine, task.id, "one.txt", {1: "theirs"})
    assert [hunk.number for hunk in left.files[0].hunks] == [1]
    left = open_conflict.resolve(desk.engine, task.id, "one.txt", {1: "both"})
    assert (left.files, left.resolved) == ((), ("one.txt",))
    again = open_conflict.reopen(desk.engine, task.id, "one.txt")
    assert [len(file.hunks) for file in again.files] == [2]
    open_conflict.resolve(desk.engine, task.id, "one.txt", "theirs")
    operations.continue_(desk.engine, task.id)
    assert desk.shown("main", "one.txt") == lines(_3="session 3", _15="session 15")
    assert desk.shown("main", "two.txt") == lines(_3="session")
    desk.clean(task)


def test_both_sides_of_a_whole_file(desk: Desk, task: Session) -> None:
    stopped(desk, task)
    left = open_conflict.resolve(desk.engine, task.id, "one.txt", "both")
    assert (left.files, left.resolved) == ((), ("one.txt",))
    operations.continue_(desk.engine, task.id)
    assert desk.shown("main", "one.txt") == lines(_3="base 3\nsession 3", _15="base 15\nsession 15")
    desk.clean(task)


def test_the_board_knows_of_a_conflict_and_takes_nothing_for_uncommitted(desk: Desk, task: Session) -> None:
    def shown() -> str:
        (row,) = desk.engine.store.sessions.board().rows
        return labels.activity(row)

    before = shown()
    stopped(desk, task)
    assert shown() == "a merge met a conflict"
    operations.abort(desk.engine, task.id)
    assert shown() == before != ""


def test_markers_that_were_added_are_not_merged(desk: Desk, task: Session) -> None:
    at = stopped(desk, task)
    git(at, "add", "one.txt")
    found = open_conflict.conflicts(desk.engine, task.id)
    assert (found.files, found.resolved, found.marked) == ((), ("one.txt",), ("one.txt",))
    with pytest.raises(Refused, match=r"markers left in one\.txt"):
        operations.continue_(desk.engine, task.id)
    assert desk.last(task).state is MergeState.CONFLICTED
    operations.abort(desk.engine, task.id)
    desk.clean(task)


def test_what_was_edited_after_git_add_is_not_left_out(desk: Desk, task: Session) -> None:
    at = stopped(desk, task)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    (at / "one.txt").write_text(lines(_3="both, and better"))
    (at / "two.txt").write_text(lines(_3="session, too"))
    (at / "new.txt").write_text("new\n")
    assert open_conflict.conflicts(desk.engine, task.id).edited == ("one.txt", "two.txt")
    main = desk.sha("main")
    with pytest.raises(Refused, match=r"one\.txt, two\.txt were changed after being added") as refused:
        operations.continue_(desk.engine, task.id)
    assert (desk.sha("main"), desk.last(task).state) == (main, MergeState.CONFLICTED)
    assert "add -u" in refused.value.hint
    open_conflict.resolve(desk.engine, task.id, "one.txt", "edited")
    with pytest.raises(Refused, match=r"^two\.txt was changed"):
        operations.continue_(desk.engine, task.id)
    git(at, "add", "-u")
    done = operations.continue_(desk.engine, task.id)
    assert desk.shown("main", "one.txt") == lines(_3="both, and better")
    assert desk.shown("main", "two.txt") == lines(_3="session, too")
    assert done.notes == (f"new.txt is untracked in {at}: not merged",)
    assert (at / "new.txt").read_text() == "new\n"


def test_what_came_after_a_commit_of_ones_own_is_not_left_out(desk: Desk, task: Session) -> None:
    at = stopped(desk, task)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "commit", "-qam", "Resolved by hand")
    (at / "one.txt").write_text(lines(_3="both, and better"))
    git(at, "add", "one.txt")
    with pytest.raises(Refused, match="came after the commit") as refused:
        operations.continue_(desk.engine, task.id)
    command = refused.value.hint.partition(",")[0].split()
    git(at, *command[3:])
    operations.continue_(desk.engine, task.id)
    assert desk.shown("main", "one.txt") == lines(_3="both, and better")
    desk.clean(task)


def test_what_was_resolved_before_an_abort_is_kept(desk: Desk, task: Session) -> None:
    at = stopped(desk, task)
    (at / "one.txt").write_text("hours of work\n")
    git(at, "add", "one.txt")
    operations.abort(desk.engine, task.id)
    refs = git(desk.repo, "for-each-ref", "--format=%(refname)", f"refs/ampsm/backup/{task.id}/").split()
    (kept,) = [ref for ref in refs if ref.endswith("/aborted")]
    assert desk.shown(kept, "one.txt") == "hours of work\n"
    (told,) = [fact.text for fact in desk.engine.store.facts.read(session_id=task.id) if fact.kind == "aborted"]
    assert told.endswith(f"what was resolved is kept as {kept}")
    assert not (at / "AGENT_CONTEXT" / "REBASE_HELP.md").exists(), "nothing is open any more"
    desk.clean(task)


def test_commit_after_commit(desk: Desk) -> None:
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="first")}, "amp: first")
    desk.amp(session, {"new.txt": "new\n"}, "amp: second")
    desk.by_hand(session, {"two.txt": lines(_3="third")}, "Third")
    desk.base({"one.txt": lines(_3="base"), "two.txt": lines(_3="base")})
    at = stopped(desk, session, squash=False)
    (at / "one.txt").write_text(lines(_3="first and base"))
    git(at, "add", "one.txt")
    with pytest.raises(ConflictsWait, match=r"two\.txt"):
        operations.continue_(desk.engine, session.id)
    assert open_conflict.conflicts(desk.engine, session.id).number == 2
    (at / "two.txt").write_text(lines(_3="third and base"))
    git(at, "add", "two.txt")
    done = operations.continue_(desk.engine, session.id)
    assert done.commits == 3
    subjects = git(desk.repo, "log", "--format=%s", "-3", "main").splitlines()
    assert subjects == ["Third", "amp: second", "amp: first"]
    assert desk.shown("main", "one.txt") == lines(_3="first and base")
    assert desk.shown("main", "two.txt") == lines(_3="third and base")
    operations.undo(desk.engine, session.id)
    assert git(desk.repo, "log", "-1", "--format=%s", session.branch_name).strip() == "Third"
    desk.clean(session)
    desk.sound()


def test_the_next_conflict_comes_also_where_laying_it_out_failed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="first")}, "amp: first")
    desk.amp(session, {"two.txt": lines(_3="second")}, "amp: second")
    desk.base({"one.txt": lines(_3="base"), "two.txt": lines(_3="base")})
    stopped(desk, session, squash=False)
    open_conflict.resolve(desk.engine, session.id, "one.txt", "theirs")
    with monkeypatch.context() as patch:
        patch.setattr(conflict_checkout, "lay_out_next", Mock(side_effect=Failed("The disk is full.", "df")))
        with pytest.raises(Failed, match="disk is full"):
            operations.continue_(desk.engine, session.id)
    found = open_conflict.conflicts(desk.engine, session.id)
    assert ([file.path for file in found.files], found.number) == (["two.txt"], 2)
    open_conflict.resolve(desk.engine, session.id, "two.txt", "theirs")
    operations.continue_(desk.engine, session.id)
    assert desk.shown("main", "one.txt") == lines(_3="first")
    assert desk.shown("main", "two.txt") == lines(_3="second")
    desk.clean(session)


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ({"one.txt": None}, {"one.txt": lines(_3="session")}, "modify/delete"),
        ({"one.txt": lines(_3="base")}, {"one.txt": None}, "modify/delete"),
        ({"new.txt": "base\n"}, {"new.txt": "session\n"}, "add/add"),
        ({"one.txt": b"\0base"}, {"one.txt": b"\0session"}, "binary"),
    ],
)
@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_every_kind_has_a_way_out(desk: Desk, ours: dict, theirs: dict, kind: str, choice: str) -> None:
    session = desk.session()
    desk.amp(session, {**theirs, "two.txt": lines(_9="session")})
    desk.base(ours)
    stopped(desk, session)
    (file,) = open_conflict.conflicts(desk.engine, session.id).files
    assert file.kind == kind
    assert open_conflict.resolve(desk.engine, session.id, file.path, choice).files == ()
    operations.continue_(desk.engine, session.id)
    (path, content), = (ours if choice == "ours" else theirs).items()  # fmt: skip
    there = git(desk.repo, "ls-tree", "--name-only", "main", path).strip()
    assert bool(there) is (content is not None)
    if content is not None:
        assert (desk.repo / path).read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert desk.shown("main", "two.txt") == lines(_9="session")
    desk.clean(session)


def test_a_file_in_place_of_a_folder_is_in_nobodys_way(desk: Desk) -> None:
    """In the checkout of the base it is the base's own."""
    session = desk.session()
    desk.amp(session, {"place/inside.txt": "session\n"})
    desk.base({"place": "base\n"})
    assert merges.preflight(desk.engine, session.id).ready
    stopped(desk, session)
    for file in open_conflict.conflicts(desk.engine, session.id).files:
        open_conflict.resolve(desk.engine, session.id, file.path, "theirs")
    operations.continue_(desk.engine, session.id)
    assert git(desk.repo, "status", "--porcelain") == ""
    assert desk.shown("main", "place/inside.txt") == "session\n"
    desk.clean(session)


def test_rerere_of_the_user_is_used(desk: Desk, task: Session) -> None:
    git(desk.repo, "config", "rerere.enabled", "true")
    at = stopped(desk, task)
    (at / "one.txt").write_text(lines(_3="once", _15="and for all"))
    git(at, "add", "one.txt")
    operations.continue_(desk.engine, task.id)
    operations.undo(desk.engine, task.id)
    at = stopped(desk, task)
    assert (at / "one.txt").read_text() == lines(_3="once", _15="and for all")


def test_the_users_conflict_style_is_used(desk: Desk, task: Session) -> None:
    git(desk.repo, "config", "merge.conflictStyle", "diff3")
    assert "|||||||" in (stopped(desk, task) / "one.txt").read_text()


def in_conflict(bench: Bench) -> Session:
    session = bench.new(None)
    at = Path(session.worktree_path)
    for place, word in ((at, "session"), (bench.repo, "base")):
        (place / "app.py").write_text(f"def answer() -> int:\n    return '{word}'\n")
        git(place, "commit", "-qam", word)
    with pytest.raises(ConflictsWait):
        operations.merge(bench.engine, session.id, _options())
    return session


def _options() -> Options:
    return Options(message="Bring it in")


def given(engine: Engine, session: Session) -> None:
    iteration = merges.give_to_amp(engine, session.id, words="Prefer the session's answer.")
    assert "Prefer the session's answer." in iteration.prompt


def test_amp_resolves_and_a_person_reviews(bench: Bench) -> None:
    session = in_conflict(bench)
    bench.scenario(
        {"wait_for": str(bench.flag("go"))},
        {"shell": "printf 'def answer() -> int:\\n    return 42\\n' > app.py"},
        {"say": "Resolved it."},
    )
    given(bench.engine, session)
    assert open_conflict.conflicts(bench.engine, session.id).at_work
    for verb in (operations.continue_, operations.abort, open_conflict.resolution):
        with pytest.raises(Refused):
            verb(bench.engine, session.id)
    bench.flag("go").touch()
    last = bench.settled(session)
    assert (last.outcome, last.commit_sha) == (Outcome.DONE, None)
    assert bench.now(session).status is Status.AWAITING_INPUT
    found = open_conflict.conflicts(bench.engine, session.id)
    assert (found.needs_review, found.at_work, len(found.files)) == (True, False, 1)
    with pytest.raises(Refused, match="nobody looked"):
        operations.continue_(bench.engine, session.id)
    reviewed = open_conflict.resolution(bench.engine, session.id)
    assert b"-<<<<<<<" in reviewed.patch
    assert b"+    return 42" in reviewed.patch
    app = Path(session.worktree_path) / "app.py"
    looked_at = app.read_text()
    app.write_text("something else\n")
    with pytest.raises(Refused, match="changed since"):
        open_conflict.accept(bench.engine, session.id, reviewed.tree)
    app.write_text(looked_at)
    assert open_conflict.accept(bench.engine, session.id, reviewed.tree).files == ()
    operations.continue_(bench.engine, session.id)
    assert git(bench.repo, "show", "main:app.py") == looked_at
    bench.quiet()


def test_all_that_was_read_of_amps_resolution_counts(bench: Bench) -> None:
    """Not only the files in conflict; also where amp made a commit of a part of it."""
    session = in_conflict(bench)
    at = Path(session.worktree_path)
    bench.scenario(
        {"shell": "printf 'answer = 42\\n' > app.py; git add app.py; git commit -qm mine"},
        {"shell": "printf 'from app import answer\\n' > test_app.py; echo '# see app' >> README.md"},
        {"say": "Resolved it."},
    )
    given(bench.engine, session)
    bench.settled(session)
    reviewed = open_conflict.resolution(bench.engine, session.id)
    assert {file.path for file in reviewed.files} == {"app.py", "test_app.py", "README.md"}
    open_conflict.accept(bench.engine, session.id, reviewed.tree)
    operations.continue_(bench.engine, session.id)
    assert git(bench.repo, "rev-parse", "main^{tree}").strip() == reviewed.tree
    assert git(at, "status", "--porcelain") == ""
    bench.quiet()


def amp_resolves(
    desk: Desk, session: Session, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an iteration leaves that was given an open conflict and wrote these files."""
    monkeypatch.setenv("AMP_CLI_PATH", str(demo.install(tmp_path / "bin")))
    monkeypatch.setattr(launch, "launch", lambda _home: None)
    store = desk.engine.store
    iteration = merges.give_to_amp(desk.engine, session.id)
    assert store.queue.claim() is not None
    desk.write(Path(session.worktree_path), files)
    store.iterations.begin_settling(iteration.id, outcome=Outcome.DONE)
    store.iterations.settle(iteration.id, status=Status.AWAITING_INPUT)


def test_a_rejected_resolution_goes_and_takes_nothing_of_a_persons_along(
    desk: Desk, task: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = stopped(desk, task)
    amp_resolves(desk, task, {"one.txt": lines(_3="amp"), "new.txt": "of amp\n"}, tmp_path, monkeypatch)
    (at / ".env").write_text("PASSWORD=hunter2\n")
    git(at, "init", "-q", "inner")
    (at / "inner" / "file").write_text("of another repository\n")
    held = Path(git(at, "rev-parse", "--absolute-git-dir").strip()) / "index.lock"
    held.touch()
    with pytest.raises(Refused, match="index"):
        open_conflict.reject(desk.engine, task.id)
    held.unlink()
    assert (at / "new.txt").exists()
    found = open_conflict.reject(desk.engine, task.id)
    assert [len(file.hunks) for file in found.files] == [2], "as it was when amp got it"
    assert not (at / "new.txt").exists()
    assert (at / ".env").read_text() == "PASSWORD=hunter2\n"
    assert (at / "inner" / "file").read_text() == "of another repository\n"
    kept = next(fact.text for fact in desk.engine.store.facts.read(session_id=task.id) if fact.kind == "rejected")
    assert desk.shown(kept.rpartition(" ")[2], "one.txt") == lines(_3="amp")
    with pytest.raises(Refused, match="was not asked"):
        open_conflict.reject(desk.engine, task.id)
    open_conflict.resolve(desk.engine, task.id, "one.txt", "theirs")
    operations.continue_(desk.engine, task.id)
    assert desk.shown("main", "one.txt") == lines(_3="session 3", _15="session 15")


def test_a_choice_that_amp_did_not_make_stays_open(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No marker in it tells that a binary file is still in conflict."""
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="session"), "logo.bin": b"\0session"})
    desk.base({"one.txt": lines(_3="base"), "logo.bin": b"\0base"})
    at = stopped(desk, session)
    amp_resolves(desk, session, {"one.txt": lines(_3="both")}, tmp_path, monkeypatch)
    with pytest.raises(MarkersLeft, match=r"left 1 file in conflict: logo\.bin"):
        open_conflict.accept(desk.engine, session.id, open_conflict.resolution(desk.engine, session.id).tree)
    (at / "logo.bin").write_bytes(b"\0both")
    accepted = open_conflict.resolution(desk.engine, session.id).tree
    assert open_conflict.accept(desk.engine, session.id, accepted).files == ()
    operations.continue_(desk.engine, session.id)
    assert desk.shown("main", "one.txt") == lines(_3="both")
    assert desk.shown("main", "logo.bin") == "\0both"


def test_amp_that_leaves_markers_or_commits_by_itself(bench: Bench) -> None:
    session = in_conflict(bench)
    bench.scenario({"shell": "echo more >> app.py"}, {"say": "I think that is it."})
    given(bench.engine, session)
    bench.settled(session)
    with pytest.raises(Refused, match="Nobody looked"):
        open_conflict.accept(bench.engine, session.id)
    open_conflict.show_resolution(bench.engine, session.id)
    with pytest.raises(MarkersLeft, match=r"left 1 file in conflict: app\.py"):
        open_conflict.accept(bench.engine, session.id)
    bench.scenario(
        {"shell": "printf 'answer = 42\\n' > app.py; git add app.py; git commit -qm mine"}, {"say": "Committed it."}
    )
    given(bench.engine, session)
    bench.settled(session)
    with pytest.raises(Refused, match="nobody looked"):
        operations.continue_(bench.engine, session.id)
    open_conflict.accept(bench.engine, session.id, open_conflict.resolution(bench.engine, session.id).tree)
    operations.continue_(bench.engine, session.id)
    assert git(bench.repo, "show", "main:app.py") == "answer = 42\n"
    assert git(Path(session.worktree_path), "status", "--porcelain") == ""
    bench.quiet()
