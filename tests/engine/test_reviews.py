"""The verbs of a review on a real repository with the scripted amp: what is looked at, marked, said, taken back, sent."""

from pathlib import Path

import pytest

from ampsm_engine.diff import hunks
from ampsm_engine.diff.deltas import Side
from ampsm_engine.engine import comments, history, hunk_actions, ranges, removal, runs
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import changes, hunk_changes, snapshot
from ampsm_engine.git.hunk_changes import HunkPlan
from ampsm_engine.git.worktree_entries import Scratch
from ampsm_engine.model import Session
from ampsm_engine.review.annotations import CommentState, Fate
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench

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
    ends = ranges.resolve(bench.engine, session.id, range_)
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
    marks = ranges.mark_viewed(bench.engine, session.id, pairs, viewed=True)
    assert all(marks.viewed(*pair) for pair in pairs)
    worktree = Path(session.worktree_path)
    (worktree / "long.txt").write_text("first\n" + (worktree / "long.txt").read_text().replace("thirty", "30"))
    commits = history.timeline(bench.engine, session.id).commits
    now = keys(bench, session, f"points:{commits[-1].sha}..", "long.txt")
    marks = ranges.viewed_marks(bench.engine, session.id)
    assert [marks.viewed(*pair) for pair in now] == [False, True, False], "new, the same further down, changed"
    (worktree / "long.txt").rename(worktree / "called.txt")
    marks = ranges.viewed_marks(bench.engine, session.id)
    assert marks.viewed("called.txt", pairs[0][1]), "its file is called otherwise now"
    assert not ranges.mark_viewed(bench.engine, session.id, pairs, viewed=False).keys


def test_what_was_looked_at_is_kept_until_the_session_is_purged(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    engine, worktree = bench.engine, Path(session.worktree_path)
    assert [one.range for one in ranges.choices(engine, session.id) if one.is_default] == ["whole"]
    with pytest.raises(Refused, match="not looked"):
        ranges.resolve(engine, session.id, "looked")
    (worktree / "seen.txt").write_text("seen, and in no commit\n")
    with snapshot.live_tree(worktree) as live:
        ranges.remember_viewed(engine, session.id, live.tree, str(live.objects))
        tree = live.tree
    ranges.mark_viewed(engine, session.id, keys(bench, session), viewed=True)
    git(worktree, "gc", "--quiet", "--prune=now")
    (worktree / "more.txt").write_text("since then\n")
    ends = ranges.resolve(engine, session.id, "looked")
    assert (ends.old, ends.new) == (tree, None)
    assert [one.path for one in changes.files(worktree, ends.old, ends.new)] == ["more.txt"]
    assert [one.range for one in ranges.choices(engine, session.id) if one.is_default] == ["looked"]
    with pytest.raises(Refused, match="not there any more"):
        ranges.remember_viewed(engine, session.id, "12" * 20)
    assert "error" not in git(worktree, "fsck", "--strict")
    git(worktree, "log", "--all", "--oneline")
    comments.add_comment(engine, session.id, "app.py", (1, 1), "A word")
    removal.remove(engine, session.id)
    assert git(bench.repo, "for-each-ref", "refs/ampsm/looked")
    removal.purge(engine, session.id)
    assert not git(bench.repo, "for-each-ref", "refs/ampsm")


def test_ranges_and_points(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    work(bench, {"b.txt": "b\n"}, "And b", session)
    engine = bench.engine
    assert [one.range for one in ranges.choices(engine, session.id)] == [
        "whole", "uncommitted", "iteration:2", "iteration:1",
    ]  # fmt: skip
    points = ranges.points(engine, session.id)
    assert [point.label[:4] for point in points] == ["main", "amp:", "amp:", "the "]
    ends = ranges.resolve(engine, session.id, f"points:{points[1].rev}..{points[2].rev}")
    assert [one.path for one in changes.files(Path(ends.worktree), ends.old, ends.new)] == ["b.txt"]
    last = points[2].rev
    alone = ranges.resolve(engine, session.id, f"points:{last}^..{last}")
    assert (alone.old, alone.new, alone.label) == (points[1].rev, last, f"commit {last[:12]}")
    whole = ranges.resolve(engine, session.id)
    assert (whole.old, whole.new) == (points[0].rev, None)
    git(bench.repo, "commit", "-q", "--allow-empty", "-m", "The base goes on")
    git(Path(session.worktree_path), "merge", "-q", "main")
    assert ranges.resolve(engine, session.id).old == git(bench.repo, "rev-parse", "main").strip()
    for wrong in ("", "all", "iteration:9", "iteration:x", "points:main", "points:nothing..", "points:--all..main"):
        with pytest.raises(NotFound):
            ranges.resolve(engine, session.id, wrong)


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
    assert "Line 10:" in comments.draft(engine, session.id).text


def test_comments_of_an_iteration_that_never_began_are_open_again(bench: Bench) -> None:
    session = work(bench, {"app.py": APP})
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"say": "Done."})
    first = bench.iterate(session)
    until(lambda: bench.last(session).start_time, "amp to begin")
    made = comments.add_comment(bench.engine, session.id, "app.py", (1, 1), "Later")
    comments.send(bench.engine, session.id, "Later", [made.id])
    assert bench.engine.store.reviews.comment(made.id).state is CommentState.SENT
    runs.stop(bench.engine, session.id)
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
