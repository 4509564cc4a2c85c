"""The store: SQLite in WAL mode, the one truth about sessions, iterations, tool calls and their history.

    Store    its parts read and write: sessions, iterations, queue, merges, reviews, batches, costs,
             measurements, tables, facts;
             every write is one transaction and records its facts inside it
    PatientStore   a Store that retries while the database is busy or its disk is full
    ReadOnlyStore  a Store that leaves the database as it is, whatever that is
    follow   the board, and again at each change by any process

peewee and sqlite3 are known in this room and nowhere else. What comes out are the frozen values of `model`.
"""

from ampsm_engine.store.reviews import RejectionsWait
from ampsm_engine.store.store import PATIENCE, PatientStore, ReadOnlyStore, Store, follow, is_passing

__all__ = ["PATIENCE", "PatientStore", "ReadOnlyStore", "RejectionsWait", "Store", "follow", "is_passing"]
