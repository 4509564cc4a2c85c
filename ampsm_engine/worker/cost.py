"""Asking amp what a thread cost, at the end of an iteration, when that is due.

It is due where amp ran on a thread, no further message waits for the same thread (its end will ask), and this hour's
questions are not used up. Whatever goes wrong, the cost stays unknown and nothing else suffers.
"""

import asyncio
import os
from datetime import UTC, datetime

from ampsm_engine.amp import program, usage
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import State
from ampsm_engine.store import PatientStore
from ampsm_engine.worker.phases import note


async def ask(store: PatientStore, settings: Settings, iteration_id: str) -> None:
    """Ask for the cost of an iteration's thread, where that is due, and record the answer."""
    most = int(settings.number("cost.queries"))
    try:
        iteration = store.iterations.get(iteration_id)
        thread_id = iteration.thread_id or store.sessions.get(iteration.session_id).thread_id
        waits = any(one.state is State.QUEUED for one in store.iterations.of(iteration.session_id))
        if not (most and iteration.attempts and thread_id) or waits:
            return
        amp = program.find(settings, os.environ)
        number = store.costs.claim(thread_id, iteration_id, most=most, now=datetime.now(UTC))
        if number is not None:
            micros = await asyncio.to_thread(usage.cost_of_thread, amp, thread_id, os.environ)
            store.costs.answer(number, micros)
    except AmpsmError as reason:
        note(reason)
