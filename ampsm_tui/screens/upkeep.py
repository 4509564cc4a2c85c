"""Upkeep: worktrees that could be sessions, what is to be repaired, and the trash, each with what can be done there."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from ampsm_engine import labels
from ampsm_engine.model import Session
from ampsm_engine.plain_text import list_some, plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_holding_keys, run_to_end, run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.hints import in_app
from ampsm_tui.screens.dialog import Progress, confirm
from ampsm_tui.screens.table import LONG_PAUSE, LiveAnswer, TableScreen
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.notices import StaleNotice
from ampsm_tui.widgets.record_table import RecordColumn, RecordKind, RecordTable, cell
from ampsm_tui.widgets.run_head import RunText
from ampsm_tui.widgets.session_columns import age

if TYPE_CHECKING:
    from ampsm_engine.engine.repair import Upkeep

ADOPT, REPAIR, TRASH = "adopt", "repair", "trash"


class UpkeepRow(NamedTuple):
    """One line: a worktree to adopt, a finding of the repair, or a session in the trash."""

    kind: str
    key: str
    name: str
    about: str
    """The path of a worktree, what is wrong, or the branch of a session."""
    way: str = ""
    """What mends a finding."""
    session: Session | None = None
    bytes: int | None = None


def _rows(found: "Upkeep") -> list[UpkeepRow]:
    rows = [UpkeepRow(ADOPT, f"adopt {one.path}", one.branch, one.path) for one in found.worktrees]
    rows += [UpkeepRow(REPAIR, f"repair {one.text}", one.kind, one.text, one.action) for one in found.findings]
    for one in found.trash:
        session = one.session
        row = UpkeepRow(TRASH, session.id, session.name, session.branch_name, session=session, bytes=one.bytes)
        rows.append(row)
    return rows


def _size_cell(row: UpkeepRow, _at: datetime) -> tuple[Piece, ...]:
    return (Piece(labels.size(row.bytes)),) if row.bytes is not None else ()


def _trashed_at(row: UpkeepRow) -> str | None:
    return row.session.trashed_at if row.session is not None else None


def _age_cell(row: UpkeepRow, at: datetime) -> tuple[Piece, ...]:
    return (Piece(age(_trashed_at(row), at)),) if row.session is not None else ()


KIND: RecordKind[UpkeepRow] = RecordKind(
    lambda row: row.key,
    lambda row: f"{row.kind} {row.name} {row.about}",
    lambda row: row.kind,
    (
        RecordColumn("WHAT", 6, 6, 0, cell(lambda row: row.kind, "quiet")),
        RecordColumn(
            "NAME",
            12,
            60,
            0,
            cell(lambda row: one_line(row.name, 300), "name"),
            order=lambda row: row.name.casefold(),
            comfort=24,
        ),
        RecordColumn("ABOUT", 16, 90, 2, cell(lambda row: one_line(row.about, 300), "quiet")),
        RecordColumn("SIZE", 8, 9, 3, _size_cell, right=True, order=lambda row: row.bytes),
        RecordColumn("AGE", 4, 4, 1, _age_cell, right=True, order=_trashed_at),
    ),
    "Nothing to do: no worktree to adopt, nothing to repair, no trash",
)


class UpkeepScreen(TableScreen):
    """Worktrees, findings and trash, a row each; below them, in sentences, what the row under the cursor is."""

    TITLE = "upkeep"
    FILTER_BY = "what, name, path, branch"
    PURPOSE = (
        "What there is besides the sessions: worktrees that could be some, what is to be repaired, and the trash.",
        "Nothing goes for good but what you delete from the trash.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("upkeep.adopt", "adopt", "Adopt"),
        bind("upkeep.repair", "repair", "Repair"),
        bind("upkeep.restore", "restore", "Restore"),
        bind("upkeep.purge", "purge", "Delete"),
        bind("upkeep.look", "look"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.table: RecordTable[UpkeepRow] = RecordTable(KIND)
        self.table.opens = False
        self._head = RunText()
        self._about = Static(markup=False, id="about")
        self.live = LiveAnswer(self, self._ask, self._show, pause=LONG_PAUSE)

    def compose(self) -> ComposeResult:
        """The counts, the table, what the row is, the keys."""
        yield self._head
        yield StaleNotice()
        yield self.table
        yield self._about
        yield KeyBar()

    async def _ask(self) -> "Upkeep":
        from ampsm_engine.engine import repair

        return await ask(repair.survey, app_of(self).engine, Path.cwd())

    def _show(self, found: "Upkeep") -> bool:
        self.table.show(_rows(found))
        self.show_arrangement()
        self._describe()
        return False

    def show_arrangement(self) -> None:
        """How many of each there are, and what the table was narrowed to."""
        rows = self.table.records
        counts = {kind: sum(row.kind == kind for row in rows or ()) for kind in (ADOPT, REPAIR, TRASH)}
        held = sum(row.bytes or 0 for row in rows or ())
        texts = [f"{counts[kind]} to {kind}" for kind in (ADOPT, REPAIR) if counts[kind]]
        texts += [f"{counts[TRASH]} in the trash, {labels.size(held)}"] if counts[TRASH] else []
        text = "looking" if rows is None else ", ".join(texts) or "nothing to do"
        self._head.set_pieces([Piece("upkeep  ", "name"), Piece(text, "quiet")], self.chosen())

    def on_table_view_row_highlighted(self) -> None:
        """Say what is under the cursor."""
        self._describe()

    def _describe(self) -> None:
        row = self.table.current
        texts = {
            ADOPT: lambda one: f"{one.about} is a worktree on {one.name} that belongs to no session.",
            REPAIR: lambda one: f"{one.about}. {one.way}",
            TRASH: lambda one: f"{one.name}, {one.about}: only the trash still holds it.",
        }
        self._about.update(Content(many_lines(in_app(self, texts[row.kind](row)), 600)) if row is not None else "")

    def offers(self, key_id: str) -> bool:
        """The keys that act live on a row of their kind."""
        kinds = {"upkeep.adopt": ADOPT, "upkeep.restore": TRASH, "upkeep.purge": TRASH}
        if key_id in kinds:
            return any(row.kind == kinds[key_id] for row in self.table.selected())
        if key_id == "upkeep.repair":
            return any(row.kind == REPAIR for row in self.table.records or ())
        return super().offers(key_id)

    def action_look(self) -> None:
        """Ask again for worktrees, findings and the trash."""
        self.live.renew()

    def action_adopt(self) -> None:
        """Make sessions of the selected worktrees; one whose branch others use is asked about."""
        if rows := self._selected(ADOPT, "a worktree that could be adopted"):
            run_holding_keys(self, self._offer_to_adopt(rows))

    async def _offer_to_adopt(self, rows: Sequence[UpkeepRow]) -> None:
        from ampsm_engine.engine import sessions

        engine = app_of(self).engine
        shared = [why for row in rows if (why := await ask(sessions.why_shared, engine, Path(row.about)))]
        what = rows[0].name if len(rows) == 1 else plural(len(rows), "worktree")
        sentence = "amp can work there from now on. Nothing in it is moved or changed, and its branch stays yours."
        if shared:
            sentence = "\n".join((*shared, "amp would commit to it all the same.", sentence))

        def go() -> None:
            work = self._each(sessions.adopt, [(row.name, Path(row.about)) for row in rows], "Adopted: {}", shared=True)
            run_while_open(self, work)

        confirm(self, f"Adopt {what}?", sentence, yes="Adopt", then=go)

    def action_repair(self) -> None:
        """Mend all that has a safe way back, after a question."""
        findings = [row for row in self.table.records or () if row.kind == REPAIR]
        if not findings:
            app_of(self).show_toast("Store and repositories agree")
            return
        sentence = (
            "Lost worktrees are made again, lost sessions rebuilt, moved ones linked again. Nothing is removed; "
            "what has no safe way back stays in this list, with the command that mends it."
        )
        confirm(self, "Repair what can be?", sentence, yes="Repair", then=lambda: run_while_open(self, self._repair()))

    async def _repair(self) -> None:
        from ampsm_engine.engine import repair

        found = await run_to_end(ask(repair.find_disagreements, app_of(self).engine, apply=True))
        mended = sum(one.mended for one in found)
        left = len(found) - mended
        app_of(self).show_toast(f"{mended} mended" + (f", {left} left: each says what to do" if left else ""))
        self.live.renew()

    def action_restore(self) -> None:
        """Bring the selected sessions back from the trash."""
        from ampsm_engine.engine import session_trash

        if rows := self._selected(TRASH, "a session in the trash"):
            run_while_open(self, self._each(session_trash.restore, [(row.name, row.key) for row in rows], "Back: {}"))

    def action_purge(self) -> None:
        """Remove the selected sessions of the trash for good, after a question."""
        if rows := self._selected(TRASH, "a session in the trash"):
            run_holding_keys(self, self._offer_to_purge(rows))

    async def _offer_to_purge(self, rows: Sequence[UpkeepRow]) -> None:
        from ampsm_engine.engine import session_trash

        lost = []
        for row in rows:
            only = await ask(session_trash.unversioned_contents, row.session) if row.session is not None else ()
            more = f", with {list_some(only)}" if only else ""
            lost.append(f"{row.name}, about {labels.size(row.bytes or 0)}{more}")
        what = rows[0].name if len(rows) == 1 else plural(len(rows), "session")
        sentence = f"Only the trash still holds {list_some(lost)}. Nothing brings it back after that."

        def go() -> None:
            work = self._each(session_trash.purge, [(row.name, row.key) for row in rows], "Gone for good: {}")
            run_while_open(self, work)

        confirm(self, f"Delete {what} for good?", sentence, yes="Delete", then=go)

    def _selected(self, kind: str, what: str) -> list[UpkeepRow]:
        """The selected rows of a kind; a toast where there is none."""
        rows = [row for row in self.table.selected() if row.kind == kind]
        if not rows:
            app_of(self).show_toast(f"That is not {what}" if self.table.current else "There is nothing here")
        return rows

    async def _each(self, verb: Callable[..., Any], named: Sequence[tuple[str, Any]], done: str, **more: Any) -> None:
        """Ask a verb for one after the other; several that take long show how far they are."""
        names = []
        try:
            with Progress(self, len(named)) as progress:
                for name, what in named:
                    progress.at(name)
                    await run_to_end(ask(verb, app_of(self).engine, what, **more))
                    names.append(name)
                    if progress.unwanted:
                        break
        finally:
            self.table.marked = frozenset()
            self.live.renew()
            if names:
                app_of(self).show_toast(done.format(list_some(names)))
