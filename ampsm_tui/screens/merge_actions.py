"""Taking a merge back from a list: offered where it was the last thing that was done to a session."""

from textual.screen import Screen

from ampsm_engine.model import Merge, Session, Status
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, told


async def offered(screen: Screen[None], session: Session) -> bool:
    """Ask whether the session's merge is to be undone; False where there is none, or something was trashed after it."""
    from ampsm_engine.merging import operations

    if session.status is not Status.DONE:
        return False
    merge = await ask(operations.last_undoable, app_of(screen).engine, session.id)
    board = app_of(screen).board
    ended = merge.ended_at or "" if merge else ""
    later = [fact for fact in (board.facts if board else ()) if fact.kind == "trashed" and fact.time > ended]
    if merge is None or merge.kind != "merge" or later:
        return False
    _ask_first(screen, session, merge)
    return True


def _ask_first(screen: Screen[None], session: Session, merge: Merge) -> None:
    from ampsm_tui.screens.confirm import ConfirmScreen

    def answered(answer: bool | None) -> None:
        if answer:
            screen.run_worker(told(screen, _undo(screen, session)), group="ask")

    where = f"{merge.target} and {session.branch_name}" if merge.target else session.branch_name
    sentence = f"{where} will be as before. Nothing is lost: the commits are kept as backups."
    screen.app.push_screen(ConfirmScreen(f"Undo the merge of {session.name}?", sentence, yes="Undo"), answered)


async def _undo(screen: Screen[None], session: Session) -> None:
    from ampsm_engine.merging import operations

    merge = await ask(operations.undo, app_of(screen).engine, session.id)
    app_of(screen).say(f"Undone: {merge.target or session.branch_name} is as before the merge of {session.name}")
