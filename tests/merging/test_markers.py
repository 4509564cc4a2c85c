"""Conflict markers: nothing is merged with one in it, and no line that a file rightly holds is taken for one."""

import os
from pathlib import Path

import pytest

from ampsm_engine.errors import Refused
from ampsm_engine.merging import open_conflict, operations
from ampsm_engine.merging.open_conflict import MarkersLeft
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session
from tests.conftest import git
from tests.merging.desk import Desk, lines
from tests.merging.test_conflicts import given, in_conflict
from tests.soak import one_in
from tests.worker.bench import Bench

EXAMPLE = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> branch\n"


def in_conflict_in(desk: Desk, path: str, **sides: str | bytes) -> tuple[Session, Path]:
    """A session and its base that changed a file each; it lies in the session's worktree with its markers."""
    if "before" in sides:
        desk.base({path: sides["before"]})
    session = desk.session()
    desk.amp(session, {path: sides["theirs"]})
    desk.base({path: sides["ours"]})
    with pytest.raises(ConflictsWait):
        desk.merge(session)
    return session, Path(session.worktree_path)


def added(at: Path, path: str) -> None:
    git(at, "add", "--all", "--", path)


def test_sides_are_decoded_as_a_review_decodes_them(desk: Desk) -> None:
    texts = {name: lines(_3=f"Stra\xdfe {name}").encode("latin-1") for name in ("before", "ours", "theirs")}
    session, _ = in_conflict_in(desk, "x.txt", **texts)
    (file,) = open_conflict.conflicts(desk.engine, session.id).files
    assert (file.hunks[0].ours, file.hunks[0].theirs) == ("Stra\xdfe ours\n", "Stra\xdfe theirs\n")
    open_conflict.resolve(desk.engine, session.id, "x.txt", {1: "theirs"})
    assert (Path(session.worktree_path) / "x.txt").read_bytes() == texts["theirs"]


ENCODED = {"UTF-16LE": "utf-16-le", "UTF-16": "utf-16", "SHIFT-JIS": "shift_jis"}
"""What the attribute working-tree-encoding says, and what Python calls it."""


@pytest.mark.parametrize("said", ENCODED)
def test_markers_are_seen_in_a_file_that_git_writes_in_another_encoding(desk: Desk, said: str) -> None:
    desk.base({".gitattributes": f"x.txt working-tree-encoding={said}\n"})
    texts = {name: lines(_3=f"日本の {name}").encode(ENCODED[said]) for name in ("before", "ours", "theirs")}
    session, at = in_conflict_in(desk, "x.txt", **texts)
    (file,) = open_conflict.conflicts(desk.engine, session.id).files
    assert [(hunk.ours, hunk.theirs) for hunk in file.hunks] == [("日本の ours\n", "日本の theirs\n")]
    shown, _ = open_conflict.readable_file(at, "x.txt")
    assert shown.split("\n")[2:5:2] == ["<<<<<<< HEAD", "======="]
    with pytest.raises(MarkersLeft, match="lines 3, 5, 7"):
        open_conflict.resolve(desk.engine, session.id, "x.txt", "edited")
    open_conflict.resolve(desk.engine, session.id, "x.txt", {1: "theirs"})
    assert (at / "x.txt").read_bytes() == texts["theirs"]
    assert git(at, "show", ":x.txt") == lines(_3="日本の theirs")
    open_conflict.reopen(desk.engine, session.id, "x.txt")
    open_conflict.resolve(desk.engine, session.id, "x.txt", "both")
    assert (at / "x.txt").read_bytes() == lines(_3="日本の ours\n日本の theirs").encode(ENCODED[said])


STYLES = ("merge", "diff3", "zdiff3")
MARKERS = [(style, *marks) for style in STYLES for marks in ((7, "\n"), (15, "\n"), (15, "\r\n"), (3, "\n"))]


@pytest.mark.parametrize("marks", one_in(5, MARKERS))  # each style is among them
def test_markers_of_every_size_and_style(desk: Desk, marks: tuple[str, int, str]) -> None:
    style, size, end = marks
    git(desk.repo, "config", "merge.conflictStyle", style)
    git(desk.repo, "config", "core.autocrlf", "false")
    desk.base({".gitattributes": f"*.md conflict-marker-size={size}\n"})
    text = {name: lines(_3=name).replace("\n", end) for name in ("before", "ours", "theirs")}
    session, at = in_conflict_in(desk, "x.md", **text)
    lying = (at / "x.md").read_bytes()
    letters = [b"<", b"=", b">", *([b"|"] if style != "merge" else [])]
    assert all(any(line.startswith(letter * size) for line in lying.split(b"\n")) for letter in letters)
    (file,) = open_conflict.conflicts(desk.engine, session.id).files
    assert (len(file.hunks), len(file.markers)) == (1, len(letters))
    main = desk.sha("main")
    marked = [line for line in lying.split(b"\n") if line[:size] in {letter * size for letter in letters}]
    for line in [None, *marked]:  # all of them are left, or one alone
        (at / "x.md").write_bytes(lying if line is None else text["ours"].encode() + line + b"\n")
        with pytest.raises(MarkersLeft):
            open_conflict.resolve(desk.engine, session.id, "x.md", "edited")
        added(at, "x.md")
        with pytest.raises(MarkersLeft, match=r"markers left in x\.md") as refused:
            operations.continue_(desk.engine, session.id)
        assert "--keep-markers" in refused.value.hint
        assert (desk.sha("main"), desk.last(session).state) == (main, MergeState.CONFLICTED)
    open_conflict.reopen(desk.engine, session.id, "x.md")
    assert open_conflict.resolve(desk.engine, session.id, "x.md", {1: "theirs"}).files == ()
    operations.continue_(desk.engine, session.id)
    assert (desk.repo / "x.md").read_bytes() == text["theirs"].encode()


WAYS = [(way, where) for where in ("before", "after", "one side") for way in ("edit", "hunk", "theirs")]


@pytest.mark.parametrize("how", one_in(4, WAYS))  # each way and each place is among them
def test_a_file_that_rightly_holds_markers(desk: Desk, how: tuple[str, str]) -> None:
    way, where = how

    def text(word: str) -> str:
        example = EXAMPLE if where != "one side" or word == "theirs" else ""
        return lines(_10=word) + example if where == "after" else example + lines(_10=word)

    session, at = in_conflict_in(desk, "how.md", before=text("before"), ours=text("ours"), theirs=text("theirs"))
    (file,) = open_conflict.conflicts(desk.engine, session.id).files
    if where != "one side":
        assert [(hunk.ours, hunk.theirs) for hunk in file.hunks] == [("ours\n", "theirs\n")]
    if way == "edit":
        (at / "how.md").write_text(text("theirs"))
        open_conflict.resolve(desk.engine, session.id, "how.md", "edited")
    elif way == "hunk" and where != "one side":
        open_conflict.resolve(desk.engine, session.id, "how.md", {1: "theirs"})
    else:
        open_conflict.resolve(desk.engine, session.id, "how.md", "theirs")
    operations.continue_(desk.engine, session.id)
    assert desk.shown("main", "how.md") == text("theirs")


def test_what_is_left_beside_what_is_right_is_found(desk: Desk) -> None:
    session, at = in_conflict_in(desk, "how.md", before=EXAMPLE + "1\n", ours=EXAMPLE + "2\n", theirs=EXAMPLE + "3\n")
    (at / "how.md").write_text(EXAMPLE + "<<<<<<< HEAD\n2\n")
    added(at, "how.md")
    with pytest.raises(MarkersLeft):
        operations.continue_(desk.engine, session.id)


def test_a_line_that_could_part_the_sides_is_text(desk: Desk) -> None:
    """A heading's underline is seven letters long, too."""
    text = {word: lines(_5=f"{word.upper()}!\n=======\n{word}") for word in ("ours", "theirs")}
    session, _ = in_conflict_in(desk, "doc.rst", before=lines(), **text)
    (file,) = open_conflict.conflicts(desk.engine, session.id).files
    assert [hunk.ours for hunk in file.hunks] == ["OURS!\n=======\nours\n"]
    open_conflict.resolve(desk.engine, session.id, "doc.rst", {1: "ours"})
    operations.continue_(desk.engine, session.id)
    assert desk.shown("main", "doc.rst") == text["ours"]


def test_markers_that_are_meant(desk: Desk) -> None:
    session, at = in_conflict_in(desk, "new.md", ours="ours\n", theirs="theirs\n")
    (at / "new.md").write_text(EXAMPLE)
    open_conflict.resolve(desk.engine, session.id, "new.md", "meant")
    (at / "new.md").write_text(EXAMPLE + "\n" + EXAMPLE)
    added(at, "new.md")
    with pytest.raises(MarkersLeft):  # it was said of another content
        operations.continue_(desk.engine, session.id)
    (at / "new.md").write_text(EXAMPLE)
    added(at, "new.md")
    operations.continue_(desk.engine, session.id)
    assert desk.shown("main", "new.md") == EXAMPLE
    operations.undo(desk.engine, session.id)
    with pytest.raises(ConflictsWait):
        desk.merge(session)
    (at / "new.md").write_text(EXAMPLE)
    added(at, "new.md")
    with pytest.raises(MarkersLeft):
        operations.continue_(desk.engine, session.id)
    operations.continue_(desk.engine, session.id, keep_markers=True)
    assert desk.shown("main", "new.md") == EXAMPLE


@pytest.mark.parametrize("how", ["renamed", "attributes", "committed"])
def test_markers_do_not_hide(desk: Desk, how: str) -> None:
    desk.base({".gitattributes": "*.md conflict-marker-size=9\n", "x.md": lines()})
    session, at = in_conflict_in(desk, "x.md", ours=lines(_3="ours"), theirs=lines(_3="theirs"))
    if how == "renamed":
        git(at, "add", "x.md")
        git(at, "mv", "x.md", "y.txt")
    elif how == "attributes":
        (at / ".gitattributes").write_text("*.md -diff conflict-marker-size=20\n")
        git(at, "add", "--all")
    else:
        git(at, "commit", "-qam", "Done")
    with pytest.raises(MarkersLeft):
        operations.continue_(desk.engine, session.id)


@pytest.mark.parametrize("choice", one_in(2, ["ours", "theirs"]))
def test_a_file_without_a_line_break_at_its_end(desk: Desk, choice: str) -> None:
    text = {"ours": "a\nours", "theirs": "a\ntheirs"}
    session, _ = in_conflict_in(desk, "end.txt", before="a\nb", **text)
    open_conflict.resolve(desk.engine, session.id, "end.txt", {1: choice})
    operations.continue_(desk.engine, session.id)
    assert (desk.repo / "end.txt").read_text() == text[choice]


def test_a_link_or_a_binary_file_has_none(desk: Desk) -> None:
    session = desk.session()
    at = Path(session.worktree_path)
    for place, word in ((at, "theirs"), (desk.repo, "ours")):
        (place / "link").symlink_to(f"<<<<<<< {word}")
        (place / "bin").write_bytes(b"\0\n<<<<<<< " + word.encode())
        git(place, "add", "--all")
        git(place, "commit", "-qm", "amp: link")
    with pytest.raises(ConflictsWait):
        desk.merge(session)
    for path in ("link", "bin"):
        open_conflict.resolve(desk.engine, session.id, path, "theirs")
    operations.continue_(desk.engine, session.id)
    assert os.readlink(desk.repo / "link") == "<<<<<<< theirs"  # noqa: PTH115 - what it says, not where it leads


def test_amps_resolution_is_taken_as_it_was_shown_and_by_the_same_rule(bench: Bench) -> None:
    session = in_conflict(bench)
    at = Path(session.worktree_path)
    bench.scenario({"shell": "echo '=======' > app.py; git add app.py"}, {"say": "Resolved it."})
    given(bench.engine, session)
    bench.settled(session)
    with pytest.raises(Refused, match="Nobody looked"):
        open_conflict.accept(bench.engine, session.id)
    open_conflict.show_resolution(bench.engine, session.id)
    with pytest.raises(MarkersLeft, match=r"app\.py"):
        open_conflict.accept(bench.engine, session.id)
    (at / "app.py").write_text("x = 1\n")
    with pytest.raises(Refused, match="changed since it was looked at"):
        open_conflict.accept(bench.engine, session.id)
    open_conflict.show_resolution(bench.engine, session.id)
    open_conflict.accept(bench.engine, session.id)
    operations.continue_(bench.engine, session.id)
    assert git(bench.repo, "show", "main:app.py") == "x = 1\n"
    bench.quiet()
