"""Items of which each kind ends in its own way, mixed over several repositories: what a test or a benchmark runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.batch import packages

KINDS = 10

Prompt = Callable[[list[list[dict[str, object]]]], str]
"""Makes a prompt that has the scripted amp play these runs of its thread one after the other."""


class MixedItem(NamedTuple):
    """An item of a plan, and the state that it has to come to."""

    wanted: str
    """`conflict`: or success, where it was the first of its repository to change that file."""
    item: dict[str, object]
    follow_ups: int
    is_merged: bool
    """Whether its file comes into main for certain."""


def items(count: int, repositories: Sequence[Path], prompt: Prompt) -> list[MixedItem]:
    """So many items; each repository gets some of each kind."""
    return [_item(number, repositories[number // KINDS % len(repositories)], prompt) for number in range(count)]


def _item(number: int, repository: Path, prompt: Prompt) -> MixedItem:
    name = f"{number}.txt"
    made: dict[str, object] = {"create_file": name, "content": "wrong\n"}
    mended: dict[str, object] = {"edit_file": name, "old": "wrong", "new": "right"}
    limited: dict[str, object] = {"fail_times": {"n": 1, "error": "429 rate limit. Try again in 1 second."}}
    trouble: list[dict[str, object]] = [{"stderr": "amp server returned an error"}, {"exit": 1}]
    same: dict[str, object] = {"create_file": packages.module(repository.name), "content": f"value = {number}\n"}
    ok: dict[str, object] = {"say": "ok"}
    script, right = {"scriptCommand": f"test -f {name}"}, {"scriptCommand": f"grep -q right {name}"}
    again = {**right, "maxIterations": 2, "followUpOnFailure": "Again: {output}"}
    kinds: list[tuple[str, list[list[dict[str, object]]], dict[str, object]]] = [
        ("success", [[made, {"shell": "ls"}, ok]], script),
        ("success", [[made, ok], [mended, ok]], {**right, "maxIterations": 3}),
        ("fail", [[made, ok]], again),
        ("timeout", [[made, {"hang": True}]], {"timeoutSec": 2}),
        ("success", [[limited, made, ok]], script),
        ("error", [[made, {"fail": "The model is not for sale."}]], {}),
        ("success", [trouble, [made, ok]], {**script, "retries": 2}),
        ("success", [[made, {"shell": "exit 3"}, ok]], {**script, "mergeOnPass": True}),
        ("conflict", [[same, ok]], {"mergeOnPass": True}),
        ("success", [[made, ok]], {**script, "followUpPrompts": ["And then?", "And then?"]}),
    ]
    # Two neighbours of one repository that change the same file: whoever comes second conflicts, as a rule.
    kind = 8 if number % KINDS == 7 and number // KINDS % 2 == 0 else number % KINDS
    wanted, runs, more = kinds[kind]
    item: dict[str, object] = {"repo": str(repository), "prompt": prompt(runs), **more}
    return MixedItem(wanted, item, 2 if kind == 9 else 0, kind == 7)
