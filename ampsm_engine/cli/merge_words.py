"""What merging tells on stdout: words for people, documents for programs."""

from typing import TYPE_CHECKING, Any

from ampsm_engine import conditions
from ampsm_engine.cli import diagnostics, documents, output
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.naming import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.context import Engine
    from ampsm_engine.merging.values import MergeResult
    from ampsm_engine.model import Fact, Merge, Session


def tell(result: "MergeResult") -> None:
    """What came of an operation, in words."""
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


def tell_taken_back(merge: "Merge", facts: "Sequence[Fact]") -> None:
    """What an abort or an undo came to, and what it leaves: `facts` are those that it wrote down."""
    aborted = next((fact.text for fact in facts if fact.kind == "aborted"), "")
    if aborted:
        output.line(f"{one_line(aborted[:1].upper() + aborted[1:])}.")
    else:
        what = f"{one_line(merge.target)} and the session are" if merge.target else "The session is"
        output.line(f"{what} as before the {merge.kind}.")
    for fact in facts:
        if fact.kind == "note":
            diagnostics.note(one_line(fact.text))


def show(engine: "Engine", session: "Session", *, as_json: bool) -> int:
    """What is left of a conflict; where amp was at it, the diff of what it made of it."""
    from ampsm_engine import redact
    from ampsm_engine.merging import open_conflict

    found = open_conflict.conflicts(engine, session.id)
    reviewed = open_conflict.show_resolution(engine, session.id) if found.needs_review else None
    if as_json:
        patch = redact.bytes_(reviewed.patch).decode("utf-8", "replace") if reviewed else None
        conflict_document(engine, session.id, resolution=patch, tree=reviewed.tree if reviewed else None)
        return diagnostics.OK
    for file in found.files:
        hunks = f", {plural(len(file.hunks), 'hunk')}" if file.hunks else ""
        if file.markers and not file.hunks:
            hunks = f", markers left in line {', '.join(map(str, file.markers[:5]))}"
        output.line(Styled("✗", "red"), f" {one_line(file.path)}  ({file.kind}{hunks})")
    for path in found.resolved:
        edited = "  (changed after it was added)" if path in found.edited else ""
        if path in found.marked:
            output.line(Styled("✗", "red"), f" {one_line(path)}  (added with conflict markers in it)")
        else:
            output.line(Styled("✓", "green"), f" {one_line(path)}{edited}")
    if reviewed is not None:
        output.line(redact.bytes_(reviewed.patch).decode("utf-8", "replace").rstrip("\n"))
        diagnostics.hint(f"ampsm merge {session.id} --continue --accept, or: --reject, --abort")
    else:
        diagnostics.note(f"The files lie in {found.worktree}.")
        diagnostics.hint(f"ampsm merge {session.id} --continue, or: ampsm merge {session.id} --abort")
    return diagnostics.OK


def conflict_document(engine: "Engine", session_id: str, **more: object) -> None:
    """The document of an open conflict."""
    from ampsm_engine.merging import open_conflict

    found = open_conflict.conflicts(engine, session_id)
    files = [{"path": file.path, "kind": file.kind, "hunks": len(file.hunks)} for file in found.files]
    output.document(
        {
            "session": session_document(engine, engine.store.sessions.get(session_id)),
            "merge": merge_document(found.merge),
            "conflicts": files,
            "resolved": list(found.resolved),
            "edited": list(found.edited),
            "marked": list(found.marked),
            "worktree": found.worktree,
            "needsReview": found.needs_review,
            **more,
        }
    )


def session_document(engine: "Engine", session: "Session") -> documents.Document:
    """A session with its iterations."""
    store = engine.store
    waiting = conditions.conflicts(store)
    return documents.session_document(
        session, store.iterations.of(session.id), store.facts.notes_of((session.id,)), waiting
    )


def merge_document(merge: "Merge") -> documents.Document:
    """An entry of the journal, without what only ampsm reads."""
    plain: Any = documents.plain(merge)
    return {name: value for name, value in plain.items() if name != "plan"}
