"""The plan in words: what would be done and in which order, and a draft of the message. Reads only."""

from collections.abc import Iterator, Sequence

from ampsm_engine import redact
from ampsm_engine.context import Engine
from ampsm_engine.git import integrate
from ampsm_engine.git.integrate.values import PlannedCommit
from ampsm_engine.merging import session_commits, situation
from ampsm_engine.merging.session_commits import SessionSpan
from ampsm_engine.merging.situation import Situation, many
from ampsm_engine.merging.values import MergePlan, Options, PlannedStep
from ampsm_engine.model import Iteration
from ampsm_engine.naming import session_name
from ampsm_engine.plain_text import printable

SUBJECT = 72
LISTED = 40
"""Commits that a draft names."""


def plan(engine: Engine, session_id: str, options: Options) -> MergePlan:
    """What an operation with these options would do now."""
    now = situation.look(engine.store, session_id, options.onto, options.kind)
    span = session_commits.span(engine.store, now)
    commits = span.commits
    conflicts = integrate.forecast(now.root, now.base_tip, now.branch_tip, span.start).conflicts
    draft_text = draft(commits, engine.store.iterations.of(session_id), now.session.name)
    return MergePlan(session_id, now.target, commits, tuple(_steps(now, span, options)), draft_text, conflicts)


def _steps(now: Situation, span: SessionSpan, options: Options) -> Iterator[PlannedStep]:
    branch, target, commits = now.session.branch_name, now.target, span.commits
    by_hand = sum(not commit.ours and not commit.merge for commit in commits)
    if options.kind == "squash" or (options.kind == "merge" and options.squash):
        kept = by_hand if options.manual == "keep" else 0
        squashed = len(commits) - kept
        text = f"{many(squashed, 'commit')} {'become' if squashed != 1 else 'becomes'} one"
        yield PlannedStep("squash", text + (f"; {many(kept, 'commit')} by hand stay" if kept else ""))
    if options.kind != "squash":
        aside = f" without {many(len(span.stays), 'commit')} from before it began" if span.stays else ""
        yield PlannedStep("rebase", f"{branch} goes onto {target} at {now.base_tip[:12]}{aside}")
    if options.kind == "merge" and not options.pull_request:
        way = "is fast-forwarded" if options.fast_forward else "gets a merge commit"
        yield PlannedStep("merge", f"{target} {way}, and a clean checkout of it moves along")
    if options.patch:
        yield PlannedStep("patch", f"the commits are written to {options.patch}")
    if options.pull_request:
        yield PlannedStep("pull-request", f"{branch} is pushed, and a pull request into {target} is opened")
    elif options.push:
        yield PlannedStep("push", f"{target} is pushed")


def draft(commits: Sequence[PlannedCommit], iterations: Sequence[Iteration], name: str) -> str:
    """A message from what was asked for and what was committed; the first line has at most 72 characters."""
    plain = [commit for commit in commits if not commit.merge]
    subjects = [_words(commit) for commit in plain]
    first = subjects[0] if len(subjects) == 1 else ""
    asked = next((session_name(one.prompt) for one in iterations if one.prompt.strip()), "")
    title = _title(first or asked or (subjects[0] if subjects else "") or name)
    listed = [f"- {subject}" for subject in dict.fromkeys(subjects)] if len(subjects) > 1 else []
    more = [f"- and {len(listed) - LISTED} more"] if len(listed) > LISTED else []
    return redact.text("\n".join([title, *([""] if listed else []), *listed[:LISTED], *more]))


def _words(commit: PlannedCommit) -> str:
    subject = printable(commit.subject)
    return subject.removeprefix("amp:").strip() if commit.ours else subject


def _title(text: str) -> str:
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    if len(text) <= SUBJECT:
        return text
    head, _, _ = text[: SUBJECT - 1].rpartition(" ")
    return (head or text[: SUBJECT - 1]).rstrip(" ,;:.") + "…"
