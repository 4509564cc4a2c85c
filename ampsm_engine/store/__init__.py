"""The store: SQLite in WAL mode, the one truth about sessions, iterations, tool calls and facts.

    Store    its parts read and write: sessions, iterations, queue, merges, reviews, facts;
             every write is one transaction and records its facts inside it
    PatientStore   the same for those who wait while it is busy, or its disk is full
    follow   the board, and again at each change, whoever made it

peewee and sqlite3 are known in this room and nowhere else. What comes out are the frozen values of `model`.
"""

from ampsm_engine.store.patient import PatientStore, is_passing
from ampsm_engine.store.store import Store, follow

__all__ = ["PatientStore", "Store", "follow", "is_passing"]
