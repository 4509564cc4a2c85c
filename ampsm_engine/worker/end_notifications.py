"""Notifications on the desktop: what several workers have to say at about one time is shown as one.

A worker adds its news to a file and goes on; `python -m ampsm_engine.worker.end_notifications` waits a moment for more
and shows them. One of these is at it at a time, by a lock; the next one leaves again.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from ampsm_engine import desktop_notification, file_lock, notifications, viewer_lock
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError
from ampsm_engine.home import Home, home, open_private
from ampsm_engine.model import State
from ampsm_engine.notifications import News, NotificationKind
from ampsm_engine.store import Store

FACTS = 50
"""The newest facts of a session in which an end's reason is looked for."""

GATHERING = 1.0
"""Seconds in which further news join the first."""


def announce_end(place: Home, store: Store, settings: Settings, iteration_id: str) -> None:
    """Announce how a settled iteration ended, as `announce` does."""
    if _is_wanted(settings):
        with contextlib.suppress(AmpsmError):
            if news := _news(store, iteration_id):
                announce(place, settings, news)


def announce(place: Home, settings: Settings, news: News) -> None:
    """Show a notification on the desktop, where it is wanted and the event is not on a screen already.

    Returns at once and raises nothing: what it is about is so, shown or not.
    """
    if not _is_wanted(settings) or not notifications.wanted(settings, news.kind):
        return
    with contextlib.suppress(OSError, AmpsmError):
        if not viewer_lock.is_viewed(place, news.session_id):
            add(place, news)
            _launch(place)


def _is_wanted(settings: Settings) -> bool:
    return settings.switch("notify.desktop") and desktop_notification.has_desktop(os.environ)


def _news(store: Store, iteration_id: str) -> News | None:
    """What the end is to a person: nothing while the session goes on with its queue, unless it failed."""
    iteration = store.iterations.get(iteration_id)
    session = store.sessions.get(iteration.session_id)
    if session.origin is not None and not store.batches.item(session.origin).state.is_final:
        return None  # its batch looks after it, and tells its own end
    kind = notifications.kind_of(iteration.outcome, iteration.test_result, session.status)
    goes_on = any(one.state is State.QUEUED for one in store.iterations.of(session.id))
    if kind is NotificationKind.NEEDS_INPUT and store.merges.open_of(session.id) is not None:
        kind = NotificationKind.CONFLICT  # amp was at the conflicts of a merge, which wait for a person again
    if kind is None or (goes_on and kind is not NotificationKind.ERROR):
        return None
    text = notifications.ending(iteration, session.status, store.facts.read(session_id=session.id, limit=FACTS))
    return News(kind, session.id, session.name, text)


def add(place: Home, news: News) -> None:
    """Put news where the one who gathers finds it."""
    with _file(place) as descriptor:
        os.lseek(descriptor, 0, os.SEEK_END)
        words = [news.kind.value, news.session_id, news.name, news.text]
        os.write(descriptor, json.dumps(words).encode() + b"\n")


@contextlib.contextmanager
def _file(place: Home) -> Iterator[int]:
    """The file of the news, for one process at a time."""
    descriptor = open_private(place.news, os.O_RDWR | os.O_CREAT)
    try:
        file_lock.acquire(descriptor, None)
        yield descriptor
    finally:
        os.close(descriptor)


def _launch(place: Home) -> None:
    environment = os.environ | {"AMPSM_HOME": str(place.root)}
    subprocess.Popen(
        [sys.executable, "-P", "-m", "ampsm_engine.worker.end_notifications"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        start_new_session=True,
    )


def show(place: Home) -> int:
    """Show all news that there are, until no more come; answers how many notifications it took."""
    try:
        lock = open_private(place.slots / "telling", os.O_RDWR | os.O_CREAT)
    except OSError:
        return 0
    shown = 0
    try:
        if not file_lock.acquire(lock, 0):
            return 0  # another process gathers already
        while lock >= 0:
            time.sleep(GATHERING)
            with _file(place) as descriptor:
                news = tuple(_taken(descriptor))
                if not news:
                    # Released while nothing can be added: the next process that adds finds the lock free.
                    os.close(lock)
                    lock = -1
            if notification := notifications.combined(news):
                shown += desktop_notification.send(notification.title, notification.body)
    finally:
        if lock >= 0:
            os.close(lock)
    return shown


def _taken(descriptor: int) -> Iterator[News]:
    """What is in the file, which is empty afterwards. A line that a full disk has cut is left out."""
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, size, 0)
    os.ftruncate(descriptor, 0)
    for line in content.splitlines():
        try:
            kind, session_id, name, text = json.loads(line)
            yield News(NotificationKind(kind), str(session_id), str(name), str(text))
        except (ValueError, TypeError):
            continue


if __name__ == "__main__":
    show(home())
