"""The host of a repository, asked by its own program with the user's own login: GitHub by `gh`, GitLab by `glab`."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from ampsm_engine import redact
from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.plain_text import printable

LIMIT = 120.0
"""Seconds that `gh` or `glab` may take."""

_QUIET = {
    "GH_PROMPT_DISABLED": "1",
    "NO_PROMPT": "1",
    "NO_COLOR": "1",
    # Both colour what they print, JSON too, and go before NO_COLOR.
    "CLICOLOR_FORCE": "0",
    "GH_FORCE_TTY": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GH_PAGER": "cat",
}


_STATUS = re.compile(r"\b(?:HTTP|status|GET|POST|PUT|DELETE)\b.*?\b([45]\d\d)\b", re.IGNORECASE)
"""`gh: Not Found (HTTP 404)`, `glab: 404 Not Found (HTTP 404)`."""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """How a call of `gh` or `glab` went: exit code, and what it wrote, as text."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The first thing that it said went wrong, fit to be shown."""
        lines = [line for line in self.err.splitlines() if line.strip()] or [f"it ended with {self.code}"]
        return printable(redact.text(lines[0]))[:300]


def run(argv: Sequence[str], root: Path, body: str | None = None) -> ToolAnswer:
    """Run a program of the host's in a repository; OSError, ValueError or TimeoutExpired where that cannot be."""
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if body is None else {"input": body.encode()}
    done = subprocess.run(
        list(argv), cwd=root, env=os.environ | _QUIET, capture_output=True, timeout=LIMIT, check=False,
        start_new_session=True, **given,
    )  # fmt: skip
    return ToolAnswer(done.returncode, *(raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr)))


@dataclass(frozen=True, slots=True)
class Forge:
    """A project at a host."""

    root: Path
    """The repository from which it is asked."""
    tool: str
    """The path of the program."""
    host: str
    """Empty where the address of the remote does not tell."""
    project: str
    """`OWNER/NAME`, or more parts at GitLab."""

    @property
    def name(self) -> Literal["gh", "glab"]:
        """Which program it is."""
        return "glab" if Path(self.tool).name == "glab" else "gh"

    @property
    def base(self) -> str:
        """The beginning of the addresses of its API."""
        return f"projects/{quote(self.project, safe='')}" if self.name == "glab" else f"repos/{self.project}"

    def ask(self, path: str, body: object = None, *, method: str = "") -> Any:
        """The JSON that the API answers under `base`/path; with a body it is sent, POST by default.

        NotFound and Refused as the host says so, Failed with its reason for everything else, and where it is not known
        whether it was done.
        """
        verb = method or ("GET" if body is None else "POST")
        argv = [self.tool, "api", "--method", verb, f"{self.base}/{path}"]
        argv += ["--hostname", self.host] if self.host else []
        if body is not None:
            argv += ["--input", "-", "--header", "Content-Type: application/json"]
        try:
            answer = run(argv, self.root, None if body is None else json.dumps(body))
        except subprocess.TimeoutExpired:
            doubt = "" if verb == "GET" else " It may have been done all the same: look before you try again."
            message = f"{self.name} did not answer within {LIMIT:g} seconds.{doubt}"
            raise Failed(message, f"{self.name} auth status") from None
        except (OSError, ValueError) as reason:
            raise Failed(f"{self.name} could not be run: {reason}."[:300], f"{self.name} auth status") from reason
        if answer.code != 0:
            raise self._refusal(answer)
        if not answer.out.strip():
            return None
        try:
            return json.loads(answer.out)
        except (ValueError, RecursionError) as reason:
            raise Failed(f"{self.name} answered something that is no JSON.", f"{self.name} --version") from reason

    def _refusal(self, answer: ToolAnswer) -> NotFound | Refused | Failed:
        told = f"{self.name}: {answer.reason}{_detail(answer.out)}"
        status = _STATUS.search(answer.err)
        if status is not None and status[1] == "404":
            where = f"{self.project} at {self.host}" if self.host else self.project
            return NotFound(f"{where} has no such thing. {told}", f"{self.name} auth status")
        if status is not None and status[1] in ("400", "422"):
            return Refused(told, "")
        has_no_login = "auth login" in answer.err or (status is not None and status[1] == "401")
        return Failed(told, f"{self.name} auth {'login' if has_no_login else 'status'}")


def _detail(out: str) -> str:
    """What the host's answer says besides: GitHub's `errors`, GitLab's `message`."""
    try:
        said = json.loads(out)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    found = said.get("errors") or said.get("message") or said.get("error") or ""
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return f" ({printable(redact.text(text))[:300]})" if text else ""
