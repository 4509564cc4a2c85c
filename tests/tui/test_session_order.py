"""What the list shows, in which order: what needs a person first, and nothing moves without a reason."""

from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.model import BoardRow
from ampsm_tui.widgets.session_columns import AGE, ALL, GAP, GLYPH, NAME, layout
from ampsm_tui.widgets.session_order import SORTS, Arrangement, Heading, SessionLines, arranged, repository_of
from tests.tui.builders import AWAITING, DONE, ERROR, IDLE, RUNNING, a_day, a_session, ago

STATES = st.lists(st.sampled_from([AWAITING, ERROR, RUNNING, IDLE, DONE]), max_size=12)


def ids(how: Arrangement, rows: tuple[BoardRow, ...] | None = None) -> list[str]:
    lines = arranged(a_day().rows if rows is None else rows, how)
    return [line.title if isinstance(line, Heading) else line.session.id for line in lines]


def test_what_needs_me_comes_first() -> None:
    assert ids(Arrangement()) == ["asks", "fails", "works", "paints", "waits", "rests", "later", "merged"]


@given(STATES, st.sampled_from(SORTS))
def test_sorting_loses_nobody_and_keeps_equals_in_their_order(states: list, sort: str) -> None:
    rows = tuple(a_session("same", state, id=f"{at:03}", created_at=ago(hours=1)) for at, state in enumerate(states))
    shown = ids(Arrangement(sort=sort), rows)
    assert sorted(shown) == [row.session.id for row in rows]
    for state in set(states):
        same = [row.session.id for row in rows if row.session.status is state]
        assert [one for one in shown if one in same] == same


def test_the_filter_looks_at_name_repository_branch_and_state_with_every_word() -> None:
    assert ids(Arrangement(text="LOGIN fix")) == ["works"]
    assert ids(Arrangement(text="documentation")) == ["fails", "waits", "merged"]
    assert ids(Arrangement(text="queued")) == ["waits"]
    assert ids(Arrangement(text="amp/dark")) == ["paints"]
    assert ids(Arrangement(text="nothing-like-this")) == []


def test_the_status_goes_round_those_that_somebody_has() -> None:
    rows = (a_session(status=RUNNING), a_session(status=ERROR))
    how = Arrangement()
    seen = []
    for _ in range(4):
        how = how.next_status(rows)
        seen.append(how.status)
    assert seen == ["needs me", "running", "all", "needs me"]


def test_groups_have_headings_in_the_order_of_their_first_session() -> None:
    grouped = arranged(a_day().rows, Arrangement(group="repository"))
    assert [(line.title, line.members) for line in grouped if isinstance(line, Heading)] == [
        ("shop", 5),
        ("documentation", 3),
    ]


def test_a_folder_belongs_to_the_innermost_repository(tmp_path) -> None:
    outer, inner = tmp_path, tmp_path / "vendor" / "inner"
    rows = (a_session(repo_root=str(outer)), a_session(repo_root=str(inner)))
    assert repository_of(inner / "src", rows) == str(inner)
    assert repository_of(outer / "src", rows) == str(outer)
    assert repository_of(outer.parent, rows) is None


@given(st.integers(4, 300), st.integers(1, 3))
def test_columns_fill_the_width_and_name_and_age_stay(width: int, repositories: int) -> None:
    columns = layout(width, repositories=repositories)
    names = [column for column, _ in columns]
    assert NAME in names
    assert GLYPH in names or names[0].title == "STATUS"
    total = sum(room for _, room in columns) + GAP * (len(columns) - 1)
    if width >= 26:
        assert total == width
        assert AGE in names
    if width >= 160:
        assert set(ALL) - set(names) <= {column for column in ALL if column.title == "REPOSITORY"}


def test_w_goes_round_those_that_need_me() -> None:
    lines = SessionLines(arranged(a_day().rows, Arrangement()))
    assert lines.next_needing(None) == "asks"
    assert lines.next_needing("asks") == "fails"
    assert lines.next_needing("fails") == "asks"
    assert SessionLines().next_needing(None) is None
