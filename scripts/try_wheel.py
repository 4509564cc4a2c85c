"""Installs a wheel into an environment of its own and tries what comes with it: `try_wheel.py WHEEL LOCK`.

The launcher starts, the doctor answers, the demo runs real sessions, and the manual page lies where `man` looks.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def main(wheel: Path, lock: Path) -> None:
    """Install the wheel and try its programs; the exit code is 0 when all of them work."""
    with tempfile.TemporaryDirectory(prefix="ampsm-wheel-") as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        tools = place / "venv" / "bin"
        pip = [tools / "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*pip, "--require-hashes", "--requirement", lock)
        run(*pip, "--no-deps", wheel)
        home = place / "home"
        home.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMP", "GIT_", "XDG_"))}
        environ = {**kept, "HOME": str(home), "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        version = wheel.name.split("-")[1]
        expect(run("ampsm", "--version", environ=environ) == f"ampsm {version}\n", "the version")
        checks = json.loads(run("ampsm", "doctor", "--json", environ=environ, codes=(0, 5)))["checks"]
        names = {check["name"] for check in checks if check["ok"] is True}
        expect({"python", "git", "store", "workers"} <= names, f"the doctor: {checks}")
        demo = json.loads(run("ampsm", "demo", "--json", "--speed", "100", "--no-keep", environ=environ))
        outcomes = [one["outcome"] for session in demo["sessions"] for one in session["iterations"]]
        expect(outcomes.count("done") >= 5, f"the demo: {outcomes}")
        page = place / "venv" / "share" / "man" / "man1" / "ampsm.1"
        expect(".SH COMMANDS" in page.read_text(encoding="ascii"), "the manual page")
        expect("_AMPSM_COMPLETE" in run("ampsm", "completion", "bash", environ=environ), "completion")
    print(f"{wheel.name}: installed, started, demonstrated, documented")


def run(*command: str | Path, environ: dict[str, str] | None = None, codes: tuple[int, ...] = (0,)) -> str:
    """What a program prints; SystemExit when it ends otherwise than expected."""
    program = str(command[0])
    if environ is not None:  # it is found in the new environment's PATH, not in ours
        program = str(Path(environ["PATH"].split(os.pathsep)[0]) / program)
    done = subprocess.run([program, *map(str, command[1:])], env=environ, capture_output=True, text=True, check=False)
    expect(done.returncode in codes, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def expect(holds: bool, what: str) -> None:
    """Raise SystemExit with a message unless a condition holds."""
    if not holds:
        sys.exit(f"the wheel does not hold: {what}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
