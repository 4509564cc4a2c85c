"""Sessions that are about one folder of a repository: which may be, and where amp and the script work."""

from pathlib import Path

import pytest

from ampsm_engine import session_problems
from ampsm_engine.engine import scripts, sessions
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.merging import train
from ampsm_engine.merging.results import Options
from ampsm_engine.worker import agent_context
from tests.conftest import git
from tests.merging.desk import Desk


@pytest.fixture
def monorepo(desk: Desk) -> Desk:
    desk.base({"packages/web/index.js": "1\n", "packages/api/main.py": "1\n"}, "Packages")
    (desk.repo / "out").symlink_to("/tmp")
    (desk.repo / "packages" / "link").symlink_to("web")
    git(desk.repo, "add", "-A")
    git(desk.repo, "commit", "-q", "-m", "Links")
    return desk


@pytest.mark.parametrize(
    ("at", "named", "found"),
    [
        (".", "packages/web", "packages/web"),
        (".", "packages/web/", "packages/web"),
        ("packages", "web", "packages/web"),
        ("packages/web", ".", "packages/web"),
        ("packages/web", "packages/api", "packages/api"),
        ("packages/web", "../api", "packages/api"),
        (".", ".", ""),
    ],
)
def test_a_folder_is_named_from_where_one_stands_or_from_the_top(
    monorepo: Desk, at: str, named: str, found: str
) -> None:
    session, _ = sessions.new(monorepo.engine, path=monorepo.repo / at, name="x", folder=named, run=False)
    assert session.folder == found
    assert session_problems.working_folder(Path(session.worktree_path), session.folder).is_dir()


@pytest.mark.parametrize(
    ("named", "says", "hint"),
    [
        ("packages/wep", "has no folder", "packages/web"),
        ("web", "has no folder", "packages/web"),
        ("../elsewhere", "lies outside", "--in"),
        ("/etc", "lies outside", "--in"),
        ("out", "is a link", "--in"),
        ("packages/link", "is a link", "--in"),
        ("out/x", "has no folder", ""),
        ("one.txt", "is a file", "--in"),
    ],
)
def test_what_is_no_folder_of_the_base_is_refused(monorepo: Desk, named: str, says: str, hint: str) -> None:
    before = git(monorepo.repo, "for-each-ref")
    with pytest.raises(AmpsmError, match=says) as caught:
        monorepo.session(folder=named)
    assert hint in caught.value.hint
    assert git(monorepo.repo, "for-each-ref") == before


def test_the_script_runs_in_the_folder_alone_and_with_others(monorepo: Desk) -> None:
    web = monorepo.session("web", folder="packages/web", script="test -f index.js")
    api = monorepo.session("api", folder="packages/api", script="test -f main.py")
    assert scripts.run_script(monorepo.engine, web.id, lambda _: None).exit_code == 0
    monorepo.amp(web, {"packages/web/a.js": "1\n"})
    monorepo.amp(api, {"packages/api/b.py": "1\n"})
    result = train.run(monorepo.engine, [web.id, api.id], Options())
    assert len(result.landed) == 2
    assert "packages/web" in agent_context.session_text(web)


def test_a_folder_that_became_a_link_is_not_followed(monorepo: Desk) -> None:
    session = monorepo.session(folder="packages/web", script="true")
    at = Path(session.worktree_path) / "packages"
    (at / "web").rename(at / "moved")
    (at / "web").symlink_to("/tmp")
    with pytest.raises(Failed, match="is no folder"):
        scripts.run_script(monorepo.engine, session.id, lambda _: None)
