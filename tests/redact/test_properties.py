"""What holds for every text: no error, no change the second time, no change without a secret."""

import json
import re
import string
import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import redact
from ampsm_engine.redact import Redactor
from ampsm_engine.redact.scanner import _lowered
from tests.redact.samples import GIVEN, LETTERS, TOKENS, pem, run

redactor = Redactor({"A_SECRET": "a-secret-value-1", "B_TOKEN": "İstanbul-ß-\u017fecret"})
PIECES = [
    *TOKENS.values(),
    *("".join(pair) for pair in GIVEN.values()),
    pem("RSA PRIVATE KEY", 3),
    *(
        "-----BEGIN RSA PRIVATE" + " KEY-----",
        "-----END RSA PRIVATE KEY-----",
        "a-secret-value-1",
        "İstanbul-ß-\u017fecret",
    ),
    *("token", "key=", "secret: ", "://", "u:", "@", "[redacted:", "[redacted:x]", "]", "\\", "\\n", '"', "eyJ", "sk-"),
    *("ghp" + "_", "\ud800", "İ", "\x00", "\u017fk-", "\u212a"),
]
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=10) | st.characters(), max_size=12).map("".join)


@given(hostile)
def test_it_never_raises_and_changes_nothing_the_second_time(text: str) -> None:
    once = redactor.text(text)
    assert redactor.text(once) == once


@given(st.text(alphabet=" \n.,;()äöü中文😀" + string.ascii_letters, max_size=200))
def test_words_stay(text: str) -> None:
    if not re.search("(?i)authorization|bearer|curl|begin|token|pass|secret|key", text):
        assert redactor.text(text) == text


@given(st.binary(max_size=200), st.sampled_from(list(TOKENS.values())))
def test_bytes_that_are_no_text_stay(noise: bytes, secret: str) -> None:
    content = noise + b" " + secret.encode() + b"\n" + noise
    clean = redactor.bytes_(content)
    assert secret.encode() not in clean
    assert clean.startswith(noise)
    assert clean.endswith(b"\n" + noise)


def test_lone_surrogates_are_borne() -> None:
    secret = TOKENS["npm"]
    assert redactor.text(f"\udc80 {secret} \ud800") == "\udc80 [redacted:npm-access-token] \ud800"


def test_lower_case_keeps_every_place() -> None:
    for block in range(0, sys.maxunicode, 4096):
        assert len(_lowered("".join(map(chr, range(block, block + 4096))))) == 4096
    shifted = "İ" * 40 + " " + TOKENS["npm"]
    assert TOKENS["npm"] not in redactor.text(shifted)


def test_a_marker_stays_and_hides_nothing() -> None:
    assert redactor.text("password=[redacted:assigned-secret]") == "password=[redacted:assigned-secret]"
    clean = redactor.text(f"[redacted:x]{TOKENS['github personal']}[redacted:y]")
    assert clean.replace("[redacted:x]", "").replace("[redacted:y]", "") == "[redacted:github-pat]"
    assert TOKENS["aws key id"] not in redactor.text(f"[redacted:{TOKENS['aws key id']}]")


def test_hostile_texts_come_to_an_end() -> None:
    for unit in (
        "a",
        "1",
        "\\",
        '"',
        "key=",
        "SECRET=",
        "curl -u ",
        "://a:",
        "eyJ",
        "sk-",
        "-----BEGIN PRIVATE KEY-----\n",
    ):
        text = unit * (50_000 // len(unit))
        assert len(redactor.text(text)) <= len(text) + 100 * len(unit)
    many = " ".join(f"{number}{TOKENS['github personal']}" for number in range(2_000))
    assert redactor.text(many).count("[redacted:") == 2_000


CROWDS = (
    *("key", "bx", "_pass=", "_pwd=%s", "-secret=a", "://:b@c", '_key\\":\\"', "password = ", "DB_PASSWORD=hunter2\n"),
    *(
        "helm -p ",
        "curl -u a:b1c2d3 ",
        "Cookie: a=b; ",
        "machine x login y ",
        "LS0tLS1CRUdJTi",
        "-----BEGIN PRIVATE KEY-----\n",
    ),
)
"""What fills a text with the anchors of rules."""


@pytest.mark.parametrize("unit", CROWDS)
def test_work_grows_with_a_text_whatever_it_is_full_of(unit: str) -> None:
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event.endswith("call")

    text = unit * (150_000 // len(unit))
    redactor.text(unit * 40)  # what is made once
    sys.setprofile(count)
    try:
        redactor.text(text)
    finally:
        sys.setprofile(None)
    assert calls < 5 * len(text)


@given(st.lists(st.text(max_size=30) | st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=9))
def test_a_crowd_of_anchors_hides_no_secret_and_stays_json(values: list[str | float]) -> None:
    secret = TOKENS["npm"]
    crowd = [*["pass='x', "] * 8_000, secret, *values, {"password": "hunter2hunter2", "a": [secret, None, True]}]
    for text in (json.dumps(crowd), json.dumps(crowd, indent=1), json.dumps(json.dumps(crowd))):
        clean = redactor.text(text)
        assert secret not in clean
        assert "hunter2hunter2" not in clean
        json.loads(clean)


def test_a_long_text_is_redacted_at_its_borders() -> None:
    filler = run(LETTERS + " \n", 400_000)
    for secret in (TOKENS["npm"], pem("RSA PRIVATE KEY", 20)):
        clean = redactor.text(f"{secret}\n{filler}\n{secret}\n{filler}\n{secret}")
        assert clean.count("[redacted:") == 3
        assert clean.count(filler) == 2


def test_the_process_itself_has_a_redactor() -> None:
    assert redact.text("x " + TOKENS["amp"]) == "x [redacted:amp-key]"
    assert redact.bytes_(b"\xff " + TOKENS["amp"].encode()) == b"\xff [redacted:amp-key]"
