"""Which files hold secrets: they are never committed by us while git does not track them.

Most are told by their names. Some names stand for files with and without secrets (`.npmrc`, `appsettings.*.json`), so
these are looked into; what a secret looks like inside a file is the business of the redact room.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

READ = 1 << 20
"""Bytes of a file with a doubtful name that are looked at."""

_EXAMPLE = re.compile(r".+\.(example|sample|template|tmpl|dist)(\.\w{1,10})?", re.IGNORECASE | re.DOTALL)
"""`.env.example` and its like are written to be committed."""

_NAMES = re.compile(
    r"""
      \.env (\..*|rc|[-_].*)? | .+\.env | \.dev\.vars (\..*)?                     # dotenv, direnv, wrangler
    | .*\.(pem|key|p12|pfx|pkcs12|p8|jks|jceks|bks|keystore|keytab|kdbx?|ppk|ovpn|agekey|kubeconfig)
    | (id|ssh_host|.*[-_.])_?(rsa|dsa|ecdsa|ed25519)(_sk)?(_key)? (?!\.pub$)(\.(old|bak|backup|orig|\d+))?
    | (id|ssh_host)_(rsa|dsa|ecdsa|ed25519)(_sk)?(_key)? (?!\.pub$)(\..*)?
    | (.*[-_.])?deploy[-_]?key(s)? (\.txt)?
    | [._]netrc | \.?pgpass(\.conf)? | \.my(login)?\.cnf | \.pypirc | \.?ht(passwd|digest) | \.git-credentials
    | \.dockercfg | \.dockerconfigjson | \.databrickscfg | \.clasprc\.json | rclone\.conf | \.s3cfg
    | \.?(ansible[-_])?vault[-_]pass(word)?(s)?(\..*)? | \.vault[-_](pass.*|token)
    | (.*[-_.])?credentials (\.(json|ya?ml|toml|ini|xml|csv|txt|cfg|conf|properties))?
    | .*access[-_]?keys?\.csv | rootkey\.csv
    | client_secret.*\.json | service[-_]?account.*\.json | .*firebase[-_]adminsdk.*\.json | gha-creds-.*\.json
    | \.?secrets? | \.?secrets?\.(ya?ml|json|toml|env|txt|ini|properties|xml|tfvars)
    | secrets?[-_.].+\.(ya?ml|json|toml|tfvars)
    | terraform\.tfvars(\.json)? | .+\.auto\.tfvars(\.json)? | .+\.tfstate(\.backup|\.\d+\.backup)?
    | local\.settings\.json | kubeconfig(\.ya?ml)?
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)

_DOUBTFUL = re.compile(
    r"""
      \.npmrc | \.yarnrc(\.ya?ml)? | bunfig\.toml | pip\.(conf|ini) | nuget\.config | \.curlrc | \.wgetrc | \.boto
    | \.terraformrc | terraform\.rc | \.sentryclirc | \.flaskenv | my\.cnf | \.?bowerrc | gradle\.properties
    | local\.properties | settings\.xml | wp-config.*\.php | (.*[-_.])?database\.ya?ml | s?ftp(-config)?\.json
    | appsettings\..+\.json | (application|bootstrap)[-_.].+\.(properties|ya?ml) | .+\.tfvars(\.json)?
    | (.*[-_.])?(auth|o?auth2?|tokens?|creds?|keys?|account|secrets?|adminsdk|config|config\.local)\.json
    | .*([-_.]key|serviceaccountkey)\.json
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)

_ENCRYPTED = re.compile(rb"ENC\[AES256_GCM|\$ANSIBLE_VAULT;|kind: SealedSecret|-----BEGIN AGE ENCRYPTED FILE")
_SECRETIVE = re.compile(
    r"(?i)passw|pwd$|secret|token$|_auth$|authtoken|api[-_]?key|access[-_]?key|account[-_]?key|private[-_]?key"
    r"|connection[-_]?string|credential|oauth"
)
_LINE = re.compile(
    r"^[ \t-]*(?:export )?[\"']?([\w/:@.-]{2,100})[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"'#;,]{3,})", re.MULTILINE
)
_NOTHING = re.compile(
    r"(?i)\$|%|<|\{|\[|x{3,}|\*+|true|false|null|none|string|example|change.?me|your[-_].*|[A-Z]?[a-z]+|.*\.\.\..*|\d{1,5}"
)
"""Values that are references, placeholders, or the words of a form."""


def is_secret(path: str) -> bool:
    """Whether the name of a file says that it holds secrets: `.env*`, private keys, key stores, credentials."""
    name = path.rpartition("/")[2]
    return _NAMES.fullmatch(name) is not None and not _EXAMPLE.fullmatch(name)


def is_secret_file(worktree: Path, path: str) -> bool:
    """Whether a file of a worktree holds secrets, by its name and, where that does not decide, by what is in it.

    A file that is encrypted for being committed (sops, Ansible's vault, sealed secrets) is none.
    """
    name = path.rpartition("/")[2]
    if is_secret(path):
        return not _is_encrypted(worktree / path)
    if not _DOUBTFUL.fullmatch(name) or _EXAMPLE.fullmatch(name):
        return False
    content = _read(worktree / path)
    return bool(content) and not _ENCRYPTED.search(content) and _tells_secret(content)


def _is_encrypted(file: Path) -> bool:
    textual = file.suffix.lower() in (".yaml", ".yml", ".json", ".toml", ".ini", ".txt", ".tfvars", ".env")
    return textual and bool(_ENCRYPTED.search(_read(file)))


def _read(file: Path) -> bytes:
    """The beginning of a regular file; nothing of anything else."""
    try:
        if file.is_symlink() or not file.is_file():
            return b""
        with file.open("rb") as opened:
            return opened.read(READ)
    except OSError:
        return b""


def _tells_secret(content: bytes) -> bool:
    from ampsm_engine import redact  # its rules are for those few files whose names do not decide

    if redact.bytes_(content) != content:
        return True
    text = content.decode("utf-8", "replace")
    try:
        found = _texts("", json.loads(text))
    except ValueError:
        found = iter(_LINE.findall(text))
    return any(_SECRETIVE.search(name) and not _says_nothing(value) for name, value in found)


def _says_nothing(value: str) -> bool:
    return (
        not value.isascii() or " " in value.strip() or len(value) < 4 or bool(_NOTHING.match(value) and _plain(value))
    )


def _plain(value: str) -> bool:
    """Whether a value is nothing but what `_NOTHING` found at its beginning, or begins like a reference."""
    return bool(_NOTHING.fullmatch(value)) or value[:1] in "$%<{["


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """The texts in a JSON value, each with the names that lead to it."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key if not isinstance(inner, str) else f"{name} {key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(name, inner)
