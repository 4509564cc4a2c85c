"""The threads this scripted amp made: a small state folder stands for the real program's server.

A thread that was never made here does not exist; an archived one is refused; an open one is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path
from typing import Any

from .endings import Refusal

_ID = re.compile(r"T-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def folder() -> Path:
    """Where threads are remembered: AMPSM_SCRIPTED_STATE, else below XDG_DATA_HOME, else below ~/.local/share."""
    own = os.environ.get("AMPSM_SCRIPTED_STATE")
    if own:
        return Path(own)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "ampsm-scripted-amp"


def new_id() -> str:
    """A fresh thread id of the real shape."""
    digits = os.urandom(16).hex()
    digits = digits[:12] + "4" + digits[13:16] + "89ab"[int(digits[16], 16) % 4] + digits[17:]
    return f"T-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def read_id(text: str) -> str:
    """The id in a thread's id or URL; refused as the real program refuses it."""
    found = text.rstrip("/").rpartition("/")[2]
    if not _ID.match(found):
        raise Refusal(
            f"Error: Invalid thread URL or ID: {text}\n\nProvide a valid thread URL (e.g., "
            "https://ampcode.com/threads/T-12345678-0000-0000-0000-000000000000) or ID (e.g., "
            "T-12345678-0000-0000-0000-000000000000)"
        )
    return found


class StoredThread:
    """One thread: its stored state, and the lock that marks it as open."""

    def __init__(self, thread_id: str, facts: dict[str, Any], home: Path) -> None:
        self.id = thread_id
        self.facts = facts
        self._home = home
        self._lock = -1

    def occupy(self) -> None:
        """Holds the thread until this process is gone; refused while another process holds it."""
        lock = os.open(self._home / f"{self.id}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise Refusal(f"Error: Thread {self.id} is already open and active in another Amp.") from None
        self._lock = lock

    def save(self) -> None:
        """Writes down what is known, whole or not at all."""
        target = self._home / f"{self.id}.json"
        fresh = self._home / f"{self.id}.{os.getpid()}.new"
        fresh.write_text(json.dumps(self.facts), encoding="utf-8")
        fresh.replace(target)


def create() -> StoredThread:
    """A new thread, open and written down."""
    home = folder()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    thread = StoredThread(new_id(), {"runs": 0, "archived": False, "answers": 0, "scenario": ""}, home)
    thread.occupy()
    thread.save()
    return thread


def load(text: str) -> StoredThread:
    """The thread of this id or URL; Refusal as the real program words it when there is none."""
    thread_id = read_id(text)
    home = folder()
    try:
        facts = json.loads((home / f"{thread_id}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal(f"Thread https://ampcode.com/threads/{thread_id} does not exist.") from None
    return StoredThread(thread_id, facts, home)


def reopen(text: str) -> StoredThread:
    """The thread of this id, open in this process; refused when it is unknown, archived or open elsewhere."""
    thread = load(text)
    thread.occupy()
    thread = _again(thread)
    if thread.facts["archived"]:
        raise Refusal("Error: This thread is archived and cannot be continued. Unarchive it first.")
    return thread


def _again(thread: StoredThread) -> StoredThread:
    """What is remembered, read under the lock."""
    thread.facts = load(thread.id).facts
    return thread
