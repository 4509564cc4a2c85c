"""The table of everything known to go wrong with amp: name, text by which it shows, and what to do next.

An entry for each failure that was seen of amp (in runs of four versions), by its number there. Texts change with every
version: they only name a failure, they never decide that there was one. In a hint, SESSION stands for the
session's id, BRANCH for its branch, SETTINGS for amp's settings file, SERVER for the address of amp's server and KEY
for what to do about the key in use.
"""

import re

from ampsm_engine.lean_dataclass import dataclass

AGAIN = 'ampsm iterate SESSION "continue"'
LOGIN = "amp login"
REACH = f"Is the network up, and SERVER reached from here? Then: {AGAIN}"


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a run goes wrong."""

    number: int
    """The failure's number in the list gathered about amp, 0 where it is not in it; not the order of matching."""
    name: str
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
    Failure(
        *(2, "not-logged-in", "amp is not logged in.", LOGIN),
        in_stderr=_any(r"^Login failed:", r"no api key found"),
    ),
    Failure(3, "not-logged-in", "amp is not logged in.", LOGIN, in_stderr=_any(r"not logged in", r"run 'amp login'")),
    Failure(4, "bad-key", "amp's key is not valid, or no longer.", "KEY", in_result=_KEY, in_stderr=_KEY),
    Failure(6, "amp-too-old", "The server no longer takes this version of amp.", "amp update", _OLD, _OLD),
    Failure(
        *(8, "unknown-option", "This amp does not know an option that ampsm gave it.", "ampsm doctor"),
        in_stderr=_any(r"unknown option '"),
        remedy="drop-option",
    ),
    Failure(
        *(9, "bad-settings", "amp cannot use a settings file or an MCP configuration.", "Mend SETTINGS"),
        in_stderr=_any(r"invalid json in settings", r"settings file", r"mcp[- ]config"),
    ),
    Failure(
        *(10, "no-credit", "There is no credit left for amp."),
        f"Add credits at https://ampcode.com/pay, then: {AGAIN}",
        in_result=_CREDIT,
        in_stderr=_CREDIT,
    ),
    Failure(
        *(12, "context-full", "The thread is full: amp cannot continue it."),
        'ampsm new --base BRANCH "go on from the last commits: ..."',
        in_result=_CONTEXT,
        in_stderr=_CONTEXT,
    ),
    Failure(
        *(28, "archived", "The thread is archived.", AGAIN),
        in_result=_ARCHIVED,
        in_stderr=_ARCHIVED,
        retries=1,
        remedy="unarchive",
    ),
    Failure(
        *(31, "open-elsewhere", "The thread is open in another amp.", f"Close the other amp, then: {AGAIN}"),
        in_result=_ELSEWHERE,
        in_stderr=_ELSEWHERE,
        retries=1,
        delay=5.0,
    ),
    Failure(
        *(38, "in-orb", "The thread runs in an orb, on amp's servers: the amp of this machine cannot run it."),
        'Go on there, or here on a new thread: ampsm new --base BRANCH "go on from the last commits: ..."',
        in_result=_IN_ORB,
        in_stderr=_IN_ORB,
    ),
    Failure(
        *(29, "thread-gone", "The thread does not exist, or belongs to somebody else."),
        'ampsm new --base BRANCH "go on from the last commits: ..."',
        in_result=_GONE,
        in_stderr=_GONE,
    ),
    Failure(
        *(30, "bad-thread-id", "amp does not take the id of the thread.", "ampsm doctor"),
        in_stderr=_any(r"invalid thread url or id"),
    ),
    Failure(
        *(24, "needs-approval", "This version of amp asks before it runs tools, and nobody can answer."),
        f"ampsm config set amp.allow-all true, then: {AGAIN}",
        in_result=_APPROVAL,
        in_stderr=_APPROVAL,
    ),
    Failure(
        *(26, "guarded-file", "amp was not allowed to touch a guarded file, and nobody can answer."),
        f"Add the path to amp.guardedFiles.allowlist in SETTINGS, then: {AGAIN}",
        in_result=_any(r"guarded file"),
        in_stderr=_any(r"guarded file"),
    ),
    Failure(
        *(27, "asked-user", "The agent asked a question, and nobody can answer.", "ampsm log SESSION"),
        in_result=_any(r"ask_user_choice"),
        in_stderr=_any(r"ask_user_choice"),
    ),
    Failure(
        *(33, "bad-input", "amp could not read what ampsm wrote to it.", AGAIN),
        in_result=_any(r"invalid json on stdin", r"invalid message format", r"no valid messages found"),
    ),
    Failure(
        *(32, "bad-prompt", "amp does not take this prompt: it is empty, too long or not UTF-8."),
        "ampsm iterate SESSION --prompt-file FILE",
        in_result=_PROMPT,
        in_stderr=_PROMPT,
    ),
    Failure(
        *(35, "bad-visibility", "The account does not allow the visibility of new threads.", "Mend SETTINGS"),
        in_result=_any(r"invalid visibility"),
        in_stderr=_any(r"invalid visibility"),
    ),
    Failure(
        *(37, "worktree-gone", "The worktree was removed.", "ampsm repair"),
        in_stderr=_any(r"current working directory was deleted", r"\buv_cwd\b", r"getcwd"),
    ),
    Failure(
        *(11, "rate-limit", "The model is overloaded, or too much was asked of it."),
        f"Wait some minutes, then: {AGAIN}",
        in_result=_any(r"\b429\b", r"rate.?limit", r"overloaded", r"\b529\b"),
        in_stderr=_any(r"\b429\b", r"rate.?limit", r"overloaded"),
        retries=3,
    ),
    Failure(
        *(7, "service-trouble", "amp's server had trouble.", AGAIN),
        in_stderr=_any(r"amp server returned an error", r"unexpected error inside amp"),
        retries=1,
        delay=5.0,
    ),
    Failure(5, "offline", "amp could not reach its server; nothing was started.", REACH, in_stderr=_OFFLINE),
    Failure(
        *(1, "not-installed", "The amp program was not found."),
        "npm install -g @ampcode/cli   (or: ampsm config set amp.path /path/to/amp)",
    ),
    Failure(13, "provider-error", "The model's provider reported an error.", AGAIN),
    Failure(14, "stopped-from-outside", "amp was stopped, and not by ampsm.", AGAIN),
    Failure(15, "stopped-late", "It had finished its turn before it was stopped.", "ampsm show SESSION"),
    Failure(16, "killed", "amp was killed.", AGAIN),
    Failure(17, "no-result", "amp ended without a result.", AGAIN),
    Failure(18, "exited", "amp gave up.", "ampsm log SESSION"),
    Failure(19, "lingered", "amp did not exit after its result, and was ended.", "ampsm show SESSION"),
    # Output goes to a file, so nobody waits for its end; what keeps it open is a stray and ended as such.
    Failure(20, "output-held", "Something that amp started still runs.", "ampsm doctor"),
    Failure(21, "silent", "amp said nothing for too long, and was ended.", AGAIN),
    Failure(
        *(22, "lost-connection", "amp lost its server and did not find it again.", REACH),
        in_result=_any(r"cannot reach amp servers"),
    ),
    Failure(23, "output-limit", "The model's answer was cut at its limit, and amp waited for ever.", AGAIN),
    Failure(25, "tool-refused", "Permission rules turned tool calls away.", "amp permissions list"),
    # The prompt is a file, so there is no pipe to break: standard error and the exit code tell.
    Failure(34, "prompt-unread", "amp ended before it read the prompt.", "ampsm log SESSION"),
    # Not a failure: terminal codes of older versions, taken away before anything is shown.
    Failure(36, "noise", "Standard error held terminal codes only.", "ampsm log SESSION"),
)

FAILURES = {failure.number: failure for failure in _FAILURES}
"""All rows by number; matching goes through them in the order of this dictionary."""

TIMEOUT = Failure(
    *(0, "timeout", "It took longer than an iteration may.", f"{AGAIN}   (or: ampsm config set iteration.timeout 0)")
)
VANISHED = Failure(0, "vanished", "amp is gone without a word.", AGAIN)
LIMIT = Failure(0, "limit", "The session has used all that it may.", AGAIN)
