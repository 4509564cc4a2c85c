"""What a person is asked before an operation goes on: nothing of it happens without a yes.

Work of others in the branch, secrets and unwanted files that would become reachable, a script that does not pass.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ampsm_engine.context import Engine
from ampsm_engine.errors import Refused
from ampsm_engine.git import repository
from ampsm_engine.git.integrate import incoming, rewrite
from ampsm_engine.git.integrate.commit_range import listed, plan_commits
from ampsm_engine.git.integrate.incoming import Change, Incoming, change_of, search_incoming
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import LaidOut, PlannedCommit, Rewritten
from ampsm_engine.merging import situation
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.situation import SessionSpan, Situation
from ampsm_engine.plain_text import list_some, plural

ALL = "*"
"""The answer that says yes to whatever is asked."""

MOST_UNPUSHED = 5_000
"""Commits of the target that are looked through before a push, the newest ones: some 10 s of work."""

_DONE = {"merge": "merged", "squash": "squashed", "rebase": "rebased"}


class Question(NamedTuple):
    """A question that has to be answered with yes before a merge."""

    kind: str
    text: str
    items: tuple[str, ...]
    """What exactly it is about: a yes to these is no yes to others."""

    @property
    def answers(self) -> tuple[str, ...]:
        """The values of `Options.answered` that say yes to the question."""
        return tuple(f"{self.kind} {item}" for item in self.items)


class Unanswered(Refused):
    """Questions have to be answered with yes first; nothing was changed. The hint is the command that says yes."""

    def __init__(self, message: str, hint: str = "", questions: tuple[Question, ...] = ()) -> None:
        super().__init__(message, hint)
        self.args = (message, hint, questions)

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions that are to be answered."""
        found: tuple[Question, ...] = self.args[2]
        return found

    @property
    def sentences(self) -> str:
        """The texts of all questions, a sentence a line."""
        return "\n".join(f"{question.text}." for question in self.questions)

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that say yes to all questions."""
        return tuple(answer for question in self.questions for answer in question.answers)


def refuse(questions: Sequence[Question], answered: Sequence[str], command: str) -> None:
    """Unanswered while a question has no yes; `command` is how to ask for the operation again."""
    left = tuple(one for one in questions if ALL not in answered and not set(one.answers) <= set(answered))
    if left:
        raise Unanswered(" ".join(f"{one.text}." for one in left), f"{command} --yes", left)


def before(
    engine: Engine, now: Situation, span: SessionSpan, options: Options, objects: ObjectStore
) -> tuple[Question, ...]:
    """The questions that have to be answered before anything is changed."""
    at = _at_remote(now, options)
    unpushed = _unpushed(now, *at) if at else ()
    changes = [change_of(objects, commit.sha) for commit in unpushed[-MOST_UNPUSHED:] if not commit.merge]
    changes += list(_changes(now, span, options, objects))
    found = search_incoming(objects, changes, objects.tree_of(now.base_tip))
    if len(unpushed) > MOST_UNPUSHED:
        found = found._replace(is_whole=False)
    return (
        *_others(now, span, unpushed if at and at[1] and options.pull_request else ()),
        *of_incoming(found, options.kind),
        *_submodules(now, options.kind),
        *(_script(engine, now) if options.kind == "merge" else ()),
    )


def of_incoming(found: Incoming, kind: str) -> Iterator[Question]:
    """What is asked about files and messages that would become reachable."""
    done = _DONE.get(kind, "merged")
    if found.secrets:
        text = f"Something that looks like a secret would be {done}, in {list_some(found.secrets)}"
        yield Question("secrets", text, found.secrets)
    if found.unwanted:
        text = f"What rarely belongs in a history would be {done}: {list_some(found.unwanted)}"
        yield Question("rubbish", text, found.unwanted)
    if not found.is_whole:
        text = f"It is so much that it was not looked through for secrets to its end, and would be {done}"
        yield Question("unread", text, ("rest",))


def _submodules(now: Situation, kind: str) -> Iterator[Question]:
    links = incoming.unpublished_submodules(now.root, now.worktree, now.fork, now.branch_tip)
    if links and kind == "merge":
        names = tuple(str(link) for link in links)
        text = "A commit of a submodule that is only in this session's worktree would be needed by all"
        yield Question("submodules", f"{text}: {list_some(names)}", names)


def of_resolution(now: Situation, options: Options, laid: LaidOut, commit: str) -> tuple[Question, ...]:
    """What is asked about the commit of a resolved conflict, besides what was said yes to before."""
    objects = ObjectStore(now.worktree)
    known = objects.commit(laid.commit).message
    changes = [Change(objects.tree_of(laid.onto), objects.tree_of(commit))]
    for one in plan_commits(now.root, laid.onto, commit):
        message = objects.commit(one.sha).message
        if not one.merge:
            changes.append(change_of(objects, one.sha)._replace(message=message if message != known else b""))
    found = search_incoming(objects, changes, objects.tree_of(laid.onto))
    before = {_where(answer) for answer in options.answered}
    secrets = tuple(item for item in found.secrets if _where(f"secrets {item}") not in before)
    unwanted = tuple(item for item in found.unwanted if _where(f"rubbish {item}") not in before)
    return tuple(of_incoming(Incoming(secrets, unwanted, found.is_whole), options.kind))


def _where(answer: str) -> str:
    """An answer without the commit or the size that it names."""
    return re.sub(r" (in [0-9a-f]{12}|\([^()]*\))$", "", answer)


def command(session_id: str, options: Options) -> str:
    """The command that asks for an operation."""
    words = ["ampsm", options.kind, session_id]
    if options.message:
        words += ["-m", options.message]
    given = {
        "--manual=keep": options.manual == "keep",
        "--no-squash": options.kind == "merge" and not options.squash,
        "--no-ff": not options.fast_forward,
        "--push": options.push,
        "--pr": options.pull_request,
    }
    words += [word for word, is_given in given.items() if is_given]
    words += ["--onto", options.onto] if options.onto else []
    words += ["--export-patch", options.patch] if options.patch else []
    import shlex

    return shlex.join(words)


def _changes(now: Situation, span: SessionSpan, options: Options, objects: ObjectStore) -> Iterator[Change]:
    """What becomes reachable of the session's own work: one change where it is squashed, else each commit's."""
    by_hand = any(not commit.ours and not commit.merge for commit in span.commits)
    squashes = options.kind == "squash" or (options.kind == "merge" and options.squash)
    if squashes and not (by_hand and options.manual == "keep"):
        yield Change(objects.tree_of(now.fork), objects.tree_of(now.branch_tip))
        return
    commits: Sequence[str] = [commit.sha for commit in span.commits if not commit.merge]
    if squashes:
        made = _squashed_on_trial(now, options, objects)
        commits = [*made.commits] if made else commits
    for sha in commits:
        yield change_of(objects, sha)


def _squashed_on_trial(now: Situation, options: Options, objects: ObjectStore) -> Rewritten | None:
    """The commits that a squash beside those by hand gives, without hooks and signatures."""
    for manual in (options.manual, "apart"):
        made = rewrite.squash(
            objects, now.branch_tip, now.base_tip, options.message or "-", manual=manual, start=now.start, sign=False
        )
        if isinstance(made, Rewritten):
            return made
    return None


def _at_remote(now: Situation, options: Options) -> tuple[str, str] | None:
    """The remote that the target goes to, and the target's commit there, empty where that is not known; None: none."""
    if not (options.push or options.pull_request) or not now.is_branch:
        return None
    from ampsm_engine.merging import publish

    try:
        remote = (publish.base_remote if options.pull_request else publish.remote_of)(now.root, now.target)
    except Refused:
        return None  # said where it matters
    there = f"refs/remotes/{remote}/{publish.remote_name(now.root, now.target, remote)}"
    return remote, repository.ref_commit(now.root, there) or ""


def _unpushed(now: Situation, remote: str, known: str) -> tuple[PlannedCommit, ...]:
    """The target's own commits that go out besides: no branch of its remote has them, as far as is known here."""
    beyond = (f"^{known}",) if known else ("--not", f"--remotes={remote}")
    return listed(now.root, f"--max-count={MOST_UNPUSHED + 1}", now.base_tip, *beyond)


def _others(now: Situation, span: SessionSpan, unpushed: Sequence[PlannedCommit]) -> Iterator[Question]:
    name, coming = now.session.name, situation.coming(now, span.strangers)
    if coming:
        text = (
            f"{plural(len(coming), 'commit')} on the branch of {name} {'is' if len(coming) == 1 else 'are'} not its own"
        )
        items = tuple(commit.sha for commit in coming)
        yield Question("others", f"{text}, and would come along: {situation.named_commits(coming)}", items)
    if unpushed:
        text = (
            f"The pull request would also bring {plural(len(unpushed), 'commit')} of {now.target} that are not pushed"
        )
        items = tuple(commit.sha for commit in unpushed)
        yield Question("others", f"{text}: {situation.named_commits(unpushed)}", items)


def _script(engine: Engine, now: Situation) -> Iterator[Question]:
    if not now.session.script_command:
        return
    from ampsm_engine.merging import preflight

    at = now.branch_tip[:12]
    passed = preflight.result_of(engine, now)
    if passed is None:
        text = f"The script of {now.session.name} has not run on {at}: ampsm preflight {now.session.id} runs it"
        yield Question("script", text, (f"{at} not run",))
    elif not passed:
        yield Question("script", f"The script of {now.session.name} fails on {at}", (f"{at} failed",))
