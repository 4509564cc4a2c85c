"""The garbage of a screen that is gone is collected, and what stays is not looked at again and again."""

import subprocess
import sys

STORY = """
import gc, weakref
from ampsm_tui.widgets import collector

class Node:
    pass

def ring():
    one, other = Node(), Node()
    one.other, other.one = other, one
    return one, weakref.ref(one)

gc.disable()
kept, before = ring()
collector.set_aside()
del kept
collector.collect_all()
assert before() is not None, "outside of the app nothing is touched"
collector.turn_on()
held, screen = ring()
collector.set_aside()
del held
gc.collect()
assert screen() is not None, "it was set aside"
collector.collect_all()
assert screen() is None and before() is None
assert gc.get_freeze_count() > 1000
"""


def test_what_is_made_is_set_aside_and_collected_when_it_is_over() -> None:
    done = subprocess.run([sys.executable, "-c", STORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
