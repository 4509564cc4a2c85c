"""The comparison of one review: its files, which patches were sent, which is next, and what starts folded."""

import re
from collections.abc import Iterable
from typing import Any

from ampsm_engine.diff.encodings import as_utf8, is_binary, of_lines, utf16
from ampsm_engine.diff.hunks import SUBMODULE, BlobGone, Delta, Hunks, TooLarge
from ampsm_engine.differ.protocol import FileEntry, Kind, Side
from ampsm_engine.git import diff_program
from ampsm_engine.git.attributes import Attributes
from ampsm_engine.git.diff_program import Rename, Source
from ampsm_engine.lean_dataclass import astuple, dataclass, field, replace

DATA_LIMIT = 16 << 20
"""Bytes of one file's patch that cross; the rest is counted."""

FIRST = 3
"""Files whose patches are sent before the app has said which are in view: a screenful."""

CONVERTED_LARGEST = 4 << 20
"""Bytes of a file in UTF-16 that is made comparable."""

_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_LFS_LARGEST = 1_024
_TOO_LARGE = "Too large to compare line by line."
_GONE = "Its content is not in this repository: a partial clone, or a damaged one."
_GAVE_UP = "Comparing it took too long."

Key = tuple[str, str, int, int, str, str | None]


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """What a review compares: where, two revisions (None: the live worktree), options, the review before it."""

    location: list[str]
    names: list[str | None]
    options: list[Any]
    base: int


@dataclass(slots=True)
class Comparison:
    """The comparison of two trees: its files, and which patches were sent or are pending."""

    number: int
    source: Source
    old_tree: str
    new_tree: str
    ignore_whitespace: bool
    context: int
    order: str = "path"
    entries: list[FileEntry] = field(default_factory=list)
    sent: set[Key] = field(default_factory=set)
    pending: set[int] = field(default_factory=set)
    colours: list[tuple[int, Side]] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    near: list[int] = field(default_factory=list)
    is_complete: bool = False
    has_renames: bool = False
    plain: list[FileEntry] = field(default_factory=list)
    _attributes: Attributes | None = None
    _at: int = 0
    _below: int = 0
    _above: int = -1

    def list_files(self) -> None:
        """List the files; those of which one deleted and one added one have the same content are one renamed file."""
        deltas = self._ordered(self.source.deltas(self.old_tree, self.new_tree))
        # What the attributes of a file say is asked with its patch: git takes 0.1 ms for each folder that has none.
        self._attributes = Attributes(lambda paths: self.source.files(self.new_tree, paths))
        for index, (delta, kind) in enumerate(zip(deltas, diff_program.kinds(deltas), strict=True)):
            self.entries.append(_entry(index, delta, kind, by_name(delta.path)))
        self.plain = list(self.entries)
        self.join_renames(_exact_renames(deltas))
        self.pending = {entry.index for entry in self.entries if entry.merged_into < 0}
        self.near = sorted(self.pending)[:FIRST]

    def _ordered(self, deltas: list[Delta]) -> list[Delta]:
        """The files as they are read one after the other; those that are alike in it by their paths."""
        if self.order == "tests-last":
            return sorted(deltas, key=lambda delta: is_test(delta.path))
        if self.order == "size":
            return sorted(deltas, key=self._changed_lines, reverse=True)
        return deltas

    def _changed_lines(self, delta: Delta) -> int:
        if SUBMODULE in (delta.old_mode, delta.new_mode):
            return 1
        try:
            found = self.source.patch(delta, context=0, ignore_whitespace=self.ignore_whitespace)
        except (BlobGone, TooLarge):
            return 0
        return found.additions + found.deletions

    def join_renames(self, renames: Iterable[Rename]) -> list[int]:
        """Join renamed and copied files to their old paths, in place of earlier joins; the entries that changed."""
        entries = list(self.plain)
        by_path = {entry.path: entry.index for entry in entries}
        for rename in renames:
            index, old = by_path.get(rename.path, -1), by_path.get(rename.old_path, -1)
            if index < 0 or entries[index].kind != "added":
                continue
            entry = entries[index]
            kind: Kind = "copied" if rename.is_copy else "renamed"
            names = (index, entry.path, rename.old_path, kind)
            sides = (rename.old_mode, entry.new_mode, rename.old_oid, entry.new_oid)
            entries[index] = FileEntry(*names, *sides, entry.fold, rename.similarity)
            if not rename.is_copy and old >= 0 and entries[old].kind == "deleted":
                entries[old] = _merged(entries[old], index)
        changed = [entry.index for entry, before in zip(entries, self.entries, strict=True) if entry != before]
        self.entries = entries
        return changed

    @property
    def may_have_renames(self) -> bool:
        """Whether the range has an added file that could be a renamed one."""
        kinds = {entry.kind for entry in self.plain}
        return "added" in kinds and len(kinds) > 1

    def focus(self, index: int, near: list[int]) -> None:
        """Make the patches of `near` first, then those of the files around `index`."""
        self.near = [one for one in near if one in self.pending]
        self._at, self._below, self._above = index, index, index - 1

    def next(self) -> int | None:
        """The file whose patch is made next; None when all were sent."""
        if not self.pending:
            return None
        while self.near:
            index = self.near.pop(0)
            if index in self.pending:
                return index
        count = len(self.entries)
        while self._below < count or self._above >= 0:
            down = self._below < count and (self._above < 0 or self._below - self._at <= self._at - self._above)
            index = self._below if down else self._above
            self._below, self._above = self._below + down, self._above - (not down)
            if index in self.pending:
                return index
        return min(self.pending)

    def delta(self, index: int) -> Delta:
        """The entry of a file as git describes it: paths, modes and object names of both sides."""
        one = self.entries[index]
        return Delta(one.path, one.old_mode, one.new_mode, one.old_oid, one.new_oid, one.old_path)

    def hunks(self, index: int) -> Hunks:
        """The changed lines of a file; BlobGone when a side is not in the repository."""
        delta = self.delta(index)
        if SUBMODULE in (delta.old_mode, delta.new_mode):
            return diff_program.submodule(delta)
        found = self.source.patch(delta, context=self.context, ignore_whitespace=self.ignore_whitespace)
        return self._readable(delta, found) if found.binary else found

    def _readable(self, delta: Delta, found: Hunks) -> Hunks:
        """The changed lines of a file in UTF-16, which git takes for binary; of any other as they were found."""
        if max(found.old_size, found.new_size) > CONVERTED_LARGEST:
            return found
        said, sides, encoding = self.encoding_of(delta.path), [], ""
        for oid in (delta.old_oid, delta.new_oid):
            content = self.source.blob(oid) if oid else b""
            kind = utf16(content, said) if is_binary(content) else ""
            converted = as_utf8(content, kind) if kind else None if is_binary(content) else content
            if converted is None:
                return found
            sides.append(converted)
            encoding = kind or encoding
        from ampsm_engine.git import diff_library  # libgit2 takes 70 ms to load, and hardly a file is in UTF-16

        made = diff_library.compared(*sides, context=self.context, ignore_whitespace=self.ignore_whitespace)
        return replace(made, old_size=found.old_size, new_size=found.new_size, encoding=encoding)

    def text(self, index: int, side: Side) -> bytes:
        """The content of one side of a file, UTF-16 converted to UTF-8; BlobGone when it is not in the repository."""
        content = self.source.blob(self.entries[index].oid(side))
        if not is_binary(content) or len(content) > CONVERTED_LARGEST:
            return content
        kind = utf16(content, self.encoding_of(self.entries[index].path))
        return (as_utf8(content, kind) if kind else None) or content

    def encoding_of(self, path: str) -> str:
        """What attributes say that a file is in; empty: nothing."""
        return self._attributes.encoding(path) if self._attributes is not None else ""

    def row(self, index: int) -> list[Any]:
        """An entry as the list of values that is sent to the app."""
        return list(astuple(self.entries[index]))

    def finish_renames(self, renames: Iterable[Any]) -> list[int]:
        """Join git's own renames; which entries changed, whose patches are pending again."""
        changed = self.join_renames([Rename(*one) for one in renames])
        self.has_renames = True
        for index in changed:
            is_shown = self.entries[index].merged_into < 0
            (self.pending.add if is_shown else self.pending.discard)(index)
        self.focus(self._at, self.near)
        return changed

    def inherit(self, before: "Comparison") -> None:
        """Take over what an earlier comparison of this review has sent."""
        self.sent = set(before.sent)
        self.pending = {index for index in self.pending if key(self.entries[index]) not in self.sent}

    def size(self, index: int) -> int:
        """The size of a file's larger side in bytes; BlobGone when it is not in the repository."""
        entry = self.entries[index]
        if entry.is_submodule:
            return 0
        return max((self.source.size(oid) for oid in (entry.old_oid, entry.new_oid) if oid), default=0)

    def is_risky(self, index: int, limit: int) -> bool:
        """Whether the larger side has more bytes than `limit`."""
        try:
            return self.size(index) > limit
        except BlobGone:
            return False

    def patch(self, index: int, *, is_poison: bool = False) -> tuple[list[Any], bytes]:
        """A file's patch as it crosses the pipe: index, length, the fields of a FilePatch; and its data."""
        entry = self.entries[index]
        self.pending.discard(index)
        self.sent.add(key(entry))
        try:
            if is_poison or self.size(index) > diff_program.LARGEST:
                return self._card(entry, _GAVE_UP if is_poison else _TOO_LARGE), b""
            found = self.hunks(index)
            lfs = [self._lfs(oid, size) for oid, size in self._sides(entry, found)]
        except BlobGone:
            return self._card(entry, _GONE), b""
        except TooLarge:
            return self._card(entry, _TOO_LARGE), b""
        data, rest = limited(found.data)
        fold = self._fold_by_rule(entry) or self._fold(entry, found)
        counts = [found.additions, found.deletions, found.binary, found.old_size, found.new_size]
        encoding = found.encoding or of_lines(data, self.encoding_of(entry.path))
        commits = self.source.submodule_commits(self.delta(index)) if entry.is_submodule else ()
        facts = [fold, "", *lfs, found.is_cut, rest, encoding, commits, bool(found.encoding)]
        return [index, len(data), *counts, *facts], data

    def _card(self, entry: FileEntry, note: str) -> list[Any]:
        sizes = []
        for oid in (entry.old_oid, entry.new_oid):
            try:
                sizes.append(self.source.size(oid) if oid else -1)
            except BlobGone:
                sizes.append(-1)
        return [entry.index, 0, 0, 0, False, *sizes, self._fold_by_rule(entry), note]

    def _sides(self, entry: FileEntry, found: Hunks) -> tuple[tuple[str, int], tuple[str, int]]:
        return (entry.old_oid, found.old_size), (entry.new_oid, found.new_size)

    def _lfs(self, oid: str, size: int) -> int:
        """The size in an LFS pointer; -1 for any other content."""
        if not oid or not len(_LFS) < size <= _LFS_LARGEST:
            return -1
        content = self.source.blob(oid)
        if not content.startswith(_LFS):
            return -1
        size_text = content.rpartition(b"\nsize ")[2].strip()
        return int(size_text) if size_text.isdigit() and len(size_text) < 20 else -1

    def _fold_by_rule(self, entry: FileEntry) -> str:
        """The reason to fold a file by its name or by attributes; empty for none."""
        return entry.fold or (self._attributes.fold(entry.path) if self._attributes is not None else "")

    def _fold(self, entry: FileEntry, found: Hunks) -> str:
        if not found.data or entry.is_submodule:
            return ""
        oid, size = (entry.new_oid, found.new_size) if entry.new_oid else (entry.old_oid, found.old_size)
        # The head of a file is in its patch when it is new; else only short files are worth the reading.
        head = found.data[:2_048] if not entry.old_oid or size > 65_536 else self.source.blob(oid)[:1_024]
        return by_content(head, found.data, found.additions + found.deletions)


def key(entry: FileEntry) -> Key:
    """All that a file's patch depends on, besides the options; the client has the same key."""
    return entry.old_oid, entry.new_oid, entry.old_mode, entry.new_mode, entry.path, entry.old_path


def _entry(index: int, delta: Delta, kind: str, fold: str) -> FileEntry:
    modes = (delta.old_mode, delta.new_mode)
    return FileEntry(index, delta.path, None, kind, *modes, delta.old_oid, delta.new_oid, fold)  # type: ignore[arg-type]


def _merged(entry: FileEntry, into: int) -> FileEntry:
    facts = (entry.kind, entry.old_mode, entry.new_mode, entry.old_oid, entry.new_oid)
    return FileEntry(entry.index, entry.path, entry.old_path, *facts, entry.fold, 0, into)


def _exact_renames(deltas: list[Delta]) -> Iterable[Rename]:
    """A deleted and an added file with a content that no other file of the diff has on that side."""
    old: dict[str, list[Delta]] = {}
    new: dict[str, list[Delta]] = {}
    for delta in deltas:
        if delta.old_oid:
            old.setdefault(delta.old_oid, []).append(delta)
        if delta.new_oid:
            new.setdefault(delta.new_oid, []).append(delta)
    for oid, (gone, *more) in old.items():
        came, *others = new.get(oid, (gone,))
        if not more and not others and not gone.new_mode and not came.old_mode:
            yield Rename(False, 100, gone.path, came.path, gone.old_mode, oid)


def limited(data: bytes) -> tuple[bytes, int]:
    """A patch as much of it as crosses, and the rows that are left out."""
    if len(data) <= DATA_LIMIT:
        return data, 0
    end = data.rfind(b"\n", 0, DATA_LIMIT) + 1
    return data[:end], data.count(b"\n", end)


LARGE = 3_000
"""Changed rows of one file."""

_LOCKS = frozenset(
    (
        *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"),
        *("deno.lock", "Cargo.lock", "go.sum", "poetry.lock", "uv.lock", "pdm.lock", "pixi.lock"),
        *("Pipfile.lock", "Gemfile.lock", "composer.lock", "go.work.sum", "flake.lock", "mix.lock"),
        *("pubspec.lock", "Podfile.lock", "Cartfile.resolved", "Package.resolved", "packages.lock.json"),
        *("gradle.lockfile", "paket.lock", ".terraform.lock.hcl", "conan.lock", "rebar.lock", "Chart.lock"),
        *("shard.lock", "stack.yaml.lock", "cabal.project.freeze"),
    )
)
_GENERATED_NAME = re.compile(
    r"\.(?:min\.js|min\.css|min\.mjs|bundle\.js|js\.map|css\.map|mjs\.map|pb\.go|pb\.cc|pb\.h|g\.dart|freezed\.dart"
    r"|designer\.cs|g\.cs|generated\.\w+)$|_pb2(?:_grpc)?\.pyi?$|_generated\.\w+$|(?:^|/)(?:node_modules|vendor/bundle)/",
    re.IGNORECASE,
)
_GENERATED_HEAD = re.compile(
    rb"^[ +-]?\W{0,12}(?:@generated\b|code generated .{0,80}do not edit"
    rb"|this (?:file|code) (?:is|was) (?:auto[- ]?)?generated|auto-?generated (?:by|from|file)"
    rb"|generated by .{0,60}do not (?:edit|modify))",
    re.IGNORECASE | re.MULTILINE,
)
_HEAD = 1_024
_MINIFIED_ROW = 400
"""Bytes of an average row of something that no person wrote."""


_TEST = (
    r"(?:^|/)(?:tests?|specs?|__tests__|testing|testdata|fixtures|e2e|snapshots|__snapshots__)/"
    r"|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*(?:_test|_spec|\.test|\.spec|\.snap|Test|Tests|Spec)\.?\w*)$"
)


def is_test(path: str) -> bool:
    """Whether a file is a test, by the names that languages and their tools give to tests."""
    return re.search(_TEST, path) is not None


def by_name(path: str) -> str:
    """`lock`, `generated` or empty, by the name alone."""
    if path.rpartition("/")[2] in _LOCKS:
        return "lock"
    return "generated" if _GENERATED_NAME.search(path) else ""


def by_content(head: bytes, data: bytes, changed: int) -> str:
    """`generated` by the first lines of the file, `minified` or `large` by its patch, or empty."""
    if _GENERATED_HEAD.search(head[:_HEAD]):
        return "generated"
    if len(data) > 4_096 and len(data) > _MINIFIED_ROW * data.count(b"\n"):
        return "minified"
    return "large" if changed > LARGE else ""
