"""The secrets of an environment: which variables hold one, and in what forms a value may turn up in a text."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus

from ampsm_engine.redact.rule import Finder, ScannedText, SecretSpan, fitted, is_bare_number
from ampsm_engine.redact.rule_parts import compiled

NAME = "environment"
SHORTEST = 8
"""Characters of a value: a shorter one stands in too many ordinary words."""

_SURE = (
    r"(?i)TOKEN(?!IZE)|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE"
    r"|(?:^|_)(?:PASS|PWD|PAT|DSN|JWT)(?:_|$)"
)
"""Names whose value is a secret whatever it looks like."""

_LIKELY = "(?i)KEY|AUTH(?!OR)|(?:^|_)(?:CREDS|COOKIE|SALT|SIGNATURE|WEBHOOK)(?:_|$)"
"""Names whose value is a secret when it has a digit: HOTKEY, AUTH_MODE."""

_HARMLESS = (
    r"(?i)KEYBOARD|KEYMAP|KEYRING|KEYCHAIN|KEYTIMEOUT|KEYCODE|MONKEY|XAUTHORITY|PUBLIC_?KEY|^(?:OLD)?PWD$|^AMPSM_"
    r"|_(?:TTL|TIMEOUT|EXPIRY|LIMIT|COUNT|PORT|TYPE|NAME|FILE|PATH|DIR|SOCK|HOST|ALGORITHM|VERSION|ENABLED|HELPER"
    r"|METHOD|URL|URI|ENDPOINT|INFO)$"
)
"""Names with one of these words in them that hold no secret: SSH_AUTH_SOCK, AUTH_URL (whose password is looked for)."""

_COMMON = frozenset(
    {
        *("password", "passwords", "username", "postgres", "postgresql", "localhost", "changeme"),
        *("disabled", "required", "optional", "production", "development", "testing", "staging"),
        *("default", "undefined", "anonymous", "publickey", "keychain", "keyring", "credential"),
        *("credentials", "external", "internal", "database", "administrator", "secretservice", "libsecret"),
        *("basicauth", "osxkeychain", "gnome-keyring", "127.0.0.1", "12345678", "00000000"),
    }
)
"""Values that say nothing, and stand in every other text."""

_ORDINARY = r"(?s:(?:/[\w.@+-]+)+/?|~/.*|\.{1,2}/.*|[A-Za-z]:\\.*|T-[0-9a-f-]{36}|(.)\1*)"
_IN_ADDRESS = r"://[^\s:/@]*:([^\s/]+)@"
_FOLDERS = ("bin", "etc", "home", "mnt", "nix", "opt", "private", "root", "run", "tmp", "usr", "var", "Users")


class Literals:
    """Finds exact texts, all of which begin with one anchor."""

    then = ""

    def __init__(self, anchor: str, texts: Sequence[str]) -> None:
        self.anchors = (anchor,)
        self._texts = tuple(sorted(texts, key=len, reverse=True))

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The longest of the texts that stands at this position."""
        text = subject.text
        for literal in self._texts:
            if text.startswith(literal, position):
                start, end = fitted(text, position, position + len(literal))
                if start < end and not is_bare_number(text, start, end):
                    return (SecretSpan(start, end, NAME),)
        return ()


def finders(texts: Iterable[str]) -> Iterator[Finder]:
    """Finders for exact texts, by their first letters in lower case."""
    by_anchor: dict[str, list[str]] = {}
    for text in texts:
        anchor = text[:6].lower()
        by_anchor.setdefault(anchor if len(anchor) == len(text[:6]) else text[:1], []).append(text)
    for anchor, literals in by_anchor.items():
        yield Literals(anchor, literals)


def secrets(environ: Mapping[str, str]) -> set[str]:
    """The secret values of an environment: those of secret-named variables, and the passwords in addresses."""
    found: set[str] = set()
    for name, value in environ.items():
        found.update(password for password in compiled(_IN_ADDRESS).findall(value) if _is_secret(password))
        if not compiled(_HARMLESS).search(name) and _is_secret(value.strip()):
            is_likely = compiled(_LIKELY).search(name) and compiled(r"\d").search(value)
            if compiled(_SURE).search(name) or is_likely:
                found.add(value.strip())
    return found


_ASSIGNED = (
    r"(?m)^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.]{0,99})[ \t]*=[ \t]*"
    r"(?:\"((?:[^\"\\]|\\[\s\S]){0,16000})\"|'([^']{0,16000})'|([^\s\"'#][^\r\n]{0,4000}))"
)
_TELLS_NOTHING = (
    r"(?i)[\d.,:/_ -]+|\d+(?:\.\d+)?[a-z]{1,12}"  # numbers, dates, versions, lengths of time
    r"|[a-z]+(?:[-_. /:,]+[a-z]+)*"  # words
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # an email address
    r"|(?:/[\w.@-]{1,24}){2,}/?"  # paths
    r"|(?:[a-z][a-z0-9+.-]*://[a-z0-9_.-]+|(?:[a-z0-9_-]{1,24}\.)+[a-z]{2,12})(?::\d{1,5})?(?:/[\w.-]{0,24})*"  # places
)
"""Values that are no secret where their name does not say so."""


def secrets_of_lines(content: str) -> set[str]:
    """The secret values of `KEY=VALUE` lines, as a .env file has them, under any key.

    No words, paths, numbers or addresses, unless a key says that its value is secret.
    """
    found: set[str] = set()
    for name, quoted, literal, bare in compiled(_ASSIGNED).findall(content):
        written = quoted or literal or compiled(r"[ \t]+#.*").sub("", bare).strip()
        unescaped = written.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
        for value in {written.strip(), (unescaped if quoted else written).strip()}:
            found |= secrets({name: value})
            if not compiled(_HARMLESS).search(name) and not compiled(_TELLS_NOTHING).fullmatch(value):
                found.update(filter(_is_secret, [value]))
    return found


def _is_secret(value: str) -> bool:
    if len(value) < SHORTEST or value.lower() in _COMMON:
        return False
    if compiled(_ORDINARY).fullmatch(value):
        # A key in base 64 may begin with a slash and look like a path; a path exists, or begins like one.
        return value[:1] == "/" and value.split("/")[1] not in _FOLDERS and not os.path.lexists(value)
    return True


def forms(value: str) -> Iterator[str]:
    """How a value may stand in a text: as it is, escaped for JSON once and twice, for a URL, in base 64."""
    lines = [line.strip() for line in value.splitlines()] if "\n" in value else []
    for text in (value, *(line for line in lines if len(line) >= 20)):
        yield text
        for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
            yield escaped
            yield json.dumps(escaped)[1:-1]
            yield json.dumps(escaped, ensure_ascii=False)[1:-1]
            yield escaped.replace("/", r"\/")
            yield re.sub("[<>&]", lambda letter: f"\\u{ord(letter[0]):04x}", escaped)
    safe = value.encode("utf-8", "surrogateescape")
    for encoded in (quote(safe, safe=""), quote(safe), quote_plus(safe)):
        yield encoded
        yield re.sub("%..", lambda code: code[0].lower(), encoded)
    yield from _in_base64(safe)


def _in_base64(value: bytes) -> Iterator[str]:
    """The letters that do not depend on what stands around the value, for its three positions in a longer one."""
    import base64  # for who has a secret in the environment

    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = (offset + len(value)) // 3 * 3
        letters = base64.b64encode((b"\0" * offset + value)[:whole]).decode()[skipped:]
        if len(letters) >= 10:
            yield letters
            yield letters.replace("+", "-").replace("/", "_")
