"""Runs all tests on every Python that pyproject.toml claims: `pythons.py [VERSION ...]`, as in `make pythons`.

Each has an environment of its own, `.venv-VERSION`. A version that is not on this machine is named and fails nothing;
none at all fails. What pytest said is kept in build/tests-VERSION.txt.
"""

import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLAIM = re.compile(r"Programming Language :: Python :: (3\.\d+)")


def claimed() -> list[str]:
    """The Python versions that the classifiers of pyproject.toml name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [found[1] for one in project["classifiers"] if (found := CLAIM.fullmatch(one))]


def interpreter(version: str) -> str | None:
    """A Python of this version: from the PATH, from pyenv, or one that uv has."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    candidates = [shutil.which(f"python{version}"), *map(str, reversed(pyenv))]
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-python-downloads", version]
        candidates.append(subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip())
    return next((one for one in candidates if one and _is(one, version)), None)


def _is(path: str, version: str) -> bool:
    # A shim of pyenv is there for every version, and refuses those that are not chosen.
    question = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", question], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def tested(version: str, python: str) -> tuple[bool, str]:
    """Whether all tests pass there, and pytest's last line."""
    output = ROOT / "build" / f"tests-{version}.txt"
    output.parent.mkdir(exist_ok=True)
    with output.open("w") as file:
        command = ["make", "test", f"VENV=.venv-{version}", f"PYTHON={python}"]
        done = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False)
    lines = [line for line in output.read_text(errors="replace").splitlines() if re.search(r"\d (passed|failed)", line)]
    return done.returncode == 0, lines[-1].strip("= ") if lines else f"no tests; see {output.relative_to(ROOT)}"


def main(versions: list[str]) -> int:
    """Test each version and print one line for it; 1 when one fails, or none could be tried."""
    results = []
    for version in versions:
        python = interpreter(version)
        if python is None:
            print(f"{version}  not on this machine", flush=True)
            continue
        started = time.monotonic()
        passes, text = tested(version, python)
        results.append(passes)
        word = "passes" if passes else "FAILS"
        print(f"{version}  {word}  {text}  ({time.monotonic() - started:.0f} s with {python})", flush=True)
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or claimed()))
