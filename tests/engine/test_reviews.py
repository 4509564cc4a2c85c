"""The verbs of a review on a real repository with the scripted amp: what is looked at, marked, said, taken back, sent."""

import errno
import sys
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest

from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import Side
from ampsm_engine.engine import comments, history, hunk_actions, iterations, range_hunks, reviews, session_trash
from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import changes, hunk_changes, pinned_refs, snapshot
from ampsm_engine.git.hunk_changes import HunkPlan, Step
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Session
from ampsm_engine.review.annotations import CommentAnswer, CommentState, Fate, Rejection, RejectionState
from ampsm_engine.worker import rejections as worker_rejections
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench, kill

APP = "def answer() -> int:\n    return 42\n\n\ndef other() -> str:\n    return 'x'\n\n\nLAST = 1\n"


def work(bench: Bench, files: dict[str, str], prompt: str = "Do it", session: Session | None = None) -> Session:
    """An iteration in which amp writes these files."""
    bench.scenario(*({"create_file": name, "content": text} for name, text in files.items()), {"say": "Done."})
    made = session or bench.new(prompt)
    if session:
        bench.iterate(session, prompt)
    bench.settled(made)
    return made


def keys(bench: Bench, session: Session, range_: str = "whole", path: str = "app.py") -> list[tuple[str, str]]:
    """The hunks of one file of a range, as a screen would mark them."""
    ends = reviews.resolve(bench.engine, session.id, range_)
    patch = changes.patch(Path(ends.worktree), ends.old, ends.new)
    sections = (b"\n" + patch).split(b"\ndiff --git ")
    return [
        (path, key)
        for one in sections
        if f"b/{path}".encode() in one.split(b"\n")[0]
        for key in hunks.keys(one + b"\n")
    ]


def test_a_changed_hunk_alone_opens_again(bench: Bench) -> None:
    text = "".join(f"line {number}\n" for number in range(40))
    session = work(bench, {"app.py": text, "long.txt": text})
    work(bench, {"long.txt": text.replace("line 12\n", "twelve\n").replace("line 30\n", "thirty\n")}, session=session)
    pairs = keys(bench, session, "iteration:2", "long.txt")
    assert len(pairs) == 2
    marks = reviews.mark_viewed(bench.engine, session.id, pairs, viewed=True)
    assert all(marks.viewed(*pair) for pair in pairs)
    worktree = Path(session.worktree_path)
    (worktree / "long.txt").write_text("first\n" + (worktree / "long.txt").read_text().replace("thirty", "30"))
    commits = history.timeline(bench.engine, session.id).commits
    now = keys(bench, session, f"points:{commits[-1].sha}..", "long.txt")
    marks = reviews.viewed_marks(bench.engine, session.id)
    assert [marks.viewed(*pair) for pair in now] == [False, True, False], "new, the same further down, changed"
    (worktree / "long.txt").rename(worktree / "called.txt")
    marks = reviews.viewed_marks(bench.engine, session.id)
    assert marks.viewed("called.txt", pairs[0][1]), "its file is called otherwise now"
    assert not reviews.mark_viewed(bench.engine, session.id, pairs, viewed=False).keys


def test_what_was_looked_at_is_kept_until_the_session_is_purged(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    engine, worktree = bench.engine, Path(session.worktree_path)
    assert [one.range for one in reviews.choices(engine, session.id) if one.is_default] == ["whole"]
    with pytest.raises(Refused, match="not looked"):
        reviews.resolve(engine, session.id, "looked")
    (worktree / "seen.txt").write_text("seen, and in no commit\n")
    with snapshot.live_tree(worktree) as live:
        reviews.keep_looked_tree(engine, session.id, live.tree, str(live.objects))
        tree = live.tree
    reviews.mark_viewed(engine, session.id, keys(bench, session), viewed=True)
    git(worktree, "gc", "--quiet", "--prune=now")
    (worktree / "more.txt").write_text("since then\n")
    ends = reviews.resolve(engine, session.id, "looked")
    assert (ends.old, ends.new) == (tree, None)
    assert [one.path for one in changes.files(worktree, ends.old, ends.new)] == ["more.txt"]
    assert [one.range for one in reviews.choices(engine, session.id) if one.is_default] == ["looked"]
    with pytest.raises(Refused, match="not there any more"):
        reviews.keep_looked_tree(engine, session.id, "12" * 20)
    assert "error" not in git(worktree, "fsck", "--strict")
    git(worktree, "log", "--all", "--oneline")
    comments.add_comment(engine, session.id, "app.py", (1, 1), "A word")
    session_trash.remove(engine, session.id)
    assert git(bench.repo, "for-each-ref", "refs/ampsm/looked")
    session_trash.purge(engine, session.id)
    assert not git(bench.repo, "for-each-ref", "refs/ampsm")


def test_ranges_and_points(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    work(bench, {"b.txt": "b\n"}, "And b", session)
    engine = bench.engine
    assert [one.range for one in reviews.choices(engine, session.id)] == [
        "whole", "uncommitted", "iteration:2", "iteration:1",
    ]  # fmt: skip
    points = reviews.points(engine, session.id)
    assert [point.label[:4] for point in points] == ["main", "amp:", "amp:", "the "]
    ends = reviews.resolve(engine, session.id, f"points:{points[1].rev}..{points[2].rev}")
    assert [one.path for one in changes.files(Path(ends.worktree), ends.old, ends.new)] == ["b.txt"]
    last = points[2].rev
    alone = reviews.resolve(engine, session.id, f"points:{last}^..{last}")
    assert (alone.old, alone.new, alone.label) == (points[1].rev, last, f"commit {last[:12]}")
    whole = reviews.resolve(engine, session.id)
    assert (whole.old, whole.new) == (points[0].rev, None)
    git(bench.repo, "commit", "-q", "--allow-empty", "-m", "The base goes on")
    git(Path(session.worktree_path), "merge", "-q", "main")
    assert reviews.resolve(engine, session.id).old == git(bench.repo, "rev-parse", "main").strip()
    for wrong in ("", "all", "iteration:9", "iteration:x", "points:main", "points:nothing..", "points:--all..main"):
        with pytest.raises(NotFound):
            reviews.resolve(engine, session.id, wrong)


def test_comments_come_back_touched_untouched_or_gone(bench: Bench) -> None:
    session = work(bench, {"app.py": APP, "gone.txt": "1\n2\n", "moved.txt": "".join(f"{n}\n" for n in range(30))})
    engine = bench.engine

    def say(path: str, line: int, text: str, side: Side = Side.NEW) -> str:
        return comments.add_comment(engine, session.id, path, (line, line), text, side=side).id

    ids = [
        say("app.py", 2, "touched"), say("app.py", 9, "untouched"), say("gone.txt", 1, "gone"),
        say("moved.txt", 3, "untouched"), say("app.py", 2, "touched", Side.OLD), say("README.md", 1, "untouched", Side.OLD),
    ]  # fmt: skip
    assert comments.count_unsent(engine, session.id) == 6
    draft = comments.draft(engine, session.id)
    assert set(draft.answers) == set(ids)
    bench.scenario(
        {"create_file": "app.py", "content": "import os\n" + APP.replace("42", "43")},
        {"shell": "git rm -q gone.txt && git mv moved.txt elsewhere.txt"},
        {"say": "Done."},
    )
    sent = comments.send(engine, session.id, draft.text, draft.answers)
    assert {one.iteration_id for one in engine.store.reviews.comments(session.id)} == {sent.id}
    bench.settled(session)
    found = comments.located_comments(engine, session.id)
    assert [(one.outcome, one.state) for one in found] == [(Fate(one.text), CommentState.SENT) for one in found]
    assert [one.place for one in found][:4] == ["app.py:3", "app.py:10", "gone.txt:1", "elsewhere.txt:3"]
    version = engine.store.data_version()
    assert comments.located_comments(engine, session.id) == found
    assert engine.store.data_version() == version, "looking again writes nothing"
    again = comments.reopen_comment(engine, ids[1])
    assert comments.draft(engine, session.id).answers == (again.id,)
    assert f"Line 10 [{again.id}]:" in comments.draft(engine, session.id).text


@pytest.mark.parametrize("encoding", ["latin-1", "shift_jis"])
def test_what_is_quoted_is_read_in_the_encoding_of_its_file(bench: Bench, encoding: str) -> None:
    line = {"latin-1": "Café olé", "shift_jis": "ひらがなのテキスト"}[encoding]
    session = bench.new(None)
    (Path(session.worktree_path) / "text.txt").write_bytes(f"first\n{line}\nlast\n".encode(encoding))
    made = comments.add_comment(bench.engine, session.id, "text.txt", (2, 2), "Translate it")
    assert (made.quote, made.context.split("\n")) == (line, ["first", line, "last"])
    assert line in comments.draft(bench.engine, session.id).text
    rejected = hunk_actions.reject(bench.engine, session.id, "text.txt", None)
    assert rejected.quote.split("\n")[1:] == ["+first", f"+{line}", "+last"]


def test_what_amp_says_of_a_comment_stands_beside_what_git_says_and_the_two_may_differ(bench: Bench) -> None:
    session, other = work(bench, {"app.py": APP}), work(bench, {"b.py": APP})
    engine = bench.engine
    ids = [comments.add_comment(engine, session.id, "app.py", (line, line), "Why?").id for line in (2, 6, 9)]
    foreign = comments.add_comment(engine, other.id, "b.py", (1, 1), "Of another").id
    for early in (ids[0], foreign):
        with pytest.raises(Refused, match="was not sent"):
            comments.answer_comment(engine, early, CommentAnswer.DONE, "")
    program = f"{Path(sys.executable).with_name('ampsm')} comment --answer"
    bench.scenario(
        {"create_file": "app.py", "content": APP.replace("42", "43")},
        {"shell": f"{program} {ids[0]} done; cd /; {program} {ids[1][:4]} done 'It was \x1b]0;owned\x07 so'"},
        {"shell": f"{program} {ids[2]} no; {program} {ids[2]} no 'Others use it'; {program} {foreign} done"},
        {"say": "Done."},
    )
    sent = comments.send(engine, session.id, comments.draft(engine, session.id).text, ids)
    bench.settled(session)
    found = comments.located_comments(engine, session.id)
    assert [(one.answer, one.outcome, one.differs) for one in found] == [
        (CommentAnswer.DONE, Fate.TOUCHED, False), (CommentAnswer.DONE, Fate.UNTOUCHED, True), (CommentAnswer.NO, Fate.UNTOUCHED, False),
    ]  # fmt: skip
    assert found[2].answer_text == "Others use it"
    assert engine.store.reviews.comment(foreign).answer is None, "it is of another session"
    assert [(one.number, one.iteration_id) for one in comments.rounds(engine, session.id)] == [(1, sent.id)]
    assert bench.facts(session).count("answered") == 3
    again = comments.reopen_comment(engine, ids[1])
    bench.scenario({"say": "Done."})
    comments.send(engine, session.id, "Once more", [again.id])
    bench.settled(session)
    found = comments.located_comments(engine, session.id)
    assert [(one.round, one.answer) for one in found] == [(1, CommentAnswer.DONE), (2, None), (1, CommentAnswer.NO)]


def test_comments_of_an_iteration_that_never_began_are_open_again(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"say": "Done."})
    first = bench.iterate(session)
    until(lambda: bench.last(session).start_time, "amp to begin")
    made = comments.add_comment(bench.engine, session.id, "app.py", (1, 1), "Later")
    comments.send(bench.engine, session.id, "Later", [made.id])
    assert bench.engine.store.reviews.comment(made.id).state is CommentState.SENT
    iterations.stop(bench.engine, session.id)
    bench.settled(session)
    assert bench.engine.store.reviews.comment(made.id).state is CommentState.OPEN
    assert bench.engine.store.reviews.comment(made.id).iteration_id is None
    assert bench.engine.store.iterations.get(first.id).outcome is not None


def test_a_rejection_is_a_labelled_commit_its_reason_goes_into_the_prompt_and_it_can_be_undone(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    engine, worktree = bench.engine, Path(session.worktree_path)
    before = git(worktree, "rev-parse", "HEAD^{tree}")
    rejected = hunk_actions.reject(engine, session.id, "app.py", None, reason="Not this way")
    assert not git(worktree, "diff", "main")
    told = history.timeline(engine, session.id).commits[0]
    assert (told.by, told.subject) == (history.Maker.REVIEW, "ampsm: reject a change in app.py")
    trailers = git(worktree, "log", "-1", "--format=%(trailers:only,unfold)").split("\n")
    assert trailers[:2] == [f"Ampsm-Session: {session.id}", f"Ampsm-Review: reject {rejected.id}"]
    assert "Not this way" in comments.draft(engine, session.id).text
    assert comments.count_unsent(engine, session.id) == 1
    hunk_actions.undo_last(engine, session.id)
    assert git(worktree, "rev-parse", "HEAD^{tree}") == before
    kept = git(worktree, "rev-parse", f"refs/ampsm/tip/{session.id}")
    assert kept == git(worktree, "rev-parse", "HEAD"), "what a deleted branch is made again from"
    assert comments.draft(engine, session.id).text == ""
    for again in (
        lambda: hunk_actions.undo_last(engine, session.id),
        lambda: hunk_actions.undo_reject(engine, rejected.id),
    ):
        with pytest.raises(Refused):
            again()
    assert bench.facts(session)[-2:] == ["rejected", "unrejected"]


def test_nothing_is_written_while_amp_is_at_work(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    engine = bench.engine
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"say": "Done."})
    bench.iterate(session)
    until(lambda: bench.last(session).start_time, "amp to begin")
    for verb in (
        lambda: hunk_actions.reject(engine, session.id, "app.py", None),
        lambda: hunk_actions.stage(engine, session.id, "app.py", None),
        lambda: hunk_actions.commit_staged(engine, session.id, "No"),
    ):
        with pytest.raises(Refused, match="amp is at work"):
            verb()
    comments.add_comment(engine, session.id, "app.py", (1, 1), "Commenting is free")
    bench.flag("go").touch()
    bench.settled(session)
    hunk_actions.reject(engine, session.id, "app.py", None)


TWO_HUNKS = "".join(f"line {number}\n" for number in range(40))


def hunk_of(bench: Bench, session: Session, number: int, path: str = "long.txt") -> bytes:
    """A hunk of what the whole session did to a file, as a screen has it."""
    ends = reviews.resolve(bench.engine, session.id)
    patch = changes.patch(Path(ends.worktree), ends.old, ends.new)
    section = next(one for one in patch.split(b"diff --git ") if one.startswith(f"a/{path} ".encode()))
    return hunks.text(hunks.split(section)[number])


def long_session(bench: Bench) -> Session:
    """A session of two hunks in a file that its base has, and amp at work on the file's last line."""
    (bench.repo / "long.txt").write_text(TWO_HUNKS)
    git(bench.repo, "add", "long.txt")
    git(bench.repo, "commit", "-qm", "long")
    changed = TWO_HUNKS.replace("line 12\n", "twelve\n").replace("line 30\n", "thirty\n")
    session = work(bench, {"long.txt": changed})
    bench.scenario(
        {"wait_for": str(bench.flag("go"))},
        {"create_file": "long.txt", "content": changed.replace("line 31\n", "thirty-one\n").replace("line 39", "end")},
        {"say": "Done."},
    )
    bench.amp(bench.iterate(session))
    return session


def test_what_is_rejected_while_amp_works_is_carried_out_at_the_end_of_the_turn(bench: Bench) -> None:
    session = long_session(bench)
    engine, worktree = bench.engine, Path(session.worktree_path)
    first, second = hunk_of(bench, session, 0), hunk_of(bench, session, 1)
    kept = hunk_actions.reject(engine, session.id, "long.txt", first, reason="Not twelve", queues=True)
    changed = hunk_actions.reject(engine, session.id, "long.txt", second, queues=True)
    gone = hunk_actions.reject(engine, session.id, "long.txt", None, queues=True)
    assert {one.state for one in (kept, changed, gone)} == {RejectionState.QUEUED}
    assert "twelve" in (worktree / "long.txt").read_text(), "amp has the worktree for itself"
    assert comments.draft(engine, session.id).text == "", "it is no rejection yet"
    assert hunk_actions.undo_last(engine, session.id).id == gone.id
    bench.flag("go").touch()
    ended = bench.settled(session)
    states = {one.id: one.state for one in hunk_actions.rejections(engine, session.id)}
    assert states == {kept.id: RejectionState.DONE, changed.id: RejectionState.REFUSED}
    text = (worktree / "long.txt").read_text()
    assert ("line 12\n" in text, "thirty\n" in text, "end\n" in text) == (True, True, True)
    assert "has changed since" in bench.fact(session, "reject-refused")
    assert git(worktree, "status", "--porcelain") == ""
    told = history.timeline(engine, session.id).commits
    assert told[0].subject == "ampsm: reject a change in long.txt"
    assert ended.commit_sha == told[1].sha, "amp's commit is amp's"
    assert "Not twelve" in comments.draft(engine, session.id).text
    hunk_actions.undo_reject(engine, kept.id)
    assert "twelve\n" in (worktree / "long.txt").read_text()
    with pytest.raises(Refused, match="was not rejected"):
        hunk_actions.undo_reject(engine, changed.id)
    git(worktree, "fsck", "--strict")


def test_chosen_lines_wait_for_the_end_of_the_turn_too(bench: Bench) -> None:
    session = long_session(bench)
    place = range_hunks.Place("long.txt", (13, 13))
    made = range_hunks.reject(bench.engine, session.id, place)
    assert made.state is RejectionState.QUEUED
    bench.flag("go").touch()
    bench.settled(session)
    assert bench.engine.store.reviews.rejection(made.id).state is RejectionState.DONE
    text = (Path(session.worktree_path) / "long.txt").read_text()
    assert ("twelve" in text, "line 12\n" in text, "thirty\n" in text) == (False, True, True)


def test_a_file_that_is_rejected_whole_is_spared_what_nobody_has_seen(bench: Bench) -> None:
    session = long_session(bench)
    made = hunk_actions.reject(bench.engine, session.id, "long.txt", None, queues=True)
    bench.flag("go").touch()
    bench.settled(session)
    assert bench.engine.store.reviews.rejection(made.id).state is RejectionState.REFUSED
    assert "end\n" in (Path(session.worktree_path) / "long.txt").read_text()


@pytest.mark.parametrize("after", ["nothing", "tree", "commit", "index", "files"])
def test_a_worker_that_is_killed_while_it_rejects_is_followed_by_one_that_does_the_rest(
    bench: Bench, after: str
) -> None:
    """The steps that a kill comes between are done here; the rest is what the next worker finds."""
    session = long_session(bench)
    engine, worktree = bench.engine, Path(session.worktree_path)
    made = hunk_actions.reject(engine, session.id, "long.txt", hunk_of(bench, session, 0), queues=True)
    amp = psutil.Process(bench.amp(bench.last(session)))
    bench.kill_workers()
    kill(amp)
    store, steps = engine.store, ["nothing", "tree", "commit", "index", "files"]
    done = steps[1 : steps.index(after) + 1]
    with scratch(worktree) as at:
        plan = worker_rejections._planned(at, session, made)
        if "tree" in done:
            worker_rejections._begin(store, at, made, plan)
        work = plan.work if "files" in done else Step(plan.work.now, plan.work.now)
        index = plan.index if "index" in done else Step(plan.index.now, plan.index.now)
        if "commit" in done:
            partly = replace(plan, work=work, index=index, patch=plan.patch if "files" in done else b"")
            hunk_changes.carry_out(at, partly, worker_rejections.message("reject", made, ""), hooks=True)
    bench.sweep()
    bench.settled(session)
    found = store.reviews.rejection(made.id)
    assert found.state is RejectionState.DONE
    text = (worktree / "long.txt").read_text()
    assert ("line 12\n" in text, "thirty\n" in text) == (True, True)
    assert git(worktree, "status", "--porcelain") == ""
    log = git(worktree, "log", "--format=%H %s", f"{session.base_commit}..").splitlines()
    assert [line for line in log if "ampsm: reject" in line] == [
        f"{found.commit_sha} ampsm: reject a change in long.txt"
    ]


def test_what_an_app_left_half_rejected_is_ended_before_anything_else(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    engine, worktree = bench.engine, Path(session.worktree_path)
    with scratch(worktree) as at:
        ends = reviews.resolve(engine, session.id)
        plan = hunk_changes.rejecting(at, "app.py", None, old_path=None, old=ends.old, new=ends.new)
        tree = hunk_changes.kept(at, plan)
        begun = Rejection("r1", session.id, "app.py", None, None, "", tree, "2026", state=RejectionState.DOING)
        pinned_refs.keep(worktree, session.id, "r1", {"tree": tree})
        engine.store.reviews.add_rejection(begun)
    (worktree / "b.txt").write_text("b\n")
    hunk_actions.stage(engine, session.id, "b.txt", None)
    assert engine.store.reviews.rejection("r1").state is RejectionState.DONE
    assert not git(worktree, "diff", "main", "--", "app.py")
    hunk_actions.undo_last(engine, session.id)
    assert (worktree / "app.py").read_text() == APP


def test_a_rejection_whose_commit_is_made_counts_also_where_its_file_cannot_follow(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    store, worktree = bench.engine.store, Path(session.worktree_path)
    with scratch(worktree) as at:
        ends = reviews.resolve(bench.engine, session.id)
        plan = hunk_changes.rejecting(at, "app.py", None, old_path=None, old=ends.old, new=ends.new)
        begun = Rejection(
            "r1", session.id, "app.py", None, None, "", hunk_changes.kept(at, plan), "2026", state=RejectionState.DOING
        )
        store.reviews.add_rejection(begun)
        partly = replace(plan, work=Step(plan.work.now, plan.work.now), patch=b"")
        hunk_changes.carry_out(at, partly, worker_rejections.message("reject", begun, ""), hooks=True)
    (worktree / "app.py").write_text("somebody's own\n")
    worker_rejections.carry_out_waiting(store, session, hooks=False, iteration_id="i", begun_only=True)
    found = store.reviews.rejection("r1")
    assert (found.state, bool(found.note)) == (RejectionState.DONE, True), "the branch has it"
    assert (worktree / "app.py").read_text() == "somebody's own\n"


def test_what_was_rejected_can_be_undone_when_the_program_is_interrupted_right_after(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = work(bench, {})
    worktree = Path(session.worktree_path)
    (worktree / "app.py").write_text(APP)
    monkeypatch.setattr(hunk_changes, "refresh", Mock(side_effect=[KeyboardInterrupt, None, None]))
    with pytest.raises(KeyboardInterrupt):
        hunk_actions.reject(bench.engine, session.id, "app.py", None)
    assert (worktree / "app.py").read_text() != APP
    hunk_actions.undo_last(bench.engine, session.id)
    assert (worktree / "app.py").read_text() == APP


def test_what_was_brought_back_by_a_program_that_was_killed_before_it_said_so_is_not_rejected_any_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = work(bench, {"app.py": APP})
    engine, worktree = bench.engine, Path(session.worktree_path)
    rejected = hunk_actions.reject(engine, session.id, "app.py", None)
    with monkeypatch.context() as patch:
        patch.setattr(hunk_actions.pinned_refs, "keep_tip", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            hunk_actions.undo_last(engine, session.id)
    tip = git(worktree, "rev-parse", "HEAD")
    assert ((worktree / "app.py").read_text(), engine.store.reviews.rejection(rejected.id).undone_at) == (APP, None)
    assert hunk_actions.undo_last(engine, session.id).undone_at
    assert git(worktree, "rev-parse", "HEAD") == tip


def test_what_waits_for_a_later_moment_is_not_refused_because_the_repository_is_busy_now(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = work(bench, {"app.py": APP})
    reviews = bench.engine.store.reviews
    for name, state in (("r1", RejectionState.QUEUED), ("r2", RejectionState.DOING)):
        reviews.add_rejection(Rejection(name, session.id, "app.py", None, None, "", "", "2026", state=state))
    full = Failed("The disk is full.", "df")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(worker_rejections.lock, "writer", Mock(side_effect=full))
    with pytest.raises(Failed, match="disk is full"):
        worker_rejections.carry_out_waiting(bench.engine.store, session, hooks=False, iteration_id="i", begun_only=True)
    assert reviews.rejection("r2").state is RejectionState.DOING, "it is no reason to refuse anything for good"
    monkeypatch.setattr(worker_rejections.lock, "writer", Mock(side_effect=Failed("Somebody is writing.", "Wait.")))
    worker_rejections.carry_out_waiting(bench.engine.store, session, hooks=False, iteration_id="i", begun_only=True)
    assert reviews.rejection("r1").state is RejectionState.QUEUED
    assert reviews.rejection("r2").state is RejectionState.REFUSED


def test_what_waits_is_carried_out_when_the_turn_is_stopped_that_nobody_is_at_any_more(bench: Bench) -> None:
    session = long_session(bench)
    engine = bench.engine
    made = hunk_actions.reject(engine, session.id, "long.txt", hunk_of(bench, session, 0), queues=True)
    amp = psutil.Process(bench.amp(bench.last(session)))
    bench.kill_workers()
    kill(amp)
    engine.store.queue.requeue(bench.last(session).id)
    iterations.stop(engine, session.id)
    assert engine.store.reviews.rejection(made.id).state is RejectionState.DONE
    assert "twelve" not in (Path(session.worktree_path) / "long.txt").read_text()


def test_a_turn_that_has_just_ended_takes_no_rejection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    session = work(bench, {"app.py": APP})
    monkeypatch.setattr(hunk_actions, "_is_at_work", lambda *_: True)
    with pytest.raises(Refused, match="just ended its turn"):
        hunk_actions.reject(bench.engine, session.id, "app.py", None, queues=True)
    assert not git(bench.repo, "for-each-ref", "refs/ampsm/review")


@pytest.mark.usefixtures("detached")
def test_amp_does_not_begin_while_a_change_is_taken_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    session = work(bench, {"app.py": APP})
    worktree = Path(session.worktree_path)
    seen = bench.flag("seen")
    check = hunk_changes.check

    def begin_then_check(at: Scratch, plan: HunkPlan) -> None:
        """Just now somebody sends amp a prompt: the look whether it is at work is over."""
        bench.scenario({"shell": f"cat app.py > {seen}; git log -1 --format=%s >> {seen}"}, {"say": "Done."})
        bench.iterate(session)
        until(lambda: bench.last(session).start_time, "the worker to take it")
        for _ in range(30):
            git(worktree, "status", "--short")
        check(at, plan)

    monkeypatch.setattr(hunk_changes, "check", begin_then_check)
    made = hunk_actions.reject(bench.engine, session.id, "app.py", None)
    bench.settled(session)
    assert bench.last(session).start_sha == made.commit_sha
    assert "return 42" not in seen.read_text()
    assert "ampsm: reject" in seen.read_text()
    assert git(worktree, "status", "--short") == ""
    git(worktree, "fsck", "--strict")


def test_a_hunk_that_was_cut_to_be_read_is_no_patch(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    engine = bench.engine
    for patch in (
        b"@@ -0,0 +1,9 @@\n+def answer() -> int:\n",
        b"@@ -0,0 +1 @@\n+x" + b"\0cut:20000:0123456789abcdef\n",
    ):
        for verb in (hunk_actions.reject, hunk_actions.stage, hunk_actions.unstage):
            with pytest.raises(Refused, match="not all there"):
                verb(engine, session.id, "app.py", patch)


def test_a_hook_that_refuses_leaves_everything_as_it_was(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    hook = bench.repo / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngrep -q TICKET $1 || { echo needs a TICKET >&2; exit 1; }\n")
    hook.chmod(0o755)
    with pytest.raises(Refused, match="needs a TICKET"):
        hunk_actions.reject(bench.engine, session.id, "app.py", None)
    assert hunk_actions.rejections(bench.engine, session.id) == ()
    assert not git(bench.repo, "for-each-ref", "refs/ampsm/review")
    worktree = Path(session.worktree_path)
    assert (worktree / "app.py").read_text() == APP
    (worktree / "app.py").write_text(APP + "# mine\n")
    (worktree / "other.txt").write_text("not staged\n")
    with pytest.raises(Refused, match="Nothing is staged"):
        hunk_actions.commit_staged(bench.engine, session.id, "TICKET-1: mine")
    assert hunk_actions.stage(bench.engine, session.id, "app.py", None).paths == {"app.py"}
    with pytest.raises(Refused, match="needs a TICKET"):
        hunk_actions.commit_staged(bench.engine, session.id, "mine")
    sha = hunk_actions.commit_staged(bench.engine, session.id, "TICKET-1: mine\n\nWith a body")
    assert git(worktree, "log", "-1", "--format=%H %B").split() == [sha, "TICKET-1:", "mine", "With", "a", "body"]
    assert git(worktree, "status", "--porcelain") == "?? other.txt\n"
    assert history.timeline(bench.engine, session.id).commits[0].by is history.Maker.HAND
