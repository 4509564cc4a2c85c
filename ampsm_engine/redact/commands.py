"""Rules for passwords that a command is given: on its line, by an option, in SQL, through a pipe; and for cookies."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import cast

from ampsm_engine.redact.rule import Finder, Rule, ScannedText, SecretSpan, fitted
from ampsm_engine.redact.rule_parts import (
    BACK_OVER_BLANK,
    BACK_OVER_QUOTE,
    BACK_TO_BEGINNING,
    BACK_TO_BOUNDARY,
    BLANK,
    BOUNDARY,
    CONTINUED,
    LINE_END,
    QUOTE,
    SPACE,
    TELLING_NAME,
    compiled,
    has_digit_or_sign,
    is_argument,
    is_attached,
    is_given,
    is_option_value,
)

BARE = r"""[^\s\x00-\x1f"'`\\;|&<>]"""
GIVEN = rf"(?:{QUOTE})?(?!\[redacted:)({BARE}{{3,256}})"
"""What an option is given, quoted or not."""

STEP = (
    rf"""(?:[^\r\n"'`;|&\\]|{CONTINUED}|\\{{1,8}}(?![nr\\])|(?<=[ \t=\\])"[^"\r\n\\]{{0,60}}"|'[^'\r\n\\]{{0,60}}')"""
)
"""One step within a command, up to its end."""

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
    ("snmpwalk snmpget snmpset snmpbulkwalk snmpbulkget snmptrap", "", "-c{apart}"),
    ("twine_upload", "", "-p{apart}"),
    ("psexec winexe", "", "-p{apart}"),
    ("ipmitool", "", "-P{apart}"),
    ("snyk_auth vault_login vault_unseal rclone_obscure bw_unlock ngrok_authtoken add-authtoken", "", ""),
)

_PAIRS: tuple[tuple[str, str, str], ...] = (
    # The same, and what stands between the name and the password, of which only the password goes.
    ("curl", r"(?:-\w{0,8}[uU]|--(?:proxy-)?user)", ":"),
    ("http_-a https_-a xh_-a http_--auth https_--auth", "", ":"),
    ("etcdctl", "--user", ":"),
    ("smbclient rpcclient", "(?:-U|--user)", "%"),
    ("lftp", "(?:-u|--user)", ","),
)


def rules() -> Iterator[Finder]:
    """Every rule of this module."""
    yield from _commands()
    yield from _statements()
    yield from _options()


def _commands() -> Iterator[Finder]:
    apart = rf"(?:{BLANK}{{1,4}}|=)"
    tools: list[tuple[str, str, Rule]] = []
    for beginnings, rest, option in _TOOLS:
        for anchor in _split(beginnings):
            called = rf"{BOUNDARY}{anchor}{rest}"
            chosen = option.replace("{apart}", apart).replace("{{", "{").replace("}}", "}")
            is_secret = is_attached if option == "-p" else is_argument
            if chosen and not anchor.endswith("-"):
                rule = Rule((), "command-password", rf"{BLANK}{chosen}{GIVEN}", is_secret=is_secret)
                tools.append((anchor, called, rule))
                continue
            opening = called if chosen == "" else rf"{BOUNDARY}{anchor}\w{{0,5}}"
            between = chosen or rf"{BLANK}{{1,4}}"
            yield Rule(anchor, "command-password", rf"{opening}{between}{GIVEN}", is_secret=is_secret)
    for beginnings, option, joint in _PAIRS:
        for anchor in _split(beginnings):
            value = rf"""[ =]?{BLANK}{{0,4}}(?:{QUOTE})?[^\s:,%"'\\]{{1,128}}{joint}([^\s"'`\\$]{{3,256}})"""
            if option:
                rule = Rule((), "curl-password", rf"{BLANK}{option}{value}", is_secret=is_given)
                tools.append((anchor, rf"{BOUNDARY}{anchor}(?=[\s\\])", rule))
            else:
                yield Rule(anchor, "curl-password", rf"{BOUNDARY}{anchor}{value}", is_secret=is_given)
    tools.append(("curl", r"curl(?=[\s\\])", OF_CURL))
    yield Commands(tools)
    word = rf"{BARE}{{1,256}}"
    yield Rule(
        "htpasswd",
        "command-password",
        rf"{BOUNDARY}htpasswd{BLANK}{{1,4}}(?:-\w{{1,6}}{BLANK}{{1,4}}){{0,3}}-\w{{0,6}}b\w{{0,6}}{BLANK}{{1,4}}"
        rf"(?:-\w{{1,6}}{BLANK}{{1,4}}){{0,3}}{word}{BLANK}{{1,4}}(?:{word}{BLANK}{{1,4}})?{GIVEN}",
        is_secret=is_argument,
    )
    yield Rule(
        "sqlplus",
        "command-password",
        rf"{BOUNDARY}sqlplus(?=[\s\\]){STEP}{{0,60}}?(?<![\w$#])[\w$#]{{1,60}}+/([^\s\"'`\\@]{{3,128}}+)@",
    )
    yield Rule("jdbc:oracle:", "url-password", r"jdbc:oracle:\w{3,5}:[^/\s\"'\\]{1,60}/([^\s\"'`\\@]{3,128})@")
    yield Rule(
        "chpasswd",
        "command-password",
        rf"echo{BLANK}{{1,4}}(?:{QUOTE})?[\w.-]{{1,64}}:([^\s\"'`\\|]{{3,256}})(?:{QUOTE})?{BLANK}{{0,4}}\|"
        r"[^\r\n|]{0,40}chpasswd",
        back=(7, 120),
        begins="echo",
        is_secret=is_given,
    )
    yield Rule(
        "pass:",
        "command-password",
        rf"pass:{GIVEN}",
        backwards=rf"(?:{BACK_OVER_QUOTE})?{BACK_OVER_BLANK}{{1,4}}(?:ni|tuo)?ssap-",
        is_secret=is_given,
    )


def _statements() -> Iterator[Finder]:
    # SQL's, Redis's and Docker's words for giving a password, and a pipe into a program that asks for one.
    quoted = rf"{SPACE}{{1,8}}(?:AS{SPACE}{{1,4}})?{QUOTE}([^\s\"'`\\]{{3,256}})(?={QUOTE})"
    yield Rule(
        "identified ",
        "sql-password",
        rf"(?i:identified)[^;\r\n]{{0,60}}?\b(?i:by|as){quoted}",
        is_secret=has_digit_or_sign,
    )
    yield Rule(
        (
            "password '",
            'password \\"',
            'password "',
        ),
        "sql-password",
        rf"(?i:password){quoted}",
        backwards=r"[ ]{1,4}(?i:htiw|[\w.\"]{1,64}[ ](?:resu|elor)|detpyrcne|nigol|resurepus)",
        is_secret=is_given,
    )
    for word in ("requirepass", "masterauth", "masterpass", "rocommunity", "rwcommunity"):
        yield Rule([word], "config-password", rf"{BOUNDARY}{word}{BLANK}{{1,8}}{GIVEN}", is_secret=has_digit_or_sign)
    yield Rule(
        (
            "env ",
            "arg ",
        ),
        "environment-secret",
        rf"(?:ENV|ARG){BLANK}{{1,4}}[A-Z0-9_]{{0,60}}(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|_PASS|_PWD|_KEY){BLANK}{{1,4}}{GIVEN}",
        then=rf"(?={BLANK}{{0,3}}{TELLING_NAME})",
        backwards=rf"[ \t+-]{{0,8}}{BACK_TO_BEGINNING}",
        is_secret=has_digit_or_sign,
    )
    yield Rule(
        ("setenv ", "setx ", "set -"),
        "environment-secret",
        rf"(?:setenv|setx|set(?:{BLANK}{{1,4}}-\w{{1,4}}){{1,3}}){BLANK}{{1,4}}(?:{QUOTE})?[A-Z0-9_]{{0,60}}"
        rf"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|_PASS|_PWD|_KEY)(?:{QUOTE})?{BLANK}{{1,4}}{GIVEN}",
        backwards=BACK_TO_BOUNDARY,
        is_secret=has_digit_or_sign,
    )
    # Windows' own commands.
    yield Rule(
        "net user ",
        "command-password",
        rf"net[ ]user[ ][\w.-]{{1,64}}[ ]{GIVEN}(?=[ ]{{1,4}}/)",
        is_secret=is_argument,
    )
    yield Rule(
        "net use ",
        "command-password",
        rf"net[ ]use[ ](?:[\w*]:?[ ]{{1,4}})?\\{{2,16}}[^\s\"'`]{{1,200}}?[ ]{{1,4}}{GIVEN}(?=[ ]{{1,4}}/user:)",
        is_secret=is_argument,
    )
    yield Rule(
        "convertto-securestring",
        "command-password",
        rf"(?i:convertto-securestring){BLANK}{{1,4}}(?:-String{BLANK}{{1,4}})?{QUOTE}([^\"'`\\\r\n$]{{4,256}})(?={QUOTE})",
        is_secret=is_given,
    )
    # Dialogues: what expect sends, the lines of ftp.
    yield Rule(
        ('send "', "send \\", "send -- "),
        "command-password",
        rf"{BOUNDARY}send[ ](?:--[ ])?{QUOTE}([^\s\"'`\\]{{5,128}})\\{{1,8}}[rn](?={QUOTE})",
        is_secret=has_digit_or_sign,
    )
    yield Rule(
        ("\npass ", "npass "),
        "command-password",
        rf"[\nn](?i:pass)[ ]{GIVEN}{LINE_END}",
        backwards=r"(?:\r?|\\{1,8}(?:r\\{1,8})?)[\w.@-]{1,64}[ ]{1,4}(?i:resu)",
        is_secret=is_argument,
    )
    yield Rule(
        "mc alias set ",
        "command-password",
        rf"mc[ ]alias[ ]set(?:{BLANK}{{1,4}}(?:{QUOTE})?{BARE}{{1,200}}(?:{QUOTE})?){{3}}{BLANK}{{1,4}}{GIVEN}",
        is_secret=is_argument,
    )
    for anchor, program in (
        ("sudo -", r"sudo[ ]-\w{0,4}S"),
        ("--password-stdin", r"[^|\r\n]{0,80}--password-stdin"),
        ("passwd --stdin", r"(?:sudo[ ])?passwd[ ]--stdin"),
    ):
        echo = rf"echo{BLANK}{{1,4}}(?:-n{BLANK}{{1,4}})?(?:{QUOTE})?([^\s\"'`\\|$]{{3,256}})(?:{QUOTE})?"
        start = rf"{echo}{BLANK}{{0,4}}\|[ ]{{0,4}}"
        yield Rule(anchor, "command-password", start + program, back=(7, 160), begins="echo", is_secret=is_argument)
    yield Rule(
        (
            "@tcp(",
            "@unix(",
            "@tcp4(",
        ),
        "url-password",
        r":([^\s\"'`\\:@]{3,256})@(?:tcp\d?|unix)\(",
        back=(4, 64),
        begins=":",
        is_secret=is_given,
    )
    yield Rule("_authtoken ", "npm-auth", rf"_authToken{BLANK}{{1,4}}{GIVEN}", is_secret=is_argument)
    yield Rule(
        (
            "aws_secret_access_key ",
            "aws_session_token ",
        ),
        "aws-secret-access-key",
        rf"aws_s\w{{6,30}}{BLANK}{{1,4}}([A-Za-z0-9/+=]{{30,1200}})",
    )


def _split(beginnings: str) -> list[str]:
    """The beginnings of commands in a list of words, in which `_` stands for a blank within one."""
    return [word.replace("_", " ") if word != "mosquitto_" else word for word in beginnings.split()]


def _options() -> Iterator[Finder]:
    # --db-password=X, --http-password X: whatever the program.
    words = "password password-hash passwd passphrase pass secret secret-key token api-key apikey access-key auth-key"
    words += " private-key client-secret credential auth-token access-token api-token account-key bearer"
    back_to_option = r"[\w-]{0,60}-{1,2}(?:\Z|[\s\"'=(,;|&`\[\\nrt])"
    anchors = tuple(f"-{word}" for word in words.split())
    yield Rule(
        anchors,
        "flag-secret",
        rf"s?=(?:{QUOTE})?({BARE}{{4,512}})",
        behind=True,
        then=r"(?=s?[= \t\\])",
        spelt=str.lower,
        backwards=rf"-|{back_to_option}",
        is_secret=is_option_value,
    )
    yield Rule(
        anchors,
        "flag-secret",
        rf"s?{BLANK}{{1,3}}(?:{QUOTE})?([^\s\"'`\\<>${{}}()\[\]-][^\s\"'`\\<>${{}}()\[\],;|&]{{4,512}})",
        behind=True,
        then=r"(?=s?[= \t\\])",
        spelt=str.lower,
        backwards=r"[\w-]{0,60}-",
        is_secret=has_digit_or_sign,
    )


REACH = 240
"""Characters between a command's name and its option, quoted words not counted."""

_PLAIN = rf"[^\r\n\"'`;|&\\]|{CONTINUED}|\\{{1,8}}(?![nr\\])"
_BEFORE_OPTION = rf"{BLANK}[-P]"
_QUOTED = r"(?<=[ \t=\\])\"[^\"\r\n\\]{0,60}\"|'[^'\r\n\\]{0,60}'"
_NEXT = (
    rf"(?:[^\s\"'`;|&\\]++|(?!{_BEFORE_OPTION})(?:{_PLAIN})){{0,64}}+(?:(?={_BEFORE_OPTION})({_PLAIN})|({_QUOTED}))?"
)
"""Words, and what they lead to: the blank before an option, or a quoted word."""


class CommandLine:
    """A command from some place up to its end, read as far as it was asked for: where options and quoted words are."""

    def __init__(self, text: str, start: int) -> None:
        self.start = start
        self.end = start
        """How far it was read."""
        self.options: list[int] = []
        """Where the blank before each option is."""
        self._text = text
        self._is_read = False
        self._quoted: list[tuple[int, int]] = []
        self._of_rule: dict[Rule, tuple[int, int, Sequence[SecretSpan]]] = {}

    def read(self, limit: int) -> None:
        """Read the command at least up to a position, or to its end."""
        text, following = self._text, compiled(_NEXT).match
        while not self._is_read and self.end < limit:
            found = following(text, self.end)
            self._is_read = found is None or found.end() == self.end
            if found is not None:
                self.end = found.end()
                if found.lastindex == 1:
                    self.options.append(found.start(1))
                elif found.lastindex:
                    self._quoted.append(found.span(2))

    def holds(self, position: int) -> bool:
        """Whether a place is in this command as it was read, and not inside of a quoted word."""
        if not self.start <= position < self.end:
            return False
        index = bisect_left(self._quoted, (position, position))
        return index == 0 or self._quoted[index - 1][1] <= position

    def secrets(self, rule: Rule, position: int) -> Sequence[SecretSpan]:
        """What the first option behind a place that a rule knows gives."""
        if not self._is_read and self.end < position + REACH:
            self.read(position + REACH)
        index = bisect_left(self.options, position)
        tried, at, spans = self._of_rule.get(rule, (0, -1, ()))
        if at < index:  # no option is tried twice by a rule, whatever number of commands stands before it
            at, spans = -1, ()
            for option in range(max(tried, index), len(self.options)):
                tried = option + 1
                found = rule.matched(self._text, self.options[option])
                if found is not None:
                    at, spans = option, rule.secrets(self._text, found)
                    break
            self._of_rule[rule] = (tried, at, spans)
        return spans if at >= 0 and self._is_near(position, self.options[at]) else ()

    def _is_near(self, position: int, option: int) -> bool:
        if option - position <= REACH:
            return True
        first, last = (bisect_left(self._quoted, (place, place)) for place in (position, option))
        return option - position <= REACH + sum(end - start for start, end in self._quoted[first:last])


class Commands:
    """Finds what the options of some commands give."""

    then = ""

    def __init__(self, tools: Sequence[tuple[str, str, Rule]]) -> None:
        """Each: an anchor, the pattern of how the command is called, a rule that matches from an option's blank on."""
        self._tools: dict[str, dict[str, list[Rule]]] = {}
        for anchor, called, rule in tools:
            self._tools.setdefault(anchor, {}).setdefault(called, []).append(rule)
        self.anchors = tuple(self._tools)

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The secrets of the command that begins here."""
        found: list[SecretSpan] = []
        for called, rules in self._tools[subject.lowered[position:end]].items():
            name = compiled(called).match(subject.text, position)
            if name is not None:
                begin = name.end()
                line = self._line(subject, begin)
                for rule in rules:
                    found += line.secrets(rule, begin)
        return found

    def _line(self, subject: ScannedText, position: int) -> CommandLine:
        """The command line that a place is in; those that lie behind it are forgotten."""
        lines: list[CommandLine] = subject.memory.setdefault(self, [])  # type: ignore[assignment]
        for line in lines:
            if line.holds(position):
                return line
        lines[:] = [line for line in lines if line.end > position][-4:]
        lines.append(CommandLine(subject.text, position))
        return lines[-1]


_COOKIE = r"(?:[\w.!#$%&*+^|~-]{1,128}=[^\s;\"'`\\,]{0,4096};?[ ]?)"
_PAIR = r"([\w.!#$%&*+^|~-]{1,128})=([^\s;\"'`\\,]{6,4096})"
_OPENING = rf"(?:{QUOTE})?(?:[ \t]{{0,4}}[:=,][ \t]{{0,4}}|[ \t]{{1,4}}(?={QUOTE}|[\w.-]{{1,64}}=))(?:{QUOTE})?"
_SESSION = (
    r"(?i)sess|sid$|^sid|auth|token|jwt|csrf|xsrf|remember|login|secret|connect\.|_at$|_rt$|identity|ticket|\.aspx"
)
_TELLING = r"\d|[A-Za-z_-]{16}"
_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite", "priority"})


class Cookies(Rule):
    """A rule whose secret is a list of cookies, of which choices, as of a language, stay."""

    __slots__ = ()

    def secrets(self, text: str, found: re.Match[str]) -> Sequence[SecretSpan]:
        """The secret values in a list of cookies."""
        spans = []
        for pair in compiled(_PAIR).finditer(text, *found.span(1)):
            name, value = pair.groups()
            is_noise = len(value) >= 20 and compiled(r"\d").search(value) and compiled(r"[A-Za-z]").search(value)
            is_session = compiled(_SESSION).search(name) and compiled(_TELLING).search(value)
            if name.lower() not in _ATTRIBUTES and (is_session or is_noise) and is_given(value):
                spans.append(SecretSpan(*fitted(text, *pair.span(2)), self.name))
        return [span for span in spans if span.start < span.end]


OF_CURL = Cookies((), "cookie", rf"{BLANK}-b{BLANK}{{0,4}}(?:{QUOTE})?({_COOKIE}{{1,40}})")
"""What curl's option -b is given; matches from the blank before it on."""


class CookieHeader:
    """Finds what a header, or a member of JSON, called cookie holds."""

    anchors = ("cookie",)
    then = r"(?=[\\\"'` \t:=,])"

    def __init__(self) -> None:
        self._all = Cookies((), "cookie", rf"{_OPENING}({_COOKIE}{{1,40}})")
        self._first = Cookies((), "cookie", rf"{_OPENING}({_COOKIE})")

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The secrets of the header that begins at this position.

        Within a header that was looked through already only the first pair may be another one: those that follow end
        where those of the outer one do.
        """
        known, bare = cast("tuple[int, int]", subject.memory.get(self, (0, 0)))
        if position < bare:
            return ()
        rule = self._first if position < known else self._all
        found = rule.matched(subject.text, end)
        if found is None:
            return ()
        if rule is self._all:
            known = found.end()
        spans = rule.secrets(subject.text, found)
        if not spans and _is_bare(subject.text, *found.span(1)):
            bare = found.end(1)  # what begins later in there is less of the same
        subject.memory[self] = known, bare
        return spans


def _is_bare(text: str, start: int, end: int) -> bool:
    """Whether a list of cookies that goes no further has nothing that a secret would have."""
    return not compiled(_COOKIE).match(text, end) and not compiled(_TELLING).search(text, start, end)
