"""Any text a person types becomes a valid name, id, slug and branch."""

import re
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import naming, plain_text, templates

MOMENT = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)
ANY_TEXT = st.text(max_size=300) | st.text(alphabet=st.sampled_from("./-@{~^:\\ *?[\x00\x7f lock"), max_size=60)


@given(ANY_TEXT)
def test_any_text_gives_a_branch_that_git_takes(name: str) -> None:
    branch = naming.names("0123456789", name, MOMENT, "shop").fill(templates.BRANCH)
    done = subprocess.run(["git", "check-ref-format", "--branch", branch], capture_output=True, check=False)
    assert done.returncode == 0, branch
    assert max(len(part.encode()) for part in branch.split("/")) < 200


@given(ANY_TEXT)
def test_a_slug_of_a_slug_is_itself(name: str) -> None:
    once = naming.slug(name)
    assert naming.slug(once) == once
    assert once


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Fix the login", "fix-the-login"),
        ("Überprüfe ça", "uberprufe-ca"),
        ("修复登录错误", "修复登录错误"),
        ("हिन्दी में", "हिन्दी-में"),
        ("///..--@{~^:", "session"),
        ("", "session"),
        ("x.lock", "x-lock"),
        ("a" * 500, "a" * 40),
    ],
)
def test_names_stay_recognisable(name: str, slug: str) -> None:
    assert naming.slug(name) == slug


def test_the_second_of_a_name_gets_a_number() -> None:
    branch = naming.names("0123456789", "x", MOMENT, "shop").fill(templates.BRANCH)
    assert naming.numbered(branch, 1) == "amp/x/20261123-040506"
    assert naming.numbered(branch, 2) == "amp/x/20261123-040506-2"


@given(ANY_TEXT)
def test_a_session_name_is_one_short_printable_line(prompt: str) -> None:
    name = naming.session_name(prompt)
    assert 0 < len(name) <= naming.NAME_LENGTH
    assert name.isprintable()
    assert plain_text.printable(name) == name


def test_a_session_name_is_the_first_line_that_says_something() -> None:
    assert naming.session_name("\n---\n  Fix it, please\nmore") == "Fix it, please"
    assert naming.session_name("word " * 40).endswith("…")


def test_no_control_or_bidi_character_is_printable() -> None:
    assert plain_text.printable("a\x1b[31mb\u202ec\x00d\ud800e\nf") == "a[31mbcde f"


def test_ids_are_short_and_do_not_repeat() -> None:
    ids = {naming.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{10}", one) for one in ids)
