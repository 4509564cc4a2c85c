"""A merge, squash or rebase as a command runs it: questions at the terminal, the result as words or JSON. No parser."""

from typing import TYPE_CHECKING

from ampsm_engine.cli import diagnostics, engine_access, output
from ampsm_engine.cli.output import one_line
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from ampsm_engine.context import Engine
    from ampsm_engine.merging.results import MergeResult, Options
    from ampsm_engine.model import Session

    Act = Callable[[tuple[str, ...]], MergeResult]
    """Runs a merge with the ids of the questions that are answered with yes."""


def paragraphs(messages: tuple[str, ...]) -> str:
    """The values of `-m` joined to one message, a paragraph each, as git does."""
    return "\n\n".join(part.strip() for part in messages if part.strip())


def operate(reference: str, options: "Options", *, as_json: bool, yes: bool, edit: bool = False) -> int:
    """Do what the options ask for with the session that a reference names; the exit code.

    `edit`: the message is written in the user's editor first.
    """
    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    from ampsm_engine.lean_dataclass import replace
    from ampsm_engine.merging import operations

    if edit:
        from ampsm_engine.cli import message_editor

        options = message_editor.written(engine, session, options)
    label = {"merge": "Merging", "squash": "Squashing", "rebase": "Rebasing"}[options.kind]
    act = lambda answered: operations.merge(engine, session.id, replace(options, answered=answered))  # noqa: E731
    return complete(engine, session, act, f"{label} {session.name}", yes=yes, as_json=as_json)


def _act_with_answers(act: "Act", label: str, *, yes: bool) -> "MergeResult":
    """Act, asking the user at the terminal to confirm what needs a yes; Unanswered where there is no terminal."""

    def attempt(answered: tuple[str, ...]) -> "MergeResult":
        with diagnostics.working(one_line(label)):
            return act(answered)

    return diagnostics.answering(attempt, yes=yes)


def complete(engine: "Engine", session: "Session", act: "Act", label: str, *, yes: bool, as_json: bool) -> int:
    """Act, and print the result; with `as_json` an open conflict is a document as well."""
    from ampsm_engine.merging.steps import ConflictsWait

    try:
        result = _act_with_answers(act, label, yes=yes)
    except ConflictsWait:
        if as_json:
            print_conflict_document(engine, session.id)
        raise
    if (engine.home.unsent / session.id).exists():
        from ampsm_engine.cli import message_editor

        message_editor.forget(engine, session.id)
    if as_json:
        from ampsm_engine.cli import documents
        from ampsm_engine.cli.session_details import session_document

        output.document(
            {
                "session": session_document(engine, result.session.id),
                "merge": documents.merge_document(result.merge),
                "commits": result.commits,
                "checkouts": list(result.checkouts),
                "published": documents.plain(result.published),
                "notes": list(result.notes),
            }
        )
    else:
        _print_result(result)
    return diagnostics.OK if all(one.ok for one in result.published) else diagnostics.FAILED


def _print_result(result: "MergeResult") -> None:
    """Write what an operation came to to stdout."""
    merge, session = result.merge, result.session
    many = plural(result.commits, "commit")
    if merge.target and merge.base_before == merge.base_after:
        output.line(f"{one_line(merge.target)} has all of {one_line(session.name)} already, and stays where it is.")
    elif merge.target:
        span = f"{merge.base_before[:12]}..{merge.base_after[:12]}"
        output.line(f"{one_line(session.name)} is in {one_line(merge.target)}: {many} ({span}).")
    else:
        output.line(f"{one_line(session.branch_name)} has {many} now ({merge.branch_after[:12]}).")
    elsewhere = merge.base_before != merge.base_after
    for path in result.checkouts if elsewhere else ():
        diagnostics.note(f"The checkout {path} moved along.")
    for note in result.notes:
        diagnostics.note(one_line(note))
    for one in result.published:
        if one.ok:
            output.line(one_line(one.text))
        else:
            diagnostics.warning(one_line(one.text))
            diagnostics.hint(one_line(one.hint))
    diagnostics.hint(f"ampsm merge {session.id} --undo takes it back; ampsm rm {session.id} cleans up")


def print_conflict_document(engine: "Engine", session_id: str, **more: object) -> None:
    """Write the JSON document of an open conflict."""
    from ampsm_engine.cli import documents
    from ampsm_engine.cli.session_details import session_document
    from ampsm_engine.merging import open_conflict

    found = open_conflict.conflicts(engine, session_id)
    files = [{"path": file.path, "kind": file.kind, "hunks": len(file.hunks)} for file in found.files]
    output.document(
        {
            "session": session_document(engine, session_id),
            "merge": documents.merge_document(found.merge),
            "conflicts": files,
            "resolved": list(found.resolved),
            "edited": list(found.edited),
            "marked": list(found.marked),
            "worktree": found.worktree,
            "needsReview": found.needs_review,
            **more,
        }
    )
