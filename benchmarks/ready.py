"""A worktree that is ready against `git worktree add` and the same steps by hand; its own tests pass in both at once.

A Node project with husky and a Python project with a virtual environment (both need their registry once, for packages
that the checkout installs), and one with a submodule and pointers of large file storage.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ground import AMPSM, ground, pairs

ROUNDS = 5
FILE_PROTOCOL = ("-c", "protocol.file.allow=always")


class Project(NamedTuple):
    """A checkout that works, how a worktree of it is set up by hand, and its own tests."""

    root: Path
    by_hand: Callable[[Path], object]
    test: tuple[str, ...]


def run(*words: str | Path, at: Path) -> str:
    """Run a program; what it printed. It has to work."""
    done = subprocess.run(words, cwd=at, check=True, capture_output=True, text=True)
    return done.stdout


def begin(root: Path, files: dict[str, str]) -> None:
    """A repository whose first commit has these files."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    run("git", "init", "-q", at=root)


def commit(root: Path) -> None:
    """Commit everything."""
    run("git", "add", "-A", at=root)
    run("git", "-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "Begin", at=root)


def node(root: Path) -> Project:
    """Its hooks are husky's, and `npm ci` sets it up."""
    install = "npm ci --prefer-offline --no-audit --no-fund --loglevel=error"
    package = {"name": "shop", "private": True, "scripts": {"prepare": "husky", "test": "node --test"}}
    begin(
        root,
        {
            "package.json": json.dumps(package),
            ".gitignore": "node_modules\n",
            ".husky/pre-commit": "npm test\n",
            "shop.test.js": "require('node:test')('husky is there', () => require.resolve('husky'))\n",
            ".ampsm.toml": f'setup = "{install}"\n',
        },
    )
    run("npm", "install", "--save-dev", "--no-audit", "--no-fund", "--loglevel=error", "husky@9", at=root)
    commit(root)
    return Project(root, lambda tree: run("sh", "-c", install, at=tree), ("npm", "test"))


def python(root: Path) -> Project:
    """Its virtual environment is copied, and made whole again."""
    begin(
        root,
        {
            "test_shop.py": "import attr, unittest\nclass T(unittest.TestCase):\n    def test(self): assert attr.s\n",
            ".gitignore": ".venv\n__pycache__\n",
            ".ampsm.toml": 'setup = "python3 -m venv .venv"\nshare = [".venv"]\n',
        },
    )
    run("python3", "-m", "venv", ".venv", at=root)
    run(".venv/bin/python", "-m", "pip", "install", "--quiet", "attrs", at=root)
    commit(root)

    def by_hand(tree: Path) -> None:
        run("cp", "-a", root / ".venv", tree / ".venv", at=tree)
        run("python3", "-m", "venv", ".venv", at=tree)

    return Project(root, by_hand, (".venv/bin/python", "-m", "unittest", "-q"))


def nested(root: Path) -> Project:
    """It needs its submodule, and has a file of large file storage."""
    library = root.with_name("library")
    begin(library, {f"lib{number}.txt": f"{number}\n" * 100 for number in range(200)})
    commit(library)
    begin(
        root,
        {
            "test.sh": "test -s vendor/lib/lib7.txt && test -s .env\n",
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            "big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            ".gitignore": ".env\n",
            ".worktreeinclude": ".env\n",
            ".env": "KEY=1\n",
        },
    )
    run("git", *FILE_PROTOCOL, "submodule", "--quiet", "add", library, "vendor/lib", at=root)
    commit(root)

    def by_hand(tree: Path) -> None:
        run("git", *FILE_PROTOCOL, "submodule", "--quiet", "update", "--init", at=tree)
        run("cp", root / ".env", tree / ".env", at=tree)

    return Project(root, by_hand, ("sh", "test.sh"))


def compare(name: str, project: Project, place: Path) -> None:
    """Print both medians and the median ratio; both worktrees pass the project's own tests."""
    count, trees = iter(range(1000)), []

    def ours(_: int) -> None:
        made = run(
            AMPSM, "new", "--no-run", "--name", f"bench {next(count)}", "--trust-setup", "--json", at=project.root
        )
        session = json.loads(made)
        if session["readiness"]["setup"]:
            run(AMPSM, "setup", session["session"]["id"], at=project.root)
        trees.append((Path(session["session"]["worktreePath"]), session["readiness"]["lacks"]))

    def hands(_: int) -> None:
        number = next(count)
        tree = place / f"{name}-{number}"
        run("git", "worktree", "add", "-q", "-b", f"t{number}", tree, at=project.root)
        project.by_hand(tree)
        trees.append((tree, []))

    new, add, ratio = pairs(ours, hands, ROUNDS)
    for tree, _ in trees:
        run(*project.test, at=tree)
    times = f"ampsm {new * 1000:.0f} ms, by hand {add * 1000:.0f} ms, ratio {ratio:.2f}"
    print(f"{name}: {times}; {len(trees)} worktrees pass their tests")
    for lack in trees[0][1]:
        print(f"  said: {lack}".replace(str(place), ""))


def main() -> None:
    """Each project whose programs are here."""
    with ground() as place:
        for name, make, program in (("node", node, "npm"), ("python", python, "python3"), ("nested", nested, "git")):
            if shutil.which(program) is None:
                print(f"{name}: no {program} here")
                continue
            (place / name).mkdir()
            compare(name, make(place / name), place)


if __name__ == "__main__":
    main()
