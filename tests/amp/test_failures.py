"""Each row of the table of failures is recognised, named and hinted; and the order in which an end is judged."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.amp import endings, failures
from ampsm_engine.amp.endings import classify, lost_connection, mask_login, needs_login, unknown_option
from ampsm_engine.amp.failures import FAILURES, Cure, Failure
from ampsm_engine.amp.stream import attempt_line
from ampsm_engine.amp.tally import Fold
from ampsm_engine.batch import progress
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.cli import diagnostics, iterations
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Board, Outcome, Status
from ampsm_tui import notifier
from tests.amp.recorded import (
    ABOUT,
    NAMES,
    STREAMS,
    assistant,
    failure,
    fold,
    prompt,
    recorded,
    success,
    text,
    tool_result,
    tool_use,
)
from tests.tui.builders import a_board, a_session

AGAIN = 'ampsm iterate SESSION "continue"'
REACH = f"SERVER reached from here? Then: {AGAIN}"
WORK = (prompt("p"), assistant(tool_use("t"), usage={"output_tokens": 1}), tool_result("t"))
TURN_OVER = (prompt("p"), assistant(text("ok"), stop="end_turn"))
CANCELLED = failure("User cancelled (SIGINT/SIGTERM)")

RETRIED = {"service-trouble": 1, "rate-limit": 3, "archived": 1, "open-elsewhere": 1}
"""How often each failure is tried again that may pass by itself."""


def judged(folded=None, code=0, stderr="", head="", **why):
    why = {"we_stopped": False, "timed_out": False, "silent": False, **why}
    return classify(fold=folded or Fold(), exit_code=code, stderr=stderr, head=head, **why)


def test_each_failure_is_named_explained_and_hinted():
    assert len(FAILURES) == len(failures._FAILURES + failures._OURS), "no two share a name"
    for name, known in FAILURES.items():
        assert known.name == name
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", known.name)
        assert known.meaning.endswith(".")
        assert known.hint


def test_only_what_can_pass_by_itself_is_tried_again():
    assert {name: known.retries for name, known in FAILURES.items() if known.retries} == RETRIED
    assert {name: known.remedy for name, known in FAILURES.items() if known.remedy} == {
        "unknown-option": "drop-option",
        "archived": "unarchive",
    }


@pytest.mark.parametrize(
    ("name", "stderr", "hint"),
    [
        ("not-logged-in", "Login failed: That code looks incomplete.", "amp login"),
        ("not-logged-in", "Error: Not logged in. Run 'amp login' first.", "amp login"),
        ("bad-key", "Error: Invalid or missing API key", "KEY"),
        ("bad-key", "Error: Invalid or missing API key. Run 'amp login' to authenticate.", "KEY"),
        ("bad-key", "Error: Access token expired", "KEY"),
        (
            "offline",
            "Error: Couldn't connect to the Amp server at https://ampcode.com/.\n\nCheck your network",
            REACH,
        ),
        ("offline", "Error: Cannot reach Amp servers. Are you offline?", REACH),
        ("offline", "Error: Failed to unarchive thread: getaddrinfo ENOTFOUND ampcode.com", REACH),
        ("offline", "Error: Failed to unarchive thread: Unable to connect. Is the computer able to", REACH),
        ("amp-too-old", "Error: request failed: 426", "amp update"),
        ("amp-too-old", "This version is too old. Run amp update.", "amp update"),
        ("service-trouble", "Error: Amp server returned an error. Try again in a moment.", AGAIN),
        ("service-trouble", "Error: Unexpected error inside Amp CLI.", AGAIN),
        ("unknown-option", "Error: error: unknown option '--no-ide'", "ampsm doctor"),
        (
            "bad-settings",
            "Error: Invalid JSON in settings file /s.json\n\nFix the JSON syntax errors.",
            "Mend SETTINGS",
        ),
        ("bad-settings", "Error: Invalid --mcp-config value", "Mend SETTINGS"),
        ("no-credit", "Error: out_of_credits", "https://ampcode.com/pay"),
        ("rate-limit", "Error: 429 Too Many Requests", AGAIN),
        ("exited", "Error: something nobody has seen", "ampsm log SESSION"),
        ("needs-approval", "Error: The following tools require user approval", "amp.allow-all true"),
        (
            "guarded-file",
            "Error: guarded file .git/hooks needs approval; no interactive UI",
            "amp.guardedFiles.allowlist",
        ),
        ("archived", "Error: This thread is archived and cannot be continued", AGAIN),
        ("thread-gone", "Thread https://ampcode.com/threads/T-1 does not exist.", "ampsm new"),
        ("bad-thread-id", "Error: Invalid thread URL or ID: T-1", "ampsm doctor"),
        ("open-elsewhere", "Error: This thread is already open and active in another Amp", AGAIN),
        ("bad-prompt", ABOUT["local-2026-09-stdin-over-1mib.jsonl"]["stderr"], "--prompt-file"),
        ("bad-prompt", "Error: User message must be provided through stdin or as argument", "--prompt-file"),
        ("bad-prompt", "Error: Standard input is not valid UTF-8 and may contain binary data.", "--prompt-file"),
        ("bad-visibility", "Error: Invalid visibility: workspace", "Mend SETTINGS"),
        (
            "worktree-gone",
            "error: The current working directory was deleted, so that command didn't work.",
            "ampsm repair",
        ),
        (
            "in-orb",
            "Error: This thread is already running in an orb, so this Amp cannot run it.",
            "ampsm new --base BRANCH",
        ),
    ],
)
def test_what_amp_says_before_it_gives_up_names_the_failure(name, stderr, hint):
    ending = judged(code=1, stderr=f"\x1b[=0u\x1b[<u\x1b[?25h{stderr}\r\n")
    assert (ending.outcome, ending.failure) == (Outcome.FAILED, name)
    assert hint in ending.hint
    assert ending.error == stderr.strip()
    assert ending.retry is (name in RETRIED)


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [
        ("bad-key", "Invalid or missing API key", "KEY"),
        ("no-credit", "Execute mode (amp -x) and the Amp SDK require paid credits and", "ampcode.com/pay"),
        ("no-credit", "Out of Credits Add credits to keep using Amp.", AGAIN),
        ("rate-limit", '429 {"type":"error","error":{"type":"rate_limit_error"}}', AGAIN),
        ("rate-limit", "Model Provider Overloaded Try again in a few seconds.", AGAIN),
        ("rate-limit", "Rate limit reached", AGAIN),
        ("context-full", "Context Limit Reached This conversation has reached", "ampsm new --base BRANCH"),
        ("context-full", '413 {"message":"Prompt is too long"}', "ampsm new"),
        ("provider-error", '{"type":"error","message":"nobody knows"}', AGAIN),
        ("provider-error", "line 12429: odd", AGAIN),
        ("lost-connection", "Cannot reach Amp servers", REACH),
        ("needs-approval", "The following tools require user approval, which is not supported", "allow-all"),
        ("guarded-file", "guarded file needs approval", "allowlist"),
        ("asked-user", "tool ask_user_choice is not supported in stream mode", "ampsm log"),
        ("archived", "This thread is archived and cannot be continued", AGAIN),
        ("thread-gone", "Thread T-1 does not exist.", "ampsm new"),
        ("open-elsewhere", "already open and active in another Amp", AGAIN),
        ("bad-input", "Invalid JSON on stdin line 2: JSON Parse error", AGAIN),
        ("bad-input", "Invalid message format on stdin line 1", AGAIN),
        ("bad-input", "No valid messages found in stdin", AGAIN),
        ("bad-prompt", "Execute mode input is too large to send safely: 1100027 UTF-8 bytes", "--prompt-file"),
    ],
)
def test_the_error_of_a_result_names_the_failure_though_the_exit_code_is_0(name, error, hint):
    ending = judged(fold(*WORK, failure(error)), code=0, stderr="Error: Cannot reach Amp servers")
    assert (ending.outcome, ending.failure, ending.error) == (Outcome.FAILED, name, error)
    assert hint in ending.hint
    assert ending.retry is (name in RETRIED)


@pytest.mark.parametrize(
    ("name", "failure_name"),
    [
        ("01-error-402", "no-credit"),
        ("09-error-402-raw", "no-credit"),
        ("error-after-work", "no-credit"),
        ("01-error-413", "context-full"),
        ("error-context-limit", "context-full"),
        ("03-error-429", "rate-limit"),
        ("07-error", "rate-limit"),
        ("error-overloaded", "rate-limit"),
        ("03-needs-approval", "needs-approval"),
        ("input-bad-json", "bad-input"),
        ("input-bad-shape", "bad-input"),
        ("input-eof-at-once", "bad-input"),
        ("input-over-1mib", "bad-prompt"),
    ],
)
def test_recorded_errors_all_exited_with_0(name, failure_name):
    (entry,) = [entry for file, entry in ABOUT.items() if name in file]
    assert entry["exit_code"] == 0
    ending = judged(fold(recorded(name)), code=0)
    assert (ending.outcome, ending.failure) == (Outcome.FAILED, failure_name)


def test_every_recorded_success_is_done_and_nothing_else_is():
    outputs = {name: (STREAMS / name).read_bytes() for name in NAMES}
    done = {name for name, data in outputs.items() if judged(fold(data)).outcome is Outcome.DONE}
    succeeded = {name for name, data in outputs.items() if b'\n{"type":"result","subtype":"success"' in data}
    assert len(succeeded) > 20
    assert done == {*succeeded, "local-2026-09-sigterm-after-end-turn.jsonl"}


def test_1_the_missing_program_is_a_row_with_the_command_that_installs_it():
    assert FAILURES["not-installed"].name == "not-installed"
    assert "npm install -g @ampcode/cli" in FAILURES["not-installed"].hint


def test_one_entry_of_the_table_is_all_that_a_new_failure_needs(monkeypatch):
    """What a batch does next, the exit code of a command that waits, what the terminal is told, whether to try again."""
    new = Failure(
        *("no-licence", "amp has no licence.", "amp licence"),
        in_stderr=r"licence expired",
        cure=Cure.PERSON,
        is_unfit=True,
        needs="permission",
    )
    monkeypatch.setitem(FAILURES, new.name, new)
    ending = judged(code=1, stderr="Error: Licence expired")
    assert (ending.failure, ending.hint, ending.retry) == ("no-licence", "amp licence", False)
    (row,) = a_board(a_session("fix login", Status.ERROR, id="s000000001")).rows
    over = replace(row.current, outcome=ending.outcome, failure=ending.failure, error=ending.error)
    assert progress.after_iteration(ItemSpec("/repo", "Go"), "prompt", over, (), Status.ERROR, retry_delay=1.0).halts
    assert iterations.outcome_code(over) == diagnostics.UNFIT
    assert "state=blocked" in (told := notifier.records(Board((replace(row, current=over),)))["s000000001"])
    assert "kind=permission" in told


LOGIN = recorded("login-flow").decode()


@pytest.mark.parametrize("code", [-15, -9, 1, 0, None])
@pytest.mark.parametrize("why", [{}, {"we_stopped": True}])
def test_2_the_login_text_means_not_logged_in_however_it_ended(code, why):
    ending = judged(code=code, head=LOGIN, **why)
    assert (ending.outcome, ending.failure, ending.hint) == (Outcome.FAILED, "not-logged-in", "amp login")
    assert "authToken" not in ending.error


@pytest.mark.parametrize(
    "head",
    [
        LOGIN.encode(),
        b"\n" + LOGIN.encode(),
        b"\x1b[?25hNo API key found. Starting login flow...",
        b"npm warn\nNo API key found. Sta",
        attempt_line(2) + LOGIN.encode(),
    ],
)
def test_2_the_login_text_is_seen_at_once(head):
    assert needs_login(head)


@pytest.mark.parametrize(
    "head",
    [b"", b"No API ke", b"\xff\xfe", recorded("-ok"), b'{"type":"user"}\nNo API key found', b"say No API key found"],
)
def test_2_nothing_else_is_the_login_text(head):
    assert not needs_login(head)


def test_2_tokens_in_login_addresses_are_masked():
    url = "https://ampcode.com/auth/cli-login?authToken=c0e691cc&x=1"
    assert mask_login(f'see {url} "authToken=abc"') == (
        'see https://ampcode.com/auth/cli-login?authToken=***&x=1 "authToken=***"'
    )
    assert "c0e691cc" not in judged(code=1, stderr=f"Login failed: {url}").error
    assert "c0e691cc" not in judged(fold(failure(url))).error


def test_8_the_refused_option_is_named_without_its_value():
    assert unknown_option("Error: error: unknown option '--nonsense=3'\n") == "--nonsense"
    assert unknown_option("\x1b[=0uerror: unknown option '--title'") == "--title"
    assert unknown_option("a tool said: unknown option '--title'") is None
    assert unknown_option("") is None
    assert judged(code=1, stderr="error: unknown option '--title'").remedy == "drop-option"


def test_7_11_trouble_at_the_start_is_tried_again_but_not_after_work_was_done():
    trouble = "Error: Amp server returned an error. Try again in a moment."
    assert judged(code=1, stderr=trouble).retry
    assert not judged(fold(*WORK), code=1, stderr=trouble).retry
    later = judged(fold(*WORK, failure("overloaded"), attempt_line(2)), code=1, stderr=trouble)
    assert later.retry
    assert judged(fold(*WORK, failure("overloaded"))).retries == 3


def test_14_stopped_by_us_is_stopped_whatever_amp_says():
    for folded in (Fold(), fold(*WORK), fold(*WORK, CANCELLED), fold(*WORK, failure("overloaded"))):
        for code in (0, 1, -2, -9, None):
            ending = judged(folded, code=code, stderr="Error: Cannot reach Amp servers", we_stopped=True)
            assert (ending.outcome, ending.failure, ending.retry) == (Outcome.STOPPED, None, False)
            assert ending.hint == AGAIN


@pytest.mark.parametrize("name", ["sigint-model-wait", "sigterm-model-wait", "sigint-in-tool"])
def test_14_a_cancel_that_is_not_ours_came_from_outside(name):
    assert judged(fold(recorded(name)), we_stopped=True).outcome is Outcome.STOPPED
    ending = judged(fold(recorded(name)))
    assert (ending.outcome, ending.failure, ending.hint) == (Outcome.FAILED, "stopped-from-outside", AGAIN)
    assert not ending.retry


@pytest.mark.parametrize("why", [{}, {"we_stopped": True}, {"timed_out": True}, {"silent": True}])
def test_15_work_that_was_finished_before_the_signal_stays_done(why):
    for folded in (fold(recorded("sigterm-after-end-turn")), fold(*TURN_OVER, success(), CANCELLED)):
        ending = judged(folded, **why)
        assert ending.outcome is Outcome.DONE
    assert "before it was stopped" in judged(fold(recorded("sigterm-after-end-turn")), **why).warning


@pytest.mark.parametrize(("code", "word"), [(-9, "signal 9 (SIGKILL)"), (-1, "signal 1 (SIGHUP)"), (-99, "signal 99.")])
def test_16_killed_without_a_result_is_a_crash(code, word):
    for folded in (Fold(), fold(recorded("sigkill-in-tool")), fold(*TURN_OVER)):
        ending = judged(folded, code=code)
        assert (ending.outcome, ending.failure, ending.hint) == (Outcome.CRASHED, "killed", AGAIN)
        assert f"killed by {word}" in ending.error


def test_16_gone_without_a_word_and_without_a_code_is_a_crash():
    for folded in (Fold(), fold(*WORK), fold(*TURN_OVER)):
        ending = judged(folded, code=None)
        assert (ending.outcome, ending.failure) == (Outcome.CRASHED, "vanished")
    assert judged(code=None, stderr="Error: Cannot reach Amp servers").failure == "offline"
    assert judged(fold(*WORK), code=None, stderr="Cannot reach Amp servers").failure == "vanished"


def test_17_no_result_and_exit_0():
    assert judged().failure == "no-result"
    assert judged(fold(*WORK)).failure == "no-result"
    ending = judged(fold(*TURN_OVER), code=0)
    assert (ending.outcome, ending.failure) == (Outcome.DONE, None)
    assert "result line is missing" in ending.warning


def test_18_exit_1_after_some_lines_gives_what_amp_said():
    ending = judged(fold(*WORK), code=1, stderr="Error: odd\n")
    assert (ending.outcome, ending.failure, ending.error) == (Outcome.FAILED, "exited", "Error: odd")
    assert judged(fold(*WORK), code=3).error == "amp exited with code 3 and said nothing."
    assert judged(fold(*TURN_OVER), code=1).outcome is Outcome.FAILED


def test_19_a_result_stands_though_amp_had_to_be_ended():
    ending = judged(fold(*TURN_OVER, success()), code=-9)
    assert ending.outcome is Outcome.DONE
    assert ending.warning == FAILURES["lingered"].meaning
    late = judged(fold(*TURN_OVER, success()), code=-15, we_stopped=True)
    assert (late.outcome, late.warning) == (Outcome.DONE, FAILURES["stopped-late"].meaning)


def test_21_success_and_exit_1_is_a_success_that_is_noted():
    ending = judged(fold(*TURN_OVER, success()), code=1, stderr="whatever")
    assert ending.outcome is Outcome.DONE
    assert "exited with code 1" in ending.warning
    assert judged(fold(*TURN_OVER, success())).warning is None


def test_21_silence():
    ending = judged(fold(*WORK), code=0, silent=True)
    assert (ending.outcome, ending.failure, ending.hint) == (Outcome.FAILED, "silent", AGAIN)


def test_22_a_lost_connection():
    lost = "Error: Cannot reach Amp servers. Are you offline?"
    assert lost_connection(lost)
    assert not lost_connection("")
    assert judged(fold(*WORK), stderr=lost, silent=True).failure == "lost-connection"
    assert judged(fold(*WORK, CANCELLED), stderr=lost).failure == "lost-connection"


def test_23_an_answer_cut_at_its_limit_hangs():
    assert judged(fold(recorded("max-tokens-hang")), code=-9, silent=True).failure == "output-limit"
    cut = fold(prompt("p"), assistant(text("so"), stop="max_tokens"))
    assert judged(cut, code=-9, silent=True).failure == "output-limit"


def test_24_a_tool_that_waits_for_approval_hangs_in_old_versions():
    ending = judged(fold(recorded("approval-hang")), code=-9, silent=True)
    assert ending.failure == "needs-approval"
    assert "ampsm config set amp.allow-all true" in ending.hint


def test_25_refused_tools_are_told_of_a_run_that_is_done():
    ending = judged(fold(recorded("permission-user-reject")))
    assert ending.outcome is Outcome.DONE
    assert "turned one tool call away" in ending.warning
    two = judged(fold(*(tool_result(name, "Plugin error: x") for name in "ab"), success()))
    assert "turned 2 tool calls away" in two.warning


def test_26_a_guarded_file_hangs():
    assert judged(fold(recorded("guarded-file")), code=-9, silent=True).failure == "guarded-file"
    for tool in ("create_file", "edit_file", "apply_patch", "undo_edit"):
        at_work = fold(prompt("p"), assistant(tool_use("t", tool)))
        assert judged(at_work, code=-9, silent=True).failure == "guarded-file", tool


def test_the_limit_of_a_session_stops_with_what_was_used_and_how_to_go_on():
    ending = endings.over_limit(1200, 1000, AGAIN)
    assert (ending.outcome, ending.failure, ending.hint) == (Outcome.STOPPED, "limit", AGAIN)
    assert ending.error == "The session was stopped after 1200 tokens: its limit is 1000."


def test_36_terminal_codes_alone_are_no_words():
    ending = judged(code=1, stderr="\x1b[=0u\x1b[<u\x1b[?25h\n\x1b]0;amp\x07")
    assert ending.error == "amp exited with code 1 and said nothing."


def test_time_over_goes_before_all_but_finished_work():
    ending = judged(fold(*WORK, CANCELLED), timed_out=True, we_stopped=True)
    assert (ending.outcome, ending.failure) == (Outcome.FAILED, "timeout")
    assert "iteration.timeout" in ending.hint


def test_an_error_without_words_gets_ours():
    ending = judged(fold(failure(None)))
    assert (ending.failure, ending.error) == ("provider-error", FAILURES["provider-error"].meaning)
    assert judged(fold(success("only text", is_error=True))).error == "only text"


def test_long_words_keep_their_end():
    ending = judged(code=1, stderr="x" * 50_000 + "the reason")
    assert ending.error.endswith("the reason")
    assert len(ending.error) <= endings.ERROR_LIMIT


@given(st.text(), st.text(), st.none() | st.integers(-70, 255), st.booleans(), st.booleans(), st.booleans(), st.text())
def test_every_end_is_judged(stderr, head, code, stopped, timed_out, silent, error):
    for folded in (Fold(), fold(*WORK), fold(failure(error)), fold(*TURN_OVER, success())):
        ending = judged(folded, code, stderr, head, we_stopped=stopped, timed_out=timed_out, silent=silent)
        assert (ending.outcome is Outcome.DONE) == (ending.error is None and ending.outcome is not Outcome.STOPPED)
        assert ending.outcome is Outcome.DONE or ending.hint
