"""Known kinds of secrets are found wherever they stand, and nothing else is."""

import base64
import json
import re
import uuid
from pathlib import Path

import pytest

from ampsm_engine.redact import Redactor
from tests.redact.samples import GIVEN, HEX, LETTERS, TOKENS, pem, run

plain = Redactor({})
MARKER = re.compile(r"\[redacted:[a-z0-9-]+\]")

PLACES = (
    "{}",
    "{}\nnext line",
    "first line\n{}\nthird",
    '"{}"',
    "'{}'",
    "`{}`",
    "**{}**",
    "({})",
    "<{}>",
    "x={}",
    "x: {}",
    "see {}.",
    "see {}, and",
    "{};",
    "{}!",
    "[{}](x)",
    '{{"a":"{}"}}',
    '{{"a":"{}\\nnext"}}',
    '{{"a":"line\\n{}\\n"}}',
    '{{"a":"\\t{}"}}',
    '{{"a":"{{\\"b\\":\\"{}\\"}}"}}',
    '{{"a":"{{\\"b\\":\\"one\\\\n{}\\\\ntwo\\"}}"}}',
    "\x1b[32m{}\x1b[0m",
    '"\\u001b[1;32m{}\\u001b[0m"',
    "/{}?x",
    "a|{}|b",
    "&t={}&u=1",
    "é{}é",
    "{}\r\n",
)


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_redacted_wherever_it_stands(kind: str) -> None:
    secret = TOKENS[kind]
    for place in PLACES:
        text = place.format(secret)
        clean = plain.text(text)
        assert secret not in clean, place
        assert MARKER.sub("", clean) == place.format(""), place


@pytest.mark.parametrize("kind", GIVEN)
def test_a_value_is_redacted_for_what_stands_before_it(kind: str) -> None:
    before, secret = GIVEN[kind]
    after = {"address": "@db.example.org/x", "xml": "</password>"}.get(kind.split(",", maxsplit=1)[0], "")
    quote = before[-1] if before[-1] in "\"'" else ""
    for end in (quote, quote + "\n", quote + " and more", quote + "\r\n"):
        text = f"{before}{secret}{after}{end}"
        clean = plain.text(text)
        assert secret not in clean
        assert clean.startswith(before)
        assert clean.endswith(after + end)


@pytest.mark.parametrize(
    "kind", ["RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
)
def test_a_private_key_goes_whole(kind: str) -> None:
    block = pem(kind)
    secret_lines = block.splitlines()[1:-1]
    numbered = "\n".join(f"{number}: {line}" for number, line in enumerate(block.splitlines(), 1))
    quoted = "\n".join(f'  "{line}\\n"' for line in block.splitlines())
    added = "\n".join(f"+{line}" for line in block.splitlines())
    for shown in (block, block.replace("\n", "\\n"), block.replace("\n", "\\\\n"), numbered, quoted, added):
        clean = plain.text(f"before\n{shown}\nafter")
        assert not [line for line in secret_lines if line in clean]
        assert clean.startswith("before\n")
        assert clean.endswith("\nafter")


def test_a_private_key_that_was_cut_off_goes_as_far_as_it_is_there() -> None:
    lines = pem("RSA PRIVATE KEY").splitlines()[:6]
    clean = plain.text("\n".join([*lines, "", "... (output cut) and then ordinary text follows."]))
    assert not [line for line in lines[1:] if line in clean]
    assert "output cut) and then ordinary text follows." in clean


def test_a_short_private_key_goes_too() -> None:
    assert "YWJj" not in plain.text("-----BEGIN RSA PRIVATE" + " KEY-----\nYWJjZGVm\n-----END RSA PRIVATE KEY-----")


def test_a_public_key_and_a_mention_of_a_private_one_stay() -> None:
    text = (
        "-----BEGIN PUBLIC KEY-----\n" + run(LETTERS, 64) + "\n-----END PUBLIC KEY-----\n"
        "if '-----BEGIN RSA PRIVATE" + " KEY-----' in text or '-----END RSA PRIVATE KEY-----' in text: pass\n"
    )
    assert plain.text(text).splitlines()[:3] == text.splitlines()[:3]
    assert plain.text(text).endswith("in text: pass\n")


ORDINARY = (
    "T-66be036f-c3f8-48a6-b9df-49061c2bc865",
    "https://ampcode.com/threads/T-66be036f-c3f8-48a6-b9df-49061c2bc865",
    "Amp-Thread-ID: https://ampcode.com/threads/T-66be036f-c3f8-48a6-b9df-49061c2bc865",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "key: 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "index 9fceb02..d0ae598 100644",
    "deepgram: 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "sentry 3e25960a79dbc69b674cd4ec67a72c62b1b2c2f1a3c7c7f6a0f3f6d6f9b0a1c2",
    "TU-9OJ3zxJGMyhsYwUYj8WuEK",
    "toolu_01zLZHMnew3s8sxm3qMp28zaNO",
    '"tool_use_id":"toolu_01zLZHMnew3s8sxm3qMp28zaNO"',
    "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "/home/someone/src/project/node_modules/@scope/package-name/dist/index.min.js",
    "token = get_token(request)",
    'password: string; token?: string | undefined; apiKey = process.env.API_KEY ?? "";',
    "password=os.environ['DB_PASSWORD'], secret=settings.SECRET_KEY",
    "export GITHUB_TOKEN=$(gh auth token)",
    "GITHUB_TOKEN=${{ secrets.GITHUB_TOKEN }}",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer <token>",
    '"input_tokens":16954,"cache_creation_input_tokens":123456789,"output_tokens":117',
    "max_tokens=12345678 keyboard=1",
    "a <password> element, an api_key parameter, the secret of success",
    "http://localhost:8080/a@b",
    "git@github.com:someone/project.git",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c0f0a08",
    "sk-folding-cube sk-chasing-dot sk-circle-fade",
    "npm_config_registry=https://registry.npmjs.org/ npm_lifecycle_event",
    "branch amp/fix-the-token-of-the-key/20260901-120000",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays(text: str) -> None:
    assert plain.text(text) == text
    assert plain.text(f'{{"a":"{text}"}}') == f'{{"a":"{text}"}}'


def test_ids_stay_beside_every_provider_name() -> None:
    ids = (str(uuid.UUID(int=0x1234567890ABCDEF << 64 | 0xABCDEF)), run(HEX, 40), run(HEX, 64), f"T-{uuid.UUID(int=7)}")
    for name in ("datadog", "heroku", "sentry", "linear", "deepgram", "wandb", "snyk", "hunter", "box", "discord"):
        for one in ids:
            assert plain.text(f"{name}: {one}") == f"{name}: {one}"


def test_pictures_stay() -> None:
    noise = base64.b64encode(bytes((index * index * 31 + index * 7) % 251 for index in range(200_000))).decode()
    zeros = base64.b64encode(bytes(index % 17 == 0 for index in range(100_000))).decode()
    for picture in (noise, zeros):
        assert plain.text(f"data:image/png;base64,{picture}") == f"data:image/png;base64,{picture}"


def test_recorded_streams_stay() -> None:
    for path in sorted((Path(__file__).parents[1] / "amp" / "streams").glob("*.jsonl")):
        text = path.read_text(encoding="utf-8")
        assert plain.text(text) == text, path.name


def test_a_header_of_okta_is_found_after_an_escaped_end_of_line() -> None:
    secret = "00" + run(LETTERS, 40)
    assert secret not in plain.text(json.dumps(f"one\nSSWS {secret}\ntwo"))


def test_a_value_is_redacted_through_four_layers_of_json() -> None:
    text, secret = 'password = "BRG27XiFWmc89!"', "BRG27XiFWmc89!"
    for _ in range(4):
        text = json.dumps(text)
        assert secret not in plain.text(text)
