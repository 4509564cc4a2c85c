"""Making sessions: what is refused leaves nothing behind, what is made is where it should be."""

from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.engine import repair, session_trash, sessions, views
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit
from ampsm_engine.git import trash
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Outcome, Status
from ampsm_engine.naming import new_id
from ampsm_engine.store.sessions import Sessions
from ampsm_engine.worker import launch
from tests.conftest import git
from tests.worker.bench import Bench


def traces(bench: Bench) -> tuple[str, str, list[str], int]:
    """Everything a creation could leave behind."""
    folder = bench.repo / ".worktrees"
    return (
        git(bench.repo, "for-each-ref"),
        git(bench.repo, "worktree", "list", "--porcelain"),
        sorted(path.name for path in folder.iterdir()) if folder.exists() else [],
        len(bench.engine.store.sessions.all()),
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"base": "no-such-branch"}, NotFound),
        ({"prompt": ""}, AmpsmError),
        ({"prompt": "  \n"}, AmpsmError),
        ({"prompt": "x" * 1_048_577}, AmpsmError),
        ({"name": "\x1b\x00"}, Refused),
    ],
)
def test_what_is_refused_leaves_nothing_behind(bench: Bench, options: dict[str, str], error: type[AmpsmError]) -> None:
    before = traces(bench)
    with pytest.raises(error) as caught:
        bench.new(**{"prompt": "Do it"} | options)
    assert caught.value.message
    assert caught.value.hint
    assert traces(bench) == before


def test_without_amp_nothing_is_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_CLI_PATH", str(bench.folder / "missing"))
    before = traces(bench)
    with pytest.raises(Unfit, match="missing"):
        bench.new()
    assert traces(bench) == before
    assert bench.new(None, name="later").status is Status.IDLE


def test_a_store_that_fails_takes_the_worktree_with_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    before = traces(bench)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sessions, "add", fail)
    with pytest.raises(KeyboardInterrupt):
        bench.new(None, name="x")
    monkeypatch.undo()
    assert traces(bench)[:3] == before[:3]


def test_the_users_checkout_is_not_touched(bench: Bench) -> None:
    (bench.repo / "app.py").write_text("dirty\n")
    (bench.repo / "staged.txt").write_text("staged\n")
    git(bench.repo, "add", "staged.txt")
    index = (bench.repo / ".git" / "index").read_bytes()
    head = (bench.repo / ".git" / "HEAD").read_bytes()
    config = (bench.repo / ".git" / "config").read_bytes()
    bench.scenario({"create_file": "app.py", "content": "other\n"}, {"say": "Changed the app."})
    assert bench.settled(bench.new()).outcome is Outcome.DONE
    assert (bench.repo / ".git" / "index").read_bytes() == index
    assert (bench.repo / ".git" / "HEAD").read_bytes() == head
    assert (bench.repo / ".git" / "config").read_bytes() == config
    assert (bench.repo / "app.py").read_text() == "dirty\n"
    assert git(bench.repo, "status", "--porcelain").split() == ["M", "app.py", "A", "staged.txt"]


def test_a_session_of_a_session_is_refused(bench: Bench) -> None:
    session = bench.new(None, name="outer")
    with pytest.raises(Refused):
        sessions.new(bench.engine, path=Path(session.worktree_path), name="inner", run=False)


@pytest.mark.parametrize("base", ["release", "v1", "HEAD~1"])
def test_a_base_is_a_branch_a_tag_or_a_commit(bench: Bench, base: str) -> None:
    git(bench.repo, "branch", "release")
    git(bench.repo, "tag", "v1")
    git(bench.repo, "commit", "-q", "--allow-empty", "-m", "More")
    session = bench.new(None, name="x", base=base)
    first = git(bench.repo, "rev-parse", "HEAD~1").strip()
    assert session.base_commit == first
    assert git(Path(session.worktree_path), "rev-parse", "HEAD").strip() == first


def test_editing_changes_what_is_written_about_a_session(bench: Bench) -> None:
    session = bench.new(None, name="x", script="true")
    edited = sessions.edit(bench.engine, session.id, name="y", notes="look at it", script="", mode="rush")
    assert (edited.name, edited.notes, edited.script_command, edited.model_override) == (
        "y",
        "look at it",
        None,
        "rush",
    )
    assert edited.branch_name == session.branch_name
    with pytest.raises(Refused):
        sessions.edit(bench.engine, session.id, name=" ")


def test_a_worktree_made_elsewhere_is_taken_in(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    git(bench.repo, "worktree", "add", "-q", "-b", "feature/x", str(place))
    (place / "mine.txt").write_text("by hand\n")
    session = sessions.adopt(bench.engine, place, name="taken in")
    assert (session.branch_name, session.base_branch) == ("feature/x", "main")
    assert (place / "mine.txt").read_text() == "by hand\n"
    with pytest.raises(Refused, match="already"):
        sessions.adopt(bench.engine, place)
    with pytest.raises(Refused, match="belongs to session taken in already"):  # who asked at the same moment
        bench.engine.store.sessions.add(replace(session, id=new_id()))


def test_a_branch_that_ampsm_did_not_make_is_never_deleted(bench: Bench, tmp_path: Path) -> None:
    git(bench.repo, "switch", "-q", "-c", "work")
    place = tmp_path / "elsewhere"
    git(bench.repo, "worktree", "add", "-q", str(place), "main")
    with pytest.raises(Refused, match="main is the default branch"):
        sessions.adopt(bench.engine, place)
    session = sessions.adopt(bench.engine, place, shared=True)
    git(place, "commit", "-q", "--allow-empty", "-m", "Only on main")
    tip = git(bench.repo, "rev-parse", "main")
    (place / "loose.txt").write_text("by hand\n")
    assert "branch main is not ampsm's, and stays" in session_trash.describe_loss(bench.engine, session.id)
    session_trash.remove(bench.engine, session.id)
    assert git(bench.repo, "rev-parse", "main") == tip
    git(bench.repo, "worktree", "add", "-q", str(place), "main")  # the user goes on in the same place
    with pytest.raises(Refused, match="something at"):
        session_trash.restore(bench.engine, session.id)
    git(bench.repo, "worktree", "remove", str(place))
    session_trash.restore(bench.engine, session.id)
    assert (place / "loose.txt").read_text() == "by hand\n"
    assert git(place, "symbolic-ref", "--short", "HEAD").strip() == "main"
    assert session_trash.restore_note(bench.engine, session) == ""
    session_trash.remove(bench.engine, session.id)
    git(bench.repo, "branch", "-f", "main", "work")
    session_trash.restore(bench.engine, session.id)
    assert "detached at the same commit" in session_trash.restore_note(bench.engine, session)
    git(bench.repo, "branch", "-f", "main", tip.strip())
    session_trash.remove(bench.engine, session.id)
    session_trash.purge(bench.engine, session.id)
    assert git(bench.repo, "rev-parse", "main") == tip


def test_a_branch_that_others_build_on_is_not_taken_in_unasked(bench: Bench, tmp_path: Path) -> None:
    for name in ("shared", "twice"):
        git(bench.repo, "worktree", "add", "-q", "-b", name, str(tmp_path / name))
    git(bench.repo, "worktree", "add", "-q", "--force", str(tmp_path / "other"), "twice")
    bench.new(None, name="on it", base="shared")
    with pytest.raises(Refused, match="shared is the base of session on it"):
        sessions.adopt(bench.engine, tmp_path / "shared")
    with pytest.raises(Refused, match="twice is checked out in"):
        sessions.adopt(bench.engine, tmp_path / "twice")
    with pytest.raises(Refused, match="both the branch of the session and its base"):
        sessions.adopt(bench.engine, tmp_path / "twice", base="twice", shared=True)


def test_the_users_own_checkout_is_never_taken_in(bench: Bench) -> None:
    with pytest.raises(Refused, match="own checkout"):
        sessions.adopt(bench.engine, bench.repo)


def test_show_and_diff_tell_what_the_branch_changes(bench: Bench) -> None:
    bench.scenario({"create_file": "hello.txt", "content": "one\ntwo\n"}, {"say": "Added a greeting."})
    session = bench.new()
    last = bench.settled(session)
    (Path(session.worktree_path) / "loose.txt").write_text("by hand\n")
    git(bench.repo, "commit", "-q", "--allow-empty", "-m", "The base moves on")
    view = views.show(bench.engine, bench.now(session))
    assert (view.ahead, view.behind) == (1, 1)
    assert {file.path for file in view.files or ()} == {"hello.txt", "loose.txt"}
    iteration = views.diff(bench.engine, session.id, iteration=1)
    assert [file.path for file in iteration.files()] == ["hello.txt"]
    assert iteration.new == last.commit_sha
    uncommitted = views.diff(bench.engine, session.id, uncommitted=True)
    assert [file.path for file in uncommitted.files()] == ["loose.txt"]
    whole = b"".join(views.diff(bench.engine, session.id).patch())
    assert b"+two" in whole
    assert b"+by hand" in whole
    with pytest.raises(NotFound):
        views.diff(bench.engine, session.id, iteration=7)
    with pytest.raises(NotFound):
        views.diff(bench.engine, session.id, old="nothing-here").files()
    with pytest.raises(NotFound):
        list(views.diff(bench.engine, session.id, old="nothing-here").patch())


def test_a_base_that_is_gone_is_said(bench: Bench) -> None:
    git(bench.repo, "branch", "feature")
    session = bench.new(None, name="x", base="feature")
    assert not views.show(bench.engine, session).is_base_gone
    assert repair.find_disagreements(bench.engine) == ()
    git(bench.repo, "branch", "-q", "-D", "feature")
    assert views.show(bench.engine, session).is_base_gone
    (finding,) = repair.find_disagreements(bench.engine)
    assert "the base feature of session x is gone" in finding.text


def test_the_trash_gives_everything_back(bench: Bench) -> None:
    session = bench.new(None, name="x")
    worktree = Path(session.worktree_path)
    (worktree / "hello.txt").write_text("one\n")
    git(worktree, "add", "hello.txt")
    git(worktree, "commit", "-q", "-m", "Greet")
    (worktree / "loose.txt").write_text("by hand\n")
    before = git(worktree, "status", "--porcelain"), git(worktree, "rev-parse", "HEAD")
    assert "1 commit" in session_trash.describe_loss(bench.engine, session.id)
    removed = session_trash.remove(bench.engine, session.id)
    assert (removed.unmerged_commits, removed.uncommitted) == (1, 1)
    assert not worktree.exists()
    assert session.branch_name not in git(bench.repo, "branch", "--list")
    assert bench.engine.store.sessions.all() == ()
    assert [entry.session.id for entry in session_trash.trashed(bench.engine)] == [session.id]
    session_trash.restore(bench.engine, session.id)
    assert (git(worktree, "status", "--porcelain"), git(worktree, "rev-parse", "HEAD")) == before
    assert (worktree / "loose.txt").read_text() == "by hand\n"
    assert git(bench.repo, "fsck", "--no-dangling") == ""


def test_what_no_commit_has_is_named_before_a_session_goes(bench: Bench) -> None:
    session = bench.new(None, name="full")
    worktree = Path(session.worktree_path)
    git(bench.repo, "config", "core.excludesFile", str(bench.folder / "ignored"))
    (bench.folder / "ignored").write_text("scratch/\nbuild/\n")
    git(bench.repo, "init", "-q", str(worktree / "scratch/work"))
    (worktree / "scratch/.env").write_text("A=1")
    (worktree / "build").mkdir()
    (worktree / "build/out").write_bytes(bytes(2_000))
    before = session_trash.describe_loss(bench.engine, session.id)
    assert "With it go scratch/.env, scratch/work, which no commit has." in before
    assert "What git ignores in it is not kept: build (2.0 kB)." in before
    assert "nothing is lost" not in before
    removed = session_trash.remove(bench.engine, session.id)
    assert (removed.ignored, removed.ignored_bytes) == (1, 2_000)
    assert session_trash.unversioned_contents(removed.session) == ("scratch/.env", "scratch/work")


def test_a_worktree_around_another_sessions_stays(bench: Bench) -> None:
    outer = bench.new(None, name="outer")
    inside = Path(outer.worktree_path) / "inner"
    git(bench.repo, "worktree", "add", "-q", "-b", "inner", str(inside))
    sessions.adopt(bench.engine, inside)
    with pytest.raises(Refused, match="session inner lies in that of outer"):
        session_trash.remove(bench.engine, outer.id)
    assert inside.is_dir()


def test_a_purge_is_for_trashed_sessions_only_and_leaves_nothing(bench: Bench) -> None:
    bench.scenario({"create_file": "hello.txt", "content": "one\n"}, {"say": "Added a greeting."})
    session = bench.new()
    last = bench.settled(session)
    with pytest.raises(Refused):
        session_trash.purge(bench.engine, session.id)
    session_trash.remove(bench.engine, session.id)
    assert session_trash.purge(bench.engine, session.id) > 0
    assert not bench.engine.home.iteration(last.id).path.exists()
    assert "ampsm" not in git(bench.repo, "for-each-ref")
    with pytest.raises(NotFound):
        bench.engine.store.sessions.get(session.id)


def test_a_script_with_a_secret_is_refused_and_not_run_as_another(bench: Bench) -> None:
    token = "ghp_" + "1aB2" * 9
    with pytest.raises(Refused, match="secret"):
        bench.new(None, name="x", script=f"deploy --token {token}")
    session = bench.new(None, name="x")
    with pytest.raises(Refused, match="secret"):
        sessions.edit(bench.engine, session.id, script=f"deploy --token {token}")
    assert len(bench.engine.store.sessions.all()) == 1


def test_nothing_is_queued_in_a_session_that_goes_to_the_trash(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worktree must never be taken away under an amp that was asked for meanwhile."""
    session = bench.new(None, name="x")
    real = trash.keep

    def keep_while_somebody_asks(*arguments: Any, **options: Any) -> Any:
        with pytest.raises(Refused, match="trash"):
            bench.iterate(session)
        return real(*arguments, **options)

    monkeypatch.setattr(trash, "keep", keep_while_somebody_asks)
    session_trash.remove(bench.engine, session.id)
    assert bench.engine.store.iterations.of(session.id) == ()


def test_a_repository_that_is_away_keeps_its_sessions(bench: Bench) -> None:
    session = bench.new(None, name="x")
    away = bench.repo.rename(bench.repo.with_name("away"))
    assert "nothing else is touched" in session_trash.describe_loss(bench.engine, session.id)
    assert session_trash.remove(bench.engine, session.id).is_away
    with pytest.raises(Unfit, match="repository of x is not at"):
        session_trash.restore(bench.engine, session.id)
    away.rename(bench.repo)
    session_trash.restore(bench.engine, session.id)
    assert bench.now(session).trashed_at is None
    assert repair.find_disagreements(bench.engine) == ()


def test_a_repository_that_git_cannot_read_is_not_called_gone(bench: Bench) -> None:
    session = bench.new(None, name="x")
    config = bench.repo / ".git/config"
    before = config.read_text()
    config.write_text(f"{before}\n[[[\n")
    for act in (session_trash.remove, session_trash.describe_loss):
        with pytest.raises(AmpsmError, match="config"):
            act(bench.engine, session.id)
    assert bench.engine.store.sessions.get(session.id).trashed_at is None
    config.write_text(before)
    session_trash.remove(bench.engine, session.id)
    assert not Path(session.worktree_path).exists()


@pytest.mark.parametrize("step", ["marked", "written down", "half deleted"])
def test_a_removal_that_died_is_brought_back_or_finished(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    session = bench.new(None, name="x")
    worktree = Path(session.worktree_path)
    (worktree / "hello.txt").write_text("one\n")
    git(worktree, "add", "hello.txt")
    git(worktree, "commit", "-q", "-m", "Greet")
    (worktree / "loose.txt").write_text("by hand\n")
    before = git(worktree, "status", "--porcelain"), git(worktree, "rev-parse", "HEAD")
    if step == "marked":
        bench.engine.store.sessions.begin_trash(session.id)
    else:
        target = {"written down": (Path, "rename"), "half deleted": (trash, "_drop_branch")}[step]

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(*target, die)
            with pytest.raises(KeyboardInterrupt):
                session_trash.remove(bench.engine, session.id)
        if bench.now(session).trashed_at is None:
            bench.engine.store.sessions.begin_trash(session.id)  # as after kill -9, which undoes nothing
    assert not any(finding.kind == "branch" for finding in repair.find_disagreements(bench.engine)), (
        "no hint to delete its branch"
    )
    session_trash.restore(bench.engine, session.id)
    assert (git(worktree, "status", "--porcelain"), git(worktree, "rev-parse", "HEAD")) == before
    assert (worktree / "loose.txt").read_text() == "by hand\n"
    assert repair.find_disagreements(bench.engine) == ()


def test_a_worker_that_cannot_start_does_not_make_a_message_fail(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error would be answered by sending it again, and it would run twice."""
    session = bench.new(None, name="x")

    def fail(_: object) -> None:
        raise Failed("No worker could be started: no memory.", "ampsm doctor")

    with monkeypatch.context() as broken:
        broken.setattr(launch, "launch", fail)
        bench.iterate(session)
    assert "no memory" in bench.fact(session, "no-worker")
    bench.scenario({"say": "Nothing was to be done."})
    bench.sweep()
    assert bench.settled(session).outcome is Outcome.DONE


def test_an_adopted_branch_of_ours_keeps_its_name(bench: Bench) -> None:
    session = bench.new(None, name="fix login")
    bench.engine.store.sessions.remove(session.id)
    assert sessions.adopt(bench.engine, Path(session.worktree_path)).name == "fix-login"


def test_what_runs_is_not_removed(bench: Bench) -> None:
    bench.scenario({"wait_for": str(bench.flag("go"))})
    session = bench.new()
    with pytest.raises(Refused, match="run"):
        session_trash.remove(bench.engine, session.id)
    bench.flag("go").touch()
    bench.settled(session)


def test_a_complaint_of_the_post_checkout_hook_is_a_fact(bench: Bench) -> None:
    hook = bench.repo / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'npm is missing' >&2\nexit 3\n")
    hook.chmod(0o755)
    session = bench.new(prompt=None)
    assert bench.fact(session, "worktree") == "The post-checkout hook ended with 3: npm is missing."


def test_a_new_worktree_gets_the_ignored_files_that_the_checkout_names_and_commits_none(bench: Bench) -> None:
    (bench.repo / ".gitignore").write_text(".env\n")
    (bench.repo / ".worktreeinclude").write_text(".env\n*.pem\n")
    (bench.repo / ".env").write_text("SHOP=velvet9quartz\n")
    git(bench.repo, "add", ".gitignore", ".worktreeinclude")
    git(bench.repo, "commit", "-q", "-m", "Name what a worktree needs")
    session = bench.new("scenario: edit\nThe key is velvet9quartz.")
    iteration = bench.settled(session)
    assert (Path(session.worktree_path) / ".env").read_text() == "SHOP=velvet9quartz\n"
    assert bench.fact(session, "files-copied") == "Copied from the checkout: 1 ignored file, 19 bytes."
    # What is secret in them is hidden wherever it appears: amp's output holds the prompt.
    assert bench.engine.store.sessions.get(session.id).amp_prompt.endswith("The key is [redacted:environment].")
    said = bench.engine.home.iteration(iteration.id).stream.read_text()
    assert "velvet9quartz" not in said
    assert "The key is [redacted:environment]." in said
    changed = git(bench.repo, "diff", "--name-only", "main", session.branch_name)
    assert changed.split() == ["scripted.txt"]


def test_a_mode_that_holds_a_secret_is_refused(bench: Bench) -> None:
    before = traces(bench)
    with pytest.raises(Refused, match="mode holds a secret"):
        bench.new(mode="sgamp_" + "user_01MODE_" + "0123456789abcdef" * 2)
    assert traces(bench) == before


def test_the_candidates_for_an_unknown_base_are_the_users_own_branches_first(bench: Bench) -> None:
    for name in "abcdef":
        bench.new(prompt=None, name=name)
    with pytest.raises(NotFound) as caught:
        bench.new(prompt=None, base="zzzzzzzz")
    assert f"There are {git(bench.repo, 'branch', '--show-current').strip()}, " in caught.value.hint
