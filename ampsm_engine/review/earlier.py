"""What was viewed in a diff that is another one now: which hunks stand where such a one stood. Pure.

Both diffs begin at the same tree, so a hunk is the one of before when both change the same lines of that.
"""

from collections.abc import Collection, Iterable, Mapping

from ampsm_engine.review.body import Body, Hunk
from ampsm_engine.review.document import File

Span = tuple[int, int]
"""The first line of a hunk on the old side, and how many there are."""

Earlier = Mapping[str, frozenset[Span]]
"""By path, where hunks were viewed."""


def viewed(files: Iterable[File], before: Earlier) -> dict[str, frozenset[Span]]:
    """Where hunks of these files are viewed, and where they were in what was looked at before."""
    told = dict(before)
    for file in files:
        if file.viewed and file.body is not None and file.body.hunks:
            spans = frozenset(_span(hunk) for at, hunk in enumerate(file.body.hunks) if at in file.viewed)
            told[file.path] = told.get(file.path, frozenset()) | spans
    return told


def changed(body: Body, now: Collection[int], spans: Iterable[Span]) -> frozenset[int]:
    """The hunks that are not viewed now and stand where one was."""
    spans = tuple(spans)
    return frozenset(
        at for at, hunk in enumerate(body.hunks) if at not in now and any(_meet(_span(hunk), span) for span in spans)
    )


def _span(hunk: Hunk) -> Span:
    return hunk.old, hunk.old_count


def _meet(one: Span, other: Span) -> bool:
    if one == other:
        return True
    return one[0] < other[0] + other[1] and other[0] < one[0] + one[1]
