"""A real diff of more than 100,000 changed lines in more than 1,000 files: by default of two releases of Django.

`AMPSM_BENCH_DIFF="REPOSITORY OLD NEW"` takes another one. The releases come once, through pip, into the user's cache.
"""

import os
import pwd
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

RELEASES = ("3.2.25", "5.2")


class BigDiff(NamedTuple):
    """A repository and the two commits to compare."""

    repository: Path
    old: str
    new: str

    def count(self) -> str:
        """The size of the diff, as `git diff --shortstat` prints it."""
        return git(self.repository, "diff", "--shortstat", "--no-renames", self.old, self.new).strip()


def big_diff(place: Path) -> BigDiff:
    """The diff that the environment names, else the one of the two releases, in a repository made in `place`."""
    named = os.environ.get("AMPSM_BENCH_DIFF", "").split()
    if named:
        return BigDiff(Path(named[0]), named[1], named[2])
    wheels = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache/ampsm-bench"  # HOME is another one by now
    root = place / "django"
    root.mkdir(parents=True)
    git(root, "init", "-q")
    for release in RELEASES:
        git(root, "rm", "-rqf", "--ignore-unmatch", ".")
        with zipfile.ZipFile(_wheel(wheels, release)) as archive:
            archive.extractall(root)
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", release)
    git(root, "gc", "-q")
    old, new = git(root, "rev-list", "--reverse", "HEAD").split()
    return BigDiff(root, old, new)


def git(root: Path, *arguments: str) -> str:
    """What a git command prints."""
    identity = ("-c", "user.name=B", "-c", "user.email=b@example.org", "-c", "gc.auto=0")
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def _wheel(folder: Path, release: str) -> Path:
    found = list(folder.glob(f"[Dd]jango-{release}-*.whl"))
    if not found:
        pip = (sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps")
        command = [*pip, "--only-binary=:all:", "-d", str(folder), f"Django=={release}"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        found = list(folder.glob(f"[Dd]jango-{release}-*.whl"))
    return found[0]
