"""Changes in pieces: put together they are the change, and where none of two overlap git merges without a conflict."""

import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ampsm_engine.git.integrate import line_changes
from ampsm_engine.git.integrate.object_store import ObjectStore
from tests.conftest import examples, git

WORDS = st.sampled_from([b"a\n", b"b\n", b"c\n", b"\n", b"a\r\n"])
CONTENTS = st.tuples(st.lists(WORDS, max_size=9).map(b"".join), st.sampled_from([b"", b"end"])).map(b"".join)
FILES = st.dictionaries(
    st.sampled_from(["x", "y", "d/x", "d/e/z", "d"]),
    st.one_of(CONTENTS, st.binary(max_size=6).map(lambda raw: b"\0" + raw)),
    max_size=4,
).filter(lambda files: not ("d" in files and len(files.keys() & {"d/x", "d/e/z"})))


def tree(objects: ObjectStore, files: dict[str, bytes]) -> str:
    given_: dict[bytes, tuple[bytes, bytes] | None] = {
        path.encode(): (b"100644", bytes.fromhex(objects.database.write("blob", content)))
        for path, content in files.items()
    }
    return line_changes.tree_with(objects, "", given_)


@settings(max_examples=examples(60))
@given(old=FILES, new=FILES)
def test_all_pieces_are_the_change_and_each_prefix_is_a_tree(
    repo: Path, old: dict[str, bytes], new: dict[str, bytes]
) -> None:
    objects = ObjectStore(repo)
    before, after = tree(objects, old), tree(objects, new)
    pieces = line_changes.pieces(objects, before, after)
    assert line_changes.with_pieces(objects, before, pieces) == after
    assert line_changes.with_pieces(objects, before, ()) == before
    made = [line_changes.with_pieces(objects, before, pieces[:count]) for count in range(len(pieces) + 1)]
    assert len(set(made)) == len(made), "each piece changes something"
    objects.database.flush()
    assert git(repo, "fsck", "--strict", "--no-dangling") == ""


@settings(max_examples=examples(120))
@given(base=CONTENTS, ours=CONTENTS, theirs=CONTENTS)
def test_where_git_sees_a_conflict_the_changes_meet(tmp_path: Path, base: bytes, ours: bytes, theirs: bytes) -> None:
    for name, content in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        ["git", "merge-file", "-p", "--diff3", "ours", "base", "theirs"], cwd=tmp_path, capture_output=True, check=False
    )
    found = line_changes.overlaps(base, ours, theirs)
    assert found or done.returncode == 0
    assert list(found) == sorted(found)
    swapped = line_changes.overlaps(base, theirs, ours)
    assert len(swapped) == len(found)
