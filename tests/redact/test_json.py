"""A line of JSON stays JSON, with a secret in any place of it, and the secret is gone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.redact import Redactor
from tests.redact.samples import GIVEN, TOKENS, pem
from tests.soak import one_in

STREAMS = sorted((Path(__file__).parents[1] / "amp" / "streams").glob("*.jsonl"))
ODD = 'p"a\\s/s\nwörd\t<é😀>&1'
redactor = Redactor({"ODD_SECRET": ODD, "PLAIN_TOKEN": "plain-value-77", "KEY_FILE_TOKEN": pem("EC PRIVATE KEY", 4)})

SECRETS = [
    TOKENS["github personal"],
    TOKENS["aws key id"],
    TOKENS["jwt"],
    TOKENS["openai project"],
    "".join(GIVEN["address"]) + "@host/x",
    "".join(GIVEN["export"]),
    '"password": "p4ssw0rd!"',
    pem("RSA PRIVATE KEY", 4),
    ODD,
    "plain-value-77",
]
GONE = ["p4ssw0rd!", "hunter2", "plain-value-77", "tr0ub4dor", ODD, *(pem("X", 4).splitlines()[1:-1])]


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where strings stand in a JSON value."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, (*path, index))


def planted(value: Any, path: tuple[Any, ...], secret: str, how: str) -> Any:
    """The value with a secret put into the string at a place."""
    if not path:
        nested = json.dumps({"output": f"one\n{secret}\ntwo", "exitCode": 0})
        return {"end": value + " " + secret, "start": secret + "\n" + value, "only": secret, "nested": nested}[how]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = planted(value[path[0]], path[1:], secret, how)
    return copy


def leaks(secret: str, line: str) -> list[str]:
    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
            try:
                yield from texts(json.loads(value))
            except ValueError:
                return
        elif isinstance(value, dict | list):
            for inner in value.values() if isinstance(value, dict) else value:
                yield from texts(inner)

    tell = [secret] if secret in TOKENS.values() else [part for part in GONE if part in secret]
    return [part for text in texts(json.loads(line)) for part in tell if part in text]


@pytest.mark.parametrize("path", one_in(6, STREAMS), ids=lambda path: path.stem)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_secret_in_any_string_of_a_recorded_stream_is_gone(path: Path, ascii_only: bool) -> None:
    seen: set[tuple[Any, ...]] = set()
    for raw in path.read_text(encoding="utf-8").strip("\n").split("\n"):
        if not raw or len(raw) > 50_000:
            continue
        value = json.loads(raw)
        for place in strings(value):
            if place in seen:
                continue
            seen.add(place)
            for number, secret in enumerate(SECRETS):
                how = ("end", "start", "only", "nested")[(number + len(seen)) % 4]
                line = json.dumps(planted(value, place, secret, how), ensure_ascii=ascii_only)
                clean = redactor.text(line)
                assert not leaks(secret, clean), (place, how)
                assert "[redacted:" in clean
                assert redactor.text(clean) == clean
                assert json.loads(clean).keys() == value.keys()


secret_parts = st.sampled_from(
    [*SECRETS, "token=", "password: ", '"', "\\", "\n", "\\n", "\\u00e9", " ", "key", "1" * 20]
)
texts = st.lists(secret_parts | st.text(max_size=8), max_size=8).map("".join)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts | st.sampled_from(["token", "password", "key", "box"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values, st.booleans(), st.booleans())
def test_any_json_stays_json(value: Any, ascii_only: bool, nested: bool) -> None:
    line = json.dumps(value, ensure_ascii=ascii_only)
    line = json.dumps({"content": line}) if nested else line
    json.loads(redactor.text(line))


@given(
    st.integers(min_value=0, max_value=10**24), st.sampled_from(["discord", "token", "password", "asana", "api_key"])
)
def test_numbers_are_left_to_be_numbers(number: int, name: str) -> None:
    for line in (f'{{"{name}":{number}}}', f'{{"{name}": {number}, "b": 1}}', f"[{number}, 1]"):
        json.loads(redactor.text(line))
