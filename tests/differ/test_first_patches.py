"""The first patches wait for nothing but git: libgit2, which takes longer to load, answers alike from then on."""

import subprocess
import sys
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ampsm_engine.diff.hunks import Delta
from ampsm_engine.differ.comparison import Comparison
from ampsm_engine.git import diff_library, diff_program
from tests.conftest import examples
from tests.git.sandboxes import Sandbox

FIRST = """
import sys
from ampsm_engine.differ import server

root, old, new, order = sys.argv[1:]
sent = []
one = server.Server("")
one._send = lambda header, body=b"": sent.append(header)
one._handle(["open", 1, [root, root], [old, new], [False, 3, order], 0, None])
while not any(header[0] == "patches" for header in sent):
    one._step()
kinds = [header[0] for header in sent]
print(kinds.index("files") < kinds.index("patches"), len([h for h in sent if h[0] == "patches"][0][2]))
print([name for name in ("pygit2", "ctypes", "shutil", "tempfile", "hashlib", "datetime") if name in sys.modules])
sys.stdout.flush()
import os; os._exit(0)
"""


def test_the_first_patch_is_out_before_anything_slow_is_loaded(sandbox: Sandbox) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    sandbox.commit({f"f{number}.py": "x = 1\n" * 40 for number in range(9)} | {"README.md": "# Other\n"})
    command = [sys.executable, "-P", "-c", FIRST, str(sandbox.root), old, "HEAD", "path"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said == ["True 1", "[]"]


def test_what_is_asked_for_the_first_patch_does_not_grow_with_the_folders(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    sandbox.commit({f"folder{number}/deep/f.py": "x = 1\n" for number in range(40)})
    asked: list[str] = []
    files = diff_program.Program.files

    def recorded(source: diff_program.Program, tree: str, paths: Iterable[str]) -> dict[str, bytes]:
        asked.extend(paths)
        return files(source, tree, paths)

    monkeypatch.setattr(diff_program.Program, "files", recorded)
    source = diff_program.Program(sandbox.root, {})
    made = Comparison(1, source, source.tree(old), source.tree("HEAD"), ignore_whitespace=False, context=3)
    made.list_files()
    for _ in range(2):
        made.patch(made.next() or 0)
    source.rest()
    assert len(made.entries) == 40
    assert asked == [f"{folder}.gitattributes" for folder in ("", *_folders(0), *_folders(1))]


def _folders(number: int) -> tuple[str, str]:
    return f"folder{number}/", f"folder{number}/deep/"


def blob(sandbox: Sandbox, content: bytes) -> str:
    done = subprocess.run(
        ["git", "-C", sandbox.root, "hash-object", "-w", "--stdin"], input=content, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


LINES = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"\n", b" a\n", b"}\n", b"\ta  \n", b"\r\n", b"x" * 17_000 + b"\n"]), max_size=9
)
CONTENTS = st.none() | st.builds(
    lambda lines, rest: b"".join(lines) + rest, LINES, st.sampled_from([b"", b"end", b"\0"])
)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=CONTENTS, new=CONTENTS, context=st.sampled_from([0, 3]), ignore_whitespace=st.booleans())
@example(None, b"one\n", 3, False)
@example(b"one", None, 3, False)
@example(b"", b"one\ntwo", 3, False)
@example(b"one\n", b"", 0, True)
@example(b"a\n" * 12, b"a\n" * 5 + b"b\n" + b"a\n" * 7, 3, False)
def test_git_and_libgit2_give_the_same_patch(
    sandbox: Sandbox, old: bytes | None, new: bytes | None, context: int, ignore_whitespace: bool
) -> None:
    """Also with what attributes and the configuration of a repository say."""
    (sandbox.root / ".gitattributes").write_text("* -diff\n")
    for name, value in (
        ("interHunkContext", "9"),
        ("algorithm", "patience"),
        ("noprefix", "true"),
        ("external", "false"),
    ):
        sandbox.git("config", f"diff.{name}", value)
    oids = ["" if content is None else blob(sandbox, content) for content in (old, new)]
    delta = Delta("a.py", 0o100644 if oids[0] else 0, 0o100644 if oids[1] else 0, *oids)
    library, by_git = diff_library.library(sandbox.root), diff_program.Program(sandbox.root, {})
    assert library is not None
    patches = [one.patch(delta, context=context, ignore_whitespace=ignore_whitespace) for one in (library, by_git)]
    by_git.rest()
    assert patches[0] == patches[1]
