"""What the screens ask of the numbers: the figures of a home, as one question to a side process."""

from ampsm_engine.context import Engine
from ampsm_engine.metrics.summary import Grouping, Selection, Summary, summarize


def metrics_view(engine: Engine, by: Grouping, selection: Selection) -> Summary:
    """The figures of all iterations that are chosen, by group and in all."""
    return summarize(engine.store, by, selection)
