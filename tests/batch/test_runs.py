"""A run from its start to its end: what each item goes through, with the scripted amp and real git."""

from ampsm_engine.model import BatchState
from tests.batch.desk import BatchDesk
from tests.conftest import git


def test_each_item_goes_its_way(desk: BatchDesk) -> None:
    mended = desk.prompt(
        runs=[
            [{"create_file": "a.txt", "content": "wrong\n"}, {"say": "First."}],
            [{"edit_file": "a.txt", "old": "wrong", "new": "right"}, {"say": "{prompt}"}],
        ]
    )
    batch = desk.start(
        desk.item(mended, scriptCommand="grep -n right a.txt || { echo it is wrong; false; }", maxIterations=3),
        desk.item(desk.writes("b.txt"), scriptCommand="false"),
        desk.item(desk.writes("c.txt"), followUpPrompts=["And then?", "More."], mergeOnPass=True),
        desk.item(desk.prompt({"fail": "The model is not for sale."})),
        desk.item(desk.prompt({"shell": "true"}, {"hang": True}), timeoutSec=1),
        desk.item(desk.prompt(runs=[[{"stderr": "amp server returned an error"}, {"exit": 1}], [{"say": "ok"}]])),
    )
    assert desk.over(batch).state is BatchState.ENDED
    assert desk.states(batch) == ["success", "fail", "success", "error", "timeout", "success"], desk.told(batch)
    assert desk.tries(batch, 1) == [("prompt", "fail"), ("fix", "pass")]
    first = desk.engine.store.iterations.of(desk.items(batch)[0].session_id)
    assert "it is wrong" in first[1].prompt
    assert desk.tries(batch, 2) == [("prompt", "fail")]
    assert desk.tries(batch, 3) == [("prompt", "pass"), ("follow-up", "pass"), ("follow-up", "pass"), ("merge", "pass")]
    assert desk.tries(batch, 6) == [("prompt", "error"), ("prompt", "pass")]
    assert git(desk.repo, "show", "main:c.txt") == "new\n"
    desk.once_each(desk.items(batch))
