"""The engine of ampsm: everything but the screens. ARCHITECTURE.md is the map of its rooms."""

__version__ = "0.1.0"
"""The one place of the version: the package's metadata is made of it, and reading that costs six times a bare start."""

# The thresholds of the garbage collector (`gc.set_threshold`) in each kind of process: how many new objects, then how
# many collections of the generation below, before a generation is looked through. They stand here because each process
# loads this module, and a short command can afford no other.

COLLECTOR_OF_COMMAND = (100_000, 50, 50)
"""A command makes many small values and ends: looking for cycles among them would cost a tenth of its time."""

COLLECTOR_OF_DIFF_PROCESS = (20_000, 50, 1_000)
"""The diff process makes many values that stay as long as their comparison: full collections are rare."""

COLLECTOR_OF_APP = (2_000, 3, 1_000)
"""The app collects what is new, a little at a time: 12 to 30 ms. A full collection takes 86 ms with a large review or
50,000 events; `ampsm_tui/widgets/collector.py` says when there is one."""

MIDDLE_COLLECTIONS_WHILE_LOADING = 10_000
"""Collections of the middle generation before a full one while the app makes much that stays."""
