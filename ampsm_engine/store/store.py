"""The store as its callers know it: what it answers (reading) and what it does (the others)."""

from ampsm_engine.store.progress import Progress
from ampsm_engine.store.queueing import Queueing
from ampsm_engine.store.reviews import Reviews
from ampsm_engine.store.sessions import Sessions


class Store(Sessions, Queueing, Progress, Reviews):
    """A database by its path. Every write is one transaction that records its facts, or changes nothing."""
