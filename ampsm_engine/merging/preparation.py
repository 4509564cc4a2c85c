"""What is made of a session before its work is brought anywhere: a message, commits without ampsm's own files."""

from ampsm_engine import redact
from ampsm_engine.errors import Refused
from ampsm_engine.git import repository
from ampsm_engine.git.integrate import commit_range, rewrite
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.situation import SessionSpan, Situation


class NothingNew(Refused):
    """A session has no commit that its target lacks."""


def refuse_nothing(now: Situation, span: SessionSpan, options: Options) -> None:
    """NothingNew when nothing would be brought; a rebase may have the target's commits alone to bring the branch to."""
    if span.commits:
        return
    if options.kind == "rebase" and not repository.is_ancestor(now.root, now.base_tip, now.branch_tip):
        return
    own = "of its own " if span.stays else ""
    message = f"{now.session.name} has no commit {own}that {now.target} does not have."
    raise NothingNew(message, f'ampsm iterate {now.session.id} "PROMPT"')


def worded(now: Situation, options: Options) -> Options:
    """The options with the message as it will be, and all that is asked for besides possible."""
    squashes = options.kind == "squash" or (options.kind == "merge" and options.squash)
    message = redact.text(options.message.strip())
    if squashes and not message:
        hint = f"ampsm {options.kind} {now.session.id} -m MESSAGE; ampsm preflight {now.session.id} offers a draft"
        raise Refused("A squash needs a message.", hint)
    if options.goes_out:
        from ampsm_engine.merging import publish

        publish.check(now.root, now.session.branch_name, now.target, options)
    return replace(options, message=message)


def without_own_files(
    now: Situation, objects: ObjectStore, template: str, *, untouched: bool = False
) -> tuple[Situation, str]:
    """Take ampsm's own files out of a session's branch: the situation then, and the tip of its commits without them.

    `untouched`: the index of its worktree is known to be as its branch.
    """
    session = now.session
    if untouched and not rewrite.may_have_own_files(objects, now.branch_tip):
        return now, _work(objects, now)
    from ampsm_engine.git import commits
    from ampsm_engine.worker.commit_message import subject

    bases, trailers = (session.base_commit, now.base_tip), f"Ampsm-Session: {session.id}"
    words = subject("Leave out what is ampsm's own", "", template=template)
    tip = commits.take_out_own_files(now.worktree, session.branch_name, *bases, subject=words, trailers=trailers)
    now = replace(now, branch_tip=tip) if tip else now
    return now, _work(objects, now)


def _work(objects: ObjectStore, now: Situation) -> str:
    """The commits without ampsm's own files; they are in the repository."""
    work = rewrite.without_own_files(objects, now.start or now.base_tip, now.branch_tip)
    if work != now.branch_tip:
        objects.database.flush()
    return work


def as_carried(now: Situation, span: SessionSpan, work: str) -> tuple[str, ...]:
    """The commits of others as they are carried: taking ampsm's own files out makes other commits of them."""
    if not span.strangers or work == now.branch_tip:
        return tuple(commit.sha for commit in span.strangers)
    theirs = {(commit.author, commit.time, commit.subject) for commit in span.strangers}
    carried = commit_range.plan_commits(now.root, now.start or now.base_tip, work)
    return tuple(commit.sha for commit in carried if (commit.author, commit.time, commit.subject) in theirs)
