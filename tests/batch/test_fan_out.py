"""The form of a new session with several modes or copies: a run of variants, which end and can be compared."""

import pytest

from ampsm_engine.batch import overview, runs
from ampsm_engine.engine.drafts import SessionDraft, check
from ampsm_engine.errors import Refused
from ampsm_engine.model import ItemState
from tests.batch.desk import BatchDesk


def test_a_form_with_two_modes_becomes_a_run_whose_items_are_compared(desk: BatchDesk) -> None:
    draft = SessionDraft(str(desk.repo / "."), name="Cache it", prompt=desk.writes("cache.py"), mode="medium,high")
    assert check(desk.engine, draft) == ()
    batch = desk.over(runs.begin_variants(desk.engine, draft))
    items = desk.items(batch)
    assert [(item.name, item.mode, item.state) for item in items] == [
        ("Cache it (medium)", "medium", ItemState.SUCCESS),
        ("Cache it (high)", "high", ItemState.SUCCESS),
    ]
    assert items[0].variant_of is not None
    found = overview.compare_variants(desk.engine, batch.id, items[0].variant_of)
    assert [(one.letter, sorted(one.paths), found.shared(one)) for one in found.variants] == [
        ("A", ["cache.py"], 1),
        ("B", ["cache.py"], 1),
    ]


def test_variants_are_not_made_for_later(desk: BatchDesk) -> None:
    draft = SessionDraft(str(desk.repo), prompt="Cache it", copies="2", run=False)
    assert [trouble.field for trouble in check(desk.engine, draft)] == ["copies"]
    with pytest.raises(Refused):
        runs.begin_variants(desk.engine, SessionDraft(str(desk.repo), prompt="Cache it", copies="no"))
