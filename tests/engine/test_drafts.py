"""Before anything is made: what a form offers, and every field that would be refused, at that field."""

import os
from pathlib import Path

import pytest

from ampsm_engine.engine import drafts, iterations, sessions
from ampsm_engine.engine.drafts import SessionDraft
from ampsm_engine.errors import NotFound, Refused
from tests.conftest import git
from tests.worker.bench import Bench


def fields(bench: Bench, **typed: object) -> list[str]:
    draft = SessionDraft(**{"repo": str(bench.repo), "prompt": "Do it"} | typed)
    found = drafts.check(bench.engine, draft)
    assert all(one.message and one.hint for one in found)
    return [one.field for one in found]


def test_a_form_that_is_right_has_no_trouble_and_nothing_is_made(bench: Bench) -> None:
    before = git(bench.repo, "for-each-ref"), git(bench.repo, "worktree", "list")
    assert fields(bench, base="main", name="A name", script="make test", mode="smart") == []
    assert (git(bench.repo, "for-each-ref"), git(bench.repo, "worktree", "list")) == before
    assert bench.engine.store.sessions.all() == ()


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"repo": ""}, ["repo"]),
        ({"repo": "/no/such/place"}, ["repo"]),
        ({"repo": "/"}, ["repo"]),
        ({"repo": "~nobody-here/x"}, ["repo"]),
        ({"repo": "\0"}, ["repo"]),
        ({"base": "mian"}, ["base"]),
        ({"base": "--upload-pack=x"}, ["base"]),
        ({"name": "\x1b\x00"}, ["name"]),
        ({"prompt": " \n"}, ["prompt"]),
        ({"prompt": "x" * 1_048_577}, ["prompt"]),
        ({"prompt": "", "run": False}, []),
        ({"script": "a\0b"}, ["script"]),
        ({"base": "x", "prompt": ""}, ["base", "prompt"]),
    ],
)
def test_trouble_is_told_at_its_field(bench: Bench, typed: dict[str, object], wrong: list[str]) -> None:
    assert fields(bench, **typed) == wrong


def test_what_the_check_passes_is_not_refused_by_the_making(bench: Bench) -> None:
    assert fields(bench, base="HEAD", name="x") == []
    sessions.new(bench.engine, path=bench.repo, base="HEAD", name="x", run=False)


def test_without_amp_only_the_start_is_in_trouble(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_CLI_PATH", str(bench.folder / "missing"))
    assert fields(bench) == ["start"]
    assert fields(bench, run=False) == []


def test_a_repository_offers_its_branches_and_its_last_script(bench: Bench) -> None:
    git(bench.repo, "branch", "release")
    bench.new(None, name="old", script="make old")
    bench.new(None, name="newer", script="make test")
    bench.new(None, name="bare")
    offered = drafts.repository_offer(bench.engine, str(bench.repo / "."))
    assert offered.root == str(bench.repo)
    assert offered.base == "main"
    assert set(offered.branches[:2]) == {"main", "release"}, "sessions' own branches come last"
    assert len(offered.branches) == 5
    assert offered.script == "make test"


def test_a_path_is_completed_with_repositories_first(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "places"
    for name in ("alpha", "apple", ".hidden", "beta"):
        (place / name).mkdir(parents=True)
    (place / "apple" / ".git").mkdir()
    (place / "a-file").write_text("")
    assert drafts.completions(f"{place}/a") == (f"{place}/apple", f"{place}/alpha")
    assert len(drafts.completions(f"{place}/")) == 3
    assert drafts.completions(f"{place}/.h") == (f"{place}/.hidden",)
    assert drafts.completions(f"{place}/none/x") == ()
    assert drafts.completions("\0/") == ()


def test_a_prompt_is_read_from_a_text_file_only(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Do this\nand that\n")
    assert drafts.prompt_in(str(tmp_path / "good.md")) == "Do this\nand that\n"
    (tmp_path / "bad").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "long").write_bytes(b"x" * 1_048_577)
    os.mkfifo(tmp_path / "pipe")
    for name in ("bad", "empty", "long", "pipe", "."):
        with pytest.raises(Refused):
            drafts.prompt_in(str(tmp_path / name))
    with pytest.raises(NotFound):
        drafts.prompt_in(str(tmp_path / "none"))


SECRET = "ghp_" + "0123456789abcdefghij" + "ABCDEFGHIJ012345"


def test_the_last_prompt_is_as_typed_while_that_is_there_and_never_goes_on_redacted(bench: Bench) -> None:
    session, _ = sessions.new(bench.engine, path=bench.repo, prompt="Later", run=False)
    bench.sessions.append(session)
    assert iterations.last_prompt(bench.engine, session.id) == "Later"
    bench.scenario({"say": "Done."})
    bench.iterate(session, f"Use {SECRET}")
    bench.settled(session)
    kept = iterations.last_prompt(bench.engine, session.id)
    assert SECRET not in kept
    before = bench.engine.store.iterations.of(session.id)
    with pytest.raises(Refused, match="where a secret stood"):
        iterations.iterate(bench.engine, session.id, kept)
    with pytest.raises(Refused, match="where a secret stood"):
        sessions.new(bench.engine, path=bench.repo, prompt=kept)
    assert fields(bench, prompt=kept) == ["prompt"]
    assert bench.engine.store.iterations.of(session.id) == before
    with pytest.raises(Refused):
        iterations.last_prompt(bench.engine, bench.new(None, name="nothing").id)
