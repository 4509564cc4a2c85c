"""How a run ended: done, failed, stopped or crashed; named, and with the command to run next.

Decided in this order: did we end it, what does the last result line say, exit code and standard error, nothing.
Exit code 0 is no success; a result line is. Pure; files are read by `transcript`.
"""

import re
import signal

from ampsm_engine.amp.events import RunResult
from ampsm_engine.amp.failures import FAILURES, LIMIT, TIMEOUT, VANISHED, Failure
from ampsm_engine.amp.tally import Fold, is_cancelled
from ampsm_engine.amp.transcript import without_escapes
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Outcome

ERROR_LIMIT = 4000
"""Characters of amp's own words that are kept; of standard error the last ones."""

_LOGIN_TEXT = "No API key found"
_OUR_LINE = '{"type":"ampsm"'
_AUTH_TOKEN = re.compile(r"(authToken=)[^\s&\"'<>]+")
_UNKNOWN_OPTION = re.compile(r"^(?:Error: )?error: unknown option '(--?[A-Za-z][\w-]*)", re.MULTILINE)
_LOST = re.compile(r"cannot reach amp servers", re.IGNORECASE)
_FILE_TOOLS = frozenset({"create_file", "edit_file", "apply_patch", "undo_edit"})


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run of amp ended, and what follows from it."""

    outcome: Outcome
    failure: str | None = None
    """The failure's name; None when it is done, or stopped by us."""
    error: str | None = None
    """amp's own words where it had some."""
    hint: str | None = None
    retry: bool = False
    """Whether trying again by itself can help, `retries` times, each after `delay` seconds (0: as configured)."""
    warning: str | None = None
    """A sentence for the user about an ending that is a success all the same; None where there is nothing to say."""
    remedy: str | None = None
    """What has to be done before trying again: `unarchive`, `drop-option`."""
    retries: int = 0
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class _Evidence:
    we_stopped: bool
    timed_out: bool
    silent: bool
    fold: Fold
    exit_code: int | None
    stderr: str
    head: str


def classify(
    *,
    we_stopped: bool,
    timed_out: bool,
    silent: bool,
    fold: Fold,
    exit_code: int | None,
    stderr: str,
    head: str,
) -> Ending:
    """The end of a run, found from all that is known of it.

    `exit_code` is None where it is unknown (an adopted amp); `stderr` is its end, `head` the beginning of
    standard output. Work that was finished stays done, also when amp was ended right after.
    """
    seen = _Evidence(we_stopped, timed_out, silent, fold, exit_code, mask_login(without_escapes(stderr)), head)
    if needs_login(head.encode("utf-8", "replace")):
        return _failed(FAILURES["not-logged-in"])
    if (finished := _finished(seen)) is not None:
        return finished
    if we_stopped or timed_out or silent:
        return _ended_by_us(seen)
    if fold.result is not None:
        return _by_result(seen, fold.result)
    return _without_result(seen)


def _finished(seen: _Evidence) -> Ending | None:
    """Done, when amp's turn was over: it says so, or its turn ended before a signal came."""
    result = seen.fold.result
    if result is not None and result.ok:
        return Ending(Outcome.DONE, warning=_warning(seen))
    cancelled = result is not None and is_cancelled(result)
    if cancelled and seen.fold.ended_turn:
        return Ending(Outcome.DONE, warning=FAILURES["stopped-late"].meaning)
    return None


def _warning(seen: _Evidence) -> str | None:
    code = seen.exit_code
    told = []
    if seen.we_stopped:
        told.append(FAILURES["stopped-late"].meaning)
    elif code is not None and code < 0:
        told.append(FAILURES["lingered"].meaning)
    elif code:
        told.append(f"amp said that it succeeded, and exited with code {code}.")
    if refusals := seen.fold.tally.refusals:
        calls = "one tool call" if refusals == 1 else f"{refusals} tool calls"
        told.append(f"Permission rules turned {calls} away ({FAILURES['tool-refused'].hint}).")
    return " ".join(told) or None


def _ended_by_us(seen: _Evidence) -> Ending:
    if seen.timed_out:
        return _failed(TIMEOUT)
    if seen.we_stopped:
        return Ending(Outcome.STOPPED, hint=FAILURES["stopped-from-outside"].hint)
    return _failed(_why_silent(seen))


def _why_silent(seen: _Evidence) -> Failure:
    """What silence most likely means: these hang for ever and say nothing."""
    fold = seen.fold
    if lost_connection(seen.stderr):
        return FAILURES["lost-connection"]
    if not fold.open_tools and fold.last_turn is not None and fold.last_turn.stop_reason in (None, "max_tokens"):
        return FAILURES["output-limit"]
    if _FILE_TOOLS.intersection(fold.open_tool_names):
        return FAILURES["guarded-file"]  # writing a file takes no time: amp waits for an answer
    if "Bash" in fold.open_tool_names:
        return FAILURES["needs-approval"]  # only versions that ask have this name, and it waits for an answer
    return FAILURES["silent"]


def _by_result(seen: _Evidence, result: RunResult) -> Ending:
    error = mask_login(result.error or result.text)
    if is_cancelled(result):
        return _failed(
            FAILURES["lost-connection"] if lost_connection(seen.stderr) else FAILURES["stopped-from-outside"]
        )
    known = (failure for failure in FAILURES.values() if _shows(failure.in_result, error))
    return _failed(next(known, FAILURES["provider-error"]), error)


def _without_result(seen: _Evidence) -> Ending:
    code, fold = seen.exit_code, seen.fold
    if code is not None and code < 0:
        return _crashed(FAILURES["killed"], f"amp was killed by signal {-code}{_signal_name(-code)}.")
    if fold.ended_turn and code == 0:  # an end that was not seen may be that of a full disk, or of the machine
        return Ending(Outcome.DONE, warning="amp finished its turn; its result line is missing.")
    if (known := _known_in(seen.stderr)) is not None and (code or not fold.prompted):
        return _failed(known, seen.stderr, again=not fold.prompted)
    if code is None:
        return _crashed(VANISHED, VANISHED.meaning)
    if code == 0:
        return _failed(FAILURES["no-result"])
    return _failed(FAILURES["exited"], seen.stderr or f"amp exited with code {code} and said nothing.")


def _known_in(stderr: str) -> Failure | None:
    known = (failure for failure in FAILURES.values() if _shows(failure.in_stderr, stderr))
    return next(known, None)


def _shows(pattern: str | None, text: str) -> bool:
    return pattern is not None and re.search(pattern, text, re.IGNORECASE | re.MULTILINE) is not None


def _failed(failure: Failure, words: str = "", *, again: bool = True) -> Ending:
    text = without_escapes(words)[-ERROR_LIMIT:].strip()
    return Ending(
        Outcome.FAILED,
        failure.name,
        text or failure.meaning,
        failure.hint,
        retry=again and failure.retries > 0,
        remedy=failure.remedy,
        retries=failure.retries,
        delay=failure.delay,
    )


def _crashed(failure: Failure, error: str) -> Ending:
    return Ending(Outcome.CRASHED, failure.name, error, failure.hint)


def _signal_name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""


def over_limit(tokens: int, limit: int, hint: str) -> Ending:
    """How a run ended that was stopped at the limit of tokens of its session; `hint`: what to do about that."""
    error = f"The session was stopped after {tokens} tokens: its limit is {limit}."
    return Ending(Outcome.STOPPED, LIMIT.name, error, hint)


def needs_login(head: bytes) -> bool:
    """Whether standard output begins with the login text: amp would wait five minutes, so end it at once."""
    for line in without_escapes(head.decode("utf-8", "replace")).split("\n"):
        if line.startswith("{") and not line.startswith(_OUR_LINE):
            return False
        if line.strip(" \t\ufeff").startswith(_LOGIN_TEXT):
            return True
    return False


def lost_connection(stderr_tail: str) -> bool:
    """Whether amp lost its server; it would try to find it again for ever."""
    return _LOST.search(stderr_tail) is not None


def unknown_option(stderr: str) -> str | None:
    """The option that this amp refused, without its value; None when it refused none."""
    found = _UNKNOWN_OPTION.search(without_escapes(stderr))
    return found[1] if found else None


def mask_login(text: str) -> str:
    """The text without the secret token of amp's login address."""
    return _AUTH_TOKEN.sub(r"\1***", text)
