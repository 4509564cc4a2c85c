"""What would become reachable is looked through: secrets in the middle, in messages, in resolutions, and unwanted files."""

import shlex
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.engine import merges
from ampsm_engine.git import unwanted_files
from ampsm_engine.git.integrate import incoming
from ampsm_engine.merging import operations, questions
from ampsm_engine.merging.questions import Unanswered
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session
from tests.conftest import first_commits, git
from tests.merging.desk import Desk, lines
from tests.worker.bench import Bench

KEY = "sgamp_" + "user_01SECRET_" + "0123456789abcdef" * 2


def asked(desk: Desk, session: Session, **more: object) -> str:
    """What is asked; nothing has moved by then."""
    before = desk.sha("main"), desk.tip(session), desk.checkout()
    with pytest.raises(Unanswered) as caught:
        desk.merge(session, **more)
    assert (desk.sha("main"), desk.tip(session), desk.checkout()) == before
    assert KEY not in f"{caught.value.message}{caught.value.hint}{caught.value.questions}"
    return caught.value.message


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_secret_in_the_middle(desk: Desk, by_hand: bool) -> None:
    session = desk.session()
    commit = desk.by_hand if by_hand else desk.amp
    commit(session, {"config.py": f"KEY = '{KEY}'\n", "notes.txt": "n\n"})
    sha = desk.tip(session)[:12]
    desk.amp(session, {"config.py": "KEY = read()\n"})
    (finding,) = [one for one in merges.preflight(desk.engine, session.id).findings if one.kind == "secrets"]
    assert (finding.level, f"config.py in {sha}" in finding.text) == ("warn", True)
    for more in ({"squash": False}, {"squash": False, "fast_forward": False}, {"kind": "rebase"}):
        assert f"config.py in {sha}" in asked(desk, session, **more)
    if by_hand:
        # What is kept of it is looked at as it will be.
        desk.amp(session, {"two.txt": "more\n"})
        assert "config.py in " in asked(desk, session, manual="keep")
        assert "config.py in " in asked(desk, session, kind="squash", manual="keep")
    else:
        desk.by_hand(session, {"two.txt": "mine\n"})
        desk.merge(session, manual="keep")  # no commit has it
        assert git(desk.repo, "log", "-S", KEY, "--format=%h", "main") == ""
        return
    desk.merge(session)
    assert git(desk.repo, "log", "-S", KEY, "--format=%h", "main") == ""


@pytest.mark.parametrize("how", ["attributes", "binary", "mode", "name", "UTF-16", "in its name"])
def test_nothing_hides_a_secret(desk: Desk, how: str) -> None:
    session = desk.session()
    files: dict[str, str | bytes | None] = {"config.dat": f"KEY = '{KEY}'\n"}
    if how == "attributes":
        files[".gitattributes"] = "*.dat -diff binary\n"
    elif how == "binary":
        files = {"config.dat": b"\0\1" + f"KEY = '{KEY}'\n".encode()}
    elif how == "UTF-16":
        files = {"config.dat": f"KEY = '{KEY}'\n".encode("utf-16")}
    elif how == "name":
        files = {"id_rsa": "whatever\n"}
    elif how == "in its name":
        files = {f"d/{KEY}": "whatever\n"}
    desk.amp(session, {"copy.txt": "whatever\n", **files})
    assert {"name": "id_rsa", "in its name": "d/[redacted:"}.get(how, "config.dat") in asked(desk, session)


def test_what_the_base_has_already_is_no_news(desk: Desk) -> None:
    desk.base({"config.py": f"{lines()}KEY = '{KEY}'\n"})
    session = desk.session()
    desk.amp(session, {"config.py": f"{lines(_3='other')}KEY = '{KEY}'\n", "moved.txt": lines()})
    git(Path(session.worktree_path), "mv", "config.py", "settings.py")
    git(Path(session.worktree_path), "commit", "-qm", f"amp: move\n\nAmpsm-Session: {session.id}")
    desk.amp(session, {"settings.py": f"first\n{lines(_3='other')}KEY = '{KEY}'\n"})
    git(Path(session.worktree_path), "mv", "settings.py", "config.py")
    git(Path(session.worktree_path), "commit", "-qm", f"amp: and back\n\nAmpsm-Session: {session.id}")
    desk.merge(session)


def test_a_secret_in_a_message(desk: Desk) -> None:
    session = desk.session()
    sha = desk.amp(session, {"two.txt": "two\n"}, f"amp: use {KEY}")
    assert f"the message of {sha[:12]}" in asked(desk, session, squash=False)
    desk.merge(session, "Use it")
    assert KEY not in git(desk.repo, "log", "--format=%B", "main")


@pytest.mark.parametrize("how", ["resolution", "message"])
def test_a_secret_that_comes_with_a_resolution(desk: Desk, how: str) -> None:
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="session"), "config.py": f"OLD = '{KEY}'\n"})
    desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(session, answered=("*",))
    at, main = Path(session.worktree_path), desk.sha("main")
    (at / "one.txt").write_text(lines(_3=KEY if how == "resolution" else "both"))
    git(at, "add", "one.txt")
    if how == "message":
        git(at, "commit", "-qm", f"Resolved with {KEY}")
    with pytest.raises(Unanswered) as caught:
        operations.continue_(desk.engine, session.id)
    assert ("one.txt" if how == "resolution" else "the message of") in caught.value.message
    assert "config.py" not in caught.value.message  # somebody said yes to that
    assert (desk.sha("main"), desk.last(session).state) == (main, MergeState.CONFLICTED)
    operations.continue_(desk.engine, session.id, caught.value.answers)
    assert desk.last(session).state is MergeState.DONE


def test_what_is_pushed_besides_is_looked_through(desk: Desk, tmp_path: Path) -> None:
    git(desk.repo, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    git(desk.repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(desk.repo, "push", "-q", "origin", "main")
    desk.base({"config.py": f"KEY = '{KEY}'\n"}, "Not pushed yet")
    session = desk.session()
    desk.amp(session, {"two.txt": "two\n"})
    assert "config.py in " in asked(desk, session, push=True)
    desk.merge(session)


def test_a_first_push_is_looked_through(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No remote branch tells what the remote has of the target: all that none of its branches has goes out."""
    git(desk.repo, "init", "-q", "--bare", str(tmp_path / "remote.git"))
    git(desk.repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    sha = desk.base({"config.py": f"KEY = '{KEY}'\n"}, "Long ago")[:12]
    desk.base({"config.py": "KEY = read()\n"}, "And gone again")
    session = desk.session()
    desk.amp(session, {"two.txt": "two\n"})
    assert f"config.py in {sha}" in asked(desk, session, push=True)
    with monkeypatch.context() as patch:
        patch.setattr(questions, "MOST_UNPUSHED", 1)
        assert "not looked through" in asked(desk, session, push=True)
    git(desk.repo, "push", "-q", "origin", "main:other")
    desk.merge(session, push=True)
    assert git(desk.repo, "ls-remote", "origin", "main").split()[0] == desk.sha("main")


def test_unwanted_files_are_named_and_asked_about(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwanted_files, "LARGE", 5_000_000)
    session = desk.session()
    at = Path(session.worktree_path)
    packages = {f"web/node_modules/p{number}/index.js": f"{number}\n" for number in range(300)}
    desk.amp(session, {**packages, "core": b"\0" * 6_000_000, "app.py": "x = 1\n"})
    (at / "node_modules").symlink_to("/usr/lib/node_modules")
    desk.amp(session, {})
    names = ("web/node_modules/ (300 files)", "core (6 MB)", "node_modules (a link)")
    (finding,) = [one for one in merges.preflight(desk.engine, session.id).findings if one.kind == "rubbish"]
    assert finding.level == "warn"
    said = asked(desk, session)
    assert all(name in said and name in finding.text for name in names)
    # A history has it, too, when a later commit takes it out.
    git(at, "rm", "-rq", "web", "core", "node_modules")
    desk.amp(session, {"app.py": "x = 2\n"})
    assert "web/node_modules/ (300 files)" in asked(desk, session, squash=False)
    desk.merge(session)


def test_what_a_history_keeps_on_purpose_is_not_unwanted(desk: Desk) -> None:
    desk.base({"node_modules/own/index.js": "1\n"})
    session = desk.session()
    desk.amp(session, {"node_modules/own/index.js": "2\n", "node_modules/own/more.js": "3\n"})
    desk.merge(session)


def test_hundreds_of_files_of_a_new_folder(desk: Desk) -> None:
    session = desk.session()
    desk.amp(session, {f"vendor/lib/{number}.c": f"{number}\n" for number in range(unwanted_files.MANY)})
    assert f"vendor/ ({unwanted_files.MANY} files)" in asked(desk, session)


def test_more_than_can_be_looked_through_is_asked_about(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "READ", 100)
    session = desk.session()
    desk.amp(session, {"a.txt": "x " * 100, "b.txt": f"KEY = '{KEY}'\n"})
    assert "not looked through" in asked(desk, session)


def test_an_iteration_tells_of_unwanted_files(bench: Bench) -> None:
    bench.scenario({"shell": "mkdir node_modules && echo 1 > node_modules/a.js && echo x > app.py"}, {"say": "Done."})
    session = bench.new("Install it")
    bench.settled(session)
    texts = [fact.text for fact in bench.engine.store.facts.read(session_id=session.id) if fact.kind == "rubbish"]
    assert texts == ["node_modules/ (1 file) was committed"]
    bench.quiet()


def test_a_commit_of_a_submodule_that_nobody_could_fetch_is_asked_about(desk: Desk, tmp_path: Path) -> None:
    """Merged unasked, every other checkout would fail to fetch it, and with the session's worktree it would be gone."""
    library = tmp_path / "library"
    first_commits(library, ({"lib.txt": "1\n"}, "Begin"))
    local = ("-c", "protocol.file.allow=always", "submodule", "--quiet")
    git(desk.repo, *local, "add", str(library), "lib")
    git(desk.repo, "commit", "-qm", "A submodule")
    session = desk.session()
    at = Path(session.worktree_path)
    git(at, *local, "update", "--init")
    (at / "lib" / "lib.txt").write_text("2\n")
    git(at / "lib", "commit", "-qam", "By amp, inside")
    made = git(at / "lib", "rev-parse", "HEAD").strip()
    desk.amp(session, {})
    finding = next(one for one in merges.preflight(desk.engine, session.id).findings if one.kind == "submodules")
    assert (finding.level, f"lib at {made[:12]}" in finding.text) == ("warn", True)
    before = desk.sha("main")
    with pytest.raises(Unanswered, match=f"lib at {made[:12]}"):
        desk.merge(session)
    assert desk.sha("main") == before
    command = finding.hint.partition(". ")[0].replace("NAME", "ours")
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    git(at / "lib", "fetch", "-q")
    desk.merge(session)
    assert made in git(desk.repo, "ls-tree", "main", "lib")
