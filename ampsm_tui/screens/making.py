"""Making a session for a screen, so that it can be taken back half way: nothing of it stays then."""

from collections.abc import Callable

from ampsm_engine.context import Engine
from ampsm_engine.engine.drafts import SessionDraft
from ampsm_engine.model import Session
from ampsm_tui.ask import ask


async def make(engine: Engine, draft: SessionDraft, unwanted: Callable[[], bool]) -> Session | None:
    """Make the session of a draft and start it where that is wanted; None when it was taken back.

    A verb that makes a worktree is never cut off in the middle: it would leave one that nobody knows.
    """
    from ampsm_engine.engine import drafts, removal, runs, sessions

    session, _ = await ask(
        sessions.new,
        engine,
        path=drafts.folder(draft.repo),
        prompt=draft.prompt if draft.prompt.strip() else None,
        name=draft.name or None,
        base=draft.base or None,
        script=draft.script or None,
        mode=draft.mode or None,
        run=False,
    )
    if unwanted():
        await ask(removal.remove, engine, session.id)
        await ask(removal.purge, engine, session.id)
        return None
    if draft.run:
        await ask(runs.iterate, engine, session.id, draft.prompt)
    return session
