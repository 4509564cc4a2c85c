"""One line of `doctor`, known to those who look and to those who show it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `ok` None: worth knowing, not wrong."""

    name: str
    ok: bool | None
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One disagreement between store and repositories. `action`: the command that mends it."""

    kind: str
    text: str
    action: str
    mended: bool = False
