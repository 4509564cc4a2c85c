"""Redaction: no secret leaves the worktree's own files, whether into the store, a commit message or a log.

What is covered, and put out as `[redacted:<rule>]`:

- the 416 kinds of keys and tokens of Betterleaks (the maintained successor of gitleaks) and Veles, as MongoDB's
  Kingfisher carries them: cloud, model, payment, chat, package and code hosts. `rules.json` is made from them by
  `scripts/update_redaction_rules.py`, which says what it leaves out and why; see NOTICE.
- `own_rules.py`: what those miss. amp's keys and login address, passwords in addresses, Authorization headers, short
  and example-like tokens, values given to names that say secret; private keys in PEM's armour, whole blocks.
- `contexts.py`: what commands are given as a password, lines of configuration in the usual syntaxes, cookies, netrc,
  pgpass, kubeconfig, Docker and npm logins, hashes of passwords, signed addresses.
- `environment.py`: the values of secret-named environment variables, also escaped for JSON, for a URL, in base 64.
- `secret_files.py`: the same of the values in files of secrets that stand in the checkout of a repository with
  sessions, or that `.worktreeinclude` brought into a worktree.

What is not: a secret without a shape of its own under a name that says nothing, one cut in two by other text, one
in base 64 that is not in the environment. Thread ids, tool ids, commit hashes and UUIDs stay, unless the name they
are given to says secret. Weak-looking tokens go too: there is no entropy filter. A line of JSON stays JSON.
Where secrets may begin at more places than can be looked at in fair time, what follows goes unseen as
`[redacted:crowded-text]`.
Nothing here is loaded before it is needed; nothing here prints.
"""

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ampsm_engine.redact.redactor import Redactor as Redactor
    from ampsm_engine.redact.secret_files import CurrentRedactor
    from ampsm_engine.redact.window import SafeStream


def text(text: str) -> str:
    """The text with a marker in place of each secret, those of this process's environment included."""
    return _default().redactor().text(text)


def bytes_(content: bytes) -> bytes:
    """The bytes with a marker in place of each secret; what is not UTF-8 stays as it is."""
    return _default().redactor().bytes_(content)


def found(content: bytes) -> frozenset[str]:
    """The secrets in a content, as they are written there; never to be shown."""
    return _default().redactor().found(content)


def stream() -> "SafeStream":
    """A redactor for a text that comes in pieces and is too long to be held: `feed` it, then `finish`."""
    return _default().redactor().stream()


def file(path: "Path") -> int:
    """Redact a file in place, in one step; answers the number of secrets, and with none leaves it alone."""
    return _default().redactor().file(path)


def note_files(owner: str, paths: "Iterable[Path]") -> None:
    """Keep secret, from now on and everywhere, what these files hold; `owner`: whose they are, as a file's name."""
    _default().remember(owner, paths)


def load() -> None:
    """Load the rules now, while something else has to be waited for."""
    _default().redactor()


def refresh() -> None:
    """Learn what noted files hold now; otherwise that is learned within a second."""
    _default().refresh()


@cache
def _default() -> "CurrentRedactor":
    from ampsm_engine.redact.secret_files import CurrentRedactor

    return CurrentRedactor(os.environ)


def __getattr__(name: str) -> object:
    """`redact.Redactor`, loaded when it is asked for."""
    if name != "Redactor":
        raise AttributeError(name)
    from ampsm_engine.redact.redactor import Redactor

    return Redactor
