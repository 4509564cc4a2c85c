"""Which lines a comment is for: those that git's patch says, wherever the cursor stands."""

import re

from ampsm_engine.diff.hunks import Side
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.diff.layout import RowKind
from ampsm_tui.widgets.diff.navigation import remarked
from ampsm_tui.widgets.diff.patch import Body

PATCH = b"""@@ -1,7 +1,8 @@
 one
 two
-three
+THREE
+3
 four
 five
-six
 seven
+eight
@@ -20,3 +21,2 @@ def f
 a
-b
 c
"""


def shown() -> Document:
    document = Document([File("x.py"), File("gone.py", status="D")])
    document.put(0, Body.whole(PATCH), ())
    document.put(1, Body.whole(re.sub(rb"(?m)^@@ .*$", b"@@ -1,2 +0,0 @@", b"@@ x\n-a\n-b\n")), ())
    return document


def at(document: Document, kind: RowKind, number: int) -> int:
    return [row for row in range(len(document)) if document.row(row).kind is kind][number]


def test_on_the_head_of_a_file_it_is_for_the_file() -> None:
    document = shown()
    assert remarked(document, at(document, RowKind.HEAD, 0)) == (0, Side.NEW, 0, 0)
    assert remarked(document, at(document, RowKind.HEAD, 1)) == (1, Side.OLD, 0, 0)


def test_on_the_heading_of_a_hunk_it_is_for_what_it_changes() -> None:
    document = shown()
    assert remarked(document, at(document, RowKind.HUNK, 0)) == (0, Side.NEW, 3, 8)
    assert remarked(document, at(document, RowKind.HUNK, 1)) == (0, Side.OLD, 21, 21), "it adds nothing"


def test_on_a_line_it_is_for_that_line_and_selected_for_all_of_one_file() -> None:
    document = shown()
    first = at(document, RowKind.LINE, 0)
    assert remarked(document, first + 2) == (0, Side.OLD, 3, 3)
    assert remarked(document, first + 3) == (0, Side.NEW, 3, 3)
    assert remarked(document, first + 3, first) == (0, Side.NEW, 1, 3)
    assert remarked(document, first, first + 3) == (0, Side.NEW, 1, 3)


def test_in_a_file_that_is_shown_converted_it_is_for_the_file() -> None:
    """git has no lines of UTF-16: a comment on one would be refused once its text is written."""
    document = shown()
    document.files[0].is_converted = True
    first = at(document, RowKind.LINE, 0)
    assert remarked(document, first + 3, first) == remarked(document, first + 3) == (0, Side.NEW, 0, 0)
