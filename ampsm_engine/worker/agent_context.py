"""AGENT_CONTEXT: what amp and people find about their session inside the worktree. Never committed, and hidden.

SESSION.md, DIFF_SUMMARY.md, ITERATION_LOG.md, LAST_STATUS.json; redacted, replaced in one step.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import labels, redact
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import own_files, repository
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.own_files import OwnFiles
from ampsm_engine.home import PRIVATE_FOLDER, write_private
from ampsm_engine.model import LACKS, Iteration, Session, SetupState
from ampsm_engine.plain_text import printable

if TYPE_CHECKING:
    from ampsm_engine.git.entities import FileChange  # `new` writes these files, and has none to list
    from ampsm_engine.review.annotations import PullRequest
    from ampsm_engine.store.records import Facts

FOLDER = own_files.CONTEXT
LISTED_FILES = 500


def write(
    session: Session,
    iterations: Sequence[Iteration],
    files: "Sequence[FileChange]",
    facts: "Facts",
    pull_request: "PullRequest | None" = None,
) -> str | None:
    """Bring the four files up to date; a sentence when something of the repository's stands in their place."""
    lacks = [fact.text for fact in facts.read(session_id=session.id, kinds=(*LACKS, *SetupState))]
    return write_files(session, contents(session, iterations, files, lacks, pull_request))


def write_files(session: Session, made: Mapping[str, bytes], own: OwnFiles | None = None) -> str | None:
    """Write files into the folder; a sentence when something of the repository's stands in its place.

    `own`: which are ampsm's there, where that is known.
    """
    worktree = Path(session.worktree_path)
    folder = worktree / FOLDER
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        return f"{FOLDER} in the worktree is no folder of ampsm's; nothing was written there"
    own = own or (own_files.of(worktree, session.base_commit) if folder.exists() else OwnFiles())
    folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    if own.holds(f"{FOLDER}/{own_files.IGNORING}"):
        own_files.hide(folder, (*own_files.FILES, own_files.IGNORING) if own.is_shared(FOLDER) else ())
    theirs = [name for name in made if not own.holds(f"{FOLDER}/{name}")]
    for name, content in made.items():
        if name not in theirs:
            write_private(folder / name, content, lasting=False)
    if theirs:
        return f"{', '.join(theirs)} in {FOLDER}: the repository tracks that itself, so ampsm writes nothing there"
    return None


def update_status(session: Session, iterations: Sequence[Iteration], own: OwnFiles | None = None) -> None:
    """Let LAST_STATUS.json say what the store says, where something else than an iteration has changed that."""
    if Path(session.worktree_path, FOLDER).is_dir():
        with contextlib.suppress(AmpsmError, OSError):  # what it is about is so, written there or not
            content = redact.text(status_text(session, iterations)).encode("utf-8", "replace")
            write_files(session, {"LAST_STATUS.json": content}, own)


def hide(session: Session) -> None:
    """Hide ampsm's own files in a session's worktree and beside it, also where an older ampsm made them."""
    write_files(session, {})
    root = Path(session.repo_root)
    own_files.ensure(Repo(root, repository.common_dir(root), root))


def contents(
    session: Session,
    iterations: Sequence[Iteration],
    files: "Sequence[FileChange]",
    lacks: Sequence[str] = (),
    pull_request: "PullRequest | None" = None,
) -> dict[str, bytes]:
    """What the four files say, redacted. `lacks`: sentences about what the worktree lacks and how it was set up."""
    texts = {
        "SESSION.md": session_text(session, lacks, pull_request),
        "DIFF_SUMMARY.md": diff_text(session, files),
        "ITERATION_LOG.md": log_text(session, iterations),
        "LAST_STATUS.json": status_text(session, iterations),
    }
    return {name: redact.text(text).encode("utf-8", "replace") for name, text in texts.items()}


def session_text(session: Session, lacks: Sequence[str] = (), pull_request: "PullRequest | None" = None) -> str:
    """The task itself, the state of its worktree, and the pull request that it began from.

    A person's notes are not in it: they are for people.
    """
    lines = [
        f"# {session.name}",
        "",
        f"- session: {session.id}",
        f"- branch: {session.branch_name}",
        f"- base: {session.base_branch} ({session.base_commit[:12]})",
        f"- created: {session.created_at}",
    ]
    if session.folder:
        lines.append(f"- folder: `{session.folder}` (the task is about this part of the repository)")
    if session.script_command:
        lines.append(f"- script: `{session.script_command}` (run after each iteration)")
    lines += ["", "## Task", "", session.amp_prompt or "(none yet)"]
    if lacks:
        lines += ["", "## This worktree", "", *(f"- {printable(text)}" for text in lacks)]
    if pull_request is not None:
        from ampsm_engine.review.prompt import about

        lines += ["", "## Pull request", "", about(pull_request)]
    return "\n".join(lines) + "\n"


def diff_text(session: Session, files: "Sequence[FileChange]") -> str:
    """Which files the branch changes against its base."""
    added = sum(file.additions or 0 for file in files)
    deleted = sum(file.deletions or 0 for file in files)
    lines = [f"# Changes against {session.base_branch}", "", f"{len(files)} files, +{added} -{deleted}", ""]
    lines += [
        f"- {file.kind} `{file.path}` +{file.additions or 0} -{file.deletions or 0}" for file in files[:LISTED_FILES]
    ]
    if len(files) > LISTED_FILES:
        lines.append(f"- and {len(files) - LISTED_FILES} more")
    return "\n".join(lines) + "\n"


def log_text(session: Session, iterations: Sequence[Iteration]) -> str:
    """What was asked in each iteration and how it ended."""
    lines = [f"# Iterations of {session.name}"]
    for iteration in iterations:
        word = labels.outcome_word(iteration.outcome, iteration.state)
        lines += ["", f"## {iteration.number}: {word}", "", *_quoted(iteration.prompt), ""]
        if iteration.commit_sha:
            lines.append(f"- commit: {iteration.commit_sha[:12]}, {iteration.changed_files} files")
        if iteration.test_result:
            lines.append(f"- script: {iteration.test_result} (exit code {iteration.test_exit_code})")
        if iteration.error:
            lines.append(f"- error: {iteration.error}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> list[str]:
    return [f"> {line}".rstrip() for line in text.splitlines()[:200]]


def status_text(session: Session, iterations: Sequence[Iteration]) -> str:
    """How the last iteration ended, for scripts."""
    last = iterations[-1] if iterations else None
    status = {
        "version": 1,
        "sessionId": session.id,
        "status": session.status.value,
        "iteration": last.number if last else 0,
        "state": last.state.value if last else None,
        "outcome": last.outcome.value if last and last.outcome else None,
        "error": last.error if last else None,
        "commitSha": last.commit_sha if last else None,
        "changedFiles": last.changed_files if last else 0,
        "testResult": last.test_result.value if last and last.test_result else None,
        "testExitCode": last.test_exit_code if last else None,
        "tokenUsage": last.tally.token_usage if last else None,
    }
    return json.dumps(status, indent=2) + "\n"
