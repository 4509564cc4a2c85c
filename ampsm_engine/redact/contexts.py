"""Rules for secrets without a shape of their own: what stands before them says what they are.

Command lines that are given a password, lines of configuration in the syntaxes that people use, cookies, the files in
which programs keep passwords. Blanks, line ends and colours count also as JSON, C or a shell write them.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence

from ampsm_engine.redact.pattern import BLANK, BOUNDARY, CONTINUED, QUOTE, SPACE, compiled
from ampsm_engine.redact.rule import Finder, Rule
from ampsm_engine.redact.spans import Span, fitted
from ampsm_engine.redact.values import (
    has_digit_or_sign,
    is_argument,
    is_attached,
    is_config_value,
    is_given,
    is_option_value,
    is_passphrase,
    is_random,
)

_BARE = r"""[^\s\x00-\x1f"'`\\;|&<>]"""
_GIVEN = rf"(?:{QUOTE})?(?!\[redacted:)({_BARE}{{3,256}})"
"""What an option is given, quoted or not."""

_STEP = (
    rf"""(?:[^\r\n"'`;|&\\]|{CONTINUED}|\\{{1,8}}(?![nr\\])|(?<=[ \t=\\])"[^"\r\n\\]{{0,60}}"|'[^'\r\n\\]{{0,60}}')"""
)
"""One step within a command, up to its end."""


def anchored() -> Iterator[tuple[str, Finder]]:
    """Every rule of this room with its anchors, in lower case."""
    for anchors, rule in (*_commands(), *_options(), *_configuration(), *_files(), *_web()):
        for anchor in anchors:
            yield anchor, rule


Anchored = tuple[list[str], Finder]

_TOOLS: tuple[tuple[str, str, str], ...] = (
    # What begins the command (also its anchors), the rest of its name, and the option that a password follows.
    ("mysql mariadb", r"[\w-]{0,20}", "-p"),
    ("sshpass", "", rf"-p{BLANK}{{0,4}}"),
    ("docker podman nerdctl buildah skopeo oras", rf"{BLANK}{{1,4}}(?:registry{BLANK}{{1,4}})?login", "-p{apart}"),
    ("helm", "", "(?:-p|--password){apart}"),
    ("mongo", r"\w{0,12}", "-p{apart}"),
    ("redis-cli valkey-cli keydb-cli", "", "(?:-a|--pass){apart}"),
    ("az_login az_acr az_ad", "", "-p{apart}"),
    ("cqlsh clickhouse-client influx arangosh cypher-shell", r"[\w-]{0,8}", "(?:-p|-password){apart}"),
    ("sqlcmd", "", rf"-P{BLANK}{{0,4}}"),
    ("mosquitto_", r"\w{3,4}", "(?:-P|--pw){apart}"),
    ("ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami ldapcompare", "", "-w{apart}"),
    ("plink pscp psftp putty", "", "-pw{apart}"),
    ("unzip_- zip_-", "", "P{apart}"),
    ("7z_a 7z_x 7z_e 7z_u 7za_a 7za_x", "", "-p"),
    ("keytool jarsigner apksigner", "", r"-?-(?:store|key|src|dest)[\w-]{{0,9}}?pass{apart}"),
    ("ssh-keygen", "", "-[NP]{apart}"),
    ("doctl", "", "-t{apart}"),
    ("snyk_auth vault_login vault_unseal", "", ""),
)

_PAIRS: tuple[tuple[str, str, str], ...] = (
    # The same, and what stands between the name and the password, of which only the password goes.
    ("curl", r"(?:-\w{0,8}[uU]|--(?:proxy-)?user)", ":"),
    ("http_-a https_-a xh_-a http_--auth https_--auth", "", ":"),
    ("etcdctl", "--user", ":"),
    ("smbclient rpcclient", "(?:-U|--user)", "%"),
    ("lftp", "(?:-u|--user)", ","),
)


def _commands() -> Iterator[Anchored]:
    apart = rf"(?:{BLANK}{{1,4}}|=)"
    for beginnings, rest, option in _TOOLS:
        for anchor in _split(beginnings):
            opening = rf"{BOUNDARY}{anchor}{rest}" if not anchor.endswith("-") else rf"{BOUNDARY}{anchor}\w{{0,5}}"
            chosen = option.replace("{apart}", apart).replace("{{", "{").replace("}}", "}")
            between = (
                rf"{_STEP}{{0,200}}?{BLANK}{chosen}"
                if chosen and not anchor.endswith("-")
                else chosen or rf"{BLANK}{{1,4}}"
            )
            yield (
                [anchor],
                Rule(
                    "command-password",
                    rf"{opening}{between}{_GIVEN}",
                    is_secret=is_attached if option == "-p" else is_argument,
                ),
            )
    for beginnings, option, joint in _PAIRS:
        for anchor in _split(beginnings):
            opening = rf"{BOUNDARY}{anchor}" + (rf"(?=[\s\\]){_STEP}{{0,200}}?{BLANK}{option}" if option else "")
            value = rf"""[ =]?{BLANK}{{0,4}}(?:{QUOTE})?[^\s:,%"'\\]{{1,128}}{joint}([^\s"'`\\$]{{3,256}})"""
            yield [anchor], Rule("curl-password", opening + value, is_secret=is_given)
    word = rf"{_BARE}{{1,256}}"
    yield (
        ["htpasswd"],
        Rule(
            "command-password",
            rf"{BOUNDARY}htpasswd{BLANK}{{1,4}}(?:-\w{{1,6}}{BLANK}{{1,4}}){{0,3}}-\w{{0,6}}b\w{{0,6}}{BLANK}{{1,4}}"
            rf"(?:-\w{{1,6}}{BLANK}{{1,4}}){{0,3}}{word}{BLANK}{{1,4}}(?:{word}{BLANK}{{1,4}})?{_GIVEN}",
            is_secret=is_argument,
        ),
    )
    yield (
        ["sqlplus"],
        Rule("command-password", rf"{BOUNDARY}sqlplus{_STEP}{{0,60}}?[\w$#]{{1,60}}/([^\s\"'`\\@]{{3,128}})@"),
    )
    yield ["jdbc:oracle:"], Rule("url-password", r"jdbc:oracle:\w{3,5}:[^/\s\"'\\]{1,60}/([^\s\"'`\\@]{3,128})@")
    yield (
        ["chpasswd"],  # echo "name:password" | chpasswd
        Rule(
            "command-password",
            rf"echo{BLANK}{{1,4}}(?:{QUOTE})?[\w.-]{{1,64}}:([^\s\"'`\\|]{{3,256}})(?:{QUOTE})?{BLANK}{{0,4}}\|"
            r"[^\r\n|]{0,40}chpasswd",
            back=(7, 120),
            is_secret=is_given,
        ),
    )
    yield (
        ["pass:"],  # openssl -passin pass:X
        Rule(
            "command-password",
            rf"pass:{_GIVEN}",
            before=rf"-pass(?:in|out)?{BLANK}{{1,4}}(?:{QUOTE})?$",
            is_secret=is_given,
        ),
    )


def _split(beginnings: str) -> list[str]:
    """The beginnings of commands in a list of words, in which `_` stands for a blank within one."""
    return [word.replace("_", " ") if word != "mosquitto_" else word for word in beginnings.split()]


def _options() -> Iterator[Anchored]:
    # --db-password=X, --http-password X: whatever the program.
    words = "password password-hash passwd passphrase pass secret secret-key token api-key apikey access-key auth-key"
    words += " private-key client-secret credential auth-token access-token api-token"
    option = r"(?:^|[\s\"'=(,;|&`\[\\nrt])-{1,2}[\w-]{0,60}$"
    for word in dict.fromkeys(words.split()):
        name = rf"-{word}s?"
        yield (
            [f"-{word}"],
            Rule(
                "flag-secret",
                rf"{name}=(?:{QUOTE})?({_BARE}{{4,512}})",
                before=rf"{option}|-$",
                is_secret=is_option_value,
            ),
        )
        yield (
            [f"-{word}"],
            Rule(
                "flag-secret",
                rf"{name}{BLANK}{{1,3}}(?:{QUOTE})?([^\s\"'`\\<>${{}}()\[\]-][^\s\"'`\\<>${{}}()\[\],;|&]{{4,512}})",
                before=r"-[\w-]{0,60}$",
                is_secret=has_digit_or_sign,
            ),
        )


_COLOUR = r"\x1b|\\{1,8}(?:u001[bB]|x1[bB]|033|e)\["
_LINE_END = rf"(?=[ \t]{{0,8}}(?:$|[\r\n]|\\{{1,8}}[nr]|{_COLOUR}|\\{{0,8}}\"|[#;]))"
_BEGINNING = r"(?:^|[\r\n\"'`]|\\{1,8}[nrt]|[\d;\[]m)"
_LINE_START = rf"{_BEGINNING}[ \t+>*-]{{0,24}}(?:export |set |ENV |ARG |- )?[\w.\[\]-]{{0,80}}$"
_ASSIGNED = rf"(?:{QUOTE})?\]?{SPACE}{{0,3}}(?:=>|:=|=|:){SPACE}{{0,3}}{QUOTE}"
_VALUE = r"([^\s\x00-\x1f\"'`\\$<{(\[,;][^\s\x00-\x1f\"'`\\,;(){}<>]{4,256})"


def _configuration() -> Iterator[Anchored]:
    for anchor in ("password", "passwd", "passphrase", "_pwd", "_pass", ".pass", "secret"):
        name = anchor if anchor[0].isalpha() else rf"[{anchor[0]}]{anchor[1:]}"
        yield from _bare_values(anchor, name)
        yield from _joined_values(anchor, name)
        yield from _quoted_values(anchor, name)
    yield from _keys()


def _bare_values(anchor: str, name: str) -> Iterator[Anchored]:
    # A line of its own in an env, ini, properties, toml or yaml file.
    yield (
        [anchor],
        Rule(
            "assigned-secret",
            rf"(?i:{name})[ \t]{{0,8}}(?:=|:[ \t])[ \t]{{0,8}}{_VALUE}{_LINE_END}",
            before=_LINE_START,
            is_secret=is_config_value,
        ),
    )
    # An argument: -e db_password=X, --from-literal=password=X
    yield (
        [anchor],
        Rule(
            "assigned-secret",
            rf"(?i:{name})={_VALUE}(?=[\s\x1b\"'`\\]|$)",
            before=r"(?:[\s\"'=]|\\[nrt])[\w.-]{0,60}$",
            is_secret=is_config_value,
        ),
    )
    # Quoted and too short for any other rule.
    yield (
        [anchor],
        Rule(
            "assigned-secret",
            rf"(?i:{name}){_ASSIGNED}([^\s\"'`\\]{{5,7}})(?={QUOTE})",
            is_secret=is_config_value,
        ),
    )


def _joined_values(anchor: str, name: str) -> Iterator[Anchored]:
    # Shells and env files: a name in capital letters is given a value, whatever it looks like.
    yield (
        [anchor],
        Rule(
            "environment-secret",
            rf"{name.upper()}=(?:{QUOTE})?([^\s\"'`\\;&|<>(){{}}$,][^\s\"'`\\;&|<>(){{}}$]{{3,512}})",
            before=rf"{BOUNDARY}[A-Z0-9_]{{0,60}}$",
            is_secret=is_given,
        ),
    )
    # A connection's words: Server=x;User=y;Password=z;   and   ?user=x&password=y
    yield (
        [anchor],
        Rule(
            "connection-password",
            rf"(?i:{name})=([^\s\"'`\\;&<>${{]{{3,256}})",
            before=r"(?:[?&;]|u0026|&amp;)[ ]?(?:[\w.]{0,20})$",
            is_secret=is_given,
        ),
    )


def _quoted_values(anchor: str, name: str) -> Iterator[Anchored]:
    # name="password" value="x"
    yield (
        [anchor],
        Rule(
            "assigned-secret",
            rf"(?i:{name})[\w.-]{{0,20}}{QUOTE}{SPACE}{{1,8}}(?i:value|content){SPACE}{{0,2}}={SPACE}{{0,2}}{QUOTE}"
            rf"([^\s\"'`\\<>]{{4,512}})",
            before=r"(?i:name|key|id)[ \t]{0,2}=[ \t]{0,2}\\{0,15}[\"'][\w.:-]{0,80}$",
            is_secret=is_given,
        ),
    )
    # Quoted, and made of words: correct-horse-battery-staple.
    yield (
        [anchor],
        Rule(
            "assigned-secret",
            rf"(?i:{name}){_ASSIGNED}([A-Za-z][A-Za-z._ -]{{12,200}}[A-Za-z])(?={QUOTE})",
            is_secret=is_passphrase,
        ),
    )


def _keys() -> Iterator[Anchored]:
    yield (
        ["pwd=", "pwd ="],
        Rule(
            "connection-password",
            r"(?i:pwd)[ ]?=[ ]?([^\s\"'`\\;&<>${]{3,256})",
            before=r";[ ]?$",
            is_secret=is_given,
        ),
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
        yield (
            [anchor],
            Rule(
                "assigned-secret",
                rf"(?i:{anchor}(?:_base)?)(?:{QUOTE})?\]?{quoted}([^\s\"'`\\]{{16,512}})",
                is_secret=is_random,
            ),
        )
    for anchor in ("client_secret", "clientsecret", "client-secret"):
        yield (
            [anchor],
            Rule(
                "assigned-secret",
                rf"(?i:{anchor})(?:{QUOTE})?{quoted}([A-Za-z0-9~_.-]{{16,512}})(?={QUOTE})",
                is_secret=is_one_word_of_noise,
            ),
        )
    yield ["django-insecure-"], Rule("django-secret-key", r"django-insecure-([^\s\"'`\\]{20,256})")
    # define('DB_PASSWORD', 'x'), also WordPress's keys and salts.
    yield (
        ["define("],
        Rule(
            "assigned-secret",
            rf"(?i:define)\({SPACE}{{0,3}}{QUOTE}[\w-]{{0,40}}(?:PASS(?:WORD|WD)?|PWD|SECRET|TOKEN|KEY|SALT|CREDENTIALS?){QUOTE}"
            rf"{SPACE}{{0,3}},{SPACE}{{0,8}}{QUOTE}([^\r\n\"'\\]{{4,256}})",
            is_secret=is_given,
        ),
    )


def is_one_word_of_noise(value: str) -> bool:
    """Whether a word of letters alone is no word: it has too few vowels for one, or a case that changes too often."""
    if not is_given(value) or compiled(r"(?i)client|secret|placeholder|value|example").search(value):
        return False
    return len(value) >= 20 and bool(compiled(r"[A-Za-z]{16,}|\d").search(value)) and "_" not in value


def _files() -> Iterator[Anchored]:
    word = r"[^\s\"'`\\]{1,256}"
    apart = rf"{SPACE}{{1,20}}"
    login = rf"(?:{apart}(?:login|user|account|port){apart}{word}){{0,3}}{apart}password{apart}"
    yield (
        ["machine"],
        Rule(
            "netrc-password",
            rf"{BOUNDARY}machine{SPACE}{{1,20}}{word}{login}([^\s\"'`\\]{{1,256}})",
            is_secret=is_given,
        ),
    )
    yield (
        ["default"],
        Rule(
            "netrc-password",
            rf"{BOUNDARY}default{SPACE}{{1,20}}login{SPACE}{{1,20}}{word}{SPACE}{{1,20}}password{SPACE}{{1,20}}([^\s\"'`\\]{{1,256}})",
            is_secret=is_given,
        ),
    )
    yield (
        ["client-key-data"],
        Rule(
            "kubeconfig-key",
            rf"client-key-data(?:{QUOTE})?{SPACE}{{0,3}}:{SPACE}{{0,8}}(?:{QUOTE})?([A-Za-z0-9+/=]{{16,16000}})",
        ),
    )
    yield (
        ["ls0tls1crudjti"],
        Rule("private-key", r"(LS0tLS1CRUdJTi[A-Za-z0-9+/=]{40,16000})", is_secret=_is_private_pem),
    )
    yield (
        ["auth"],
        Rule(
            "docker-auth",
            rf"auth{QUOTE}{SPACE}{{0,3}}:{SPACE}{{0,3}}{QUOTE}([A-Za-z0-9+/]{{6,2000}}={{0,2}})(?={QUOTE})",
            before=r"[\"']$",
            is_secret=_is_basic,
        ),
    )
    yield (
        ["_auth"],
        Rule("npm-auth", r"_auth[ ]?=[ ]?(?:\\{0,15}\")?([A-Za-z0-9+/]{6,2000}={0,2})", is_secret=_is_basic),
    )
    # .pgpass: host:port:database:user:password
    yield (
        [":5432:", ":5433:", ":5434:", ":6432:", ":*:"],
        Rule(
            "pgpass-password",
            rf":(?:\d{{4,5}}|\*):[\w*.-]{{1,63}}:[\w*.@-]{{1,63}}:([^\s\"'`\\:]{{3,256}}){_LINE_END}",
            before=rf"{_BEGINNING}[ \t+>-]{{0,8}}[\w.*/-]{{1,200}}(?::\*)?$",
            is_secret=is_given,
        ),
    )
    yield from _hashes()


def _hashes() -> Iterator[Anchored]:
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
        yield list(anchors), Rule("password-hash", f"({pattern})")


def _is_private_pem(value: str) -> bool:
    return b"PRIVATE KEY" in _decoded(value[:96])


def _is_basic(value: str) -> bool:
    """Whether base 64 holds `name:password`."""
    found = _decoded(value)
    return b":" in found[1:] and bool(found) and all(32 <= byte < 127 for byte in found)


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return b""


class Cookies:
    """Finds the values of cookies in a header that hold a session or a token; choices such as a language stay."""

    _HEADER = (
        rf"(?i:cookie)(?:{QUOTE})?[ \t]{{0,4}}[:=,][ \t]{{0,4}}(?:{QUOTE})?"
        r"((?:[\w.!#$%&*+^|~-]{1,128}=[^\s;\"'`\\,]{0,4096};?[ ]?){1,40})"
    )
    _PAIR = r"([\w.!#$%&*+^|~-]{1,128})=([^\s;\"'`\\,]{6,4096})"
    _NAMES = (
        r"(?i)sess|sid$|^sid|auth|token|jwt|csrf|xsrf|remember|login|secret|connect\.|_at$|_rt$|identity|ticket|\.aspx"
    )
    _ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite", "priority"})

    def find(self, text: str, position: int) -> Sequence[Span]:
        """The values in the header that begins at this position."""
        header = compiled(self._HEADER).match(text, position)
        if not header:
            return ()
        found = []
        for pair in compiled(self._PAIR).finditer(text, *header.span(1)):
            name, value = pair.groups()
            is_noise = len(value) >= 20 and compiled(r"\d").search(value) and compiled(r"[A-Za-z]").search(value)
            is_session = compiled(self._NAMES).search(name) and compiled(r"\d|[A-Za-z_-]{16}").search(value)
            if name.lower() not in self._ATTRIBUTES and (is_session or is_noise) and is_given(value):
                found.append(Span(*fitted(text, *pair.span(2)), "cookie"))
        return [span for span in found if span.start < span.end]


def _web() -> Iterator[Anchored]:
    yield ["cookie"], Cookies()
    yield (
        ["otpauth://"],
        Rule("otpauth-secret", r"(?i:otpauth)://[^\s\"'`\\<>]{0,400}?[?&;](?:amp;)?secret=([A-Za-z2-7]{8,256}={0,6})"),
    )
    yield ["1//0"], Rule("google-refresh-token", BOUNDARY + r"(1//0[A-Za-z0-9_-]{20,512})")
    # Addresses that are signed: of Amazon, Google, CloudFront, Alibaba, Azure.
    yield (
        ["signature="],
        Rule(
            "url-signature",
            r"(?i:signature)=([A-Za-z0-9%+/=_~-]{20,1024})",
            before=r"(?:[?&;,]|u0026|amp;)[ ]?(?i:(?:x-)?(?:amz|goog|oss|cos|tos)-)?$",
        ),
    )
    yield (
        ["x-amz-security-token="],
        Rule("aws-session-token", r"(?i:x-amz-security-token)=([A-Za-z0-9%+/=_-]{16,4096})"),
    )
    yield (
        ["x-amz-signature", "x-goog-signature"],
        Rule(
            "url-signature",
            rf"(?i:x-(?:amz|goog)-signature)(?:{QUOTE})?{SPACE}{{0,2}}[:=]{SPACE}{{0,2}}(?:{QUOTE})?([0-9a-f]{{40,1024}})",
        ),
    )
