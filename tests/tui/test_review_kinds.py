"""The rarer kinds of change in the screen of a review: copies, submodules, types; and files too large to be read."""

import re
from pathlib import Path

import pytest

from ampsm_engine.differ.protocol import CLASSES
from ampsm_tui.widgets.diff.layout import Row, RowKind
from ampsm_tui.widgets.diff.patch import MINUS
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed, git, put


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    return Reviewed(desk, tmp_path / "shop", monkeypatch)


async def test_copies_submodules_and_types(reviewed: Reviewed, tmp_path: Path, snapshot_svg: Camera) -> None:
    tree = reviewed.worktree
    steps = (tree / "app/old_name.py").read_text()
    put(tree, "app/copy.py", steps.replace("return 3\n", "return 33\n"))
    put(tree, "app/old_name.py", steps.replace("return 5\n", "return 55\n"))
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "main")
    for message in ("One", "Two"):
        git(other, "commit", "-q", "--allow-empty", "-m", message)
    git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vendor")
    put(tree, ".gitmodules", '[submodule "vendor"]\n\tpath = vendor\n\turl = ../vendor.git\n')
    (tree / "bin/run").unlink()
    (tree / "bin/run").symlink_to("../app/login.py")
    put(tree, "bin/tool", "print('a tool of its own')\n")
    (tree / "bin/tool").chmod(0o755)
    (tree / "Makefile").unlink()
    (tree / "app/gone.py").rename(tree / "app/moved.py")
    put(tree, "empty", "")
    reviewed.commit()
    async with reviewed.open((100, 70)) as desk:
        desk.sees(
            "copied from app/old_name.py, 96 % the same",
            "renamed from app/gone.py, content unchanged",
            "a submodule; its text is the commit it stands on",
            f"Subproject commit {git(other, 'rev-parse', 'HEAD')}",
            "was a file, is now a symbolic link",
            "new, executable file",
            "new, an empty file",
            "deleted, 5 lines",
            "· new submodule",
        )
        stat = git(tree, "diff", "--shortstat", "main", "HEAD")
        files, added, deleted = (int(number) for number in re.findall(r"(\d+) ", stat))
        assert f"  {files} files  +{added:,} -{deleted:,}" in desk.lines[0], "the copy is a new file to git"
        await reviewed.there()
        snapshot_svg(desk.app)
    git(tree / "vendor", "checkout", "-q", "HEAD^")
    async with reviewed.open((100, 30), range_="uncommitted") as desk:
        desk.sees("Subproject commit", f"+ Subproject commit {git(tree / 'vendor', 'rev-parse', 'HEAD')}")
        await reviewed.press("X")
        desk.sees("Reject all changes of vendor")
        await reviewed.press("enter")
        await reviewed.until(lambda: "vendor is a submodule." in desk.text, "the refusal")


async def test_colours_are_right_inside_a_string_of_many_lines(reviewed: Reviewed) -> None:
    """What a hunk shows begins in the middle of it; the whole file is what is coloured."""
    tree = reviewed.worktree
    text = (
        'TEXT = """\n' + "".join(f"def line_{number}(): return {number}\n" for number in range(60)) + '"""\nEND = 1\n'
    )
    put(tree, "app/text.py", text)
    first = reviewed.commit()
    put(tree, "app/text.py", text.replace("return 30\n", "return 'thirty'\n"))
    second = reviewed.commit()
    async with reviewed.open((100, 24), range_=f"points:{first}..{second}"):
        source, body = reviewed.screen.view.source, reviewed.file("app/text.py").body
        assert body is not None
        string = CLASSES.index("string")
        for row in body.hunks[0].shown:
            line = body.line(row)
            is_new = line.kind != MINUS
            spans = source.spans(0, is_new=is_new, number=line.new if is_new else line.old)
            assert list(spans) == [0, len(line.text), string], line


@pytest.mark.parametrize("scale", [20, pytest.param(1, marks=pytest.mark.soak)])
async def test_files_too_large_to_be_read_open(reviewed: Reviewed, scale: int) -> None:
    """At full scale one line of 50 MB, 200,000 lines and a minified line of 2 MB."""
    tree = reviewed.worktree
    size, count, width = 50_000_000 // scale, 200_000 // scale, 2_000_000 // scale
    put(tree, "one_line.txt", b"abcdefghij" * (size // 10))
    put(tree, "lines.txt", "".join(f"line {number}\n" for number in range(count)))
    put(tree, "app.js", "var a=1;" * (width // 8) + "\n")
    reviewed.commit()
    async with reviewed.open((100, 40)) as desk:
        for path in ("lines.txt", "one_line.txt", "app.js"):
            file = reviewed.file(path)
            await reviewed.to(path)
            if file.shape.folded:
                await reviewed.press("enter")
            assert not file.shape.folded
        view, index = reviewed.screen.view, reviewed.screen.view.document.files.index(reviewed.file("lines.txt"))
        await reviewed.to("lines.txt")
        await reviewed.press(*str(count), "G")
        row = view.row
        assert row is not None
        assert row == Row(RowKind.LINE, index, row.a)
        desk.sees(f"line {count - 1}")
        await reviewed.press("slash")
        await desk.type(f"line {count - 3}")
        await reviewed.press("enter")
        desk.sees(f"/line {count - 3} 1 of 1 ")
        await reviewed.press("escape")
        await reviewed.to("one_line.txt", 0)
        await reviewed.press("j")
        desk.sees("abcdefghij", "lines of more than 16.4 KB are cut")
        assert not reviewed.file("one_line.txt").has_unseen
        await reviewed.press("y")
        await reviewed.until(lambda: "too long to be shown whole" in desk.text, "the refusal")
        await reviewed.press("k", "X")
        await reviewed.until(lambda: "This hunk is too long" in desk.text, "the refusal")
        await reviewed.press("w", "w", "right", "G", "g")
