"""What is begun before it is asked for: opened it is the same as without, it is fresh, and what is dropped is gone."""

import os
import signal

import pytest

from ampsm_engine.differ.client import Differ, Review
from ampsm_engine.errors import NotFound
from tests.differ.oracle import request, whole
from tests.git.sandboxes import Sandbox
from tests.waiting import becomes

MANY = {f"f{n:02}.py": f"x = {n}\n" for n in range(40)}


def told(review: Review) -> object:
    return [(entry, review.patch(entry.index)) for entry in review.files]


async def ahead(differ: Differ, sandbox: Sandbox, old: str = "HEAD~", new: str = "HEAD") -> Review:
    """What is ahead, with the patches that are made of it."""
    differ.foresee(request(sandbox, old, new))
    review = differ._ahead
    assert review is not None
    await becomes(lambda: review.patch(11) is not None, "the first patches")
    return review


async def test_what_was_foreseen_is_the_same_as_without(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.commit(MANY)
    found = await ahead(differ, sandbox)
    review = await differ.open(request(sandbox, "HEAD~", "HEAD"))
    assert review is found
    assert review.patch(0) is not None
    await review.completed()
    assert told(review) == told(await whole(differ, sandbox, "HEAD~", "HEAD"))


async def test_only_the_first_patches_are_made_of_it(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.commit(MANY)
    found = await ahead(differ, sandbox)
    await whole(differ, sandbox, "HEAD", "HEAD~")  # the process has answered all that it was asked for
    assert [entry.index for entry in found.files if found.patch(entry.index) is not None] == list(range(12))
    assert not found.is_complete
    assert found.is_idle


async def test_what_has_changed_since_is_compared_anew(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.commit(MANY)
    sandbox.git("branch", "base", "HEAD~")
    await ahead(differ, sandbox, "base", "HEAD")
    sandbox.commit({"f00.py": "y = 0\n", "a.py": "new\n"})
    review = await differ.open(request(sandbox, "base", "HEAD"))
    await review.completed()
    assert review.files[0].path == "a.py"
    assert told(review) == told(await whole(differ, sandbox, "base", "HEAD"))


async def test_a_branch_that_went_since_is_refused(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.commit(MANY)
    sandbox.git("branch", "work")
    await ahead(differ, sandbox, "HEAD~", "work")
    sandbox.git("branch", "-D", "work")
    with pytest.raises(NotFound):
        await differ.open(request(sandbox, "HEAD~", "work"))


async def test_what_could_not_be_foreseen_is_asked_for_again(differ: Differ, sandbox: Sandbox) -> None:
    differ.foresee(request(sandbox, "HEAD", "later"))
    found = differ._ahead
    assert found is not None
    await becomes(lambda: found.has_failed, "the refusal")
    sandbox.git("branch", "later")
    assert (await differ.open(request(sandbox, "HEAD", "later"))).files == ()


async def test_what_is_foreseen_no_more_is_dropped(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.commit(MANY)
    found = await ahead(differ, sandbox)
    differ.foresee(request(sandbox, "HEAD", "HEAD~"))
    await becomes(lambda: not differ._leaving, "the process has let go of it")
    assert found.is_closed
    differ.foresee(None)
    await becomes(lambda: not differ._leaving and not differ._reviews, "nothing is ahead")
    assert (await whole(differ, sandbox, "HEAD~", "HEAD")).files != ()


async def test_another_question_leaves_it_where_it_is(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.commit(MANY)
    found = await ahead(differ, sandbox)
    other = await whole(differ, sandbox, "HEAD", "HEAD~")
    assert len(other.files) == len(MANY)
    assert await differ.open(request(sandbox, "HEAD~", "HEAD")) is found


async def test_it_outlives_the_process(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.commit(MANY)
    found, first = await ahead(differ, sandbox), differ.pid
    os.kill(first, signal.SIGKILL)
    await becomes(lambda: differ.pid != first, "another process")
    review = await differ.open(request(sandbox, "HEAD~", "HEAD"))
    assert review is found
    await review.completed()
    assert told(review) == told(await whole(differ, sandbox, "HEAD~", "HEAD"))
