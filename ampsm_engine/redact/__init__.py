"""Redaction of secrets in every text that leaves the worktree's own files.

First version: the rules of our own and the values of secret-named environment variables.
"""

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ampsm_engine import home

_OWN = {
    "amp-key": re.compile(r"sgamp_[A-Za-z0-9_-]{16,512}"),
    "amp-login": re.compile(r"(?<=authToken=)[A-Za-z0-9._~%+/-]{8,512}"),
    "github-token": re.compile(r"(?:gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    "aws-key-id": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "openai-key": re.compile(r"\bsk-[A-Za-z0-9_-]{20,512}"),
    "private-key": re.compile(
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.{0,20000}?-----END [A-Z ]{0,40}PRIVATE KEY-----", re.DOTALL
    ),
    "url-password": re.compile(r"(?<=://)([^\s:/@\"'\\]{0,256}:)[^\s/@\"'\\]{1,256}(?=@)"),
}
_NAMED = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|DSN", re.IGNORECASE)


class Redactor:
    """Knows the secrets of one environment and the shapes of all others."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        values = {value for name, value in environ.items() if _NAMED.search(name) and len(value) >= 8}
        self._values = sorted(values, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._redacted(text)[0]

    def _redacted(self, text: str) -> tuple[str, int]:
        total = 0
        for value in self._values:
            total += text.count(value)
            text = text.replace(value, "[redacted:environment]")
        for name, rule in _OWN.items():
            text, count = rule.subn(f"[redacted:{name}]", text)
            total += count
        return text, total

    def bytes_(self, content: bytes) -> bytes:
        """The bytes without secrets; what is not UTF-8 stays as it is."""
        return self.text(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def file(self, path: Path) -> int:
        """Redact a file in place; answers the number of secrets found."""
        content, count = self._redacted(path.read_bytes().decode("utf-8", "surrogateescape"))
        if count:
            home.write_private(path, content.encode("utf-8", "surrogateescape"))
        return count


@cache
def _default() -> Redactor:
    return Redactor(os.environ)


def text(text: str) -> str:
    """The text without secrets, those of this process's environment included."""
    return _default().text(text)


def bytes_(content: bytes) -> bytes:
    """The bytes without secrets; what is not UTF-8 stays as it is."""
    return _default().bytes_(content)


def file(path: Path) -> int:
    """Redact a file in place; answers the number of secrets found."""
    return _default().file(path)
