"""The store as its callers know it: what it answers (reading) and what it does (sessions, queueing, progress)."""

from ampsm_engine.store.progress import Progress
from ampsm_engine.store.queueing import Queueing
from ampsm_engine.store.sessions import Sessions


class Store(Sessions, Queueing, Progress):
    """A database by its path. Every write is one transaction that records its facts, or changes nothing."""
