"""The table of everything known to go wrong with amp: name, text by which it shows, and what to do next.

An entry for each failure that was seen of amp, in runs of four versions. Texts change with every version: they only
name a failure, they never decide that there was one. In a hint, SESSION stands for the session's id, BRANCH for its
branch, SETTINGS for amp's settings file, SERVER for the address of amp's server and KEY for what to do about the key in
use.
"""

import re

from ampsm_engine.lean_dataclass import dataclass

AGAIN = 'ampsm iterate SESSION "continue"'
LOGIN = "amp login"
REACH = f"Is the network up, and SERVER reached from here? Then: {AGAIN}"


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a run goes wrong."""

    name: str
    """The word by which the store, documents and commands know it; no two failures share one."""
    meaning: str
    """One sentence for a person, told where amp itself says nothing fit to be shown."""
    hint: str
    in_result: re.Pattern[str] | None = None
    """How the error of a result line shows it."""
    in_stderr: re.Pattern[str] | None = None
    """How standard error shows it, when amp ends without a result."""
    retries: int = 0
    """How often it is worth trying again by itself."""
    delay: float = 0.0
    """Seconds before that; 0: as configured."""
    remedy: str | None = None
    """What has to be done before trying again: `unarchive`, `drop-option`."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


_ARCHIVED = _any(r"thread is archived")
_CREDIT = _any(r"require paid credits", r"out[ _]of[ _]credits", r"payment_required", r"^(?:Error: )?402\b")
_CONTEXT = _any(
    *(r"context limit reached", r"prompt is too long", r"context window", r"context[_ ]length"),
    r"^(?:Error: )?413\b",
)
_KEY = _any(r"invalid or missing api key", r"access token expired", r"^(?:Error: )?401\b", r"invalid api key")
_OLD = _any(r"failed: 426\b", r"\bamp update\b", r"^(?:Error: )?426\b")
_ELSEWHERE = _any(r"already open and active in another amp")
_IN_ORB = _any(r"already running in an orb")
_GONE = _any(r"^(?:Error: )?Thread \S+ does not exist")
_OFFLINE = _any(
    *(r"couldn't connect to the amp server", r"cannot reach amp servers", r"unable to connect\b"),
    *(r"\bENOTFOUND\b", r"\bECONNREFUSED\b"),
    *(r"\bEAI_AGAIN\b", r"\bENETUNREACH\b", r"\bETIMEDOUT\b"),
)
_APPROVAL = _any(r"require user approval")
_PROMPT = _any(
    *(r"input is too large to send", r"user message must be provided", r"standard input is not valid utf-8"),
)

_FAILURES = (
    # Before the one about the login, which amp advises here as well.
    Failure("bad-key", "amp's key is not valid, or no longer.", "KEY", in_result=_KEY, in_stderr=_KEY),
    Failure(
        *("not-logged-in", "amp is not logged in.", LOGIN),
        in_stderr=_any(r"^Login failed:", r"no api key found", r"not logged in", r"run 'amp login'"),
    ),
    Failure("amp-too-old", "The server no longer takes this version of amp.", "amp update", _OLD, _OLD),
    Failure(
        *("unknown-option", "This amp does not know an option that ampsm gave it.", "ampsm doctor"),
        in_stderr=_any(r"unknown option '"),
        remedy="drop-option",
    ),
    Failure(
        *("bad-settings", "amp cannot use a settings file or an MCP configuration.", "Mend SETTINGS"),
        in_stderr=_any(r"invalid json in settings", r"settings file", r"mcp[- ]config"),
    ),
    Failure(
        *("no-credit", "There is no credit left for amp."),
        f"Add credits at https://ampcode.com/pay, then: {AGAIN}",
        in_result=_CREDIT,
        in_stderr=_CREDIT,
    ),
    Failure(
        *("context-full", "The thread is full: amp cannot continue it."),
        'ampsm new --base BRANCH "go on from the last commits: ..."',
        in_result=_CONTEXT,
        in_stderr=_CONTEXT,
    ),
    Failure(
        *("archived", "The thread is archived.", AGAIN),
        in_result=_ARCHIVED,
        in_stderr=_ARCHIVED,
        retries=1,
        remedy="unarchive",
    ),
    Failure(
        *("open-elsewhere", "The thread is open in another amp.", f"Close the other amp, then: {AGAIN}"),
        in_result=_ELSEWHERE,
        in_stderr=_ELSEWHERE,
        retries=1,
        delay=5.0,
    ),
    Failure(
        *("in-orb", "The thread runs in an orb, on amp's servers: the amp of this machine cannot run it."),
        'Go on there, or here on a new thread: ampsm new --base BRANCH "go on from the last commits: ..."',
        in_result=_IN_ORB,
        in_stderr=_IN_ORB,
    ),
    Failure(
        *("thread-gone", "The thread does not exist, or belongs to somebody else."),
        'ampsm new --base BRANCH "go on from the last commits: ..."',
        in_result=_GONE,
        in_stderr=_GONE,
    ),
    Failure(
        *("bad-thread-id", "amp does not take the id of the thread.", "ampsm doctor"),
        in_stderr=_any(r"invalid thread url or id"),
    ),
    Failure(
        *("needs-approval", "This version of amp asks before it runs tools, and nobody can answer."),
        f"ampsm config set amp.allow-all true, then: {AGAIN}",
        in_result=_APPROVAL,
        in_stderr=_APPROVAL,
    ),
    Failure(
        *("guarded-file", "amp was not allowed to touch a guarded file, and nobody can answer."),
        f"Add the path to amp.guardedFiles.allowlist in SETTINGS, then: {AGAIN}",
        in_result=_any(r"guarded file"),
        in_stderr=_any(r"guarded file"),
    ),
    Failure(
        *("asked-user", "The agent asked a question, and nobody can answer.", "ampsm log SESSION"),
        in_result=_any(r"ask_user_choice"),
        in_stderr=_any(r"ask_user_choice"),
    ),
    Failure(
        *("bad-input", "amp could not read what ampsm wrote to it.", AGAIN),
        in_result=_any(r"invalid json on stdin", r"invalid message format", r"no valid messages found"),
    ),
    Failure(
        *("bad-prompt", "amp does not take this prompt: it is empty, too long or not UTF-8."),
        "ampsm iterate SESSION --prompt-file FILE",
        in_result=_PROMPT,
        in_stderr=_PROMPT,
    ),
    Failure(
        *("bad-visibility", "The account does not allow the visibility of new threads.", "Mend SETTINGS"),
        in_result=_any(r"invalid visibility"),
        in_stderr=_any(r"invalid visibility"),
    ),
    Failure(
        *("worktree-gone", "The worktree was removed.", "ampsm repair"),
        in_stderr=_any(r"current working directory was deleted", r"\buv_cwd\b", r"getcwd"),
    ),
    Failure(
        *("rate-limit", "The model is overloaded, or too much was asked of it."),
        f"Wait some minutes, then: {AGAIN}",
        in_result=_any(r"\b429\b", r"rate.?limit", r"overloaded", r"\b529\b"),
        in_stderr=_any(r"\b429\b", r"rate.?limit", r"overloaded"),
        retries=3,
    ),
    Failure(
        *("service-trouble", "amp's server had trouble.", AGAIN),
        in_stderr=_any(r"amp server returned an error", r"unexpected error inside amp"),
        retries=1,
        delay=5.0,
    ),
    Failure("offline", "amp could not reach its server; nothing was started.", REACH, in_stderr=_OFFLINE),
    Failure(
        *("not-installed", "The amp program was not found."),
        "npm install -g @ampcode/cli   (or: ampsm config set amp.path /path/to/amp)",
    ),
    Failure("provider-error", "The model's provider reported an error.", AGAIN),
    Failure("stopped-from-outside", "amp was stopped, and not by ampsm.", AGAIN),
    Failure("stopped-late", "It had finished its turn before it was stopped.", "ampsm show SESSION"),
    Failure("killed", "amp was killed.", AGAIN),
    Failure("no-result", "amp ended without a result.", AGAIN),
    Failure("exited", "amp gave up.", "ampsm log SESSION"),
    Failure("lingered", "amp did not exit after its result, and was ended.", "ampsm show SESSION"),
    Failure("silent", "amp said nothing for too long, and was ended.", AGAIN),
    Failure(
        *("lost-connection", "amp lost its server and did not find it again.", REACH),
        in_result=_any(r"cannot reach amp servers"),
    ),
    Failure("output-limit", "The model's answer was cut at its limit, and amp waited for ever.", AGAIN),
    Failure("tool-refused", "Permission rules turned tool calls away.", "amp permissions list"),
)

FAILURES = {failure.name: failure for failure in _FAILURES}
"""All failures by name; matching goes through them in the order of this dictionary."""

TIMEOUT = Failure(
    *("timeout", "It took longer than an iteration may.", f"{AGAIN}   (or: ampsm config set iteration.timeout 0)")
)
VANISHED = Failure("vanished", "amp is gone without a word.", AGAIN)
LIMIT = Failure("limit", "The session has used all that it may.", AGAIN)
