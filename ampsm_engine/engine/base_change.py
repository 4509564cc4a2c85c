"""Gives a session another base: its own commits stay its own, and what that means for a merge is reported."""

from pathlib import Path

from ampsm_engine import session_problems
from ampsm_engine.context import Engine
from ampsm_engine.engine.sessions import refuse_in_run
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import changes, repository
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import session_branches, situation
from ampsm_engine.model import Session, Status
from ampsm_engine.plain_text import plural


@dataclass(frozen=True, slots=True)
class BaseChange:
    """The session with its new base, and what a merge into that would bring, as a sentence."""

    session: Session
    text: str


def change_base(engine: Engine, session_id: str, wanted: str) -> BaseChange:
    """Give a session another base, by the name of a branch, tag or commit; its branch stays as it is.

    NotFound with what is like it. Refused while amp works, in a merge, for a run's session, for its own branch, and
    for a base that it has no commit in common with.
    """
    store = engine.store
    session = store.sessions.get(session_id)
    if session.status is Status.RUNNING:
        raise Refused(f"{session.name} is running.", f"ampsm stop {session.id}, then again")
    store.merges.refuse_open(session)
    refuse_in_run(engine, session)
    root = Path(session.repo_root)
    if not root.is_dir() and (reason := session_problems.missing_part_message(session)):
        raise Refused(*reason)
    repo = repository.around(root)
    start = repository.base(repo._replace(checkout=root), wanted)
    if start.name == session.branch_name:
        message = f"{start.name} cannot be both the branch of {session.name} and its base."
        raise Refused(message, f"git -C {root} branch --all")
    if changes.merge_base(root, start.commit, session.branch_name) is None:
        raise Refused(f"{start.name} and {session.branch_name} have no common history.", f"git -C {root} branch --all")
    if start.name != session.base_branch:
        text = f"its base was {session.base_branch} and is {start.name}"
        session = store.sessions.update(session.id, base_branch=start.name, landed=None)
        store.facts.add(session_branches.KIND, text, session_id=session.id)
    return BaseChange(session, _meaning(engine, session))


def _meaning(engine: Engine, session: Session) -> str:
    try:
        found = situation.span(engine.store, situation.look(engine.store, session.id))
    except AmpsmError as reason:
        return str(reason)
    own = [one for one in found.commits if not one.merge]
    text = f"A merge would bring {plural(len(own), 'commit')} to {session.base_branch}."
    if found.stays:
        text += f" {session.base_branch} lacks {plural(len(found.stays), 'commit')} from before the session began, too,"
        text += f" which would not come along: {situation.named_commits(found.stays)}."
    return text
