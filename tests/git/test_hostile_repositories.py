"""A hundred repositories that are odd, broken or mean: each is right, or refused with a reason and nothing left behind.

Nothing of a repository runs by viewing it: whatever could be run writes into a canary file.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ampsm_engine.context import Engine
from ampsm_engine.engine import diff_stat, history, merges, sessions, views
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import changes, commits, repository
from ampsm_engine.merging import operations
from ampsm_engine.merging.results import Options
from tests.git.sandboxes import Sandbox, small_project


class Hostile(Sandbox):
    """A repository, and a program of its own that nobody should run unasked."""

    def __init__(self, root: Path, canary: Path) -> None:
        super().__init__(root)
        self.ran = canary / "ran"
        self.program = canary / "run"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.ran}\ncat\n')
        self.program.chmod(0o755)
        self.elsewhere = canary

    def add(self, name: str, content: str | bytes = "x\n") -> None:
        self.commit({name: content})

    def config(self, **values: str) -> None:
        """`core__pager="x"` for core.pager."""
        for name, value in values.items():
            self.git("config", name.replace("__", "."), value)

    @property
    def own(self) -> Path:
        return self.root / ".git"


Change = Callable[[Hostile], object]


@dataclass(frozen=True)
class Case:
    """What is done to the repository, and the reason for which it is refused: at once, or its commit."""

    change: Change
    refused: str = ""
    uncommitted: str = ""
    soak: bool = False


def named(name: str | bytes) -> Case:
    """A file of this name, changed in the session's commits, too."""
    return Case(lambda at: at.add(os.fsdecode(name)))


def runs(name: str) -> Case:
    """A configuration that names a program to run."""
    return Case(lambda at: at.git("config", name, str(at.program)))


def configured(**values: str) -> Case:
    return Case(lambda at: at.config(**values))


def both(*changes: Change, **more: str) -> Case:
    return Case(lambda at: [change(at) for change in changes], **more)


def file(name: str, content: str | bytes, **more: str) -> Case:
    """A file of the git folder."""

    def change(at: Hostile) -> None:
        (at.own / name).parent.mkdir(parents=True, exist_ok=True)
        (at.own / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return Case(change, **more)


def linked(name: str, target: str) -> Change:
    def change(at: Hostile) -> None:
        (at.root / name).symlink_to(at.elsewhere / target if target else at.elsewhere)
        at.git("add", "--force", name)
        at.git("commit", "-qm", "link")

    return change


def hooks(at: Hostile) -> None:
    folder = at.elsewhere / "hooks"
    folder.mkdir()
    for name in ("post-index-change", "reference-transaction", "fsmonitor-watchman", "post-rewrite", "pre-auto-gc"):
        shutil.copy(at.program, folder / name)
    at.config(core__hooksPath=str(folder))


def moved_git(at: Hostile, *, as_file: bool) -> None:
    target = at.elsewhere / "moved.git"
    at.own.rename(target)
    if as_file:
        at.own.write_text(f"gitdir: {target}\n")
        at.git("config", "core.worktree", str(at.root))
    else:
        at.own.symlink_to(target)


def anew(*options: str) -> Change:
    """The same files in a repository of another format."""

    def change(at: Hostile) -> None:
        shutil.rmtree(at.own)
        if subprocess.run(["git", "init", "-q", *options, at.root], capture_output=True, check=False).returncode:
            pytest.skip(f"this git does not have {options}")
        at.commit()

    return change


def cloned(*options: str, loses: bool = False) -> Change:
    """The repository as a clone of itself; `loses`: the one that it came from is gone."""

    def change(at: Hostile) -> None:
        at.add("more.txt")
        source = at.elsewhere / "source"
        at.root.rename(source)
        subprocess.run(["git", "-C", source, "config", "uploadpack.allowFilter", "true"], check=True)
        subprocess.run(["git", "clone", "-q", *options, f"file://{source}", at.root], check=True, capture_output=True)
        if loses:
            shutil.rmtree(source)

    return change


def alternates(at: Hostile, *, broken: bool) -> None:
    source = at.elsewhere / "objects"
    (at.own / "objects").rename(source)
    (at.own / "objects/info").mkdir(parents=True)
    (at.own / "objects/info/alternates").write_text(f"{source}{'-gone' if broken else ''}\n")


def submodule(at: Hostile, url: str = "", path: str = "lib") -> None:
    library = Sandbox(at.elsewhere / "library")
    library.root.mkdir()
    library.git("init", "-q")
    tip = library.commit({"lib.txt": "1"})
    at.write({".gitmodules": f'[submodule "lib"]\n\tpath = {path}\n\turl = {url or library.root}\n'})
    at.git("update-index", "--add", "--cacheinfo", f"160000,{tip},lib")
    at.git("add", ".gitmodules")
    at.git("commit", "-qm", "submodule")


def nested(at: Hostile) -> None:
    inner = Sandbox(at.root / "inner")
    inner.root.mkdir()
    inner.git("init", "-q")
    inner.commit({"a": "1"})


def in_progress(at: Hostile) -> None:
    at.git("checkout", "-qb", "other")
    at.add("README.md", "other\n")
    at.git("checkout", "-q", "main")
    at.add("README.md", "main\n")
    subprocess.run(["git", "-C", at.root, "merge", "-q", "other"], check=False, capture_output=True)


def replaced(at: Hostile) -> None:
    first = at.git("rev-parse", "HEAD")
    at.add("b")
    at.git("replace", "--graft", at.git("rev-parse", "HEAD"))
    at.git("update-ref", "refs/heads/first", first)


def owned_by_another(at: Hostile) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for place in (at.root, at.own):
        os.chown(place, 12345, 12345)


def many_refs(at: Hostile) -> None:
    tip = at.git("rev-parse", "HEAD")
    at.git("update-ref", "--stdin", feed="".join(f"create refs/heads/b/{n} {tip}\n" for n in range(2000)).encode())


def socket_in(at: Hostile) -> None:
    os.mkfifo(at.root / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(at.root / "s"))


def dangling(at: Hostile) -> None:
    at.git("symbolic-ref", "refs/heads/loop", "refs/heads/loop2")
    at.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/nowhere")


def driver(at: Hostile, attribute: str, **values: str) -> None:
    at.config(**values)
    at.add(".gitattributes", f"* {attribute}\n")


def ref(name: str) -> Case:
    return Case(lambda at: at.git("update-ref", name, "HEAD"))


CASES: dict[str, Case] = {
    # Names
    "line break in a name": named("a\nb"), "tab in a name": named("a\tb"), "quotes in a name": named("a\"b'c`d"),
    "backslash in a name": named("a\\b"), "dash first": named("-rf"), "escape in a name": named("a\x1b]0;x\x07b"),
    "bidi in a name": named("a\u202eb"), "no UTF-8 in a name": named(b"caf\xe9"), "emoji in a name": named("🦀/é"),
    "two forms of one letter": both(lambda at: at.add("e\u0301"), lambda at: at.add("\u00e9")),
    "a long name": named("x" * 250), "a deep path": named("d/" * 60 + "f"), "a file called HEAD": named("HEAD"),
    "globs in a name": named("*?[a]"), "pathspec magic in a name": named(":(top,exclude)x"),
    "spaces around a name": named(" a "), "names that differ in case": both(lambda at: at.add("A"), lambda at: at.add("a")),
    "names that differ in case, ignored": both(lambda at: at.config(core__ignoreCase="true"), lambda at: at.add("readme.md")),
    "a file in place of the context folder": named("AGENT_CONTEXT"),
    "a context folder of its own": both(lambda at: at.write({"AGENT_CONTEXT/a.md": "1"}), lambda at: at.git("add", "-f", "."), lambda at: at.git("commit", "-qm", "x")),
    "a link in place of the context folder": both(linked("AGENT_CONTEXT", "")),
    "a link in place of the worktrees": both(linked(".worktrees", ""), refused="in the way"),
    "a file in place of the worktrees": Case(lambda at: at.add(".worktrees"), refused="in the way"),
    "branch HEAD": ref("refs/heads/HEAD"), "branch refs/heads/main": ref("refs/heads/refs/heads/main"),
    "branch CHERRY_PICK_HEAD": ref("refs/heads/CHERRY_PICK_HEAD"), "a tag called main": ref("refs/tags/main"),
    "a remote branch called main": ref("refs/remotes/main"), "a branch of another case": ref("refs/heads/Main"),
    "a long branch": ref("refs/heads/" + "x" * 200), "a branch in other letters": ref("refs/heads/漢字/ü"),
    "branch amp": both(lambda at: at.git("branch", "amp"), refused="leaves no room"),
    # What could be run
    "core.pager": runs("core.pager"), "pager.diff": runs("pager.diff"), "core.editor": runs("core.editor"),
    "sequence.editor": runs("sequence.editor"), "core.fsmonitor": runs("core.fsmonitor"), "diff.external": runs("diff.external"),
    "alias.status": Case(lambda at: at.config(alias__status=f"!{at.program}", alias__log=f"!{at.program}")),
    "credential.helper": runs("credential.helper"), "core.sshCommand": runs("core.sshCommand"), "core.askPass": runs("core.askPass"),
    "interactive.diffFilter": runs("interactive.diffFilter"), "uploadpack.packObjectsHook": runs("uploadpack.packObjectsHook"),
    "core.gitProxy": runs("core.gitProxy"), "gpg.program": both(lambda at: at.config(gpg__program=str(at.program), log__showSignature="true")),
    "trailer command": Case(lambda at: at.config(trailer__x__key="X", trailer__x__command=str(at.program))),
    "textconv": Case(lambda at: driver(at, "diff=x", diff__x__textconv=str(at.program), diff__x__cachetextconv="true")),
    "diff driver": Case(lambda at: driver(at, "diff=x", diff__x__command=str(at.program))),
    "hooks of reading": Case(hooks),
    "included configuration": both(lambda at: (at.elsewhere / "c").write_text(f"[core]\n\tpager = {at.program}\n\tfsmonitor = {at.program}\n"), lambda at: at.config(include__path=str(at.elsewhere / "c"))),
    "an include that includes itself": both(lambda at: at.config(include__path="config"), refused="cannot be read|exceeded|include"),
    "partial clone with a command": both(cloned("--filter=blob:none"), lambda at: at.config(remote__origin__url=f"ext::{at.program}", protocol__ext__allow="always")),
    # Configurations
    "colours always": configured(color__ui="always", color__diff="always", color__status="always"),
    "odd diffs": configured(diff__noprefix="true", diff__mnemonicPrefix="true", diff__renames="copies", diff__algorithm="patience", diff__context="0"),
    "words as diffs": configured(diff__wordRegex=".", diff__colorMoved="zebra", diff__submodule="log", diff__orderFile="/dev/null"),
    "no untracked files": configured(status__showUntrackedFiles="no", status__branch="true", status__short="true"),
    "names unquoted": configured(core__quotePath="false", status__relativePaths="true"),
    "line ends": configured(core__autocrlf="true", core__eol="crlf"), "no links": configured(core__symlinks="false"),
    "no modes": configured(core__fileMode="false"), "short names": configured(core__abbrev="4", log__abbrevCommit="true"),
    "no reflogs": configured(core__logAllRefUpdates="false"), "split index": configured(core__splitIndex="true"),
    "untracked cache": configured(core__untrackedCache="true", index__version="4", feature__manyFiles="true"),
    "commit settings": configured(commit__cleanup="scissors", commit__verbose="true", commit__template="/nowhere", commit__status="false"),
    "comments": configured(core__commentChar="a"), "encodings": configured(i18n__commitEncoding="latin1", i18n__logOutputEncoding="utf-16"),
    "log settings": configured(log__date="relative", format__pretty="%x00", log__follow="true", log__decorate="full", log__mailmap="true"),
    "nobody to commit": configured(user__useConfigOnly="true", user__name="", user__email=""), "gc at once": configured(gc__auto="1", gc__autoDetach="false"),
    "no detached advice": configured(advice__detachedHead="false", checkout__defaultRemote="x", worktree__guessRemote="true"),
    "merge settings": configured(merge__conflictStyle="diff3", merge__ff="false", merge__renames="false", rerere__enabled="true", pull__rebase="true"),
    "worktree configuration": configured(extensions__worktreeConfig="true", core__repositoryFormatVersion="1"),
    "safe.bareRepository": configured(safe__bareRepository="explicit"), "submodules recursed": configured(submodule__recurse="true", status__submoduleSummary="true"),
    "signing that fails": both(lambda at: at.config(commit__gpgSign="true", gpg__program="false"), uncommitted="could not sign"),
    "bare by its word": both(lambda at: at.config(core__bare="true"), refused="bare"),
    "broken configuration": file("config", "[core\n", refused="cannot be read|bad config"),
    "binary configuration": file("config", bytes(range(256)), refused="cannot be read|bad config"),
    "a format of the future": file("config", "[core]\n\trepositoryformatversion = 99\n", refused="version"),
    "an extension of the future": file("config", "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tx = y\n", refused="extension"),
    # Filters and attributes
    "a filter": Case(lambda at: driver(at, "filter=x", filter__x__clean="tr a-z A-Z", filter__x__smudge="tr A-Z a-z")),
    "a filter that fails": Case(lambda at: at.config(filter__x__clean="false", filter__x__smudge="cat") or at.add(".gitattributes", "new.txt filter=x\n")),
    "a required filter that fails": Case(lambda at: at.config(filter__x__clean="false", filter__x__required="true") or at.add(".gitattributes", "new.txt filter=x\n"), uncommitted="filter"),
    "attributes that are a link": both(linked(".gitattributes", "nowhere")), "modules that are none": Case(lambda at: at.add(".gitmodules", "[submodule\n")),
    "ignore rules that are a link": both(linked(".gitignore", "nowhere")), "everything ignored": Case(lambda at: at.add(".gitignore", "*\n!.gitignore\n!new.txt\n")),
    "attributes of a megabyte": Case(lambda at: at.add(".gitattributes", "*.x -text\n" * 100_000)),
    "everything binary": Case(lambda at: at.add(".gitattributes", "* binary -diff export-ignore ident\n"), soak=True),
    # Refs and objects
    "an empty ref": file("refs/heads/main", "", refused="damaged"), "a ref to nowhere": file("refs/heads/main", "12" * 20 + "\n", refused="damaged"),
    "an empty HEAD": file("HEAD", "", refused="damaged"), "a HEAD that leads out": file("HEAD", "ref: refs/heads/../../x\n", refused="damaged|no commit"),
    "broken packed refs": file("packed-refs", "garbage\n", refused="damaged"), "a broken index": file("index", b"DIRC" + bytes(40)),
    "a locked index": file("index.lock", ""), "a locked branch": file("refs/heads/main.lock", ""), "grafts": file("info/grafts", "\n"),
    "replaced commits": Case(replaced), "dangling symbolic refs": Case(dangling), "many refs": Case(many_refs),
    "a detached HEAD": Case(lambda at: at.git("checkout", "-q", "--detach")), "an unborn branch": both(lambda at: at.git("checkout", "-q", "--orphan", "x"), refused="no commit"),
    "a stash": both(lambda at: at.write({"README.md": "s"}), lambda at: at.git("stash")), "no reflog": Case(lambda at: shutil.rmtree(at.own / "logs")),
    "a tag of a blob": Case(lambda at: at.git("tag", "blob", "HEAD:README.md")), "alternates": Case(lambda at: alternates(at, broken=False)),
    "alternates that are gone": Case(lambda at: alternates(at, broken=True), refused="damaged|cannot be read"),
    "an operation in progress": Case(in_progress), "a hidden ref": both(lambda at: at.config(transfer__hideRefs="refs/heads"), lambda at: at.config(core__preferSymlinkRefs="true")),
    # Formats and places
    "sha256": both(anew("--object-format=sha256")), "reftable": both(anew("--ref-format=reftable")),
    "both formats": both(anew("--ref-format=reftable", "--object-format=sha256")), "no commit": both(lambda at: shutil.rmtree(at.own), lambda at: at.git("init", "-q"), refused="no commit"),
    "no git folder": both(lambda at: shutil.rmtree(at.own), refused="not in a git repository"), "objects gone": both(lambda at: shutil.rmtree(at.own / "objects"), refused="not in a git repository|damaged"),
    "a bare repository": both(lambda at: [at.own.rename(at.elsewhere / "b"), shutil.rmtree(at.root), (at.elsewhere / "b").rename(at.root)], lambda at: at.git("config", "core.bare", "true"), refused="bare"),
    "a git folder that is a link": Case(lambda at: moved_git(at, as_file=False)), "a git folder elsewhere": Case(lambda at: moved_git(at, as_file=True)),
    "a git file that leads nowhere": both(lambda at: shutil.rmtree(at.own), lambda at: at.own.write_text("gitdir: /nowhere\n"), refused="damaged|not in a git|cannot be read"),
    "another user's": Case(owned_by_another, refused="another user"), "a shallow clone": both(cloned("--depth=1")), "a clone without files": both(cloned("--no-checkout")),
    "a partial clone whose source is gone": Case(cloned("--filter=blob:none", "--no-checkout", loses=True), refused="could not make|promisor|fetch|read"),
    "a sparse checkout": Case(lambda at: at.git("sparse-checkout", "set", "src")), "a sparse index": Case(lambda at: at.git("sparse-checkout", "set", "--cone", "--sparse-index", "src")),
    "a mirror of the sparse": Case(lambda at: at.git("sparse-checkout", "set", "--no-cone", "/*", "!/src/*")), "an empty submodule": Case(submodule),
    "a submodule whose address is an option": Case(lambda at: submodule(at, url="-u./run")), "a submodule that leads out": Case(lambda at: submodule(at, path="../../x")),
    "a repository inside": Case(nested), "sockets and pipes": Case(socket_in), "a dirty checkout": Case(lambda at: at.write({"README.md": "dirty", "u": "1"})),
    # Sizes
    "a large file": Case(lambda at: at.add("large", os.urandom(20 << 20)), soak=True),
    "five thousand files": Case(lambda at: at.commit({f"d{n % 50}/f{n}": str(n) for n in range(5000)}), soak=True),
    "a line of ten megabytes": Case(lambda at: at.add("line", "x" * (10 << 20)), soak=True),
    "a thousand commits": Case(lambda at: [at.git("commit", "-q", "--allow-empty", "-m", str(n)) for n in range(1000)], soak=True),
}  # fmt: skip

assert len(CASES) >= 100


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    small_project(tmp_path)
    (tmp_path / "canary").mkdir()
    monkeypatch.chdir(tmp_path)
    return Hostile(tmp_path / "project", tmp_path / "canary")


@pytest.fixture
def engine(hermetic: Path) -> Engine:
    return open_engine()


def look_at(engine: Engine, session_id: str) -> None:
    """Everything that a person may look at."""
    session = engine.store.sessions.get(session_id)
    at = Path(session.worktree_path)
    assert views.show(engine, session).trouble is None
    assert diff_stat.changes(engine, [session.id])[session.id].trouble is None
    assert history.timeline(engine, session.id).trouble is None
    diff_stat.folders(engine, [session.id])
    assert changes.patch(at, session.base_commit, None)
    assert [one.path for one in changes.status(at)] == ["new.txt"]


def readable(reason: AmpsmError) -> str:
    """The message of an error that a terminal can show, with a way on."""
    for text in (reason.message, reason.hint):
        assert all(letter.isprintable() or letter == "\n" for letter in text), repr(text)
    assert reason.message
    assert reason.hint
    return reason.message


def check(case: Case, engine: Engine, hostile: Hostile) -> str | None:
    """One session there from its beginning to its commit; its id, or None where it was refused for the reason."""
    case.change(hostile)
    hostile.ran.unlink(missing_ok=True)
    try:
        session, _ = sessions.new(engine, path=hostile.root, name="x", run=False)
    except AmpsmError as reason:
        refused = reason
    else:
        refused = None
    if refused or case.refused:
        assert refused, "it should have been refused"
        assert case.refused, f"{refused.message} | {refused.hint}"
        assert re.search(case.refused, readable(refused)), refused.message
        folder = hostile.root / ".worktrees"
        assert not folder.is_dir() or folder.is_symlink() or list(folder.iterdir()) == []
        return None
    at = Path(session.worktree_path)
    (at / "new.txt").write_text("new\n")
    hostile.ran.unlink(missing_ok=True)
    if case.uncommitted == "filter":
        assert "filter" in str(views.show(engine, session).trouble)
    else:
        look_at(engine, session.id)
    assert not hostile.ran.exists(), hostile.ran.read_text()
    made = commits.commit_all(at, branch=session.branch_name, subject="amp: x", body="", hooks=True)
    if case.uncommitted:
        assert case.uncommitted in str(made.refused)
        assert (at / "new.txt").read_text() == "new\n"
        return None
    assert (made.refused, made.changed_files) == (None, 1)
    shown = subprocess.run(
        ["git", "-C", at, "-c", "alias.x=", "cat-file", "--filters", "HEAD:new.txt"], capture_output=True, check=True
    )
    assert shown.stdout.replace(b"\r", b"") == b"new\n"
    return session.id


# One of five; `make soak` does the same, and a merge, in all of them.
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.soak][::5])
def test_a_hostile_repository_is_right_or_refused(name: str, engine: Engine, hostile: Hostile) -> None:
    check(CASES[name], engine, hostile)


def test_the_canary_is_heard(hostile: Hostile) -> None:
    CASES["core.fsmonitor"].change(hostile)
    hostile.git("status")
    assert hostile.ran.exists()


@pytest.mark.soak
@pytest.mark.parametrize("name", CASES)
def test_a_merge_there_is_right_or_refused(name: str, engine: Engine, hostile: Hostile) -> None:
    session_id = check(CASES[name], engine, hostile)
    if session_id is None:
        return
    main = repository.branch_tip(hostile.root, "main")
    hostile.ran.unlink(missing_ok=True)
    try:
        merges.preflight(engine, session_id)
        assert not hostile.ran.exists(), hostile.ran.read_text()
        operations.merge(engine, session_id, Options(message="Bring it in"))
    except AmpsmError as reason:
        readable(reason)
        assert repository.branch_tip(hostile.root, "main") == main
    else:
        base = engine.store.sessions.get(session_id).base_branch
        assert "new.txt" in hostile.git("ls-tree", "--name-only", f"refs/heads/{base}").split("\n")
