"""The table of everything known to go wrong with amp: its name, the text by which it shows, and what follows from it.

An entry for each failure that was seen of amp, in runs of four versions, and for each of ours that keeps amp from its
work. Texts change with every version: they only name a failure, they never decide that there was one. In a hint,
SESSION stands for the session's id, BRANCH for its branch, SETTINGS for amp's settings file, SERVER for the address of
amp's server and KEY for what to do about the key in use.
"""

from enum import StrEnum
from typing import Literal

from ampsm_engine.lean_dataclass import dataclass

AGAIN = 'ampsm iterate SESSION "continue"'
LOGIN = "amp login"
REACH = f"Is the network up, and SERVER reached from here? Then: {AGAIN}"


class Cure(StrEnum):
    """What has to happen before amp may succeed where it failed: a run of a batch goes on by it."""

    OTHER_TASK = "other-task"
    """A different prompt, thread or worktree: a repetition would fail again."""
    RETRY = "retry"
    """Nothing: trying again by itself can help."""
    WAIT = "wait"
    """Time: it is about the account, so whatever is started meanwhile fails, too."""
    PERSON = "person"
    """Something that a person does to this machine or account: until then, whatever is started fails."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A way in which amp fails, and all that follows from it."""

    name: str
    """The word by which the store, documents and commands know it; no two failures share one."""
    meaning: str
    """A sentence for users, shown where amp's own words cannot be."""
    hint: str
    in_result: str | None = None
    """The pattern by which the error of a result line shows it; any case, `^` at every line."""
    in_stderr: str | None = None
    """The pattern by which standard error shows it, when amp ends without a result."""
    retries: int = 0
    """How often the worker tries again by itself, in the same iteration."""
    delay: float = 0.0
    """Seconds before the first retry, or the first wait of a batch; 0: as configured."""
    remedy: str | None = None
    """What the worker does before it tries again: `unarchive`, `drop-option`."""
    cure: Cure = Cure.OTHER_TASK
    """What a run of a batch does: the item ends, is tried again, or the whole run waits or stops."""
    is_unfit: bool = False
    """Whether the machine is at fault and not the task: a command that waits for amp exits with 5 then, not with 1."""
    ends_thread: bool = False
    """Whether the thread cannot be continued: the next iteration begins a new one."""
    needs: Literal["", "auth", "permission"] = ""
    """What a person has to give, as the Program Status Protocol calls it; empty: nothing of the kind."""


def _any(*patterns: str) -> str:
    return "|".join(patterns)


_ARCHIVED = _any(r"thread is archived")
_CREDIT = _any(r"require paid credits", r"out[ _]of[ _]credits", r"payment_required", r"^(?:Error: )?402\b")
_CONTEXT = _any(
    *(r"context limit reached", r"prompt is too long", r"context window", r"context[_ ]length"), r"^(?:Error: )?413\b"
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
_PROMPT = _any(*(r"input is too large to send", r"user message must be provided", r"standard input is not valid utf-8"))

_FAILURES = (
    # Before the one about the login, which amp advises here as well.
    Failure(
        "bad-key",
        "amp's key is not valid, or no longer.",
        "KEY",
        in_result=_KEY,
        in_stderr=_KEY,
        cure=Cure.PERSON,
        is_unfit=True,
        needs="auth",
    ),
    Failure(
        *("not-logged-in", "amp is not logged in.", LOGIN),
        in_stderr=_any(r"^Login failed:", r"no api key found", r"not logged in", r"run 'amp login'"),
        cure=Cure.PERSON,
        is_unfit=True,
        needs="auth",
    ),
    Failure(
        "amp-too-old",
        "The server no longer takes this version of amp.",
        "amp update",
        _OLD,
        _OLD,
        cure=Cure.PERSON,
        is_unfit=True,
    ),
    Failure(
        *("unknown-option", "This amp does not know an option that ampsm gave it.", "ampsm doctor"),
        in_stderr=_any(r"unknown option '"),
        remedy="drop-option",
    ),
    Failure(
        *("bad-settings", "amp cannot use a settings file or an MCP configuration.", "Mend SETTINGS"),
        in_stderr=_any(r"invalid json in settings", r"settings file", r"mcp[- ]config"),
        cure=Cure.PERSON,
    ),
    Failure(
        *("no-credit", "There is no credit left for amp."),
        f"Add credits at https://ampcode.com/pay, then: {AGAIN}",
        in_result=_CREDIT,
        in_stderr=_CREDIT,
        cure=Cure.WAIT,
        delay=300.0,
    ),
    Failure(
        *("context-full", "The thread is full: amp cannot continue it."),
        'ampsm new --base BRANCH "go on from the last commits: ..."',
        in_result=_CONTEXT,
        in_stderr=_CONTEXT,
        ends_thread=True,
    ),
    Failure(
        *("archived", "The thread is archived.", AGAIN),
        in_result=_ARCHIVED,
        in_stderr=_ARCHIVED,
        retries=1,
        remedy="unarchive",
        cure=Cure.RETRY,
    ),
    Failure(
        *("open-elsewhere", "The thread is open in another amp.", f"Close the other amp, then: {AGAIN}"),
        in_result=_ELSEWHERE,
        in_stderr=_ELSEWHERE,
        retries=1,
        delay=5.0,
        cure=Cure.RETRY,
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
        ends_thread=True,
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
        cure=Cure.PERSON,
        needs="permission",
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
        cure=Cure.WAIT,
    ),
    Failure(
        *("service-trouble", "amp's server had trouble.", AGAIN),
        in_stderr=_any(r"amp server returned an error", r"unexpected error inside amp"),
        retries=1,
        delay=5.0,
        cure=Cure.RETRY,
    ),
    Failure(
        "offline", "amp could not reach its server; nothing was started.", REACH, in_stderr=_OFFLINE, cure=Cure.RETRY
    ),
    Failure("provider-error", "The model's provider reported an error.", AGAIN, cure=Cure.RETRY),
    Failure("stopped-from-outside", "amp was stopped, and not by ampsm.", AGAIN, cure=Cure.RETRY),
    Failure("stopped-late", "It had finished its turn before it was stopped.", "ampsm show SESSION"),
    Failure("killed", "amp was killed.", AGAIN, cure=Cure.RETRY),
    Failure("no-result", "amp ended without a result.", AGAIN, cure=Cure.RETRY),
    Failure("exited", "amp gave up.", "ampsm log SESSION"),
    Failure("lingered", "amp did not exit after its result, and was ended.", "ampsm show SESSION"),
    Failure("silent", "amp said nothing for too long, and was ended.", AGAIN, cure=Cure.RETRY),
    Failure(
        *("lost-connection", "amp lost its server and did not find it again.", REACH),
        in_result=_any(r"cannot reach amp servers"),
        cure=Cure.RETRY,
    ),
    Failure(
        "output-limit", "The model's answer was cut at its limit, and amp waited for ever.", AGAIN, cure=Cure.RETRY
    ),
    Failure("tool-refused", "Permission rules turned tool calls away.", "amp permissions list", needs="permission"),
)

NOT_INSTALLED = Failure(
    *("not-installed", "The amp program was not found."),
    "npm install -g @ampcode/cli   (or: ampsm config set amp.path /path/to/amp)",
    cure=Cure.PERSON,
    is_unfit=True,
)
TIMEOUT = Failure(
    *("timeout", "It took longer than an iteration may.", f"{AGAIN}   (or: ampsm config set iteration.timeout 0)")
)
VANISHED = Failure("vanished", "amp is gone without a word.", AGAIN, cure=Cure.RETRY)
LIMIT = Failure("limit", "The session has used all that it may.", AGAIN)
SETUP = Failure("setup", "The worktree could not be set up.", "ampsm setup SESSION")
NOT_STARTED = Failure("not-started", "amp could not be started.", AGAIN, cure=Cure.RETRY)
WORKER = Failure("worker", "The worker of the iteration failed.", "ampsm doctor", cure=Cure.RETRY)
_OURS = (NOT_INSTALLED, TIMEOUT, VANISHED, LIMIT, SETUP, NOT_STARTED, WORKER)

FAILURES = {failure.name: failure for failure in (*_FAILURES, *_OURS)}
"""All failures by name; matching goes through them in the order of this dictionary."""

_UNKNOWN = Failure("unknown", "amp failed.", AGAIN)


def failure_named(name: str | None) -> Failure:
    """The failure that an iteration has as its `failure`; one that nothing follows from for None and unknown names."""
    return FAILURES.get(name or "", _UNKNOWN)
