"""Commit messages say what changed, in one line that fits, whatever prompt and result hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.model import Iteration, Session, State, Status
from ampsm_engine.worker import commit_message

SESSION = Session("s1", "n", "", "/r", "main", "amp/n/1", "/w", Status.IDLE, "2026-11-23T00:00:00.000Z")
THREAD = "T-01234567-89ab-cdef-0123-456789abcdef"


def iteration(prompt: str) -> Iteration:
    return Iteration("i1", "s1", 1, prompt, State.SETTLING, "2026-11-23T00:00:00.000Z", thread_id=THREAD)


@pytest.mark.parametrize(
    ("prompt", "result", "subject"),
    [
        ("Fix it", "I've fixed the login bug in `auth.py`. All tests pass.", "amp: fixed the login bug in auth.py"),
        ("Add foo to bar", "Done.", "amp: add foo to bar"),
        ("Add foo", "Done! I added **foo** to bar.", "amp: added foo to bar"),
        ("Fix the parser", "## Summary\n- Added a case to the parser", "amp: added a case to the parser"),
        ("Say hi", "Hello! How can I help?", "amp: say hi"),
        ("", "", "amp: change a.py, b.py"),
        ("Use the README", "README has the new section now", "amp: README has the new section now"),
    ],
)
def test_a_subject_says_what_changed(prompt: str, result: str, subject: str) -> None:
    assert commit_message.subject(prompt, result, lambda: ("a.py", "b.py")) == subject


@given(st.text(), st.text(), st.lists(st.text(min_size=1), max_size=5))
def test_a_subject_is_one_printable_line_that_fits(prompt: str, result: str, paths: list[str]) -> None:
    subject = commit_message.subject(prompt, result, lambda: paths)
    assert subject.startswith("amp: ")
    assert subject.isprintable()
    assert 5 < len(subject) <= 72


@given(st.text(), st.text())
def test_the_trailers_stand_alone_at_the_end(prompt: str, result: str) -> None:
    *_, last = commit_message.body(SESSION, iteration(prompt), result).split("\n\n")
    assert last == f"Amp-Thread-ID: https://ampcode.com/threads/{THREAD}\nAmpsm-Session: s1\nAmpsm-Iteration: i1"


def test_a_result_of_megabytes_gives_a_short_message() -> None:
    assert len(commit_message.body(SESSION, iteration("y" * 5_000_000), "x" * 5_000_000)) < 100_000
    assert len(commit_message.subject("y" * 5_000_000, "x " * 5_000_000)) <= 72


def test_a_subject_is_worded_as_the_settings_say() -> None:
    for template, wanted in {
        "chore(amp): {subject}": "chore(amp): fix the login",
        "JIRA-7": "JIRA-7 fix the login",
        "{subject} [amp]": "fix the login [amp]",
    }.items():
        assert commit_message.subject("Fix the login", "", template=template) == wanted
    assert (
        len(commit_message.subject("word " * 40, "", template="chore(amp): {subject}")) <= commit_message.SUBJECT_LENGTH
    )
