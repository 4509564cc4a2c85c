"""What a session may use in all: tokens by amp's stream, and dollars by amp's own figure, for which it is asked here.

amp is asked at the end of an iteration where it ran on a thread, no further message waits for the same thread (its end
will ask), and this hour's questions are not used up. Whatever goes wrong, the cost stays unknown.
"""

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ampsm_engine import labels
from ampsm_engine.amp import program
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.model import Iteration, State
from ampsm_engine.store import PatientStore
from ampsm_engine.worker.iteration_directory import IterationLimits
from ampsm_engine.worker.phases import log_trouble

if TYPE_CHECKING:
    from ampsm_engine.store import Store

TOKENS = "session.tokens"
AMOUNT = "session.amount"


class LimitReached(Refused):
    """The session has used what it may: amp is not started."""


def tokens_left(store: "Store", settings: Settings, iteration: Iteration) -> int | None:
    """The tokens that an iteration may use, so that its session stays within its limit; None: as many as it takes."""
    most = int(settings.number(TOKENS))
    return most - _tokens_before(store, iteration) if most else None


def way_out(iteration: Iteration, name: str, limits: IterationLimits) -> str:
    """What to do about a limit: it is a setting's, or that of a plan, which holds for the plan's own runs alone."""
    if name not in limits.settings:
        return f"ampsm config set {name} 0"
    field = {TOKENS: "maxTokens", AMOUNT: "maxAmount"}[name]
    return f"The plan of its batch sets it ({field}); without it: ampsm iterate {iteration.session_id} 'PROMPT'"


def check(store: "Store", settings: Settings, iteration: Iteration, limits: IterationLimits) -> None:
    """LimitReached when nothing is left for an iteration that is about to start amp.

    `limits`: those that its plan has set, which are in the settings already.
    """
    left = tokens_left(store, settings, iteration)
    if left is not None and left <= 0:
        most = int(settings.number(TOKENS))
        message = f"The session has used {most - left} tokens, and its limit is {most}: amp was not started."
        raise LimitReached(message, way_out(iteration, TOKENS, limits))
    amount = settings.number(AMOUNT)
    micros = store.costs.of_session(iteration.session_id) if amount else None
    if micros is not None and micros >= amount * 1_000_000:
        cost = f"{labels.dollars(micros / 1e6)} by amp's own figure"
        message = f"The session has cost {cost}, and its limit is {labels.dollars(amount)}: amp was not started."
        raise LimitReached(message, way_out(iteration, AMOUNT, limits))


def _tokens_before(store: "Store", iteration: Iteration) -> int:
    others = (one for one in store.iterations.of(iteration.session_id) if one.id != iteration.id)
    return sum(one.tally.token_usage or 0 for one in others)


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
            micros = await asyncio.to_thread(program.cost_of_thread, amp, thread_id, os.environ)
            store.costs.answer(number, micros)
    except AmpsmError as reason:
        log_trouble(reason)
