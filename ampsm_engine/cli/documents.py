"""The JSON shapes of the values: camelCase keys as in the store. Pure; a contract that scripts rely on."""

from collections.abc import Sequence
from dataclasses import fields

from ampsm_engine.model import Fact, Iteration, Session, Tally

Document = dict[str, object]


def camel(name: str) -> str:
    """`amp_prompt` as `ampPrompt`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


_SESSION = tuple((field.name, camel(field.name)) for field in fields(Session))
_ITERATION = tuple((field.name, camel(field.name)) for field in fields(Iteration) if field.name != "tally")
_TALLY = (*((field.name, camel(field.name)) for field in fields(Tally)), ("token_usage", "tokenUsage"))
_FACT = tuple((field.name, camel(field.name)) for field in fields(Fact))


def _document(value: object, keys: Sequence[tuple[str, str]]) -> Document:
    return {key: getattr(value, name) for name, key in keys}


def iteration_document(iteration: Iteration) -> Document:
    """An iteration with its tally beside its columns; what is not known is null."""
    return _document(iteration, _ITERATION) | _document(iteration.tally, _TALLY)


def session_document(session: Session, iterations: Sequence[Iteration]) -> Document:
    """A session with its iterations, oldest first."""
    return _document(session, _SESSION) | {"iterations": [iteration_document(each) for each in iterations]}


def fact_document(fact: Fact) -> Document:
    """A fact."""
    return _document(fact, _FACT)


def plain(value: object) -> object:
    """A frozen value of any room as JSON: fields in camelCase, enums as their words, bytes and paths as text."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {camel(name): plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, str | int | float) else str(value)
