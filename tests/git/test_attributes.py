"""Which attributes a path has: `git check-attr` is the oracle."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ampsm_engine.git.attributes import Attributes
from tests.conftest import examples

PIECES = st.sampled_from(["a", "b", "*", "**", "?", "[ab]", "[!a]", "/", "/", ".js", "a*b", "\\*", "x.y"])
PATTERNS = st.lists(PIECES, min_size=1, max_size=5).map("".join)
WORDS = st.sampled_from(
    [
        "linguist-generated",
        "-linguist-generated",
        "linguist-generated=false",
        "!linguist-generated",
        "-diff",
        "diff",
        "binary",
    ]
)
LINES = st.lists(st.tuples(PATTERNS, st.lists(WORDS, min_size=1, max_size=2)), max_size=4)
PATHS = ["a", "b", "a/b", "a/x.y", "b/a.js", "a/b/a.js", "a/b/c/x.y", "ab", "a*b", "b/b/b/b", "aab.js"]


def written(lines: list[tuple[str, list[str]]]) -> str:
    return "".join(
        f"{pattern} {' '.join(words)}\n" for pattern, words in lines if "**" not in pattern.replace("/**", "")
    )


def told_by_git(root: Path) -> dict[str, str]:
    done = subprocess.run(
        ["git", "-C", root, "check-attr", "-z", "--stdin", "linguist-generated", "diff"],
        input=os.fsencode("\0".join(PATHS) + "\0"),
        capture_output=True,
        check=True,
    )
    fields = os.fsdecode(done.stdout).split("\0")[:-1]
    facts = {(path, name): value for path, name, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True)}
    folds = {}
    for path in PATHS:
        generated = facts[path, "linguist-generated"] not in ("unspecified", "unset", "false")
        folds[path] = "generated" if generated else "attributes" if facts[path, "diff"] == "unset" else ""
    return folds


@settings(max_examples=examples(80))
@given(top=LINES, below=LINES)
@example(top=[], below=[("/**", ["linguist-generated"])])
def test_attributes_are_those_that_git_sees(
    top: list[tuple[str, list[str]]], below: list[tuple[str, list[str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("attributes")
    subprocess.run(["git", "init", "-q", root], check=True)
    (root / "a").mkdir()
    (root / ".gitattributes").write_text(written(top))
    (root / "a/.gitattributes").write_text(written(below))
    attributes = Attributes(lambda some: {one: (root / one).read_bytes() for one in some if (root / one).is_file()})
    assert {path: attributes.fold(path) for path in PATHS} == told_by_git(root)


def read(content: bytes) -> Attributes:
    """What a file of attributes at the top says."""
    return Attributes(lambda _: {".gitattributes": content})


def test_what_is_no_attribute_file_says_nothing() -> None:
    for content in (
        b"\xff\xfe\0",
        b"[attr]x diff\n",
        b"# c\n\n!a -diff\n",
        b'"unclosed -diff\n',
        b"[z-a] -diff\n",
        b"[ -diff",
    ):
        assert read(content).fold("a/b") == ""
    assert read(b'"a b" -diff\n').fold("x/a b") == "attributes"


@pytest.mark.parametrize(
    "pattern", ["*a" * 40 + "b", "**/*a*" * 3 + "b", "/".join(["**/*a*a*a*a"] * 3) + "/b", "a*" * 60]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    told = read(f"{pattern} -diff\n".encode())
    assert told.fold("a" * 200) == ("attributes" if pattern == "a*" * 60 else "")
    assert told.fold("/".join(["a" * 50] * 8)) == ""
