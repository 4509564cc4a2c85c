"""The last prompt once more, and the prompts that are queued: seen, changed and dropped by a script."""

from collections.abc import Callable

import pytest

from ampsm_engine.model import Outcome, State, Status
from tests.cli.conftest import Ampsm, Shelf


def test_queued_prompts_are_listed_changed_and_dropped(
    ampsm: Ampsm, shelf: Shelf, scripted: Callable[[str], None]
) -> None:
    session = shelf.session("dark")
    for prompt in ("first", "second", "third"):
        assert ampsm("iterate", "dark", prompt).code == 0
    assert ampsm("queue", "dark").out.split() == ["1", "first", "2", "second", "3", "third"]
    assert ampsm("queue", "dark", "--drop", "2").code == 0
    assert ampsm("queue", "dark", "--edit", "3", "--prompt-file", "-", stdin=b"last").code == 0
    found = ampsm("queue", "dark", "--json").json["iterations"]
    assert [(one["number"], one["prompt"], one["state"]) for one in found] == [
        (1, "first", "queued"),
        (3, "last", "queued"),
    ]
    run = shelf.engine.home.iteration(found[1]["id"])
    assert run.prompt.read_bytes() == b"last", "what amp will read"
    assert session.id in ampsm("ls").out


def test_what_cannot_be_changed_says_why(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session("dark")
    shelf.iteration(session)
    assert ampsm("queue", "dark").err.startswith("No prompt is queued")
    assert ampsm("queue", "dark", "--drop", "9").code == 3
    begun = ampsm("queue", "dark", "--drop", "1")
    assert (begun.code, "has started" in begun.err) == (4, True)
    assert ampsm("queue", "dark", "--drop", "1", "--edit", "1").code == 2
    assert ampsm("queue", "dark", "--edit", "1").code == 2
    assert ampsm("queue", "dark", "--prompt-file", "x").code == 2


def test_the_last_prompt_is_sent_again(ampsm: Ampsm, shelf: Shelf, scripted: Callable[[str], None]) -> None:
    session = shelf.session("dark")
    shelf.iteration(session, prompt="Make it dark", outcome=Outcome.FAILED, status=Status.ERROR)
    assert "Iteration 2" in ampsm("retry", "dark").out
    last = shelf.engine.store.iterations.of(session.id)[-1]
    assert (last.prompt, last.state) == ("Make it dark", State.QUEUED)


@pytest.mark.parametrize("prompt", ["", "use [redacted:token] there"])
def test_nothing_is_sent_that_was_never_typed(
    ampsm: Ampsm, shelf: Shelf, scripted: Callable[[str], None], prompt: str
) -> None:
    session = shelf.session("dark", amp_prompt=prompt)
    if prompt:
        shelf.iteration(session, prompt=prompt)
    assert ampsm("retry", "dark").code == 4
    assert len(shelf.engine.store.iterations.of(session.id)) == bool(prompt)
