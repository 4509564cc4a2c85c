"""A plan read from YAML, with everything checked that can be known before it runs."""

from pathlib import Path

from ampsm_engine.batch import expansion
from ampsm_engine.batch.plan_reader import PlanReader, file_text, refusal
from ampsm_engine.batch.values import Plan
from ampsm_engine.lean_dataclass import replace


def read(text: str, where: Path) -> Plan:
    """The plan of a text; `where`: the file that it is of, which relative paths start from. PlanRefused otherwise."""
    reader = PlanReader(where)
    document = reader.document(text)
    plan = expansion.expanded(document, reader) if document is not None else None
    if reader.errors or plan is None:
        raise refusal(where, reader.errors)
    return replace(plan, source=str(where))


def read_file(path: Path) -> Plan:
    """The plan in a file. PlanRefused; Refused when it cannot be read."""
    return read(file_text(path, "plan"), path)
