"""The rules of our own: what the maintained set misses, or takes too much or too little of; and whole private keys."""

import itertools
from collections.abc import Iterator, Sequence

from ampsm_engine.redact import contexts, declarations
from ampsm_engine.redact.rule import Finder, Rule, ScannedText, SecretSpan, unquoted
from ampsm_engine.redact.rule_parts import BOUNDARY, GIVES, QUOTE, SPACE, compiled, is_ordinary

WIDEST = 20 * 1024
"""Characters that a match of any rule, ours or not, may span; a test holds them to it."""

KEY_NAME = "private-key"
LONGEST = 48 * 1024
"""Characters of a block that are looked at: an RSA key of 16,384 bits is a quarter of it."""

_BEGIN = "(?i)-----BEGIN[ A-Z0-9_-]{0,64}PRIVATE KEY(?: BLOCK)?-----"
_END = "(?i)-----END[ A-Z0-9_-]{0,64}KEY(?: BLOCK)?-----"
_RUN = "[A-Za-z0-9+/=]{16,}"
_ESCAPED = r"\\+[nrt]|[\s\"'+,]"
_LINE = r"(?:\\{1,6}[nrt]|\s){1,8}(?:\d{1,6}[:|→\t ]{1,4}|[>+|*# ]{1,4})?"
_CUT_OFF = (
    rf"(?:{_LINE}[A-Za-z-]{{3,20}}: [\w,. -]{{1,120}}){{0,4}}(?:{_LINE}[A-Za-z0-9+/=]{{16,160}}(?![\w.])){{0,600}}"
    rf"(?:{_LINE}[A-Za-z0-9+/=]{{1,80}}(?![\w.]))?"
)

_PLAIN = r"""[^\s"'`\\]"""
_VALUE = rf"""({_PLAIN}{{8,512}}+(?=[\s"'`]|\Z)|(?:{_PLAIN}|\\\\|\\/|\\u[0-9a-fA-F]{{4}}){{8,512}})"""
"""A value. Without an escape, as nearly always, it is read as one run: letter by letter takes ten times as long."""

_WORDS = (
    *("token", "secret", "password", "passwd", "passphrase", "pwd"),
    *("apikey", "api_key", "api-key", "accesskey", "access_key", "access-key", "authkey", "auth_key", "auth-key"),
    *(
        "privatekey",
        "private_key",
        "private-key",
        "signing_key",
        "signing-key",
        "encryption_key",
        "master_key",
        "credential",
        "credentials",
    ),
)
"""What a name that is given a secret ends with."""

_TYPE = r"[ ]?(?:&'static[ ])?[&\w][\w<>?.]{2,23}[ ]{1,2}"
"""The type of a variable, which some languages have between its name and its value."""

_TAIL = r"(?:[_-]?(?:access[_-]?)?key)?(?:[_-]?base)?"
_PLACEHOLDER = (
    r"(?i)[$<{(\[]|%[a-z({]|\*{3}|x+$|\.{3}|/[\w.-]+(?:/|$)|\.{1,2}/|~/|[a-z]:\\|[a-z+]+://"
    r"|(?:your|env|process|os|self)[^a-z]"
)
_CALL = r"\.{3}|…|\w[(\[]|\{\w*\}|%s|->|::"
_MEANT = r"[\d+/=~!@#%^&*?|]"
_SIGN = r"[+/=~!@#%^&*?|]"


def _is_value(value: str) -> bool:
    """Whether a quoted value reads like a secret: no placeholder, no path, no plain word."""
    return (
        not compiled(_PLACEHOLDER).match(value)
        and not compiled(_CALL).search(value)
        and bool(compiled(_MEANT).search(value))
    )


def _is_bare_value(value: str) -> bool:
    """Whether a value without quotes reads like a secret and not like the name of a variable."""
    return (
        _is_value(value)
        and not value.isdigit()
        and (bool(compiled(_SIGN).search(value)) or len(compiled(r"\d").findall(value)) >= 3)
    )


def _is_given(value: str) -> bool:
    """Whether a value of an environment variable reads like one, and not like a reference to another."""
    return not compiled(_PLACEHOLDER).match(value) and not is_ordinary(value)


def _has_digit(value: str) -> bool:
    return bool(compiled(r"\d").search(value))


def rules() -> Iterator[Finder]:
    """Every rule of our own."""
    return itertools.chain(
        _tokens(), _addresses(), _headers(), _assignments(), contexts.rules(), declarations.rules(), (PrivateKey(),)
    )


def _tokens() -> Iterator[Finder]:
    # amp's own key, and the secret in the address of its login page: no rule set knows them.
    yield Rule("sgamp_", "amp-key", r"sgamp_[A-Za-z0-9_-]{8,512}")
    yield Rule("authtoken=", "amp-login-token", r"(?i:authToken)=([\w~%+/-][\w.~%+/-]{7,2047})")
    # Upstream asks for marks inside the token, or one exact length, which examples and newer tokens lack.
    yield Rule(
        "sk-",
        "sk-key",
        BOUNDARY + r"(sk-(?:(?:proj|svcacct|admin|ant|or|lf|live|test|api|None)[A-Za-z0-9]{0,8}-[A-Za-z0-9_-]{16,512}"
        r"|[A-Za-z0-9]{20,128}(?![\w-])))",
        then=r"(?=(?:proj|svcacct|admin|ant|or|lf|live|test|api|none)[a-z0-9]{0,8}-[a-z0-9_-]{16}|[a-z0-9]{20})",
    )
    yield Rule("github_pat_", "github-fine-grained-pat", r"github_pat_\w{20,255}")
    yield Rule(
        (
            "xoxb-",
            "xoxp-",
            "xoxa-",
            "xoxr-",
            "xoxe-",
            "xoxe.",
            "xoxc-",
            "xoxd-",
            "xoxs-",
        ),
        "slack-token",
        r"xox[a-z](?:\.xox[bp])?-[A-Za-z0-9/+%-]{10,512}",
    )
    yield Rule("eyj", "jwt", BOUNDARY + r"(eyJ[\w-]{8,4096}+\.ey[\w-]{4,8000}+\.[\w-]{0,2048}(?:\.[\w-]{1,2048}){0,2})")
    yield Rule("hf_", "huggingface-access-token", BOUNDARY + r"(hf_[A-Za-z0-9]{30,64})(?!\w)", then="(?=[a-z0-9]{30})")
    yield Rule("sgp_", "sourcegraph-access-token", BOUNDARY + r"(sgp_[A-Za-z0-9_]{20,200})(?!\w)")
    yield Rule("gocspx-", "google-oauth-client-secret", r"GOCSPX-[\w-]{20,64}")
    yield Rule("ya29.", "google-oauth-token", r"ya29\.[\w-]{20,2048}")
    yield Rule("whsec_", "stripe-webhook-secret", r"whsec_[A-Za-z0-9+/=]{20,128}")
    yield Rule(
        "azdo",
        "azure-devops-token",
        BOUNDARY + r"([A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4})(?!\w)",
        back=(76, 76),
        then="(?<=[a-z0-9]{76}azdo)",
    )
    yield from _tokens_without_a_provider()
    yield Rule(
        ":aa",
        "telegram-bot-token",
        BOUNDARY + r"(\d{8,10}:AA[\w-]{30,40})(?![\w-])",
        back=(8, 10),
        then=r"(?<=\d{8}:aa)",
    )
    yield Rule(
        _discord_beginnings(),
        "discord-bot-token",
        BOUNDARY + r"([MNO][\w-]{22,27}\.[\w-]{6,7}\.[\w-]{27,45})(?!\w)",
        then=r"(?=[\w-]{19,24}\.)",
    )
    yield Rule("/api/webhooks/", "discord-webhook", r"/api/webhooks/\d{15,21}/([\w-]{40,100})")


def _tokens_without_a_provider() -> Iterator[Finder]:
    # Upstream finds these only after the provider's name, though each has a shape that is all its own.
    for name, beginning, rest in (
        ("mailgun-private-api-token", "key-", "[0-9a-f]{32}"),
        ("new-relic-user-api-key", "NRAK-", "[A-Z0-9]{27}"),
        ("new-relic-insert-key", "NRII-", "[A-Za-z0-9-]{32}"),
        ("contentful-management-token", "CFPAT-", r"[\w-]{43}"),
        ("typeform-api-token", "tfp_", r"[\w.=-]{39,63}\w"),
        ("netlify-access-token", "nfp_", "[A-Za-z0-9]{36,40}"),
        ("notion-api-token", "secret_", "[A-Za-z0-9]{43}"),
        ("notion-api-token", "ntn_", "[A-Za-z0-9]{40,50}"),
        ("yandex-api-key", "AQVN", r"[\w-]{35,38}"),
        ("crates-io-api-key", "cio", "[A-Za-z0-9]{32}"),
        ("telnyx-api-v2-key", "KEY0", r"[0-9A-Fa-f]{31}_[A-Za-z0-9_-]{22}"),
        ("sentry-token", "sntry", "[a-z]_[A-Za-z0-9+/=_-]{20,1024}"),
        ("tailscale-key", "tskey-", r"(?:auth|client|api|scim|webhook)-[A-Za-z0-9-]{16,128}"),
        ("heroku-api-key", "HRKU-", r"[\w-]{36,80}"),
        ("fly-access-token", "fo1_", r"[\w-]{43}"),
        ("fly-access-token", "fm2_", r"[A-Za-z0-9+/]{60,1200}={0,2}"),
        ("atlassian-api-token", "ATATT3", r"[\w=-]{50,250}"),
        ("atlassian-access-token", "ATCTT3", r"[\w=-]{50,250}"),
        ("bitbucket-app-password", "ATBB", "[A-Za-z0-9]{28,40}"),
    ):
        yield Rule(beginning.lower(), name, rf"{BOUNDARY}({beginning}{rest})(?![\w-])", then=rf"(?=(?i:{rest}))")
    yield Rule("ssws", "okta-access-token", BOUNDARY + r"SSWS[ \t]{1,4}([\w=-]{20,128})")
    yield Rule(
        "-us",
        "mailchimp-api-key",
        rf"{BOUNDARY}([0-9a-f]{{32}}-us\d{{1,2}})(?!\w)",
        back=(32, 32),
        then=r"(?<=[0-9a-f]{32}-us)",
    )


def _discord_beginnings() -> list[str]:
    """A bot's token begins with its number in base 64: what three digits can become."""
    return ["".join(letters) for letters in itertools.product("mno", "dtjz", "aeimquycgk", "wxyz012345")]


_NAMED_USER = r"(?=[^\s:/@\"'`\\<>]{0,512}+(?::[^\s/@\"'`\\<>]{0,512}+)?@)"
"""What follows :// where an address has a user or a password."""


def _addresses() -> Iterator[Finder]:
    # Only the password, for any scheme: who and where stays readable.
    yield Rule(
        "://",
        "url-password",
        r"""://[^\s:/@"'`\\<>]{0,256}:([^\s/"'`\\<>]{1,512})@(?=[\w\[.])""",
        then=_NAMED_USER,
        is_secret=lambda value: not compiled(r"[${<%]|\*+$|x+$|\.+$").match(value),
    )
    yield Rule("://", "url-token", r"://([A-Za-z0-9_-]{20,512})@(?=\w)", then=_NAMED_USER, is_secret=_has_digit)
    yield Rule("sig=", "url-signature", r"(?:(?<=[?&;])|(?<=u0026))(?i:sig)=([A-Za-z0-9%+/=_-]{32,256})")


def _headers() -> Iterator[Finder]:
    # Whatever the token looks like, the header says what it is.
    opening = rf"(?:{QUOTE})?[ \t]{{0,4}}[:=,][ \t]{{0,4}}(?:{QUOTE})?"
    yield Rule(
        "authorization",
        "authorization-header",
        rf"(?i:authorization){opening}(?i:bearer|basic|token|bot|apikey|digest|negotiate|aws4-hmac-sha256)"
        r"[ \t]{1,4}([\w.~+/=:-]{6,4096})",
        then=r"(?=[\\\"'` \t:=,])",
    )
    yield Rule(
        "bearer",
        "bearer-token",
        BOUNDARY + r"(?i:bearer)[ \t]{1,4}([\w.~+/=-]{16,4096})",
        then=r"(?=[ \t]{1,4}[\w.~+/=-]{16})",
        is_secret=_has_digit,
    )


def _assignments() -> Iterator[Finder]:
    # A name that says secret, given a value: what the maintained set leaves to its entropy filter.
    tail = rf"{_TAIL}(?:{QUOTE})?\]?{SPACE}{{0,3}}"
    for name, pattern, spelt, is_secret in (
        (
            "assigned-secret",
            rf"{tail}(?:=>|:=|=|:(?:{_TYPE}=)?){SPACE}{{0,3}}(?i:[bfru]?){QUOTE}{_VALUE}",
            None,
            _is_value,
        ),
        (
            "assigned-secret",
            rf"{_TAIL}(?:=|:[ \t]{{1,3}}| = )([\w+/=~!@%^-]{{8,512}})(?![\w.(\[])",
            None,
            _is_bare_value,
        ),
        ("assigned-secret", rf"{_TAIL}>([^\s<>\"\\]{{6,256}})(?=<[/\\])", None, _is_given),
        (
            "environment-secret",
            rf"(?:_[A-Z0-9_]{{0,24}})?=(?:{QUOTE})?([^\s\"'`\\;&|<>(){{}}$]{{8,2048}})",
            str.upper,
            _is_given,
        ),
    ):
        yield Rule(_WORDS, name, pattern, behind=True, then=GIVES, spelt=spelt, is_secret=is_secret)


class PrivateKey:
    """Finds blocks with a private key in a text, each string of a block as a span of its own."""

    anchors = ("-----begin",)
    then = ""

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The block that begins at this position, in as many parts as it has strings."""
        text = subject.text
        begin = compiled(_BEGIN).match(text, position)
        if not begin:
            return ()
        end = _end_of_key(text, begin.end())
        if end == begin.end():
            return ()
        parts = unquoted(text, position, end)
        return tuple(SecretSpan(*part, KEY_NAME) for part in parts if _holds_key(text, part, begin.end()))


def _holds_key(text: str, part: tuple[int, int], body: int) -> bool:
    """Whether a part of the block holds any of the key; strings between its lines may be anything."""
    return bool(compiled(_RUN).search(text, *part)) or part[0] < body < part[1]


def _end_of_key(text: str, body: int) -> int:
    """Where the block ends: at its last line when all before that reads like a key, else where it stops to."""
    limit = min(len(text), body + LONGEST)
    another = text.find("-----BEGIN", body, limit)
    closing = compiled(_END).search(text, body, limit if another < 0 else another)
    if closing:
        inside = text[body : closing.start()]
        encoded = sum(len(run) for run in compiled(_RUN).findall(inside))
        bare = compiled(_ESCAPED).sub("", inside)
        if encoded * 2 > len(inside) or (
            len(inside) < 400 and len(bare) >= 8 and compiled("[A-Za-z0-9+/=]+").fullmatch(bare)
        ):
            return closing.end()
    cut_off = compiled(_CUT_OFF).match(text, body, limit)
    return cut_off.end() if cut_off else body
