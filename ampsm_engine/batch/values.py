"""The values of plans: what an item is to do, and what holds for a whole run. As JSON they have the plan's names."""

import json
from collections.abc import Mapping
from typing import Any, Self

from ampsm_engine.lean_dataclass import dataclass, fields
from ampsm_engine.model import ItemState, camel

FIX = (
    "The script `{script}` does not pass. It ended with exit code {exitCode}; the last lines that it printed:\n\n"
    "{output}\n\nMake it pass."
)
"""What amp is told when a script failed and the plan has no words of its own."""

FIXES = 4
"""How often an item with a prompt for failures is mended where the plan does not say how often."""


BAD_ENDS = frozenset({ItemState.FAIL, ItemState.ERROR, ItemState.TIMEOUT, ItemState.CONFLICT})
"""The ends of items that count as failures."""

HOST_GRACE = 900.0
"""Seconds that a host of a cluster may be away before its items go to others, where the plan does not say."""


def _plan_name(name: str) -> str:
    """A field as plans call it: `script_command` is `scriptCommand`."""
    return camel(name)


@dataclass(frozen=True, slots=True)
class ItemSpec:
    """The specification of an item, with all defaults applied. Its JSON has the names of the plan."""

    repo: str
    prompt: str
    name: str = ""
    base_branch: str | None = None
    """None: the branch that is checked out."""
    folder: str | None = None
    """The folder of the repository that it is about, in which amp and the script work; None: all of it."""
    script_command: str | None = None
    model: str | None = None
    """amp's mode; None: the setting's."""
    timeout_sec: float | None = None
    """Seconds that one run of amp may take; None: the setting's."""
    script_timeout_sec: float | None = None
    retries: int | None = None
    """How often a step is tried again after a failure of amp's that may pass; None: the setting's."""
    merge_on_pass: bool = False
    follow_up_prompts: tuple[str, ...] = ()
    max_iterations: int | None = None
    """The most runs of amp, prompt and follow-ups among them; retries do not count."""
    follow_up_on_failure: str | None = None
    """What amp is told when the script failed; `{output}` stands for the last lines of the script."""
    max_tokens: int | None = None
    """The tokens of all its runs at which it is stopped; None: the setting's."""
    max_amount: float | None = None
    """Dollars by amp's own figure at which it is stopped before its next run of amp; None: the setting's."""
    source: str | None = None
    """The address that hosts of a cluster clone the repository from; None: it is sent to them from here."""
    setup_on_hosts: bool = False
    """Whether hosts of a cluster may run the repository's own setup command, once it is trusted here."""

    @property
    def prompts(self) -> int:
        """How many prompts an item has without its fixes: the first one and its follow-ups."""
        return 1 + len(self.follow_up_prompts)

    @property
    def most_fixes(self) -> int:
        """How often a failing script is given back to amp."""
        if self.max_iterations is None:
            return FIXES if self.follow_up_on_failure and self.script_command else 0
        return max(self.max_iterations - self.prompts, 0) if self.script_command else 0

    def text(self) -> str:
        """The specification as JSON, without the fields that were not given."""
        values = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        return json.dumps({_plan_name(name): value for name, value, default in values if value != default})

    @classmethod
    def read(cls, text: str) -> Self:
        """The specification of a JSON text; what this version does not know is left out."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The specification made of values under the plan's names."""
        known = {_plan_name(field.name): field.name for field in fields(cls)}
        given = {known[key]: value for key, value in values.items() if key in known}
        given["follow_up_prompts"] = tuple(given.get("follow_up_prompts", ()))
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a whole run may use; None: as much as it takes."""

    tokens: int | None = None
    """Tokens of all its sessions."""
    amount: float | None = None
    """Dollars by amp's own figure, as far as it was asked."""
    wall_time_sec: float | None = None
    failures_in_a_row: int | None = None
    """Items that end badly one after the other, in the order of their ends."""


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One item that a plan multiplies out to."""

    spec: ItemSpec
    line: int
    """Where the plan has it, from 1; 0 where no plan was written."""
    variant_of: int | None = None
    """The number (from 1) of the first item with the same prompt and repository; None where it is the only one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that can be run as it stands."""

    items: tuple[PlannedItem, ...]
    name: str = ""
    run_id: str | None = None
    concurrency: int | None = None
    """None: as many as there are slots."""
    limits: Limits = Limits()
    source: str = ""
    """The file that it was read from."""
    host_grace_sec: float | None = None
    """Seconds that a host of a cluster may be away before its items go to others; None: HOST_GRACE."""
    on: str = ""
    """The address of the cluster that it runs on; empty: here."""

    def text(self) -> str:
        """The JSON of what holds for the whole run."""
        limits = {_plan_name(field.name): getattr(self.limits, field.name) for field in fields(self.limits)}
        known = {key: value for key, value in limits.items() if value is not None}
        whole: dict[str, object] = {"source": self.source, "concurrency": self.concurrency, "limits": known}
        if self.on:
            whole |= {"on": self.on, "hostGraceSec": self.host_grace_sec or HOST_GRACE}
        return json.dumps(whole)


def limits_of(plan: str) -> Limits:
    """The limits that the JSON of a plan has."""
    found = json.loads(plan).get("limits", {})
    names = {_plan_name(field.name): field.name for field in fields(Limits)}
    return Limits(**{names[key]: value for key, value in found.items() if key in names})
