"""A worktree that is ready against `git worktree add` and the same steps by hand; its own tests pass in both at once.

Fresh clones of a Node project with husky and of a Python project with a virtual environment (both need their registry
once, for packages that the checkout installs), one with two submodules and large files (by git-lfs where it is
installed, else as pointers), and a small one with nothing to be made ready, which shows what ampsm takes of itself.
Prints a table: milliseconds and their median ratio, by the clock and of processor, ampsm beside the same by hand.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from harness import AMPSM, bench_home, pairs, processor_pairs

ROUNDS = 3
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
    """Commit everything in a repository."""
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
    clone = cloned(root)
    run("sh", "-c", install, at=clone)
    return Project(clone, lambda tree: run("sh", "-c", install, at=tree), ("npm", "test"))


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
    commit(root)
    clone = cloned(root)
    run("python3", "-m", "venv", ".venv", at=clone)
    run(".venv/bin/python", "-m", "pip", "install", "--quiet", "attrs", at=clone)

    def by_hand(tree: Path) -> None:
        run("cp", "-a", clone / ".venv", tree / ".venv", at=tree)
        run("python3", "-m", "venv", ".venv", at=tree)

    return Project(clone, by_hand, (".venv/bin/python", "-m", "unittest", "-q"))


def nested(root: Path) -> Project:
    """Make a project that needs its submodules and, where git-lfs is, a large file whose content a remote has."""
    libraries = [root.with_name(f"library{number}") for number in (1, 2)]
    for library in libraries:
        begin(library, {f"lib{number}.txt": f"{number}\n" * 100 for number in range(200)})
        commit(library)
    has_lfs = shutil.which("git-lfs") is not None
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    begin(
        root,
        {
            "test.sh": "cat vendor/*/lib7.txt > /dev/null && test -s .env && test $(wc -c < big.bin) -gt 9\n",
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            "big.bin": "large\n" * 100_000 if has_lfs else pointer,
            ".gitignore": ".env\n",
            ".worktreeinclude": ".env\n",
        },
    )
    if has_lfs:
        run("git", "lfs", "install", at=root)
    for library in libraries:
        run("git", *FILE_PROTOCOL, "submodule", "--quiet", "add", library, f"vendor/{library.name}", at=root)
    commit(root)
    clone = cloned(root)
    run("git", *FILE_PROTOCOL, "submodule", "--quiet", "update", "--init", at=clone)
    (clone / ".env").write_text("KEY=1\n")

    def by_hand(tree: Path) -> None:
        run("git", *FILE_PROTOCOL, "submodule", "--quiet", "update", "--init", at=tree)
        run("cp", clone / ".env", tree / ".env", at=tree)

    return Project(clone, by_hand, ("sh", "test.sh"))


def bare_of_needs(root: Path) -> Project:
    """Make a project that has all it needs in what git tracks."""
    begin(root, {f"f{number}.txt": f"{number}\n" * 100 for number in range(100)})
    commit(root)
    return Project(root, lambda _: None, ("test", "-s", "f7.txt"))


def cloned(root: Path) -> Path:
    """A fresh clone of a repository, by way of a remote that is a folder."""
    remote, clone = root.with_name(f"{root.name}.git"), root.with_name(f"{root.name}-clone")
    run("git", "clone", "-q", "--bare", root, remote, at=root)
    if shutil.which("git-lfs"):
        run("git", "remote", "add", "origin", remote, at=root)
        run("git", "lfs", "push", "--all", "origin", at=root)
    run("git", "clone", "-q", remote, clone, at=root.parent)
    return clone


def compare(name: str, project: Project, place: Path) -> str:
    """A line of the table; both worktrees pass the project's own tests."""
    count, trees = iter(range(1000)), []

    def ours() -> None:
        named = ("--no-run", "--name", f"bench {next(count)}")
        made = run(AMPSM, "new", *named, "--trust-setup", "--json", at=project.root)
        session = json.loads(made)
        if session["readiness"]["setup"]:
            run(AMPSM, "setup", session["session"]["id"], at=project.root)
        trees.append((Path(session["session"]["worktreePath"]), session["readiness"]["lacks"]))

    def hands() -> None:
        number = next(count)
        tree = place / f"{name}-{number}"
        run("git", "worktree", "add", "-q", "-b", f"t{number}", tree, at=project.root)
        project.by_hand(tree)
        trees.append((tree, []))

    clock = pairs(lambda _: ours(), lambda _: hands(), ROUNDS)
    new, add, _, ratio = processor_pairs(ours, hands, ROUNDS)
    for tree, _ in trees:
        run(*project.test, at=tree)
    for lack in trees[0][1]:
        print(f"  {name} says: {lack}".replace(str(place), ""))
    numbers = (clock[0] * 1000, clock[1] * 1000, clock[2], new * 1000, add * 1000, ratio)
    return f"{name:<8}" + "".join(f"{one:>10.2f}" if one < 100 else f"{one:>10.0f}" for one in numbers)


def main() -> None:
    """Each project whose programs are here, or those that are named: plain, node, python, nested."""
    kinds = (("plain", bare_of_needs, "git"), ("node", node, "npm"), ("python", python, "python3"))
    rows = []
    with bench_home() as place:
        for name, make, program in (*kinds, ("nested", nested, "git")):
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            if shutil.which(program) is None:
                print(f"{name}: no {program} here")
                continue
            (place / name).mkdir()
            rows.append(compare(name, make(place / name), place))
    print("load of the machine:", *(round(one, 1) for one in os.getloadavg()))
    print(f"{'':<8}{'new ms':>10}{'hand ms':>10}{'ratio':>10}{'new cpu':>10}{'hand cpu':>10}{'ratio':>10}")
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
