"""Why `git commit` made no commit, from what git and its hooks said, and what helps."""

import re
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import busy, hooks, program, repository

_WORDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("space", r"no space left on device|disk quota exceeded"),
        ("signing", r"failed to sign|cannot run gpg|signing failed|user\.signingkey|couldn't (sign|load public key)"),
        ("identity", r"tell me who you are|(ident name|email).*(empty|not allowed|was given)|auto-detect"),
        ("lock", r"\.lock'?: file exists|another git process"),
        ("permission", r"permission denied|insufficient permission|read-only file system"),
    )
)
"""What git says, in English, as `program` has it speak."""

_MESSAGE_RULE = re.compile(
    r"commitlint|conventional ?commit|(subject|type|scope|header|body)[ -]\S*.*(may not|must)|commit message",
    re.IGNORECASE,
)

_NO_HOOKS = "ampsm config set commit.hooks false leaves the hooks out"


class Cause(NamedTuple):
    """What kept git from committing."""

    kind: str
    """time, hook, message (what a hook says no to), signing, identity, space, lock, permission, other."""
    text: str
    hint: str


def cause(worktree: Path, answer: program.Answer, limit: float) -> Cause:
    """The cause of a `git commit` that ended badly, as a sentence with git's own words, and a command that helps."""
    said = answer.said or answer.reason
    if answer.timed_out:
        text = f"The commit took more than {limit:g} s: does a hook wait for something? {answer.said}".strip()
        return Cause("time", text, f"{_NO_HOOKS}; git -C {worktree} commit shows what it waits for")
    # A hook that says no lets git end with 1; what git itself cannot do ends with 128.
    if answer.code == 1 and hooks.has_any(hooks.folder(worktree), (*hooks.COMMIT, *hooks.MERGE)):
        return _of_hook(said)
    kind = next((kind for kind, words in _WORDS if words.search(said)), "other")
    text = {
        "signing": f"git could not sign the commit: {said}",
        "identity": f"git does not know who commits: {said}",
        "space": f"The disk is full: {said}",
        "permission": f"The repository cannot be written: {said}",
    }.get(kind, f"git could not commit: {said}")
    return Cause(kind, text, _hint(worktree, kind))


def _of_hook(said: str) -> Cause:
    if _MESSAGE_RULE.search(said):
        ways = f"ampsm config set commit.subject 'chore: {{subject}}' words amp's commits as it wants; {_NO_HOOKS}"
        return Cause("message", f"A commit hook refused the message: {said}", ways)
    return Cause("hook", f"A commit hook refused the commit: {said}", _NO_HOOKS)


def _hint(worktree: Path, kind: str) -> str:
    if kind == "lock":
        why_not = busy.index_refusal(repository.git_dir(worktree), 0)
        return why_not[1] if why_not else "Nothing holds it any more: try again."
    common = repository.common_dir(worktree)
    return {
        "signing": f"git -C {worktree} config --get-regexp '^(gpg|user.signingkey|commit.gpgsign)'",
        "identity": f"git -C {worktree} config user.name NAME && git -C {worktree} config user.email ADDRESS",
        "space": f"df -h {common}",
        "permission": f"ls -ld {common} {common / 'objects'}",
    }.get(kind, f"git -C {worktree} commit")
