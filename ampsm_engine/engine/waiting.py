"""Prompts that wait in the queue: changing them, and taking them out."""

import shutil

from ampsm_engine import redact
from ampsm_engine.amp import command
from ampsm_engine.context import Engine
from ampsm_engine.engine.runs import check_unredacted
from ampsm_engine.home import write_private


def edit_queued(engine: Engine, iteration_id: str, prompt: str) -> None:
    """Give a waiting iteration another prompt; Refused once it has started, or when the prompt is no good.

    On disk it is as typed, for amp to read; the store has it redacted.
    """
    content = command.check_prompt(prompt)
    check_unredacted(prompt)
    path = engine.home.run(iteration_id).prompt
    engine.store.queue.edit(iteration_id, redact.text(prompt), before=lambda: write_private(path, content))


def drop_queued(engine: Engine, iteration_id: str) -> None:
    """Take a waiting iteration out of the queue; Refused once it has started."""
    engine.store.queue.drop(iteration_id)
    shutil.rmtree(engine.home.run(iteration_id).path, ignore_errors=True)


def prompt_of(engine: Engine, iteration_id: str) -> str:
    """A waiting prompt as it was typed, for editing; as the store has it when it is on disk no more."""
    try:
        return engine.home.run(iteration_id).prompt.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return engine.store.iterations.get(iteration_id).prompt
