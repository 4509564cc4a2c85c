"""What makes a diff easier to read than git does: other encodings, the commits of submodules, the order of files."""

from pathlib import Path

import pytest

from ampsm_engine.diff.encodings import LATIN, of_lines
from ampsm_tui.differ.arriving_diff import ArrivingDiff
from ampsm_tui.differ.client import Differ
from tests.differ.oracle import whole
from tests.git.sandboxes import Sandbox

JAPANESE = "日本語のテキスト\n"


def lines(review: ArrivingDiff, path: str) -> list[str]:
    """The changed lines of a file as they are read, with their signs."""
    patch = _patch(review, path)
    encoding = "utf-8" if patch.is_converted else patch.encoding or "utf-8"
    return [line for line in patch.data.decode(encoding, "surrogateescape").split("\n") if line[:1] in tuple("+-")]


def _patch(review: ArrivingDiff, path: str):  # type: ignore[no-untyped-def]
    index = next(entry.index for entry in review.files if entry.path == path)
    found = review.patch(index)
    assert found is not None
    return found


async def test_other_encodings_are_read_and_said(differ: Differ, sandbox: Sandbox) -> None:
    before = {
        "latin.txt": "déjà vu\nété\n".encode("latin-1"),
        "quotes.txt": "“quoted”\n".encode("cp1252"),
        "windows.txt": "first\r\nsecond é\r\n".encode("utf-16"),
        "japanese.txt": JAPANESE.encode("shift_jis"),
        "both.txt": "é".encode() + b" \xe9\n",
        "binary": b"\xff\xfea\0\0\0b\0",
        "plain.txt": b"+AGEAZA-\n",
        ".gitattributes": b"japanese.txt encoding=shift_jis\nplain.txt encoding=utf-7\nbinary encoding=utf-16\n",
    }
    old = sandbox.commit(before)
    new = sandbox.commit(
        {
            "latin.txt": "déjà lu\nété\n".encode("latin-1"),
            "quotes.txt": "“quoted”…\n".encode("cp1252"),
            "windows.txt": "first\r\nthird é\r\n".encode("utf-16"),
            "japanese.txt": (JAPANESE + "追加\n").encode("shift_jis"),
            "both.txt": "é".encode() + b" \xe9 \xe8\n",
            "binary": b"\xff\xfea\0\0\0c\0",
            "plain.txt": b"+AGEAZQ-\n",
        }
    )
    review = await whole(differ, sandbox, old, new)
    assert lines(review, "latin.txt") == ["-déjà vu", "+déjà lu"]
    assert lines(review, "quotes.txt") == ["-“quoted”", "+“quoted”…"]
    assert lines(review, "windows.txt") == ["-second é\r", "+third é\r"]
    assert (_patch(review, "windows.txt").encoding, _patch(review, "windows.txt").is_converted) == ("utf-16-le", True)
    index = next(entry.index for entry in review.files if entry.path == "windows.txt")
    assert (await review.text(index, "new")).lines == (b"first\r", "third é\r".encode())
    assert lines(review, "japanese.txt") == ["+追加"]
    assert _patch(review, "japanese.txt").encoding == "shift_jis"
    # Damaged, or more than one: each byte is shown. NULs are no text, whoever says so; ASCII is what it is.
    assert [_patch(review, path).encoding for path in ("both.txt", "binary", "plain.txt")] == ["", "", ""]
    assert _patch(review, "binary").binary


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("日本語のテキストとひらがな\n", "shift_jis", "cp932"),
        ("日本語のテキストとひらがな\n", "euc_jp", "euc_jp"),
        ("été à la plage, ça va\n", "latin-1", LATIN),
        ("Größe, Straße, Übermut\n", "cp1252", LATIN),
        ("“quotes” and €\n", "cp1252", LATIN),
        ("Привет, мир: это текст\n", "cp1251", ""),
        ("Привет, мир: это текст\n", "koi8-r", ""),
        ("中文的文字没有假名\n", "gbk", ""),
        ("日本語のテキスト\n", "utf-8", ""),
    ],
)
def test_what_nobody_says_is_told_from_the_text(text: str, encoding: str, expected: str) -> None:
    assert of_lines(b"@@ -0,0 +1 @@\n+" + text.encode(encoding)) == expected


def test_a_letter_that_git_has_cut_behind_a_heading_says_nothing_of_the_encoding() -> None:
    heading = "@@ -1 +1 @@ def naïveté".encode()[:-1]
    assert of_lines(heading + b"\n-a\n+b\n") == ""
    assert of_lines(heading + b"\n-a\n+\xe9t\xe9 \n") == LATIN


async def test_the_commits_of_a_submodule_are_listed(differ: Differ, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Sandbox(tmp_path / "other")
    other.git("init", "--quiet")
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        other.git("config", name, value)
    other.commit({"lib.py": "1\n"})
    sandbox.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.root), "lib")
    old = sandbox.commit()
    told = []
    for number in (2, 3):
        (other.root / "lib.py").write_text(f"{number}\n")
        other.git("commit", "--quiet", "-am", f"Count to {number}")
        told.insert(0, f"{other.git('rev-parse', 'HEAD')[:10]} Count to {number}")
    sandbox.git("-C", "lib", "pull", "--quiet")
    new = sandbox.commit()
    review = await whole(differ, sandbox, old, new)
    assert list(_patch(review, "lib").commits) == told
    review = await whole(differ, sandbox, new, old)
    assert list(_patch(review, "lib").commits) == [f"gone: {one}" for one in told]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("path", ["app.py", "lib/deep.py", "lib/tests/test_deep.py", "test_app.py", "zoo.py"]),
        ("tests-last", ["app.py", "lib/deep.py", "zoo.py", "lib/tests/test_deep.py", "test_app.py"]),
        ("size", ["zoo.py", "lib/tests/test_deep.py", "lib/deep.py", "app.py", "test_app.py"]),
    ],
)
async def test_files_stand_in_the_wanted_order(
    differ: Differ, sandbox: Sandbox, order: str, expected: list[str]
) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    counts = {"app.py": 1, "lib/deep.py": 2, "lib/tests/test_deep.py": 3, "test_app.py": 1, "zoo.py": 9}
    new = sandbox.commit({path: "line\n" * count for path, count in counts.items()})
    review = await whole(differ, sandbox, old, new, order=order)
    assert [entry.path for entry in review.files] == expected
    assert [entry.index for entry in review.files] == list(range(5))
