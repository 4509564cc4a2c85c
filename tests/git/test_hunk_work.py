"""Rejecting and staging of all that is not a plain edit: renames, modes, links, line ends, filters, binary, names, hooks."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import Side
from ampsm_engine.errors import Refused
from ampsm_engine.git import hunk_changes
from ampsm_engine.git.entities import Worktree
from ampsm_engine.git.worktree_entries import scratch
from tests.git import hunks_of
from tests.git.sandboxes import Sandbox
from tests.soak import one_in

TEXT = "".join(f"line {number}\n" for number in range(1, 31))


def changed(text: str, **lines: str) -> str:
    """The text with other lines: `l3="x"`."""
    found = text.splitlines(keepends=True)
    for name, line in lines.items():
        found[int(name[1:]) - 1] = line
    return "".join(found)


@pytest.fixture
def at(sandbox: Sandbox, worktree: Worktree) -> Path:
    sandbox.commit(
        {"text.txt": TEXT, "bin": bytes(range(256)) * 8, "tool": "#!/bin/sh\n", "deep/er/one": "1\n"}, at=worktree.path
    )
    (worktree.path / "link").symlink_to("text.txt")
    sandbox.commit(at=worktree.path)
    return worktree.path


def base(sandbox: Sandbox, at: Path) -> str:
    return sandbox.git("rev-parse", "HEAD", at=at)


def rename(at: Path) -> None:
    (at / "text.txt").rename(at / "moved.txt")
    (at / "moved.txt").write_text(changed(TEXT, l3="three\n"))


def become_a_link(at: Path) -> None:
    (at / "tool").unlink()
    (at / "tool").symlink_to("deep/er/one")


def become_a_file(at: Path) -> None:
    (at / "link").unlink()
    (at / "link").write_text("no link any more\n")


def relink(at: Path) -> None:
    (at / "link").unlink()
    (at / "link").symlink_to("tool")


def delete_deep(at: Path) -> None:
    (at / "deep/er/one").unlink()
    (at / "deep/er").rmdir()
    (at / "deep").rmdir()


def odd_name(at: Path) -> None:
    (at / os.fsdecode(b'a "b"\\\n\xff \t.txt')).write_bytes(b"x\r\ny")


FILES: dict[str, tuple[str, str | None, Callable[[Path], object]]] = {
    "an edit": ("text.txt", None, lambda at: (at / "text.txt").write_text(changed(TEXT, l3="x\n", l20="y\n"))),
    "a rename with an edit": ("moved.txt", "text.txt", rename),
    "a new file": ("new/file", None, lambda at: ((at / "new").mkdir(), (at / "new/file").write_text("new\n"))),
    "an empty new file": ("empty", None, lambda at: (at / "empty").touch()),
    "a deleted file": ("text.txt", None, lambda at: (at / "text.txt").unlink()),
    "a deleted file in folders of its own": ("deep/er/one", None, delete_deep),
    "a mode": ("tool", None, lambda at: (at / "tool").chmod(0o755)),
    "a mode and an edit": (
        "tool", None, lambda at: ((at / "tool").write_text("#!/bin/sh\nexit\n"), (at / "tool").chmod(0o755)),
    ),
    "a link": ("link", None, relink),
    "a link that became a file": ("link", None, become_a_file),
    "a file that became a link": ("tool", None, become_a_link),
    "a binary file": ("bin", None, lambda at: (at / "bin").write_bytes(bytes(range(255, -1, -1)) * 9)),
    "a deleted binary file": ("bin", None, lambda at: (at / "bin").unlink()),
    "an end without a line feed": ("text.txt", None, lambda at: (at / "text.txt").write_text(TEXT.rstrip("\n"))),
    "a name of odd characters": (os.fsdecode(b'a "b"\\\n\xff \t.txt'), None, odd_name),
}  # fmt: skip


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "uncommitted"])
@pytest.mark.parametrize("kind", one_in(3, FILES))
def test_a_whole_file_is_rejected_and_comes_back(
    sandbox: Sandbox, worktree: Worktree, at: Path, kind: str, committed: bool
) -> None:
    path, old_path, change = FILES[kind]
    old, clean = base(sandbox, at), hunks_of.state(sandbox, at)
    change(at)
    if committed:
        sandbox.commit(at=at)
    before = hunks_of.state(sandbox, at)
    (at / "mine").write_text("what the user has is left alone\n")
    sha, kept = hunks_of.reject(worktree, path, None, old, old_path=old_path)
    (at / "mine").unlink()
    assert hunks_of.state(sandbox, at) == clean
    assert (sha is not None) is committed
    assert not sandbox.git("status", "--porcelain", at=at)
    hunks_of.undo(worktree, kept)
    assert hunks_of.state(sandbox, at) == before
    sandbox.check()


@pytest.mark.parametrize("kind", one_in(3, FILES))
def test_a_whole_file_is_staged_and_unstaged(sandbox: Sandbox, worktree: Worktree, at: Path, kind: str) -> None:
    path, old_path, change = FILES[kind]
    change(at)
    empty = hunks_of.state(sandbox, at)
    hunks_of.stage(worktree, path, None, old_path)
    assert hunk_changes.staged(at).paths == {one for one in (path, old_path) if one}
    assert not sandbox.git("diff", "--name-only", at=at)
    assert not sandbox.git("ls-files", "--others", "--exclude-standard", at=at)
    hunks_of.unstage(worktree, path, None, old_path)
    assert hunks_of.state(sandbox, at) == empty
    assert hunk_changes.staged(at) == hunk_changes.StagedChanges()


def test_the_only_hunk_of_a_new_or_a_deleted_file_is_the_file(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    old = base(sandbox, at)
    (at / "new").write_text("one\ntwo\n")
    (at / "tool").unlink()
    sandbox.commit(at=at)
    for path in ("new", "tool"):
        (hunk,) = hunks_of.shown(sandbox, at, old, path)
        hunks_of.reject(worktree, path, hunk, old)
    assert not (at / "new").exists()
    assert not sandbox.git("diff", old, at=at)


def test_lines_of_a_hunk_are_rejected_and_staged(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    old = base(sandbox, at)
    (at / "text.txt").write_text(changed(TEXT, l3="three\n", l5="five\nand more\n"))
    (hunk,) = hunks_of.shown(sandbox, at, old, "text.txt")
    pair = {hunk.lines.index(b"-line 3\n"), hunk.lines.index(b"+three\n")}
    hunks_of.stage(worktree, "text.txt", hunks.select(hunk, pair, Side.OLD))
    assert sandbox.git("show", ":text.txt", at=at) + "\n" == changed(TEXT, l3="three\n")
    hunks_of.reject(worktree, "text.txt", hunks.select(hunk, pair, Side.NEW), old)
    assert (at / "text.txt").read_text() == changed(TEXT, l5="five\nand more\n")
    assert not sandbox.git("diff", "--cached", at=at), "it was taken out of the index, too"


def test_a_mode_goes_with_the_last_lines_and_keeps_no_line_from_going(
    sandbox: Sandbox, worktree: Worktree, at: Path
) -> None:
    old = base(sandbox, at)
    (at / "text.txt").write_text(changed(TEXT, l3="three\n", l25="twenty-five\n"))
    (at / "text.txt").chmod(0o755)
    first, second = hunks_of.shown(sandbox, at, old, "text.txt")
    listing = ("diff", "--summary", "--cached")
    hunks_of.stage(worktree, "text.txt", first)
    assert not sandbox.git(*listing, at=at)
    hunks_of.stage(worktree, "text.txt", second)
    assert "100644 => 100755" in sandbox.git(*listing, at=at)
    assert not sandbox.git("diff", "--name-only", at=at), "all of it is staged, as the head of the file says"
    hunks_of.unstage(worktree, "text.txt", first)
    assert sandbox.git("show", ":text.txt", at=at) + "\n" == changed(TEXT, l25="twenty-five\n")
    hunks_of.unstage(worktree, "text.txt", None)
    assert not sandbox.git("diff", "--name-only", "--cached", at=at)
    with scratch(at) as place:
        plan = hunk_changes.rejecting(place, "text.txt", first, old_path=None, old=old, new=None)
    assert plan.note is None, "nothing of it is committed or staged"
    hunks_of.reject(worktree, "text.txt", first, old)
    assert (at / "text.txt").read_text() == changed(TEXT, l25="twenty-five\n")
    assert (at / "text.txt").stat().st_mode & 0o111


def test_what_is_staged_otherwise_is_told(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    old = base(sandbox, at)
    (at / "text.txt").write_text(changed(TEXT, l3="staged\n"))
    sandbox.git("add", "text.txt", at=at)
    (at / "text.txt").write_text(changed(TEXT, l3="changed again\n"))
    (hunk,) = hunks_of.shown(sandbox, at, old, "text.txt")
    with scratch(at) as place:
        plan = hunk_changes.rejecting(place, "text.txt", hunk, old_path=None, old=old, new=None)
    assert plan.note == hunk_changes.STAGED
    assert not plan.index.changed


def test_what_is_staged_of_a_renamed_file_is_known(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    (at / "text.txt").rename(at / "moved.txt")
    (at / "moved.txt").write_text(changed(TEXT, l3="three\n", l25="twenty-five\n"))
    hunks_of.stage(worktree, "moved.txt", None, "text.txt")
    whole = hunk_changes.staged(at)
    assert whole.has_all("moved.txt", "text.txt")
    told = hunks_of.moved(at, "HEAD")
    assert {("moved.txt", key) for key in hunks.staged_keys(told)} == whole.keys
    first, second = hunks.split(told)
    hunks_of.unstage(worktree, "moved.txt", first, "text.txt")
    part = hunk_changes.staged(at)
    assert not part.has_all("moved.txt", "text.txt")
    one, other = hunks.staged_keys(told)
    assert (part.has("moved.txt", one, "text.txt"), part.has("moved.txt", other, "text.txt")) == (False, True)
    assert sandbox.git("show", ":moved.txt", at=at) == changed(TEXT, l25="twenty-five\n").strip()
    assert second.image(Side.NEW)
    hunks_of.unstage(worktree, "moved.txt", None, "text.txt")
    assert hunk_changes.staged(at) == hunk_changes.StagedChanges()


def test_a_hunk_of_a_renamed_file_goes_and_the_rename_stays(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    old = base(sandbox, at)
    rename(at)
    sandbox.commit(at=at)
    found = hunks.split(sandbox.git("diff", "-M", old, "--", "text.txt", "moved.txt", at=at).encode() + b"\n")
    hunks_of.reject(worktree, "moved.txt", found[0], old, old_path="text.txt")
    assert (at / "moved.txt").read_text() == TEXT
    assert sandbox.git("diff", "-M", "--name-status", old, at=at) == "R100\ttext.txt\tmoved.txt"


@pytest.mark.parametrize(
    "attributes", ["* text=auto eol=crlf", "*.txt filter=caps", "*.txt text working-tree-encoding=UTF-16LE"]
)
def test_what_git_keeps_otherwise_than_the_worktree(
    sandbox: Sandbox, worktree: Worktree, at: Path, attributes: str
) -> None:
    sandbox.git("config", "filter.caps.clean", "tr a-z A-Z", at=at)
    sandbox.git("config", "filter.caps.smudge", "tr A-Z a-z", at=at)
    encode = (
        (lambda text: text.encode("utf-16-le"))
        if "UTF" in attributes
        else (lambda text: text.replace("\n", "\r\n").encode() if "crlf" in attributes else text.encode())
    )
    old = sandbox.commit({".gitattributes": attributes + "\n", "text.txt": encode(TEXT)}, at=at)
    (at / "text.txt").write_bytes(encode(changed(TEXT, l3="three\n", l20="twenty\n")))
    sandbox.commit(at=at)
    (at / "text.txt").write_bytes(encode(changed(TEXT, l3="three\n", l20="twenty\n", l28="mine\n")))
    first, second, _ = hunks_of.shown(sandbox, at, old, "text.txt")
    sha, kept = hunks_of.reject(worktree, "text.txt", second, old)
    assert sha
    assert (at / "text.txt").read_bytes() == encode(changed(TEXT, l3="three\n", l28="mine\n"))
    assert len(hunks_of.shown(sandbox, at, "HEAD", "text.txt")) == 1
    hunks_of.undo(worktree, kept)
    assert (at / "text.txt").read_bytes() == encode(changed(TEXT, l3="three\n", l20="twenty\n", l28="mine\n"))
    assert hunks_of.shown(sandbox, at, old, "text.txt")[0] == first


def test_a_line_that_amp_committed_and_the_user_changed_again(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    old = base(sandbox, at)
    sandbox.commit({"text.txt": changed(TEXT, l3="amp\n")}, at=at)
    (at / "text.txt").write_text(changed(TEXT, l3="amp and I\n"))
    (hunk,) = hunks_of.shown(sandbox, at, old, "text.txt")
    with scratch(at) as place:
        plan = hunk_changes.rejecting(place, "text.txt", hunk, old_path=None, old=old, new=None)
    assert plan.note == hunk_changes.PARTLY
    before = hunks_of.state(sandbox, at)
    sha, kept = hunks_of.reject(worktree, "text.txt", hunk, old)
    assert sha is None
    assert (at / "text.txt").read_text() == TEXT
    hunks_of.undo(worktree, kept)
    assert hunks_of.state(sandbox, at) == before


def test_what_was_staged_stays_staged(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    old = base(sandbox, at)
    sandbox.commit({"text.txt": changed(TEXT, l3="amp\n")}, at=at)
    sandbox.write({"text.txt": changed(TEXT, l3="amp\n", l15="staged\n"), "other": "staged, too\n"}, at=at)
    sandbox.git("add", "-A", at=at)
    sandbox.write({"text.txt": changed(TEXT, l3="amp\n", l15="staged\n", l28="not staged\n")}, at=at)
    staged = sandbox.git("diff", "--cached", "-U0", at=at).splitlines()
    hunks_of.reject(worktree, "text.txt", hunks_of.shown(sandbox, at, old, "text.txt")[0], old)
    now = sandbox.git("diff", "--cached", "-U0", at=at).splitlines()
    assert [line for line in now if line[:1] in "+-@"] == [line for line in staged if line[:1] in "+-@"]
    assert "+not staged" in sandbox.git("diff", at=at)


def test_a_view_that_is_stale_is_refused_and_nothing_is_changed(sandbox: Sandbox, worktree: Worktree, at: Path) -> None:
    old = base(sandbox, at)
    sandbox.commit({"text.txt": changed(TEXT, l15="amp\n")}, at=at)
    (hunk,) = hunks_of.shown(sandbox, at, old, "text.txt")
    (at / "text.txt").write_text(changed(TEXT, l15="somebody was faster\n"))
    before = hunks_of.state(sandbox, at)
    with pytest.raises(Refused, match="has changed since you looked"):
        hunks_of.reject(worktree, "text.txt", hunk, old)
    assert hunks_of.state(sandbox, at) == before
    (at / "text.txt").write_text("moved down\n" + changed(TEXT, l15="amp\n"))
    hunks_of.reject(worktree, "text.txt", hunk, old)
    assert (at / "text.txt").read_text() == "moved down\n" + TEXT


@pytest.mark.parametrize("why", one_in(2, ["operation", "detached", "hook", "secret", "submodule", "conflict"]))
def test_it_is_refused_with_the_reason_and_nothing_is_changed(
    sandbox: Sandbox, worktree: Worktree, at: Path, why: str
) -> None:
    old = base(sandbox, at)
    path, word = "text.txt", {"operation": "merge is in progress", "detached": "on no branch", "hook": "not today",
                              "secret": "secrets file", "submodule": "submodule", "conflict": "conflicts"}[why]  # fmt: skip
    tip = sandbox.commit({"text.txt": changed(TEXT, l3="amp\n")}, at=at)
    if why == "operation":
        git_dir = Path(sandbox.git("rev-parse", "--absolute-git-dir", at=at))
        (git_dir / "MERGE_HEAD").write_text(f"{tip}\n")
    elif why == "detached":
        sandbox.git("checkout", "-q", "--detach", at=at)
    elif why == "hook":
        hook = sandbox.root / ".git/hooks/pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
        hook.chmod(hook.stat().st_mode | stat.S_IXUSR)
    elif why == "secret":
        path = ".env"
        (at / path).write_text("TOKEN=1\n")
    elif why == "submodule":
        path = "inner"
        sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{tip},inner", at=at)
        (at / "inner").mkdir()
        sandbox.git("commit", "-qm", "inner", at=at)
    else:
        blob = sandbox.git("rev-parse", "HEAD:text.txt", at=at)
        feed = "".join(f"100644 {blob} {stage}\ttext.txt\n" for stage in (1, 2, 3))
        sandbox.git("update-index", "--force-remove", "text.txt", at=at)
        sandbox.git("update-index", "--index-info", feed=feed.encode(), at=at)
    head, files = base(sandbox, at), {file: file.read_bytes() for file in at.iterdir() if file.is_file()}
    with pytest.raises(Refused, match=word):
        hunks_of.reject(worktree, path, None, old)
    assert base(sandbox, at) == head
    assert {file: file.read_bytes() for file in at.iterdir() if file.is_file()} == files
