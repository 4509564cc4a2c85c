"""The message of a squash: the user's words, and everybody who had a part in it as `Co-authored-by`."""

import re
from collections.abc import Sequence

from ampsm_engine.git.integrate.ground import RawCommit
from ampsm_engine.git.integrate.writer import AMP, person

_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*: \S")
_CO_AUTHOR = re.compile(r"^co-authored-by: *(.+?) *$", re.IGNORECASE | re.MULTILINE)


def squash_message(message: str, commits: Sequence[RawCommit], *, has_amp: bool) -> bytes:
    """The message with a trailer for each author but the first's own, for amp, and for those named before."""
    text = message.replace("\r\n", "\n").replace("\0", "").strip() or commits[0].subject
    named = {_address(one) for one in _CO_AUTHOR.findall(text)} | {_address(person(commits[0].author))}
    added = []
    for one in _people(commits, has_amp=has_amp):
        if _address(one) not in named:
            named.add(_address(one))
            added.append(f"Co-authored-by: {one}")
    if added:
        text += ("\n" if _ends_in_trailers(text) else "\n\n") + "\n".join(added)
    return text.encode("utf-8", "surrogateescape") + b"\n"


def _people(commits: Sequence[RawCommit], *, has_amp: bool) -> list[str]:
    found = [person(commit.author) for commit in commits]
    for commit in commits:
        found += _CO_AUTHOR.findall(commit.message.decode("utf-8", "replace"))
    return [*found, AMP] if has_amp else found


def _address(one: str) -> str:
    return one.rpartition("<")[2].rstrip("> ").casefold()


def _ends_in_trailers(text: str) -> bool:
    _, gap, last = text.rpartition("\n\n")
    return bool(gap) and all(_TRAILER.match(line) or line.startswith(" ") for line in last.splitlines())
