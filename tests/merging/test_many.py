"""Many sessions come in, in any order and in any way: every line that merged is there."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampsm_engine.merging.results import Options
from tests.conftest import git
from tests.merging.desk import Desk

GAP = 6
"""Lines between the places where two sessions write: they never conflict."""

ways = st.builds(
    Options,
    message=st.sampled_from(["Bring it in", "Bring it in\n\nWith a body."]),
    manual=st.sampled_from(["include", "keep"]),
    squash=st.booleans(),
    fast_forward=st.booleans(),
)


def play(desk: Desk, data: st.DataObject, many: int) -> None:
    git(desk.repo, "switch", "-q", "-C", "main")
    mark = Path(tempfile.mkdtemp(dir=desk.repo.parent)).name
    shared = [f"{mark} line {number}" for number in range(many * GAP)]
    desk.base({f"{mark}.txt": "\n".join(shared) + "\n"}, "Shared lines")
    made = []
    for number in range(many):
        session = desk.session(f"{mark} {number}")
        mine = list(shared)
        mine[number * GAP] = f"{mark} of {number}"
        desk.amp(session, {f"{mark}.txt": "\n".join(mine) + "\n"}, f"amp: line of {number}")
        if data.draw(st.booleans(), label="a commit by hand"):
            desk.by_hand(session, {f"{mark}-{number}-hand.txt": "by hand\n"})
        desk.amp(session, {f"{mark}-{number}.txt": f"file of {number}\n"}, f"amp: file of {number}")
        made.append(session)
        if data.draw(st.booleans(), label="the base goes on"):
            desk.base({f"{mark}-base-{number}.txt": "base\n"})
    expected = list(shared)
    for number in data.draw(st.permutations(range(many)), label="order"):
        done = desk.merge(made[number], **_plain(data.draw(ways, label="way")))
        expected[number * GAP] = f"{mark} of {number}"
        assert done.merge.base_after == desk.sha("main")
        assert desk.shown("main", f"{mark}.txt").splitlines() == expected
        assert (desk.repo / f"{mark}-{number}.txt").read_text() == f"file of {number}\n"
    assert (desk.repo / f"{mark}.txt").read_text().splitlines() == expected
    assert git(desk.repo, "status", "--porcelain") == ""
    for session in made:
        desk.clean(session)
    desk.sound()


def _plain(options: Options) -> dict[str, object]:
    names = ("message", "manual", "squash", "fast_forward")
    return {name: getattr(options, name) for name in names}


@settings(max_examples=2)
@given(data=st.data())
def test_a_few(desk: Desk, data: st.DataObject) -> None:
    play(desk, data, 4)


@pytest.mark.soak
@settings(max_examples=3)
@given(data=st.data())
def test_fifty(desk: Desk, data: st.DataObject) -> None:
    play(desk, data, 50)
