"""The tables, imported as soon as one is named: peewee would cost who only reads half of its start."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ampsm_engine.store import tables as tables  # noqa: PLC0414 - handed on
else:

    class _Tables:
        def __getattr__(self, name: str) -> Any:
            from ampsm_engine.store import tables as room

            return getattr(room, name)

    tables = _Tables()
