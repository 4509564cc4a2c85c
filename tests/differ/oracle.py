"""git itself, asked the same questions."""

import re

from ampsm_engine.differ.protocol import ChangedWords, Colours, DiffRequest, Side
from ampsm_tui.differ.arriving_diff import ArrivingDiff
from ampsm_tui.differ.client import Differ
from tests.git.sandboxes import Sandbox
from tests.waiting import becomes


def request(sandbox: Sandbox, old: str, new: str | None, **options: object) -> DiffRequest:
    return DiffRequest(str(sandbox.root), str(sandbox.root), old, new, **options)  # type: ignore[arg-type]


async def whole(differ: Differ, sandbox: Sandbox, old: str, new: str | None, **options: object) -> ArrivingDiff:
    review = await differ.open(request(sandbox, old, new, **options))
    await review.completed()
    return review


async def colours_of(review: ArrivingDiff, index: int, side: Side) -> Colours:
    """All colours of one side of a file, as soon as they are here."""

    def complete() -> Colours | None:
        found = review.colours(index, side)
        return found if found is not None and found.complete else None

    review.focus(index, worded=False)
    found = await becomes(complete, "the colours")
    assert found is not None
    return found


async def words_of(review: ArrivingDiff, index: int) -> ChangedWords:
    """The changed words of a file, as soon as they are here."""
    review.focus(index, coloured=False)
    found = await becomes(lambda: review.words(index), "the words")
    assert found is not None
    return found


def bare(patch: bytes) -> bytes:
    """A patch without what stands behind the numbers of its hunks: git and libgit2 choose other functions."""
    return re.sub(rb"^(@@ [^@]+ @@).*$", rb"\1", patch, flags=re.MULTILINE)


def git_patches(sandbox: Sandbox, old: str, new: str, *options: str) -> dict[str, bytes]:
    """What `git diff` prints for each file, from its first `@@` on."""
    raw = iter(sandbox.git("diff", "-M", "-C", "--raw", "-z", old, new).split("\0"))
    paths = [(next(raw), next(raw))[-1] if field.split(" ")[4][0] in "RC" else next(raw) for field in raw if field]
    command = ["diff", "-M", "-C", "--full-index", "--text", "--submodule=short", *options, old, new]
    text = f"\n{sandbox.git(*command)}\n".encode("utf-8", "surrogateescape")
    bodies = []
    for part in text.split(b"\ndiff --git ")[1:]:
        begin = part.find(b"\n@@ ") + 1
        body = part[begin:].removesuffix(b"\n") + b"\n" if begin else b""
        bodies.append(body)
    return dict(zip(paths, bodies, strict="-w" not in options))  # git leaves out what only has other blanks


def numstat(sandbox: Sandbox, review: ArrivingDiff, *moves: str) -> dict[str, tuple[str, str]]:
    command = ("diff", *(moves or ("-M", "-C")), "--numstat", "-z", review.old_tree, review.new_tree)
    fields = iter(sandbox.git(*command).split("\0"))
    found = {}
    for field in fields:
        if field:
            added, deleted, path = field.split("\t", 2)
            if not path:
                next(fields)
                path = next(fields)
            found[path] = (added, deleted)
    return found


def shown(review: ArrivingDiff) -> dict[str, tuple[str, str]]:
    """The same of a review."""
    found = {}
    for entry in review.files:
        patch = review.patch(entry.index)
        if entry.merged_into < 0 and patch is not None:
            counts = ("-", "-") if patch.binary else (str(patch.additions), str(patch.deletions))
            found[entry.path] = counts
    return found


def totals(review: ArrivingDiff) -> tuple[int, int, int]:
    """What the head of a review says: files, lines added, lines deleted."""
    counts = [review.counts(entry.index) for entry in review.files if entry.merged_into < 0]
    return len(counts), sum(added for added, _ in counts), sum(deleted for _, deleted in counts)


def shortstat(sandbox: Sandbox, old: str, new: str, *options: str) -> tuple[int, int, int]:
    """The same by git as it comes, with its own idea of renames."""
    words = sandbox.git("diff", "--shortstat", *options, old, new)
    files, added, deleted = (re.search(rf"(\d+) {word}", words) for word in ("file", "insertion", "deletion"))
    return int(files[1]) if files else 0, int(added[1]) if added else 0, int(deleted[1]) if deleted else 0
