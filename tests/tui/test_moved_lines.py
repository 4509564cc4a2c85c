"""Which lines of a diff count as moved, and how they are shown."""

from pathlib import Path

import pytest

from ampsm_engine.config import Settings
from ampsm_tui.widgets.diff.patch import Body, MovedLines
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed, put

FUNCTION = ["def valid(name: str) -> bool:", "", "    return bool(name.strip())"]


def moved(*patches: str) -> list[list[str]]:
    """The moved lines of some patches."""
    bodies = [Body.whole(patch.encode()) for patch in patches]
    found = MovedLines(bodies)
    for _ in found.steps():
        pass
    return [
        [body.data.decode().split("\n")[row] for row in sorted(found.rows.get(at, ()))]
        for at, body in enumerate(bodies)
    ]


def hunk(*lines: str) -> str:
    old, new = (sum(line[0] in signs for line in lines) for signs in (" -", " +"))
    return f"@@ -1,{old} +1,{new} @@\n" + "".join(f"{line}\n" for line in lines)


def test_a_function_that_went_elsewhere_is_moved_and_may_be_indented_anew() -> None:
    gone = hunk(" a", *(f"-{line}" for line in FUNCTION), "-other = 1", " b")
    came = hunk(" class A:", *(f"+    {line}" if line else "+" for line in FUNCTION), "+new = 2")
    assert moved(gone, came) == [
        [f"-{line}" for line in FUNCTION],
        [f"+    {line}" if line else "+" for line in FUNCTION],
    ]


def test_what_is_everywhere_or_stays_in_its_place_is_not_moved() -> None:
    assert moved(hunk("-}", "-", "- return", " x"), hunk("+}", "+", "+ return")) == [[], []]
    indented = [f"-{line}" for line in FUNCTION] + [f"+  {line}" for line in FUNCTION]
    assert moved(hunk(*indented)) == [[]]


async def test_moved_lines_have_signs_of_their_own(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reviewed = Reviewed(desk, tmp_path / "shop", monkeypatch)
    text = (reviewed.worktree / "app/login.py").read_text()
    at = text.index("def cookie")
    end = text.index("def valid")
    put(reviewed.worktree, "app/login.py", text[:at] + text[end:])
    put(reviewed.worktree, "app/jar.py", text[at:end])
    settings = Settings({"review.context": 5, "review.wrap": True, "review.split": "never", "review.tab-width": 8})
    async with reviewed.open((120, 50), settings=settings) as desk:
        await reviewed.until(lambda: "»" in desk.text, "the moved lines")
        assert "» def cookie(token: str) -> str:" in desk.text
        assert "« def cookie(token: str) -> str:" in desk.text
        manner = reviewed.screen.view.painter.manner
        assert (manner.wrap, manner.is_split, manner.tab) == (True, False, 8)
        assert reviewed.screen.view.document.files[1].shape.grown[0].above == 2
        desk.sees("def forget")
