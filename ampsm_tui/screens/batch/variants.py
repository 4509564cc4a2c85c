"""The variants of one prompt side by side: what each changed, where they overlap, what it took; one is kept."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import DescendantFocus

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.model import Session
from ampsm_engine.plain_text import list_some
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask_until_answered, ignore, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.hints import key_name, with_keys
from ampsm_tui.screens.actions import SessionActions
from ampsm_tui.screens.table import LONG_PAUSE, LiveAnswer, TableScreen
from ampsm_tui.widgets import run_columns
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.notices import StaleNotice
from ampsm_tui.widgets.record_table import RecordTable
from ampsm_tui.widgets.run_head import RunText

if TYPE_CHECKING:
    from ampsm_engine.batch.overview import SharedFile, Variant, VariantComparison


class VariantsScreen(TableScreen):
    """A table of the variants, and below it the files that any of them changed."""

    TITLE = "variants"
    PURPOSE = (
        "Several answers to one prompt: what each changed, whether its script passed, what it took.",
        "SHARED is how many of its files another one changed, too; below are the files, {compare.files} goes there.",
        "{compare.diff} reads the diff between two: mark one, go to the other.",
        "{compare.adopt} keeps one, the others go to the trash.",
    )
    FILTER_BY = "mode, state, path"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("compare.diff", "diff", "Diff of two"),
        bind("compare.adopt", "adopt", "Keep this one"),
        bind("compare.merge", "merge"),
        bind("compare.files", "app.focus_next"),
        bind("run.review", "review", "Review"),
    ]

    def __init__(self, batch_id: str, variant_of: str) -> None:
        super().__init__()
        self._of = (batch_id, variant_of)
        self._comparison: VariantComparison | None = None
        self._letters: tuple[str, ...] = ()
        self.variants: RecordTable[Variant] = RecordTable(
            run_columns.variants_kind(lambda: self._comparison), id="variants"
        )
        self.files: RecordTable[SharedFile] = RecordTable(run_columns.files_kind(()), id="files", marks=False)
        self.table = self.variants
        self._head, self._prompt = RunText(), RunText()
        self.live = LiveAnswer(self, self._ask, self._show, self._leave, pause=LONG_PAUSE)

    def compose(self) -> ComposeResult:
        """The head with the prompt, the tables of variants and files, and the line of keys."""
        yield self._head
        yield self._prompt
        yield StaleNotice()
        yield self.variants
        yield self.files
        yield KeyBar()

    def on_mount(self) -> None:
        """Say that the variants are being compared."""
        self._head.set_pieces([Piece("Comparing the variants …", "quiet")])

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Filter and order are those of the table that has the keys."""
        if isinstance(event.widget, RecordTable):
            self.table = event.widget

    async def _ask(self) -> "VariantComparison":
        from ampsm_engine.batch import overview

        return await ask_until_answered(overview.compare_variants, ignore, app_of(self).engine, *self._of)

    def _show(self, comparison: "VariantComparison") -> bool:
        self._comparison = comparison
        letters = tuple(one.letter for one in comparison.variants)
        if letters != self._letters:
            self._letters = letters
            self.files.set_kind(run_columns.files_kind(comparison.variants))
        self.variants.styles.height = min(len(letters) + 2, max(4, self.size.height // 2))
        self.variants.show(comparison.variants)
        self.files.show(comparison.files())
        self.show_arrangement()
        return any(not one.item.state.is_final for one in comparison.variants)

    def _leave(self, reason: AmpsmError) -> None:
        show_error(self, reason)
        self.dismiss(None)

    def show_arrangement(self) -> None:
        """Whose variants they are, and what the table was narrowed to."""
        found = self._comparison
        if found is None:
            return
        title = [Piece(f"{len(found.variants)} variants  ", "name"), Piece(one_line(found.batch.name, 200), "quiet")]
        self._head.set_pieces(title, self.chosen())
        self._prompt.set_pieces([Piece(one_line(found.prompt, 500), "quiet")])

    def _session(self) -> Session | None:
        """The session of the variant under the cursor; a toast where it has none."""
        one = self.variants.current
        if one is not None and one.session is None:
            app_of(self).show_toast(f"{one.letter} is {one.trouble}")
        return one.session if one is not None else None

    def on_table_view_row_chosen(self, event: RecordTable.RowChosen) -> None:
        """Open the session of a variant; on a file, read what the variant under the cursor changed."""
        event.stop()
        if (session := self._session()) is None:
            return
        if event.table is self.files:
            self.app.call_later(app_of(self).opener.open_review, session)
        else:
            app_of(self).opener.open_session(session.id)

    def action_review(self) -> None:
        """Read what the variant under the cursor changed."""
        if session := self._session():
            app_of(self).opener.open_review(session)

    def action_merge(self) -> None:
        """Open the merge of the variant under the cursor into its base."""
        if session := self._session():
            app_of(self).opener.open_merge(session)

    def action_diff(self) -> None:
        """Read the diff between two variants: the two that are marked, or the marked one and the one at the cursor."""
        pair = self._pair()
        if pair is None:
            app_of(self).show_toast(with_keys(self, "Mark one variant with {table.mark}, and go to the other"))
            return
        old, new = pair
        if old.session is None or new.session is None:
            lacks = old if old.session is None else new
            app_of(self).show_toast(f"{lacks.letter} is {lacks.trouble}")
        else:
            app_of(self).opener.open_review(new.session, f"against:{old.session.id}")

    def _pair(self) -> "tuple[Variant, Variant] | None":
        marked = [one for one in self.variants.rows if one.item.id in self.variants.marked]
        at = self.variants.current
        if len(marked) == 2:
            return marked[0], marked[1]
        if len(marked) == 1 and at is not None and at.item.id != marked[0].item.id:
            return marked[0], at
        if not marked and len(self.variants.rows) == 2:
            return self.variants.rows[0], self.variants.rows[1]
        return None

    def action_adopt(self) -> None:
        """Keep the variant under the cursor; the others go to the trash, after one sentence about what that takes."""
        kept = self.variants.current
        if kept is None or self._comparison is None or (session := self._session()) is None:
            return
        others = [one for one in self._comparison.variants if one.item.id != kept.item.id]
        busy = [one for one in others if not one.item.state.is_final]
        if busy:
            names = list_some([one.letter for one in busy])
            reason = Refused(f"{names} did not end yet.", f"ampsm batch stop {self._comparison.batch.id}")
            show_error(self, reason)
            return
        rest = [one.session for one in others if one.session is not None]
        if not rest:
            app_of(self).show_toast(f"{kept.letter} is the only one that is left")
            return
        title = f"Keep {kept.letter}, {one_line(session.name, 80)}, alone?"
        SessionActions(self, lambda: rest).trash_these(
            rest, title, "Keep it", f"{kept.letter} stays; {key_name(self, 'compare.merge')} merges it."
        )
