"""Files that rarely mean to be in a history: secrets, installed packages, caches, very large files.

Secrets are never committed by us while git does not track them. Most are told by their names; some names stand for
files with and without secrets (`.npmrc`, `appsettings.*.json`), so these are looked into. What a secret looks like
inside a file is the business of the redact room.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ampsm_engine.git import libgit2, program, records
from ampsm_engine.git.libgit2 import AskGit
from ampsm_engine.plain_text import plural

READ = 1 << 20
"""Bytes of a file with a doubtful name that are looked at."""

_EXAMPLE = r".+\.(example|sample|template|tmpl|dist)(\.\w{1,10})?"
"""`.env.example` and its like are written to be committed."""

_NAMES = r"""
      \.env (rc)? ([._-].*)? | .+\.env | \.dev\.vars (\..*)?                     # dotenv, direnv, wrangler
    | .*\.(pem|key|p12|pfx|pkcs12|p8|jks|jceks|bks|keystore|keytab|kdbx?|ppk|snk|ovpn|agekey|kubeconfig)
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
    """

_DOUBTFUL = r"""
      \.npmrc | \.yarnrc(\.ya?ml)? | bunfig\.toml | pip\.(conf|ini) | nuget\.config | \.curlrc | \.wgetrc | \.boto
    | \.terraformrc | terraform\.rc | \.sentryclirc | \.flaskenv | my\.cnf | \.?bowerrc | gradle\.properties
    | local\.properties | settings\.xml | wp-config.*\.php | (.*[-_.])?database\.ya?ml | s?ftp(-config)?\.json
    | appsettings\..+\.json | (application|bootstrap)[-_.].+\.(properties|ya?ml) | .+\.tfvars(\.json)?
    | (.*[-_.])?(auth|o?auth2?|tokens?|creds?|keys?|account|secrets?|adminsdk|config|config\.local)\.json
    | .*([-_.]key|serviceaccountkey)\.json | .*accesstokens?\.json | msal_token_cache.*\.json | .+\.jwks?(\.json)?
    | \.?mcp(\.local)?\.json | claude_desktop_config\.json | \.claude\.json | settings\.local\.json
    | (.*[-_.])?(keystore|key|signing|release|secrets?)\.properties | (local_settings|settings_local)\.py
    | hosts\.ya?ml | vault\.ya?ml | wg\d+\.conf | \.renviron | .+\.asc | secring\.gpg
    | \.(ba|z|da|k)?sh_history | \.(psql|mysql|sqlite|rediscli|python|irb|node_repl|dbshell)_history
    """

_COPY = r"(?:~|\.(?:bak|backup|old|orig|save|saved|copy|swp|swo|tmp|\d{1,8}|\d{4}-\d\d-\d\d))+$"
"""What editors and people put behind the name of a file that they keep a copy of."""

_CONFIG_FOLDERS = r"(?i)(?:^|/)(?:\.kube|\.aws|\.oci|\.docker)/config$"
"""Files with a name that says nothing, in a folder that does."""

_ENCRYPTED = rb"ENC\[AES256_GCM|\$ANSIBLE_VAULT;|kind: SealedSecret|-----BEGIN AGE ENCRYPTED FILE"
_SECRETIVE = (
    r"(?i)passw|pwd$|secret|token$|_auth$|authtoken|api[-_]?key|access[-_]?key|account[-_]?key|private[-_]?key"
    r"|connection[-_]?string|credential|oauth"
)
_LINE = r"(?m)^[ \t-]*(?:export )?[\"']?([\w/:@.-]{2,100})[\"']?[ \t]*[:=][ \t]*[\"']?([^\s\"'#;,]{3,})"
_NOTHING = (
    r"(?i)\$|%|<|\{|\[|x{3,}|\*+|true|false|null|none|string|example|change.?me|your[-_].*"
    r"|[A-Z]?[a-z]+|.*\.\.\..*|\d{1,5}"
)
"""Values that are references, placeholders, or the words of a form."""

LARGE = 10 << 20
"""Bytes of a very large file: hosts begin to warn at 50 MB and refuse at 100 MB, and a clone has each version."""

MANY = 300
"""New files of one new folder that are rarely written by hand."""

_FOLDERS = frozenset(
    {
        *("node_modules", "bower_components", "jspm_packages", ".pnpm-store", ".yarn/cache", ".parcel-cache"),
        *(".next", ".nuxt", ".svelte-kit", ".turbo", ".angular", ".nyc_output"),
        *("__pycache__", ".venv", "venv", "site-packages", ".tox", ".nox", ".eggs"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints"),
        *(".gradle", ".terraform", "DerivedData", ".dart_tool", ".bundle", ".cache", ".ccls-cache", ".stack-work"),
    }
)
"""Folders that tools fill."""


class Added(NamedTuple):
    """A file that is new, or has a new content."""

    path: str
    mode: str
    """The mode in six octal digits."""
    size: int
    """Bytes; 0 where that is not known."""
    is_new: bool


def is_secret(path: str) -> bool:
    """Whether the name of a file says that it holds secrets: `.env*`, private keys, key stores, credentials."""
    return any(_is_called(_NAMES, name) and not _is_called(_EXAMPLE, name) for name in _names(path))


def _names(path: str) -> tuple[str, ...]:
    """The name of a file, for a copy of one those that its original may have: `.env~`, `#.env#`, `.auth.json.swp`."""
    name = path.rpartition("/")[2]
    if name.startswith("#") and name.endswith("#"):
        return (name[1:-1],)
    original = re.sub(_COPY, "", name, flags=re.IGNORECASE) or name
    return (original, original.removeprefix(".")) if name.endswith((".swp", ".swo")) else (original,)


def _is_called(pattern: str, name: str) -> bool:
    """Whether a file is called as a pattern says, which is compiled when the first name is looked at."""
    return re.fullmatch(pattern, name, re.VERBOSE | re.IGNORECASE | re.DOTALL) is not None


def is_secret_file(worktree: Path, path: str) -> bool:
    """Whether a file of a worktree holds secrets, by its name and, where that does not decide, by what is in it.

    A file that is encrypted for being committed (sops, Ansible's vault, sealed secrets) is none.
    """
    if is_secret(path):
        return not _is_encrypted(worktree / path)
    is_doubtful = any(_is_called(_DOUBTFUL, name) and not _is_called(_EXAMPLE, name) for name in _names(path))
    if not is_doubtful and not re.search(_CONFIG_FOLDERS, path):
        return False
    content = _read(worktree / path)
    return bool(content) and not re.search(_ENCRYPTED, content) and _holds_secret(content)


def _is_encrypted(file: Path) -> bool:
    textual = file.suffix.lower() in (".yaml", ".yml", ".json", ".toml", ".ini", ".txt", ".tfvars", ".env")
    return textual and bool(re.search(_ENCRYPTED, _read(file)))


def _read(file: Path) -> bytes:
    """The beginning of a regular file; nothing of anything else."""
    try:
        if file.is_symlink() or not file.is_file():
            return b""
        with file.open("rb") as opened:
            return opened.read(READ)
    except OSError:
        return b""


def _holds_secret(content: bytes) -> bool:
    from ampsm_engine import redact  # its rules are for those few files whose names do not decide

    if redact.bytes_(content) != content:
        return True
    text = content.decode("utf-8", "replace")
    try:
        found = _texts("", json.loads(text))
    except ValueError:
        found = iter(re.findall(_LINE, text))
    return any(re.search(_SECRETIVE, name) and not _is_harmless(value) for name, value in found)


def _is_harmless(value: str) -> bool:
    if not value.isascii() or " " in value.strip() or len(value) < 4:
        return True
    return re.match(_NOTHING, value) is not None and _plain(value)


def _plain(value: str) -> bool:
    """Whether a value is nothing but what `_NOTHING` found at its beginning, or begins like a reference."""
    return bool(re.fullmatch(_NOTHING, value)) or value[:1] in "$%<{["


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


def find_clutter(files: Iterable[Added], has: Callable[[str], bool]) -> tuple[str, ...]:
    """The unwanted of these files, each with its size: `node_modules/ (600 files)`, `core (120 MB)`, `.venv (a link)`.

    `has` says whether the other side has a path already: a folder that is kept in a history on purpose is none.
    """
    named: Counter[str] = Counter()
    folders: Counter[str] = Counter()
    single: list[str] = []
    for file in files:
        folder = _tools_folder(file.path)
        if folder is not None and not has(folder):
            if folder == file.path:
                single.append(f"{file.path} (a {'link' if file.mode == '120000' else 'file'})")
            else:
                named[folder] += 1
            continue
        if file.size >= LARGE:
            single.append(f"{file.path} ({file.size / 1_000_000:.0f} MB)")
        if file.is_new:
            folders.update(_above(file.path))
    for folder in sorted(folders, key=len):
        inside = any(folder.startswith(f"{known}/") for known in named)
        if folders[folder] >= MANY and not inside and not has(folder):
            named[folder] = folders[folder]
    return (*(f"{folder}/ ({plural(count, 'file')})" for folder, count in named.items()), *single)


def clutter_between(where: Path, old: str, new: str) -> tuple[str, ...]:
    """What rarely belongs in a history, of that which the commit `new` has and `old` has not; as `find_clutter`."""
    found = [(one.path, one.after, one.before is None) for one in records.changed(where, old, new)]
    there = [(path, file, is_new) for path, file, is_new in found if file and not file.is_submodule]
    known = object_sizes(where, {file.blob for _, file, _ in there})
    files = [Added(path, file.mode, known.get(file.blob, 0), is_new) for path, file, is_new in there]
    return find_clutter(files, lambda path: program.read(where, "rev-parse", "--quiet", "--verify", f"{old}:{path}").ok)


def object_sizes(where: Path, names: Iterable[str]) -> dict[str, int]:
    """The bytes of objects by their names; those that are not there are left out."""
    names = list(names)
    with contextlib.suppress(AskGit):
        return libgit2.sizes(where, names)
    feed = "".join(f"{name}\n" for name in names).encode()
    options = ("cat-file", "--batch-check=%(objectname) %(objectsize)")
    lines = program.query(where, *options, feed=feed).decode().splitlines() if feed else []
    words = (line.split(" ") for line in lines)
    return {name: int(size) for name, size in words if size.isdigit()}


def _tools_folder(path: str) -> str | None:
    """The outermost folder of a path that a tool fills."""
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        name = parts[end - 1]
        if name in _FOLDERS or "/".join(parts[max(0, end - 2) : end]) in _FOLDERS or name.endswith(".egg-info"):
            return "/".join(parts[:end])
    return None


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
