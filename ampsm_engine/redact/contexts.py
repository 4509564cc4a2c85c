"""Rules for secrets without a shape of their own: what stands before them says what they are.

Command lines (`commands.py`), lines of configuration in the syntaxes that people use, cookies, the files in which
programs keep passwords. Blanks, line ends and colours count also as JSON, C or a shell write them.
"""

import itertools
from collections.abc import Iterator

from ampsm_engine.redact import commands
from ampsm_engine.redact.commands import CookieHeader
from ampsm_engine.redact.rule import Finder, Rule
from ampsm_engine.redact.rule_parts import (
    BACK_TO_BEGINNING,
    BACK_TO_BOUNDARY,
    BARE_VALUE,
    BOUNDARY,
    GIVES,
    LINE_END,
    QUOTE,
    SPACE,
    compiled,
    has_digit_or_sign,
    is_config_value,
    is_given,
    is_passphrase,
    is_random,
)


def rules() -> Iterator[Finder]:
    """Every rule of this module and of `commands`."""
    return itertools.chain(commands.rules(), _configuration(), _files(), _web())


_BACK_TO_LINE_START = rf"[\w.\[\]-]{{0,80}}(?: tropxe| tes| VNE| GRA| -)?[ \t+>*-]{{0,24}}{BACK_TO_BEGINNING}"
_ASSIGNED = rf"(?:{QUOTE})?\]?{SPACE}{{0,3}}(?:=>|:=|=|:){SPACE}{{0,3}}{QUOTE}"


_FOREIGN = (
    "passwort",
    "kennwort",
    "contraseña",
    "contrase\\u00f1a",
    "contrase\\\\u00f1a",
    "contrasena",
    "mot_de_passe",
    "senha",
    "wachtwoord",
)
"""The word password as configurations of other countries have it."""


_NAMES = ("password", "passwd", "passphrase", "_pwd", "_pass", ".pass", "secret", *_FOREIGN)


def _configuration() -> Iterator[Finder]:
    return itertools.chain(_bare_values(), _joined_values(), _quoted_values(), _keys())


def _bare_values() -> Iterator[Rule]:
    # A line of its own in an env, ini, properties, toml or yaml file. What is no value's goes no step back, but to a #.
    value, to_hash = BARE_VALUE.replace(",256})", ",256}+)"), r"(?=[^\s\x00-\x1f\"'`\\,;(){}<>#]{0,257}+#)"
    yield Rule(
        _NAMES,
        "assigned-secret",
        rf"[ \t]{{0,8}}(?:=|:[ \t])[ \t]{{0,8}}(?:{value}{LINE_END}|{to_hash}{BARE_VALUE}{LINE_END})",
        behind=True,
        then=GIVES,
        backwards=_BACK_TO_LINE_START,
        is_secret=is_config_value,
    )
    # Within braces: {password: X, name: y}
    yield Rule(
        _NAMES,
        "assigned-secret",
        rf":[ ]{{1,4}}{value}(?=[ ]?[,}}])",
        behind=True,
        then=GIVES,
        backwards=r"[\w.-]{0,40}[ ]{0,4}[{,]",
        is_secret=is_config_value,
    )
    # An argument: -e db_password=X, --from-literal=password=X
    yield Rule(
        _NAMES,
        "assigned-secret",
        rf"={value}(?=[\s\x1b\"'`\\]|$)",
        behind=True,
        then=GIVES,
        backwards=r"[\w.-]{0,60}(?:[\s\"'=]|[nrt]\\)",
        is_secret=is_config_value,
    )
    # Quoted and too short for any other rule.
    yield Rule(
        _NAMES,
        "assigned-secret",
        rf"{_ASSIGNED}([^\s\"'`\\]{{5,7}})(?={QUOTE})",
        behind=True,
        then=GIVES,
        is_secret=is_config_value,
    )


def _joined_values() -> Iterator[Rule]:
    # Shells and env files: a name in capital letters is given a value, whatever it looks like.
    yield Rule(
        _NAMES,
        "environment-secret",
        rf"=(?:{QUOTE})?([^\s\"'`\\;&|<>(){{}}$,][^\s\"'`\\;&|<>(){{}}$]{{3,512}})",
        behind=True,
        then=GIVES,
        spelt=str.upper,
        backwards=rf"[A-Z0-9_]{{0,60}}{BACK_TO_BOUNDARY}",
        is_secret=is_given,
    )
    # A connection's words: Server=x;User=y;Password=z;   and   ?user=x&password=y
    yield Rule(
        _NAMES,
        "connection-password",
        r"=([^\s\"'`\\;&<>${]{3,256})",
        behind=True,
        then=GIVES,
        backwards=r"[\w.]{0,20}[ ]?(?:[?&;]|6200u|;pma&)",
        is_secret=is_given,
    )


def _quoted_values() -> Iterator[Rule]:
    # name="password" value="x"
    yield Rule(
        _NAMES,
        "assigned-secret",
        rf"[\w.-]{{0,20}}{QUOTE}{SPACE}{{1,8}}(?i:value|content){SPACE}{{0,2}}={SPACE}{{0,2}}{QUOTE}"
        rf"([^\s\"'`\\<>]{{4,512}})",
        behind=True,
        then=GIVES,
        backwards=r"[\w.:-]{0,80}[\"']\\{0,15}[ \t]{0,2}=[ \t]{0,2}(?i:eman|yek|di)",
        is_secret=is_given,
    )
    # Quoted, and made of words: correct-horse-battery-staple.
    yield Rule(
        _NAMES,
        "assigned-secret",
        rf"{_ASSIGNED}([A-Za-z][A-Za-z._ -]{{12,200}}[A-Za-z])(?={QUOTE})",
        behind=True,
        then=GIVES,
        is_secret=is_passphrase,
    )


def _keys() -> Iterator[Finder]:
    yield Rule(
        (
            "pwd=",
            "pwd =",
        ),
        "connection-password",
        r"(?i:pwd)[ ]?=[ ]?([^\s\"'`\\;&<>${]{3,256})",
        backwards=r"[ ]?;",
        is_secret=is_given,
    )
    quoted = rf"{SPACE}{{0,3}}(?:=>|:=|=|:){SPACE}{{0,3}}(?i:[bfru]?){QUOTE}"
    for anchor in (
        "secret_key",
        "secret-key",
        "secretkey",
        "client_secret",
        "clientsecret",
        "client-secret",
        "app_secret",
    ):
        yield Rule(
            anchor,
            "assigned-secret",
            rf"(?i:{anchor}(?:_base)?)(?:{QUOTE})?\]?{quoted}([^\s\"'`\\]{{16,512}})",
            is_secret=is_random,
        )
    for anchor in ("client_secret", "clientsecret", "client-secret"):
        yield Rule(
            anchor,
            "assigned-secret",
            rf"(?i:{anchor})(?:{QUOTE})?{quoted}([A-Za-z0-9~_.-]{{16,512}})(?={QUOTE})",
            is_secret=is_random_word,
        )
    yield Rule("django-insecure-", "django-secret-key", r"django-insecure-([^\s\"'`\\]{20,256})")
    # define('DB_PASSWORD', 'x'), also WordPress's keys and salts.
    yield Rule(
        "define(",
        "assigned-secret",
        rf"(?i:define)\({SPACE}{{0,3}}{QUOTE}[\w-]{{0,40}}(?:PASS(?:WORD|WD)?|PWD|SECRET|TOKEN|KEY|SALT|CREDENTIALS?){QUOTE}"
        rf"{SPACE}{{0,3}},{SPACE}{{0,8}}{QUOTE}([^\r\n\"'\\]{{4,256}})",
        is_secret=is_given,
    )


def is_random_word(value: str) -> bool:
    """Whether a word of letters alone is no word: it has too few vowels for one, or a case that changes too often."""
    if not is_given(value) or compiled(r"(?i)client|secret|placeholder|value|example").search(value):
        return False
    return len(value) >= 20 and bool(compiled(r"[A-Za-z]{16,}|\d").search(value)) and "_" not in value


_PRIVATE = "UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW"
"""The words PRIVATE KEY in base 64, as they come out at each of three places."""


def _files() -> Iterator[Finder]:
    word = r"[^\s\"'`\\]{1,256}"
    apart = rf"{SPACE}{{1,20}}"
    login = rf"(?:{apart}(?:login|user|account|port){apart}{word}){{0,3}}{apart}password{apart}"
    yield Rule(
        "machine",
        "netrc-password",
        rf"{BOUNDARY}machine{SPACE}{{1,20}}{word}{login}([^\s\"'`\\]{{1,256}})",
        then=rf"(?={SPACE}{{1,20}}[^\s\"'`\\]{{1,256}}{SPACE}{{1,20}}(?:login|user|account|port|password))",
        is_secret=is_given,
    )
    yield Rule(
        "default",
        "netrc-password",
        rf"{BOUNDARY}default{SPACE}{{1,20}}login{SPACE}{{1,20}}{word}{SPACE}{{1,20}}password{SPACE}{{1,20}}([^\s\"'`\\]{{1,256}})",
        then=rf"(?={SPACE}{{1,20}}login)",
        is_secret=is_given,
    )
    yield Rule(
        "client-key-data",
        "kubeconfig-key",
        rf"client-key-data(?:{QUOTE})?{SPACE}{{0,3}}:{SPACE}{{0,8}}(?:{QUOTE})?([A-Za-z0-9+/=]{{16,16000}})",
    )
    yield Rule(
        "ls0tls1crudjti",
        "private-key",
        rf"((?=[A-Za-z0-9+/]{{14,82}}?(?:{_PRIVATE}))LS0tLS1CRUdJTi[A-Za-z0-9+/=]{{40,16000}})",
    )
    yield Rule(
        "auth",
        "docker-auth",
        rf"auth{QUOTE}{SPACE}{{0,3}}:{SPACE}{{0,3}}{QUOTE}([A-Za-z0-9+/]{{6,2000}}={{0,2}})(?={QUOTE})",
        then=rf"(?={QUOTE}{SPACE}{{0,3}}:)",
        backwards=r"[\"']",
        is_secret=_is_basic,
    )
    yield Rule(
        "_auth",
        "npm-auth",
        r"_auth[ ]?=[ ]?(?:\\{0,15}\")?([A-Za-z0-9+/]{6,2000}={0,2})",
        then="(?=[ ]?=)",
        is_secret=_is_basic,
    )
    # .pgpass: host:port:database:user:password
    yield Rule(
        (
            ":5432:",
            ":5433:",
            ":5434:",
            ":6432:",
            ":*:",
        ),
        "pgpass-password",
        rf":(?:\d{{4,5}}|\*):[\w*.-]{{1,63}}:[\w*.@-]{{1,63}}:([^\s\"'`\\:]{{3,256}}){LINE_END}",
        backwards=rf"(?:\*:)?[\w.*/-]{{1,200}}[ \t+>-]{{0,8}}{BACK_TO_BEGINNING}",
        is_secret=is_given,
    )
    yield from _hashes()


def _hashes() -> Iterator[Finder]:
    letters = "[./A-Za-z0-9]"
    for anchors, pattern in (
        (("$2a$", "$2b$", "$2x$", "$2y$"), rf"\$2[abxy]\$\d\d\${letters}{{53}}"),
        (("$apr1$", "$1$"), rf"\$(?:apr1|1)\${letters}{{1,16}}\${letters}{{22}}"),
        (("$5$", "$6$"), rf"\$[56]\$(?:rounds=\d{{1,9}}\$)?{letters}{{1,16}}\${letters}{{43,86}}"),
        (("$y$", "$7$"), rf"\$[y7]\${letters}{{1,16}}\${letters}{{1,86}}\${letters}{{43}}"),
        (
            ("$argon2",),
            r"\$argon2(?:id|i|d)\$(?:v=\d{1,3}\$)?[\w=,]{1,60}\$[A-Za-z0-9+/]{8,100}\$[A-Za-z0-9+/]{16,200}",
        ),
        (("pbkdf2_sha",), r"pbkdf2_sha\d{1,3}\$\d{1,8}\$\w{4,64}\$[A-Za-z0-9+/]{20,100}={0,2}"),
        (("scrypt:",), r"scrypt:\d{3,8}:\d{1,3}:\d{1,3}\$\w{4,64}\$[0-9a-f]{64,256}"),
        (("{sha}", "{ssha}", "{ssha512}"), r"\{S?SHA(?:256|512)?\}[A-Za-z0-9+/]{27,120}={0,2}"),
    ):
        yield Rule(list(anchors), "password-hash", f"({pattern})")


def _is_basic(value: str) -> bool:
    """Whether a text in base 64 decodes to `name:password`."""
    found = _decoded(value)
    return b":" in found[1:] and bool(found) and all(32 <= byte < 127 for byte in found)


def _decoded(value: str) -> bytes:
    import base64  # for the few texts that hold what may be some

    try:
        return base64.b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return b""


def _web() -> Iterator[Finder]:
    yield CookieHeader()
    yield Rule(
        (
            "x-vault-token",
            "x-auth-token",
            "x-api-key",
            "x-gitlab-token",
            "x-access-token",
            "private-token",
            "job-token",
        ),
        "token-header",
        rf"[A-Za-z-]{{8,20}}(?:{QUOTE})?[ \t]{{0,4}}[:=,][ \t]{{0,4}}(?:{QUOTE})?([\w.~+/=-]{{8,2048}})",
        is_secret=has_digit_or_sign,
    )
    yield Rule(
        "otpauth://",
        "otpauth-secret",
        r"(?i:otpauth)://[^\s\"'`\\<>]{0,400}?[?&;](?:amp;)?secret=([A-Za-z2-7]{8,256}={0,6})",
    )
    yield Rule("1//0", "google-refresh-token", BOUNDARY + r"(1//0[A-Za-z0-9_-]{20,512})")
    # Addresses that are signed: of Amazon, Google, CloudFront, Alibaba, Azure.
    yield Rule(
        "signature=",
        "url-signature",
        r"(?i:signature)=([A-Za-z0-9%+/=_~-]{20,1024})",
        then="(?=[a-z0-9%+/=_~-]{20})",
        backwards=r"(?i:-(?:zma|goog|sso|soc|sot)(?:-x)?)?[ ]?(?:[?&;,]|6200u|;pma)",
    )
    yield Rule("x-amz-security-token=", "aws-session-token", r"(?i:x-amz-security-token)=([A-Za-z0-9%+/=_-]{16,4096})")
    yield Rule(
        (
            "x-amz-signature",
            "x-goog-signature",
        ),
        "url-signature",
        rf"(?i:x-(?:amz|goog)-signature)(?:{QUOTE})?{SPACE}{{0,2}}[:=]{SPACE}{{0,2}}(?:{QUOTE})?([0-9a-f]{{40,1024}})",
    )
