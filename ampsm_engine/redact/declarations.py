"""Rules for secrets that a program's text, an address or a file of settings declares, beyond those of `contexts`."""

from collections.abc import Iterator

from ampsm_engine.redact.commands import GIVEN
from ampsm_engine.redact.rule import Finder, Rule
from ampsm_engine.redact.rule_parts import (
    BACK_TO_BEGINNING,
    BACK_TO_BOUNDARY,
    BARE_VALUE,
    BOUNDARY,
    GIVES_BESIDE,
    LINE_END,
    QUOTE,
    SPACE,
    TELLING_NAME,
    compiled,
    has_digit_or_sign,
    is_argument,
    is_config_value,
    is_given,
    is_random,
)

_VALUE = BARE_VALUE.replace(",256})", ",256}+)")
_NEW_LINE = r"(?:\\{1,6}[nr]|\s){1,3}"


def rules() -> Iterator[Finder]:
    """Every rule of this module."""
    yield from _code()
    yield from _addresses()
    yield from _settings()
    yield from _keys()


def _code() -> Iterator[Finder]:
    # connection.setPassword("X")
    names = ("setpassword(", "setpassphrase(", "setsecret(", "setapikey(", "settoken(", "setaccesstoken(")
    yield Rule(
        names,
        "assigned-secret",
        rf"\w{{3,16}}\({SPACE}{{0,3}}{QUOTE}([^\s\"'`\\]{{5,512}})(?={QUOTE})",
        is_secret=has_digit_or_sign,
    )
    yield Rule(
        "#define ",
        "assigned-secret",
        r"#define[ \t]{1,4}\w{0,60}(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|_PASS|_PWD|_KEY)[ \t]{1,8}"
        rf"{QUOTE}([^\s\"'`\\]{{5,256}})(?={QUOTE})",
        then=rf"(?=[ \t]{{0,4}}{TELLING_NAME}[ \t])",
        is_secret=has_digit_or_sign,
    )
    # The name and the value of a variable apart: - name: DB_PASSWORD, in the next line value: X; in JSON, too.
    yield Rule(
        ("password", "passwd", "passphrase", "_pwd", "_pass", "secret", "token", "_key"),
        "environment-secret",
        rf"[\w.-]{{0,20}}(?:{QUOTE})?,?{SPACE}{{0,24}}(?:{QUOTE})?(?i:value)(?:{QUOTE})?{SPACE}{{0,2}}[:=]"
        rf"{SPACE}{{0,2}}(?:{QUOTE})?([^\s\"'`\\<>]{{4,512}})",
        behind=True,
        then=GIVES_BESIDE,
        backwards=r"[\w.-]{0,80}(?:[\"']\\{0,15})?[ \t]{0,2}[:=][ \t]{0,2}(?:[\"']\\{0,15})?(?i:eman|yek)",
        is_secret=_is_literal,
    )


def _is_literal(value: str) -> bool:
    """Whether a variable is given a value of its own: no path, and not that of another, as `token.value`."""
    return is_given(value) and not compiled(r"[.~]{0,2}/|[A-Za-z_]+(?:\.[A-Za-z_]+)+[,;)]?$").match(value)


def _is_password(value: str) -> bool:
    """Whether a name that may have a way to log in as its value, as `oauth2` or `md5`, has a password."""
    return is_config_value(value) and not compiled(r"(?i)[a-z-]{2,}\d{1,3}$|.*(?:auth|sha\d|md\d)").match(value)


def _addresses() -> Iterator[Finder]:
    named = ("token", "access_token", "auth_token", "id_token", "refresh_token", "api_key", "apikey", "api_token")
    yield Rule(
        tuple(f"{before}{name}=" for name in named for before in "?&"),
        "url-token",
        r"[?&]\w{5,16}=([\w.~%+/=-]{6,2048})",
        is_secret=has_digit_or_sign,
    )
    yield Rule(
        tuple(f"{before}{name}=" for name in ("key", "code", "sig", "hmac") for before in "?&"),
        "url-token",
        r"[?&]\w{3,4}=([\w.~%+/=-]{20,2048})",
        is_secret=is_random,
    )


def _settings() -> Iterator[Finder]:
    yield Rule(
        ("pass=", "pass =", "pass:", "pwd=", "pwd =", "pwd:", "pw=", "pw:"),
        "assigned-secret",
        rf"\w{{2,4}}[ ]?(?:=|:[ \t])[ \t]{{0,8}}(?:{QUOTE})?{_VALUE}(?:{QUOTE})?{LINE_END}",
        backwards=rf"(?:[\w.-]{{0,40}}[_.-])?(?: tropxe)?[ \t+>*-]{{0,24}}{BACK_TO_BEGINNING}",
        is_secret=is_config_value,
    )
    yield Rule(
        "auth=",
        "assigned-secret",
        rf"AUTH=(?:{QUOTE})?{_VALUE}(?:{QUOTE})?{LINE_END}",
        then=r"(?=[^\s=]{5})",
        backwards=rf"(?:_[A-Z0-9_]{{0,60}})?{BACK_TO_BOUNDARY}",
        is_secret=_is_password,
    )
    yield Rule(
        "pin=",
        "assigned-secret",
        rf"PIN=(?:{QUOTE})?(\d{{4,12}})(?:{QUOTE})?{LINE_END}",
        then=rf"(?=(?:{QUOTE})?\d{{4}})",
        backwards=rf"(?:_[A-Z0-9_]{{0,60}})?{BACK_TO_BOUNDARY}",
    )
    yield Rule(
        "private_key_id",
        "private-key-id",
        rf"private_key_id(?:{QUOTE})?{SPACE}{{0,3}}[:=]{SPACE}{{0,3}}{QUOTE}([0-9a-f]{{40}})(?={QUOTE})",
    )
    yield Rule(":_auth=", "npm-auth", rf":_auth=(?:{QUOTE})?([\w+/=-]{{6,2000}})", is_secret=is_given)
    yield Rule(
        ("npmauthtoken", "npmauthident"),
        "npm-auth",
        rf"npmAuth(?:Token|Ident)(?:{QUOTE})?[:=]{SPACE}{{0,4}}{GIVEN}",
        is_secret=is_argument,
    )
    yield Rule(
        ("psk=", "wpa-psk "),
        "wifi-password",
        rf"(?:wpa-)?psk[ =](?:{QUOTE})?([^\s\"'`\\]{{8,64}})",
        backwards=BACK_TO_BOUNDARY,
        is_secret=is_given,
    )
    yield Rule(
        "app_key",
        "application-key",
        rf"(?i:app_key)(?:{QUOTE})?{SPACE}{{0,3}}[=:]{SPACE}{{0,3}}(?:{QUOTE})?((?:base64:)?[\w+/=-]{{20,512}})",
        is_secret=is_random,
    )


def _keys() -> Iterator[Finder]:
    yield Rule(
        "presharedkey", "wireguard-key", rf"(?i:presharedkey){SPACE}{{0,4}}=[ \t]{{0,4}}([A-Za-z0-9+/]{{42,43}}=)"
    )
    yield Rule(
        "private-lines:",
        "private-key",
        rf"Private-Lines:[ ]?\d{{1,3}}{_NEW_LINE}((?:[A-Za-z0-9+/=]{{16,80}}+{_NEW_LINE}){{0,60}}"
        r"[A-Za-z0-9+/=]{4,80}(?![\w-]))",
    )
    # The private part of a key in JSON (RFC 7517).
    yield Rule(
        ('"d"', '"d\\', '"k"', '"k\\'),
        "private-key",
        rf"\"[dk]{QUOTE}{SPACE}{{0,3}}:{SPACE}{{0,3}}{QUOTE}([\w-]{{43,1400}})(?={QUOTE})",
        is_secret=is_random,
    )
    phrase = r"(?:[a-z]{3,8}[ ]){11,23}[a-z]{3,8}"
    yield Rule(
        ("mnemonic", "seed phrase", "seed_phrase", "seedphrase", "recovery phrase", "recovery_phrase"),
        "seed-phrase",
        rf"{BOUNDARY}[A-Za-z]{{4,10}}[ _]?[A-Za-z]{{0,6}}(?:{QUOTE})?{SPACE}{{0,3}}[:=]{SPACE}{{0,3}}(?:{QUOTE})?"
        rf"({phrase})(?![\w-])",
    )
