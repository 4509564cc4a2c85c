"""The secrets of the environment are known by their variables' names and found in every form; other values stay."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ampsm_engine.redact import Redactor, environment
from tests.conftest import examples
from tests.redact.samples import pem

SECRET_NAMES = (
    *(
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "OPENAI_API_KEY",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "SENTRY_DSN",
    ),
    *("STRIPE_KEY", "NPM_AUTH", "npm_config__authToken", "PRIVATE_KEY", "CREDENTIALS", "KEY", "TOKEN", "AMP_API_KEY"),
    *("GH_PAT", "SMTP_PASS", "ENCRYPTION_KEYS", "APP_SECRET_2", "SESSION_COOKIE", "VAULT_PASSPHRASE", "AUTH_HEADER"),
)
HARMLESS = {
    "SSH_AUTH_SOCK": "/tmp/ssh-XXXX1234/agent.42",
    "XAUTHORITY": "/home/someone/.Xauthority7",
    "GPG_AGENT_INFO": "/run/user/1000/gnupg/S.gpg-agent:0:1",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/someone/key-1.json",
    "KEYBOARD_LAYOUT": "de-latin1-nodeadkeys",
    "KEYMAP": "us-intl-12345",
    "GIT_AUTHOR_NAME": "Some Body 1984",
    "GIT_AUTHOR_EMAIL": "some.body1@example.org",
    "TOKENIZERS_PARALLELISM": "disabled-1",
    "PWD": "/home/place/project-1",
    "OLDPWD": "project-12345",
    "SECRET_TTL": "86400000",
    "TOKEN_URL": "https://example.org/token1",
    "AUTH_TYPE": "basicauth-2",
    "API_TOKEN": "short",
    "DB_PASSWORD": "postgres",
    "SOME_KEY": "production",
    "MONKEY_BUSINESS": "banana-12345",
    "EDITOR": "vim-9.1.0",
    "HOTKEY": "ctrlaltdelete",
    "THREAD_KEY": "T-66be036f-c3f8-48a6-b9df-49061c2bc865",
    "MASK_SECRET": "********",
}


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_named_variable_is_known(name: str) -> None:
    assert Redactor({name: "velvet-Quartz-19"}).text("say velvet-Quartz-19.") == "say [redacted:environment]."


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_variable_stays(name: str) -> None:
    value = HARMLESS[name]
    assert Redactor({name: value}).text(f"see {value} there") == f"see {value} there"


def test_a_file_that_exists_is_a_path(tmp_path: Path) -> None:
    assert not environment.secrets({"MY_KEY": str(tmp_path)})


def test_a_password_in_an_address_is_a_secret_on_its_own() -> None:
    redactor = Redactor({"DATABASE_URL": "postgres://app:Tr0ub4dor&3x@db/x"})
    assert redactor.text("the password is Tr0ub4dor&3x") == "the password is [redacted:environment]"


@settings(max_examples=examples(40))
@given(st.text(min_size=8, max_size=40).filter(lambda value: value.strip() == value))
def test_every_form_of_a_value_is_found(value: str) -> None:
    assume(environment.secrets({"A_TOKEN": value}))
    redactor = Redactor({"A_TOKEN": value})
    raw = value.encode("utf-8", "surrogatepass" if any("\ud800" <= c <= "\udfff" for c in value) else "strict")
    once = json.dumps({"a": f"x {value} y"})
    forms = [
        f"x {value} y",
        once,
        json.dumps({"a": f"x {value} y"}, ensure_ascii=False),
        json.dumps({"content": once}),
        f"?q={quote(raw, safe='')}&",
        f"?q={quote_plus(raw)}&",
    ]
    for form in forms:
        assert "[redacted:" in redactor.text(form), form
    for form in forms[1:4]:
        json.loads(redactor.text(form))


@pytest.mark.parametrize("around", ["", "u:", "me:", "user:"])
def test_base64_is_seen_through(around: str) -> None:
    redactor = Redactor({"A_TOKEN": "velvet-Quartz-19!"})
    whole = base64.b64encode(f"{around}velvet-Quartz-19!{around}".encode()).decode()
    clean = redactor.text(f"sent {whole} away")
    assert "[redacted:environment]" in clean
    assert len(clean.replace("[redacted:environment]", "")) < len("sent  away") + 9 + len(around) * 3


def test_a_value_of_many_lines_is_found_line_by_line() -> None:
    key = pem("RSA PRIVATE KEY", 3)
    redactor = Redactor({"DEPLOY_KEY": key})
    shown = "\n".join(f"{number:4} | {line}" for number, line in enumerate(key.splitlines()[1:-2]))
    clean = redactor.text(shown)
    assert not [line for line in key.splitlines()[1:-2] if line in clean]


def test_the_longer_of_two_values_goes_whole() -> None:
    redactor = Redactor({"A_TOKEN": "velvet-Quartz", "B_TOKEN": "velvet-Quartz-19"})
    assert redactor.text("velvet-Quartz-19 velvet-Quartz") == "[redacted:environment] [redacted:environment]"


def test_the_process_knows_its_own_environment() -> None:
    program = "from ampsm_engine import redact; print(redact.text('a velvet-Quartz-19 b'))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"MY_SECRET": "velvet-Quartz-19", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "a [redacted:environment] b\n"
