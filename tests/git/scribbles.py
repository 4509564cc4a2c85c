"""Random things that an agent does in a worktree, as hypothesis strategies, and their doing."""

import os
import subprocess
from pathlib import Path

from hypothesis import strategies as st

NAMES = (
    "a",
    "b",
    "c.txt",
    "é",
    "-x",
    "d/a",
    "d/b",
    "d/e/f",
    "f/a",
    "new\nline",
    'quo"te',
    "src/main.py",
    "README.md",
    ".env",
    "x/.env.local",
    "key.pem",
    "ignored.o",
)
CONTENTS = (
    b"",
    b"1\n",
    b"1\n2\n3\n",
    b"no newline",
    b"\0\1\2 binary",
    b"crlf\r\n",
    b"# Project\n",
    b"x = 1\ny = 2\nz = 3\n",
)
VERBS = (
    "write",
    "write",
    "write",
    "delete",
    "link",
    "executable",
    "stage",
    "stage all",
    "unstage",
    "rename",
    "intend",
    "commit",
)

steps = st.lists(
    st.tuples(st.sampled_from(VERBS), st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(CONTENTS)),
    max_size=14,
)


def scribble(worktree: Path, todo: list[tuple[str, str, str, bytes]]) -> None:
    """Do it; what cannot be done in this state is left undone, as an agent would."""
    for verb, name, other, content in todo:
        path = worktree / name
        try:
            if verb == "write":
                clear(path, worktree)
                path.write_bytes(content)
            elif verb == "delete":
                path.unlink()
            elif verb == "link":
                clear(path, worktree)
                path.symlink_to(os.fsdecode(b"nowhere/" + content.replace(b"\0", b"").strip() + b"x"))
            elif verb == "executable":
                path.chmod(0o755)
            elif verb == "rename":
                clear(worktree / other, worktree)
                path.rename(worktree / other)
            else:
                git(worktree, verb, name)
        except OSError:
            continue


def git(worktree: Path, verb: str, name: str) -> None:
    arguments = {
        "stage": ["add", "--force", "--", name],
        "stage all": ["add", "--all"],
        "unstage": ["rm", "--cached", "--quiet", "-r", "--", name],
        "intend": ["add", "--intent-to-add", "--force", "--", name],
        "commit": ["commit", "--quiet", "--message", "agent", "--no-verify"],
    }[verb]
    environ = os.environ | {"GIT_LITERAL_PATHSPECS": "1"}
    subprocess.run(["git", "-C", worktree, *arguments], capture_output=True, check=False, env=environ)


def clear(path: Path, worktree: Path) -> None:
    """Make room: a file may take a folder's place and the other way round."""
    for parent in reversed(path.relative_to(worktree).parents[:-1] if path.parent != worktree else []):
        if (worktree / parent).is_symlink() or (worktree / parent).is_file():
            (worktree / parent).unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        subprocess.run(["rm", "-rf", "--", path], check=True)
