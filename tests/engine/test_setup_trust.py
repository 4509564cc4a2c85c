"""Commands out of repositories: none runs, and nothing is read for one, before a person has trusted exactly that."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_engine.context import Engine
from ampsm_engine.engine import session_trash, sessions, setup
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.git import setup_source
from ampsm_engine.plain_text import visible
from ampsm_engine.trusted_commands import UntrustedCommand
from tests.conftest import git

FILE = ".ampsm.toml"
Tree = dict[str, tuple[str, bytes]]
"""Modes and contents by path."""


def said(text: str | bytes, name: str = FILE, mode: str = "100644") -> Tree:
    return {name: (mode, text.encode() if isinstance(text, str) else text)}


def asking(canary: str) -> Iterator[Tree]:
    """Repositories whose command a person could be asked about."""
    run = f"touch {canary}"
    yield said(f'setup = "{run}"')
    yield said(f'\r\nsetup = "{run}"\r\n')
    yield said(f"setup = '''\n{run}\n{run}\n'''", mode="100755")
    yield said(f'"setup" = "{run} # \\u00e9"')
    yield said(f'setup = "{run}"\nsteup = "x"\nshare = ["node_modules", "../out", "/etc", ".git"]')
    yield said(f'setup = "{run}"') | {".gitattributes": ("100644", b"* filter=evil working-tree-encoding=UTF-16\n")}
    yield said(f'setup = "{run}"') | {".gitconfig": ("100644", f"[ampsm]\nsetup = {run}\n".encode())}
    for text in ("$(X)", "`X`", "X &", "X | sh", "X;X", "X\\nX", "\\tX", "sh -c 'X'", "X #", "  X  ", "env X", "(X)"):
        yield said(f'setup = "{text.replace("X", run)}"')


def mute(canary: str) -> Iterator[Tree]:
    """Repositories of which nothing counts as a command."""
    run = f"touch {canary}"
    orders = (f"{code:04x}" for code in range(32) if code not in (9, 10))
    unseen = (*orders, "007f", "0085", "009b", "00ad", "061c", "200b", "200e", "202e")
    for code in (*unseen, "00a0", "2003", "200c", "200d", "3000", "2028", "2066", "2069", "feff", "fffa"):
        yield said(f'setup = "{run}\\u{code}"')
    yield said(f'setup = "{run}\\U000E0041"')
    yield said(f'setup = "{run} {"x" * 1_000}"')
    yield said("setup = '''\n" + f"{run}\n" * 30 + "'''")
    yield said(f'setup = "{run} ghp_{"a1B2" * 9}"')
    for other in ("1", "true", "[]", '["X"]', "{run = 'X'}", "2026-01-01", "1.5", '""', '"  "', "nan"):
        yield said(f"setup = {other.replace('X', run)}")
    yield said(f'[setup]\nrun = "{run}"')
    yield said(f'setup.run = "{run}"')
    yield said(f'[ampsm]\nsetup = "{run}"')
    for key in ("Setup", "SETUP", '"setup "', '"se\\u200btup"', "setup_", "s"):
        yield said(f'{key} = "{run}"')
    yield said(f'setup = "{run}"\nsetup = "{run}"')
    yield said(f'setup = "{run}')
    yield said(f"setup = {run}")
    yield said("a = " + "[" * 20_000)
    yield said("[a" + ".a" * 20_000 + "]")
    yield said(f'setup = "{run}"\n# {"x" * 70_000}')
    yield said(f'setup = "{run}"\n'.encode() + bytes(70_000))
    for codec in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig"):
        yield said(f'setup = "{run}"\n'.encode(codec))
    yield said(f'setup = "{run} é"'.encode("latin-1"))
    yield said(f'setup = "{run}"\n\0'.encode())
    yield said(b"\x1f\x8b\x08" + run.encode())
    for target in ("other.toml", "../other.toml", "/etc/passwd", canary, FILE):
        link = said(target, mode="120000")
        yield link | said(f'setup = "{run}"', "other.toml")
    yield said(f'setup = "{run}"', f"{FILE}/setup")
    yield said("1" * 40, mode="160000")
    names = (".AMPSM.TOML", ".Ampsm.toml", ".ampsm.TOML", "ampsm.toml", f"{FILE} ", f" {FILE}", f"{FILE}.", f"a/{FILE}")
    for name in (*names, ".ampsm\u200b.toml", ".ampsm.toml\x1b[2J", "AMPSM~1.TOM", f"{FILE}::$DATA", f"{FILE}\\"):
        yield said(f'setup = "{run}"', name)
    yield {".gitmodules": ("100644", b'[submodule "x"]\npath = .ampsm.toml\nurl = ./x\nupdate = !touch x\n')}


def committed(root: Path, trees: list[Tree]) -> list[str]:
    """A commit for each tree; one git makes them all."""
    parts = []
    for number, tree in enumerate(trees):
        parts.append(f"commit refs/heads/c{number}\ncommitter A <a@b> 0 +0000\ndata 1\nx\n".encode())
        for path, (mode, content) in tree.items():
            quoted = '"' + "".join(f"\\{byte:03o}" for byte in path.encode()) + '"'
            if mode == "160000":
                parts.append(f"M {mode} {content.decode()} {quoted}\n".encode())
            else:
                parts.append(f"M {mode} inline {quoted}\ndata {len(content)}\n".encode() + content + b"\n")
    subprocess.run(["git", "-C", root, "fast-import", "--quiet", "--force"], input=b"".join(parts), check=True)
    names = [f"refs/heads/c{number}" for number in range(len(trees))]
    return git(root, "rev-parse", *names).split()


@pytest.fixture
def engine(hermetic: Path, repo: Path) -> Engine:
    return open_engine()


def test_a_hundred_hostile_repositories_have_nothing_run_and_are_asked_about_as_they_are(
    engine: Engine, repo: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "ran"
    (repo / FILE).write_text(f'setup = "touch {canary}; #only in the checkout"\n')
    asked, silent = list(asking(str(canary))), list(mute(str(canary)))
    assert len(asked) + len(silent) >= 100
    commits = committed(repo, asked + silent)
    for commit in commits[: len(asked)]:
        with pytest.raises(UntrustedCommand) as why:
            sessions.new(engine, path=repo, prompt=None, name="x", base=commit, run=False)
        assert visible(why.value.command, "\n\t") == why.value.command
        assert str(canary) in why.value.command
        assert "only in the checkout" not in why.value.command
    for commit, tree in zip(commits[len(asked) :], silent, strict=True):
        source = setup.of_new_session(engine, repo, commit)
        assert source.command == "", tree
        is_there = any(path.split("/")[0] == FILE for path in tree)
        told = is_there and tree.get(FILE, ("", b"a folder"))[1] not in (b'setup = ""', b'setup = "  "')
        assert bool(source.problems) == told, (tree, source)
        assert all(visible(text) == text for text in source.problems)
    for commit in commits[len(asked) :: 12]:
        sessions.new(engine, path=repo, prompt=None, name="x", base=commit, run=False)
    assert not canary.exists()


def test_a_refusal_hides_no_part_of_a_command(engine: Engine, repo: Path) -> None:
    texts = (
        "'''echo fine\ntouch x'''",
        f"'echo fine{' ' * 300}; touch x'",
        f'"echo fine{chr(92)}t{" " * 300}; touch x"',
    )
    for commit in committed(repo, [said(f"setup = {text}") for text in texts]):
        with pytest.raises(UntrustedCommand, match=r"echo fine(␊| ; )touch x$"):
            setup.of_new_session(engine, repo, commit)


def test_what_is_wrong_in_the_file_is_told_with_its_line_and_the_nearest_name(engine: Engine, repo: Path) -> None:
    texts = (
        "# a\nsetup = 5\n",
        "\n\nstup = 'x'\n",
        "share = ['ok', '../x']\n",
        "a = 1\nb = = 2\n",
        "share = 'target'\nsetup = ' make '",
    )
    first, second, third, fourth, fifth = (
        setup_source.read(repo, commit) for commit in committed(repo, [said(text) for text in texts])
    )
    assert first.problems == ("setup takes one text, a shell command (line 2 of .ampsm.toml).",)
    assert second.problems == ("There is no setting 'stup' (line 3 of .ampsm.toml). Did you mean setup?",)
    assert (third.share, len(third.problems)) == (("ok",), 1)
    assert "'../x': it has to be a path below" in third.problems[0]
    assert fourth.problems[0].startswith("Nothing of .ampsm.toml counts: it is not valid TOML:")
    assert "line 2" in fourth.problems[0]
    assert (fifth.command, fifth.share, fifth.origin) == ("make", ("target",), ".ampsm.toml, line 2")


def test_what_the_user_has_for_all_repositories_is_his_own_unless_a_file_of_a_worktree_brings_it(
    engine: Engine, repo: Path, tmp_path: Path
) -> None:
    head = git(repo, "rev-parse", "HEAD").strip()
    own = tmp_path / "own.conf"
    own.write_text("[ampsm]\nsetup = mine\n")
    git(repo, "config", "--global", "include.path", own)
    assert setup_source.read(repo, head)[:3] == ("mine", f"ampsm.setup in {own}", False)
    git(repo, "worktree", "add", "-q", tmp_path / "tree")
    for place in (repo / "conf", tmp_path / "tree" / "conf", repo / ".git" / "conf"):
        place.write_text("[AMPSM]\n\tSetup = theirs\n")
        git(repo, "config", "--global", "include.path", place)
        with pytest.raises(UntrustedCommand, match="theirs"):
            setup.of_new_session(engine, repo, head)
    link = tmp_path / "link.conf"
    link.symlink_to(repo / "conf")
    git(repo, "config", "--global", "include.path", link)
    with pytest.raises(UntrustedCommand, match="theirs"):
        setup.of_new_session(engine, repo, head)
    (repo / "conf").write_text('[ampsm]\n\tsetup = "theirs\\t\x1b[2Jtouch x"\n')
    source = setup.of_new_session(engine, repo, head)
    assert (source.command, source.problems) == (
        "",
        (f"ampsm.setup in {repo}/conf is not run: it holds characters that nobody sees.",),
    )


@pytest.mark.parametrize("place", ["config", "config.worktree", "included", "by a branch"])
def test_what_stands_in_the_repository_s_configuration_is_asked_about_for_amp_can_write_there(
    engine: Engine, repo: Path, tmp_path: Path, place: str
) -> None:
    head, file = git(repo, "rev-parse", "HEAD").strip(), repo / ".git" / "config"
    if place == "config.worktree":
        git(repo, "config", "extensions.worktreeConfig", "true")
        file = repo / ".git" / "config.worktree"
    elif place != "config":
        file = tmp_path / "other.conf"
        git(repo, "config", "include.path" if place == "included" else "includeIf.onbranch:main.path", file)
    session, _ = sessions.new(engine, path=repo, prompt=None, name="x", run=False)
    # As amp would, from within its worktree.
    git(Path(session.worktree_path), "config", "--file", file, "ampsm.setup", f"touch {tmp_path}/ran")
    with pytest.raises(UntrustedCommand, match="touch") as why:
        sessions.new(engine, path=repo, prompt=None, name="y", run=False)
    assert why.value.origin.startswith(f"ampsm.setup in {file} (written by you, or by a program that ran")
    setup.trust(engine, str(repo), why.value.command)
    assert setup.of_new_session(engine, repo, head).command == f"touch {tmp_path}/ran"
    git(repo, "config", "--file", file, "ampsm.setup", f"touch {tmp_path}/ran twice")
    with pytest.raises(UntrustedCommand, match="twice"):
        setup.of_new_session(engine, repo, head)
    git(repo, "config", "--file", file, "ampsm.setup", "")
    assert setup.of_new_session(engine, repo, head).command == ""
    assert not (tmp_path / "ran").exists()


def test_the_file_that_is_nearest_to_the_folder_of_a_session_holds_alone(engine: Engine, repo: Path) -> None:
    top, deep = said("setup = 'top'\nshare = ['a']"), said("setup = 'deep'\nshare = ['b']", f"x [y]/deep/{FILE}")
    more = said("1", "x [y]/deep/er/file") | said("2", "z/file") | said("steup = 1", f"wrong/{FILE}")
    commit, *_ = committed(repo, [top | deep | more])
    for folder, command, where, share in (
        ("", "top", "", "a"),
        ("z", "top", "", "a"),
        ("x [y]/deep", "deep", "x [y]/deep", "x [y]/deep/b"),
        ("x [y]/deep/er", "deep", "x [y]/deep", "x [y]/deep/b"),
    ):
        found = setup_source.read(repo, commit, folder)
        assert (found.command, found.folder, found.share) == (command, where, (share,))
    assert found.origin == f"x [y]/deep/{FILE}, line 1"
    (problem,) = setup_source.read(repo, commit, "wrong").problems
    assert f"line 1 of wrong/{FILE}" in problem
    git(repo, "update-ref", "refs/heads/main", commit)
    git(repo, "reset", "-q", "--hard")
    with pytest.raises(UntrustedCommand) as why:
        sessions.new(engine, path=repo, prompt=None, name="x", folder="x [y]/deep", run=False)
    assert why.value.hint.endswith("--in 'x [y]/deep'")
    assert setup.offer(engine, repo, None, "x [y]/deep").command == "deep"


def test_trust_is_for_one_content_in_one_repository(engine: Engine, repo: Path, tmp_path: Path) -> None:
    one, same, other = committed(
        repo, [said("setup = 'make'"), said("setup = ' make '"), said("setup = 'make '\nx = 1\n")]
    )
    changed, *_ = committed(repo, [said("setup = 'make x'")])
    setup.trust(engine, str(repo), "make")
    for commit in (one, same, other):
        assert setup.of_new_session(engine, repo, commit).command == "make"
    with pytest.raises(UntrustedCommand, match="make x"):
        setup.of_new_session(engine, repo, changed)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--bare", repo, clone)
    with pytest.raises(UntrustedCommand):
        setup.of_new_session(engine, clone, one)
    assert setup.forget(engine, repo) == 1
    with pytest.raises(UntrustedCommand):
        setup.of_new_session(engine, repo, one)


def test_what_amp_writes_on_its_branch_says_nothing_and_a_refusal_leaves_nothing_behind(
    engine: Engine, repo: Path, tmp_path: Path
) -> None:
    session, _ = sessions.new(engine, path=repo, prompt=None, name="x", run=False)
    worktree = Path(session.worktree_path)
    (worktree / FILE).write_text(f"setup = 'touch {tmp_path}/ran'\n")
    git(worktree, "add", FILE)
    git(worktree, "commit", "-q", "-m", "Tamper")
    assert setup_source.read(repo, session.base_commit) == setup_source.SetupSource()
    before = git(repo, "for-each-ref"), sorted(entry.name for entry in repo.iterdir())
    with pytest.raises(UntrustedCommand):
        sessions.new(engine, path=repo, prompt=None, name="y", base=session.branch_name, run=False)
    assert before == (git(repo, "for-each-ref"), sorted(entry.name for entry in repo.iterdir()))
    assert [one.name for one in engine.store.sessions.all()] == ["x"]


def test_a_copied_secret_is_told_to_nobody_and_gone_with_the_purge(engine: Engine, repo: Path) -> None:
    (repo / ".gitignore").write_text(".env\n")
    git(repo, "add", ".gitignore")
    git(repo, "commit", "-q", "-m", "Ignore")
    (repo / ".env").write_text("KEY=correct-horse-battery\n")
    (repo / ".worktreeinclude").write_text(".env\n")
    session, _ = sessions.new(engine, path=repo, prompt=None, name="x", run=False)
    assert (Path(session.worktree_path) / ".env").exists()
    session_trash.remove(engine, session.id)
    session_trash.purge(engine, session.id)
    files = [path for place in (repo / ".git", engine.home.root) for path in place.rglob("*") if path.is_file()]
    assert [path for path in files if b"correct-horse" in path.read_bytes()] == []
    hashed = git(repo, "hash-object", repo / ".env").strip()
    assert hashed not in git(repo, "cat-file", "--batch-all-objects", "--batch-check")
