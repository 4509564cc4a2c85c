"""What a review holds, with git as the oracle: every kind of file, and random trees."""

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampsm_engine.diff.hunks import LINE_LIMIT
from ampsm_engine.differ.comparison import Comparison
from ampsm_engine.differ.protocol import CLASSES, CUT, DiffRequest
from ampsm_engine.differ.repositories import Repositories
from ampsm_engine.errors import NotFound
from ampsm_engine.git import changes, diff_library, diff_program
from ampsm_tui.differ.client import Differ
from tests.conftest import examples
from tests.differ.oracle import (
    bare,
    colours_of,
    git_patches,
    numstat,
    request,
    shortstat,
    shown,
    totals,
    whole,
    words_of,
)
from tests.git.sandboxes import Sandbox

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


def special(sandbox: Sandbox) -> tuple[str, str]:
    """Two commits with every kind of change between them."""
    long = "".join(f"line {number} of a longer text\n" for number in range(60))
    old = sandbox.commit(
        {
            "moved.txt": long,
            "edited and moved.txt": long.replace("line", "row"),
            "source of a copy.txt": long.replace("line", "part"),
            "mode.sh": "echo\n",
            "binary": b"a\0b" * 100,
            "crlf.txt": "one\r\ntwo\r\nthree\r\n",
            "no newline": "one\ntwo",
            "latin": b"caf\xe9\nd\xe9j\xe0\n",
            "kind": "was a file\n",
            "gone.py": "a = 1\n",
            "empty": "",
            "model.bin": LFS.format("a" * 64, 1000),
            'tab\tand "quote" \xe9.txt': "x\n",
            "hidden.py": "secret = 1\n",
            ".gitattributes": "*.py -diff\ngen/** linguist-generated\n",
        }
    )
    (sandbox.root / "link").symlink_to("mode.sh")
    sandbox.git("add", "-A")
    old = sandbox.commit()
    for name in ("moved.txt", "edited and moved.txt"):
        (sandbox.root / name).rename(sandbox.root / f"new {name}")
    with (sandbox.root / "new edited and moved.txt").open("a") as file:
        file.write("one more\n")
    (sandbox.root / "mode.sh").chmod(0o755)
    for name in ("kind", "link", "gone.py"):
        (sandbox.root / name).unlink()
    (sandbox.root / "link").symlink_to("elsewhere")
    (sandbox.root / "kind").symlink_to("mode.sh")
    new = sandbox.commit(
        {
            "copy.txt": long.replace("line", "part"),
            "source of a copy.txt": long.replace("line", "part") + "changed\n",
            "binary": b"a\0c" * 120,
            "crlf.txt": "one\r\n2\r\nthree\n",
            "no newline": "one\n2",
            "latin": b"caf\xe9\nd\xe9j\xe0 vu\n",
            "empty": "not any more\n",
            "model.bin": LFS.format("b" * 64, 2000),
            'tab\tand "quote" \xe9.txt': "y\n",
            os.fsdecode(b"bytes \xff.txt"): "z\n",
            "hidden.py": "secret = 2\n",
            "gen/api.ts": "export {}\n",
            "Cargo.lock": "x\n",
            "star*[a].txt": "pattern\n",
        }
    )
    return old, new


def without(sandbox: Sandbox, commit: str, path: str) -> str:
    """The tree of a commit less one file: git prints a change of kind as two patches."""
    lines = sandbox.git("ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
    index = {"GIT_INDEX_FILE": str(sandbox.root / ".git/other-index")}
    feed = "".join(f"{line}\0" for line in lines if line and line.partition("\t")[2] != path)
    for arguments, fed in (["read-tree", "--empty"], ""), (["update-index", "-z", "--index-info"], feed):
        subprocess.run(
            ["git", "-C", sandbox.root, *arguments], input=os.fsencode(fed), env=os.environ | index, check=True
        )
    done = subprocess.run(
        ["git", "-C", sandbox.root, "write-tree"], env=os.environ | index, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


async def test_every_kind_of_file_is_what_git_says(differ: Differ, sandbox: Sandbox) -> None:
    old, new = special(sandbox)
    review = await whole(differ, sandbox, old, new)
    files = {entry.path: entry for entry in review.files if entry.merged_into < 0}
    raw = sandbox.git("diff", "-M", "-C", "--raw", "-z", "--full-index", old, new).split("\0")
    assert len(files) == sum(field.startswith(":") for field in raw)
    # Attributes count for git, and must not for us.
    assert shown(review) == numstat(sandbox, review) | {name: shown(review)[name] for name in ("hidden.py", "gone.py")}
    assert totals(review) == shortstat(sandbox, review.old_tree, review.new_tree)
    said = git_patches(sandbox, without(sandbox, old, "kind"), without(sandbox, new, "kind"))
    for path, patch in said.items():
        if path != "binary":
            assert bare(review.patch(files[path].index).data) == bare(patch), path
    assert (files["new moved.txt"].kind, files["new moved.txt"].old_path) == ("renamed", "moved.txt")
    assert files["new moved.txt"].similarity == 100
    assert files["new edited and moved.txt"].kind == "renamed"
    assert (files["copy.txt"].kind, files["copy.txt"].old_path) == ("copied", "source of a copy.txt")
    assert files["mode.sh"].mode_changed
    assert review.patch(files["mode.sh"].index).data == b""
    assert files["link"].is_symlink
    assert files["kind"].kind == "typechange"
    assert b"-was a file\n+mode.sh\n\\ No newline" in review.patch(files["kind"].index).data
    binary = review.patch(files["binary"].index)
    assert (binary.binary, binary.old_size, binary.new_size, binary.data) == (True, 300, 360, b"")
    assert (review.patch(files["model.bin"].index).lfs_old, review.patch(files["model.bin"].index).lfs_new) == (
        1000,
        2000,
    )
    folds = {path: review.patch(entry.index).fold for path, entry in files.items() if review.patch(entry.index).fold}
    assert folds == dict.fromkeys(("hidden.py", "gone.py"), "attributes") | {
        "gen/api.ts": "generated",
        "Cargo.lock": "lock",
    }
    merged = {entry.path for entry in review.files if entry.merged_into >= 0}
    assert merged == {"moved.txt", "edited and moved.txt"}


async def test_whitespace_and_context_are_options(differ: Differ, sandbox: Sandbox) -> None:
    lines = [f"line {number}\n" for number in range(40)]
    old = sandbox.commit({"a.txt": "".join(lines), "only blanks.txt": "a b\n"})
    lines[20] = "another\n"
    new = sandbox.commit({"a.txt": "".join(lines).replace("line 3\n", "  line   3\n"), "only blanks.txt": "a   b\n"})
    for ignore, context in ((False, 0), (True, 3), (False, 12), (True, 100)):
        review = await whole(differ, sandbox, old, new, ignore_whitespace=ignore, context=context)
        options = [f"-U{context}", *(["-w"] if ignore else [])]
        said = git_patches(sandbox, old, new, *options)
        assert {one.path: bare(review.patch(one.index).data) for one in review.files} == {
            one.path: bare(said.get(one.path, b"")) for one in review.files
        }
        review.close()


async def test_nothing_against_something_and_a_name_that_is_none(differ: Differ, sandbox: Sandbox) -> None:
    review = await whole(differ, sandbox, "", "HEAD")
    assert {entry.kind for entry in review.files} == {"added"}
    assert len(review.files) == 3
    assert (await whole(differ, sandbox, "HEAD", "HEAD")).files == ()
    with pytest.raises(NotFound):
        await differ.open(request(sandbox, "HEAD", "no-such"))


async def test_a_submodule_is_two_commits(differ: Differ, sandbox: Sandbox, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "other")
    other.root.mkdir()
    other.git("init", "--quiet")
    first = other.commit({"a": "1\n"})
    second = other.commit({"a": "2\n"})
    before = sandbox.git("rev-parse", "HEAD")
    trees = []
    for commit in (first, second):
        sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
        sandbox.git("commit", "--quiet", "-m", "module")
        trees.append(sandbox.git("rev-parse", "HEAD"))
    for old, new in (trees, (before, trees[0]), (trees[1], before)):
        review = await whole(differ, sandbox, old, new)
        (entry,) = review.files
        assert entry.is_submodule
        assert bare(review.patch(0).data) == git_patches(sandbox, old, new)["module"]
        assert review.colours(0, "new") is None


async def test_lines_beyond_all_measure_are_cut_and_keep_their_identity(differ: Differ, sandbox: Sandbox) -> None:
    old = sandbox.commit({"min.js": "a" * 2_000_000 + "\nshort\n", "same.js": "b" * 100_000 + "\nx\n"})
    new = sandbox.commit({"min.js": "a" * 1_999_999 + "c\nshort\n", "same.js": "b" * 100_000 + "\ny\n"})
    review = await whole(differ, sandbox, old, new)
    patch = review.patch(0)
    assert patch.cut
    assert (patch.additions, patch.deletions, patch.fold) == (1, 1, "minified")
    rows = patch.data.split(b"\n")
    assert all(CUT + b"2000000:" in row for row in rows[1:3])
    assert rows[1][1:] != rows[2][1:]
    assert rows[1][1:].startswith(b"a" * LINE_LIMIT + CUT)
    assert (review.patch(1).additions, review.patch(1).deletions) == (1, 1)
    text = await review.text(0, "new", 0, 10)
    assert text.total == 2
    assert CUT + b"2000000:" in text.lines[0]
    assert text.lines[1] == b"short"


async def test_totals_are_gits_also_where_something_else_is_shown(
    differ: Differ, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Copies, attributes, files too large to be compared or shown whole, renames that a copy would take."""
    text = "".join(f"line {number}\n" for number in range(80))
    (sandbox.root / ".git/info").mkdir(exist_ok=True)
    (sandbox.root / ".git/info/attributes").write_text("*.private -diff\n*.dat diff\n")
    sandbox.git("config", "diff.picture.binary", "true")
    old = sandbox.commit(
        {
            ".gitattributes": "*.svg binary\n*.draw diff=picture\n*.crlf text eol=crlf\n",
            "source.txt": text,
            "gone.txt": text.replace("line 1", "row 1"),
            "a.svg": "<a/>\n",
            "b.draw": "one\n",
            "c.private": "one\n",
            "d.dat": b"one\0\n",
            "e.crlf": "one\ntwo\n",
            "many.txt": "\n" * (diff_library.MANY_LINES + 10),
            "wide.txt": f"{'x' * 70_000}\none\n",
            "blank.txt": "a b\n",
        }
    )
    (sandbox.root / "gone.txt").unlink()
    new = sandbox.commit(
        {
            "copy.txt": text.replace("line 5\n", "another\n"),
            "there.txt": text.replace("line 1", "row 1").replace("line 7\n", ""),
            "source.txt": f"{text}more\n",
            "a.svg": "<a/>\n<b/>\n",
            "b.draw": "two\nthree\n",
            "c.private": "two\nthree\n",
            "d.dat": b"two\0\nthree\n",
            "e.crlf": "one\r\nthree",
            "many.txt": "\n" * (diff_library.MANY_LINES + 10) + "end\n",
            "wide.txt": f"{'x' * 69_999}y\ntwo\nthree\n",
            "huge.txt": f"{'y' * 99}\n" * 180_000,
            "blank.txt": "a  b\n",
        }
    )
    review = await whole(differ, sandbox, old, new)
    files = {entry.path: entry for entry in review.files}
    assert files["copy.txt"].kind == "copied"
    assert review.patch(files["huge.txt"].index).rest
    assert review.patch(files["many.txt"].index).note
    assert b"+three" in review.patch(files["c.private"].index).data, "attributes hide nothing"
    assert totals(review) == shortstat(sandbox, review.old_tree, review.new_tree)
    counted = {one.path: review.counts(one.index) for one in review.files if one.merged_into < 0}
    said = numstat(sandbox, review, "-M")
    assert counted == {name: (int(a.replace("-", "0")), int(d.replace("-", "0"))) for name, (a, d) in said.items()}
    other = await whole(differ, sandbox, old, new, ignore_whitespace=True)
    assert totals(other)[1:] == shortstat(sandbox, other.old_tree, other.new_tree, "-w")[1:]
    begun = await whole(differ, sandbox, "", old)
    assert totals(begun) == shortstat(sandbox, sandbox.git("hash-object", "-t", "tree", "/dev/null"), old)
    (sandbox.root / "copy.txt").write_text(text)
    live = await review.refresh(request(sandbox, old, None))
    assert live is not None
    await live.completed()
    sandbox.git("add", "-A")
    assert totals(live) == shortstat(sandbox, old, sandbox.git("write-tree"))


async def test_a_blob_that_is_not_there_is_said(differ: Differ, sandbox: Sandbox) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    new = sandbox.commit({"lost.txt": "will be lost\n", "kept.txt": "stays\n"})
    oid = sandbox.git("rev-parse", "HEAD:lost.txt")
    (sandbox.root / ".git/objects" / oid[:2] / oid[2:]).unlink()
    review = await whole(differ, sandbox, old, new)
    lost = next(entry for entry in review.files if entry.path == "lost.txt")
    assert "not in this repository" in review.patch(lost.index).note
    assert (await colours_of(review, lost.index, "new")).lines == 0
    assert (await review.text(lost.index, "new")).lines == ()
    assert (await words_of(review, lost.index)).rows() == {}


async def test_a_repository_that_libgit2_cannot_open_is_read_by_git(differ: Differ, tmp_path: Path) -> None:
    root = tmp_path / "sha256"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet", "--object-format=sha256")
    long = "".join(f"line {number}\n" for number in range(50))
    old = sandbox.commit({"a.txt": "one\n", "b.bin": b"\0", "moved.txt": long, ".gitattributes": "a.txt -diff\n"})
    (root / "moved.txt").rename(root / "there.txt")
    new = sandbox.commit({"a.txt": "two\nthree", "b.bin": b"\0\0", "there.txt": long + "x\n"})
    review = await whole(differ, sandbox, old, new)
    assert shown(review) == numstat(sandbox, review) | {"a.txt": ("2", "1")}
    said = git_patches(sandbox, old, new)
    for entry in review.files:
        if entry.merged_into < 0 and entry.path != "b.bin":
            assert bare(review.patch(entry.index).data) == bare(said[entry.path])
    assert review.files[0].path == "a.txt"
    assert (await review.text(0, "new", 0, 9)).lines == (b"two", b"three")
    (root / "a.txt").write_text("live\n")
    live = await whole(differ, sandbox, old, None)
    assert b"+live\n" in live.patch(next(one.index for one in live.files if one.path == "a.txt")).data


CONTENTS = st.lists(
    st.sampled_from(["a\n", "b\n", "b \n", "\n", "c\r\n", "\tx\n", "é\n", "long " * 9 + "\n"]), max_size=12
)
TREES = st.dictionaries(
    st.sampled_from(["a", "b", "d/a", "d/b", "d/e/f", "z"]),
    st.tuples(CONTENTS.map("".join), st.booleans()),
    min_size=1,
)


@settings(max_examples=examples(25))
@given(trees=st.tuples(TREES, TREES))
def test_random_trees_are_as_git_compares_them(
    trees: tuple[dict[str, tuple[str, bool]], ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    sandbox = Sandbox(tmp_path_factory.mktemp("random"))
    sandbox.git("init", "--quiet")
    commits = []
    for tree in trees:
        sandbox.git("rm", "-rfq", "--ignore-unmatch", ".")
        files = {name: content.removesuffix("\n") if cut else content for name, (content, cut) in tree.items()}
        commits.append(sandbox.commit(files))
    source = diff_library.library(sandbox.root)
    assert source is not None
    made = Comparison(1, source, source.tree(commits[0]), source.tree(commits[1]), ignore_whitespace=False, context=3)
    made.list_files()
    made.finish_renames(diff_program.moves(sandbox.root, made.old_tree, made.new_tree))
    told = {}
    while (index := made.next()) is not None:
        told[made.entries[index].path] = made.patch(index)[1]
    said = git_patches(sandbox, *commits)
    assert {path: bare(data) for path, data in told.items()} == {path: bare(data) for path, data in said.items()}


NAMES = st.sampled_from(["a.txt", "b.svg", "d/c.txt", "d/e.svg"])
STEP = st.one_of(
    st.tuples(st.sampled_from(["copy", "move"]), NAMES, st.sampled_from(["new.txt", "d/new.svg", "a.txt"])),
    st.tuples(st.just("edit"), NAMES, st.lists(st.tuples(st.integers(0, 40), CONTENTS.map("".join)), max_size=4)),
    st.tuples(st.sampled_from(["link", "binary", "mode", "crlf", "gone"]), NAMES, st.none()),
    st.tuples(st.just("attributes"), st.none(), st.sampled_from(["*.svg -diff\n", "*.svg binary\n", "*.txt diff\n"])),
)


def take_step(root: Path, kind: str, name: str | None, what: Any) -> None:
    if kind == "attributes":
        (root / ".gitattributes").write_text(what)
        return
    path = root / str(name)
    if path.is_symlink() or not path.is_file():
        return
    content = path.read_bytes()
    if kind in ("copy", "move"):
        (root / what).unlink(missing_ok=True)
        (root / what).write_bytes(content)
    if kind in ("move", "link", "gone"):
        path.unlink(missing_ok=True)
    if kind == "link":
        path.symlink_to("d")
    elif kind == "mode":
        path.chmod(0o755)
    elif kind in ("edit", "binary", "crlf"):
        lines = content.splitlines(keepends=True)
        for at, text in what or ():
            lines[at : at + 2] = [text.encode()]
        changed = b"".join(lines)
        path.write_bytes({"edit": changed, "binary": b"\0" + changed, "crlf": changed.replace(b"\n", b"\r\n")}[kind])


@settings(max_examples=examples(60))
@given(
    texts=st.lists(st.lists(st.sampled_from(["a\n", "b\n", "\n", "long line\n", "}\n"]), max_size=40), min_size=4),
    steps=st.lists(STEP, min_size=1, max_size=8),
    ignore=st.booleans(),
)
def test_totals_of_random_trees_are_gits(
    texts: list[list[str]], steps: list[Any], ignore: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sandbox = Sandbox(tmp_path_factory.mktemp("random"))
    sandbox.git("init", "--quiet")
    names = ("a.txt", "b.svg", "d/c.txt", "d/e.svg")
    old = sandbox.commit({name: "".join(text) for name, text in zip(names, texts, strict=False)})
    for step in steps:
        take_step(sandbox.root, *step)
    sandbox.git("add", "-A")
    new = sandbox.commit()
    source = diff_library.library(sandbox.root)
    assert source is not None
    made = Comparison(1, source, source.tree(old), source.tree(new), ignore_whitespace=ignore, context=3)
    made.list_files()
    made.finish_renames(diff_program.moves(sandbox.root, made.old_tree, made.new_tree))
    counts = Repositories("").counts(str(sandbox.root), str(sandbox.root), made)()
    shown = {entry.path: entry for entry in made.entries if entry.merged_into < 0}
    said = {one.path: one for one in changes.files(sandbox.root, old, new)}
    assert {path: entry.old_path for path, entry in shown.items() if entry.kind != "copied"} == {
        path: one.old_path for path, one in said.items() if shown[path].kind != "copied"
    }
    assert shown.keys() == said.keys() >= counts.keys()
    added, deleted = (sum(one[at] for one in counts.values() if one) for at in (0, 1))
    assert (added, deleted) == shortstat(sandbox, old, new, *(["-w"] if ignore else []))[1:]
    for path, found in counts.items():
        patch = made.hunks(shown[path].index)
        if found is not None and shown[path].kind != "copied" and not patch.binary:
            assert (patch.additions, patch.deletions) == found, path


async def test_patches_come_nearest_first(differ: Differ, sandbox: Sandbox) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    draw = random.Random(1)
    new = sandbox.commit({f"f{n:03}.txt": "".join(f"{draw.random()}\n" for _ in range(200)) for n in range(300)})
    review = await differ.open(DiffRequest(str(sandbox.root), str(sandbox.root), old, new))
    told = [index for index in range(300) if review.patch(index) is not None]
    review.listen(lambda event: told.extend(event.indices) if event.kind == "patches" else None)
    review.focus(150)
    await review.completed()
    assert sorted(told) == list(range(300))
    late = [index for index in told[100:] if abs(index - 150) < 20]
    assert not late


async def test_colours_of_both_sides_are_those_of_the_whole_file(differ: Differ, sandbox: Sandbox) -> None:
    lines = ['"""A docstring\n', *(f"of {number} lines\n" for number in range(300)), '"""\n', "x = 1\n"]
    old = sandbox.commit({"a.py": "".join(lines)})
    new = sandbox.commit({"a.py": "".join([*lines[:200], "that's longer\n", *lines[200:]])})
    review = await whole(differ, sandbox, old, new)
    review.focus(0)
    for side, count in (("old", 303), ("new", 304)):
        colours = await colours_of(review, 0, side)
        assert colours.complete
        assert colours.lines == count
        kinds = {CLASSES[kind] for number in range(1, count - 2) for kind in colours.line(number)[2::3]}
        assert kinds == {"docstring"}
    assert review.colours(0, "new") is not None
    assert (await words_of(review, 0)).rows() == {}


async def test_colours_of_a_long_file_come_from_the_top(differ: Differ, sandbox: Sandbox) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    new = sandbox.commit({"long.py": "".join(f"def f{number}(): return {number}\n" for number in range(12_000))})
    review = await whole(differ, sandbox, old, new)
    seen: list[int] = []
    review.listen(lambda event: seen.append(review.colours(0, "new").lines) if event.kind == "colours" else None)
    colours = await colours_of(review, 0, "new")
    assert colours.lines == 12_000
    assert len(seen) > 5
    assert seen == sorted(seen)
    assert CLASSES[colours.line(11_999)[2]] == "keyword"
