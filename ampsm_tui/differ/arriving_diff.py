"""A review as the screens hold it: what is asked for, its files, what has arrived of them, the calls that wait.

All of one pair of trees, and never changed by what happens to the worktree: `refresh` answers with another review.
"""

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from ampsm_engine.differ.languages import language
from ampsm_engine.differ.protocol import ChangedWords, Colours, DiffRequest, FileEntry, FilePatch, Side, TextLines
from ampsm_engine.errors import AmpsmError
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Session
from ampsm_engine.review.annotations import LOOKED, WHOLE, Ends

SIDES: tuple[Side, Side] = ("new", "old")

TEXT_LIMIT = 5_000
"""Lines that one question for text may ask for."""

Key = tuple[str, str, int, int, str, str | None]


@dataclass(frozen=True, slots=True)
class Event:
    """What came of a diff: patches, changed entries, colours or words of these files; counts; or its end.

    It ends complete, or lost with its process, which begins anew, or failed: nothing more will come.
    """

    kind: Literal["patches", "files", "colours", "words", "counts", "complete", "lost", "failed"]
    indices: tuple[int, ...] = ()


class ArrivingDiff:
    """The difference of two trees, arriving."""

    def __init__(self, connection: "Connection", number: int, request: DiffRequest) -> None:
        self._connection = connection
        self.number = number
        self.request = request
        self.files: tuple[FileEntry, ...] = ()
        self.old_tree = self.new_tree = self.objects = ""
        self.is_live = request.new is None
        self.left_out: tuple[tuple[str, str], ...] = ()
        self.is_complete = False
        self.is_closed = False
        self._arriving: list[FileEntry] = []
        self._patches: dict[int, FilePatch] = {}
        self._words: dict[int, ChangedWords] = {}
        self._counts: dict[int, tuple[int, int]] = {}
        self._users: dict[str, list[int]] = {}
        self._listener: Callable[[Event], None] | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self.failure: AmpsmError | None = None
        """Why nothing more will come; None as long as something may."""
        self._focus: list[Any] | None = None
        self.is_open = self.is_reopening = False

    @property
    def is_idle(self) -> bool:
        """Whether the review is complete and nothing that was asked for is still to come."""
        return self.is_complete and not self._waiting

    # What is here, for drawing

    def patch(self, index: int) -> FilePatch | None:
        """The changes of a file; None when they are not here yet."""
        return self._patches.get(index)

    def colours(self, index: int, side: Side) -> Colours | None:
        """The coloured spans of one side; None when none are here. Those of large files grow."""
        key = self._key(index, side)
        return self._connection.coloured(key) if key else None

    def words(self, index: int) -> ChangedWords | None:
        """The changed words of a file; None when they are not here yet."""
        return self._words.get(index)

    def counts(self, index: int) -> tuple[int, int]:
        """Lines added and deleted in a file: as git counts them, and as its patch has them until git was asked.

        The two differ where a patch is of something else than git's: of a copy against where it is from, of a file
        that attributes call binary, of one that is too large to be compared.
        """
        patch = self._patches.get(index)
        shown = (patch.additions, patch.deletions) if patch is not None else (0, 0)
        return shown if patch is not None and patch.is_converted else self._counts.get(index, shown)

    # What the reader wants

    def listen(self, callback: Callable[[Event], None]) -> None:
        """Call this in the event loop when something arrives; it must be quick."""
        self._listener = callback

    def focus(self, index: int, near: Iterable[int] = (), *, coloured: bool = True, worded: bool = True) -> None:
        """Send which files are looked at: one file, and others on the screen or next to it, nearest first.

        Patches come by nearness to it; colours and words come of these files, and those wanted before are dropped.
        """
        wanted = [one for one in dict.fromkeys((index, *near)) if 0 <= one < len(self.files)]
        sides = [(one, side) for one in wanted for side in SIDES] if coloured else []
        colours = [[one, side] for one, side in sides if self._lacks_colours(one, side)]
        words = [one for one in wanted if one not in self._words] if worded else []
        message: list[Any] = ["focus", self.number, index, wanted, colours, words]
        if message != self._focus and not self.is_closed:
            self._focus = message
            self._connection.send(*message)

    async def patched(self, index: int) -> FilePatch:
        """The changes of a file, as soon as they are here."""
        self.focus(index, coloured=False, worded=False)
        await self._until(lambda: index in self._patches)
        return self._patches[index]

    async def completed(self) -> None:
        """Wait until all patches and renames are here."""
        await self._until(lambda: self.is_complete)

    async def text(self, index: int, side: Side, first: int = 0, count: int = 200) -> TextLines:
        """Lines of one side of a file, counted from 0; fewer where it ends."""
        await self._until(lambda: not self.is_closed)
        count = min(count, TEXT_LIMIT)
        at, total, sizes, body = await self._connection.ask("text", self.number, index, side, first, count)
        lines, start = [], 0
        for size in sizes:
            lines.append(body[start : start + size])
            start += size
        return TextLines(at, tuple(lines), total)

    async def refresh(self, request: DiffRequest | None = None) -> "ArrivingDiff | None":
        """A new review by `request`, or by its own; None when nothing has changed. This one stays."""
        return await self._connection.renew(self, request or self.request)

    def close(self) -> None:
        """Stop all work on the review, and cancel the calls that wait for a part of it."""
        if not self.is_closed:
            self.is_closed = True
            self._connection.forget(self)
            for future in self._waiting:
                future.cancel()
            self._waiting.clear()

    # What arrives, from the differ

    def take_files(self, rows: Sequence[Sequence[Any]], *, is_first: bool) -> None:
        """Entries: the whole list piece by piece, or some that changed."""
        entries = [FileEntry(*row) for row in rows]
        if is_first:
            self._arriving += entries
            return
        files = list(self.files)
        for entry in entries:
            files[entry.index] = entry
            for known in (self._patches, self._words, self._counts):
                known.pop(entry.index, None)
        self.files = tuple(files)
        self._focus = None
        self._users.clear()
        self._notify("files", (entry.index for entry in entries))

    def take_head(self, head: dict[str, Any], base: "ArrivingDiff | None") -> None:
        """The list is here: what is the same as in the review before is taken from there."""
        known = {} if base is None else {key(base.files[index]): index for index in base._patches}  # noqa: SLF001
        self.files, self._arriving = tuple(self._arriving), []
        self.is_open, self.is_reopening = True, False
        self.old_tree, self.new_tree, self.objects = head["old"], head["new"], head["objects"]
        self.left_out = tuple((path, reason) for path, reason in head["left_out"])
        for entry in self.files:
            index = known.get(key(entry))
            if base is not None and index is not None:
                self._patches[entry.index] = base._patches[index]  # noqa: SLF001
                if index in base._counts:  # noqa: SLF001
                    self._counts[entry.index] = base._counts[index]  # noqa: SLF001
                if index in base._words:  # noqa: SLF001
                    self._words[entry.index] = base._words[index]  # noqa: SLF001

    def take_patches(self, rows: Sequence[Sequence[Any]], body: bytes) -> None:
        """Keep patches of some files: index, size and the fields of a FilePatch each, their data in `body`."""
        start = 0
        for index, size, *facts in rows:
            self._patches[index] = FilePatch(body[start : start + size], *facts)
            start += size
        self._notify("patches", (row[0] for row in rows))

    def take_words(self, index: int, body: bytes) -> None:
        """The changed words of a file."""
        self._words[index] = ChangedWords(array("I", body))
        self._notify("words", (index,))

    def take_colours(self, keys: tuple[str, str]) -> None:
        """Take colours that the differ received for a blob."""
        found = {index for side in SIDES for index in self._using(keys[0]) if self._key(index, side) == keys}
        if found:
            self._notify("colours", sorted(found))

    def take_counts(self, rows: Sequence[Sequence[int]]) -> None:
        """git's counts of all files."""
        self._counts = {index: (added, deleted) for index, (added, deleted) in enumerate(rows)}
        self._notify("counts", ())

    def take_end(self) -> None:
        """Take the message that the review has arrived completely."""
        self.is_complete = True
        self._notify("complete", ())

    def lose(self) -> None:
        """The process died and begins anew with the same trees."""
        self._arriving = []
        self.is_reopening, self.is_complete = self.is_open, False
        self._notify("lost", ())

    def repeat_focus(self) -> None:
        """Ask a process that was started anew for what is looked at."""
        if self._focus:
            self._connection.send(*self._focus)

    def fail(self, reason: AmpsmError) -> None:
        """Raise an error in every call that waits, and in every later one: nothing more will come."""
        self.failure = reason
        self._wake()

    def notify_failure(self) -> None:
        """Call the listener with the event that nothing more will come."""
        self._notify("failed", ())

    # Inside

    def _notify(self, kind: Any, indices: Iterable[int]) -> None:
        self._wake()
        if self._listener is not None and not self.is_closed:
            self._listener(Event(kind, tuple(indices)))

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            if self.failure is not None:
                raise type(self.failure)(*self.failure.args)
            future: asyncio.Future[None] = self._connection.promise()
            self._waiting.add(future)
            if self.is_closed:
                future.cancel()
            await future

    def _key(self, index: int, side: Side) -> tuple[str, str] | None:
        entry = self.files[index]
        oid = entry.oid(side)
        return (oid, language(entry.name(side))) if oid and not entry.is_submodule else None

    def _lacks_colours(self, index: int, side: Side) -> bool:
        key = self._key(index, side)
        found = self._connection.coloured(key) if key else None
        return key is not None and (found is None or not found.complete)

    def _using(self, oid: str) -> list[int]:
        if not self._users:
            for entry in self.files:
                for one in {entry.old_oid, entry.new_oid} - {""}:
                    self._users.setdefault(one, []).append(entry.index)
        return self._users.get(oid, [])


def key(entry: FileEntry) -> Key:
    """What a file's patch depends on, besides the options of the review."""
    return entry.old_oid, entry.new_oid, entry.old_mode, entry.new_mode, entry.path, entry.old_path


class Connection(Protocol):
    """What a review needs of the differ that opened it."""

    def send(self, *message: Any) -> None:
        """Send a message to the process."""

    async def ask(self, *message: Any) -> Any:
        """Send a question, numbered, and wait for its answer."""

    async def renew(self, review: "ArrivingDiff", request: DiffRequest) -> "ArrivingDiff | None":
        """A new review of the same range as its ends are now; None when nothing has changed."""

    def coloured(self, key: tuple[str, str]) -> Colours | None:
        """The colours of a blob that are here."""

    def promise(self) -> asyncio.Future[Any]:
        """A new future of the running event loop."""

    def forget(self, review: "ArrivingDiff") -> None:
        """Let the diff process forget this review."""


COLOURS_KEPT = 12 << 20
"""Bytes of coloured spans that are kept."""

BlobKey = tuple[str, str]
"""A blob's oid, and the language that it was coloured as."""


class ColourCache:
    """Coloured spans of the latest blobs, by oid and language: every review that shows one finds it."""

    def __init__(self) -> None:
        self._found: OrderedDict[BlobKey, Colours] = OrderedDict()
        self._size = 0

    def get(self, key: BlobKey) -> Colours | None:
        """The colours of a blob as far as they are here."""
        return self._found.get(key)

    def take(self, key: BlobKey, first: int, lines: int, body: bytes, *, is_complete: bool) -> None:
        """A piece of a blob's colours: the lines from `first` on; what follows on nothing that is here is left."""
        known = self._found.get(key)
        offsets, spans = array("I", body[: 4 * (lines + 1)]), array("H", body[4 * (lines + 1) :])
        if first:
            if known is None or known.lines != first:
                return
            base = known.offsets[-1]
            offsets = known.offsets + array("I", [base + one for one in offsets[1:]])
            spans = known.spans + spans
        if known is not None:
            self._size -= _size(self._found.pop(key))
        self._found[key] = Colours(offsets, spans, is_complete)
        self._size += _size(self._found[key])
        while self._size > COLOURS_KEPT and len(self._found) > 1:
            self._size -= _size(self._found.popitem(last=False)[1])


def _size(colours: Colours) -> int:
    return 4 * len(colours.offsets) + 2 * len(colours.spans)


def request_of(
    ends: Ends, *, ignores_whitespace: bool = False, new: str | None = None, order: str = "path"
) -> DiffRequest:
    """The request to compare two ends; `new` stands for a worktree that has to be written down first."""
    return DiffRequest(ends.worktree, ends.repo_root, ends.old, ends.new or new, ignores_whitespace, order=order)


def ends_of(session: Session, range_: str, looked: str = "") -> Ends | None:
    """What the diff process can name for itself; None when the engine has to be asked.

    `looked`: the tree that was looked at before, which stays the same while what is shown is looked at.
    """
    old = {WHOLE: f"{session.base_branch}...{session.branch_name}", LOOKED: looked}
    if not old.get(range_) or not Path(session.worktree_path).is_dir():
        return None
    label = "the whole session" if range_ == WHOLE else "since you looked"
    return Ends(session.worktree_path, session.repo_root, old[range_], None, range_, label)
