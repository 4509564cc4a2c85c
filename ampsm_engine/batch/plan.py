"""A plan read from YAML: its entries times their axes, over the repositories that they name, each one checked."""

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ampsm_engine.batch.plan_reader import Entry, PlanReader, file_text, path_from, refusal
from ampsm_engine.batch.values import ItemSpec, Limits, Plan, PlannedItem
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import beginnings, repository
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.naming import session_name
from ampsm_engine.plain_text import printable

if TYPE_CHECKING:
    from ampsm_engine.git.entities import Repo

MOST_ITEMS = 5000
"""Items of a plan: axes multiply quicker than one thinks."""

_NAME = 200


class _Variant(NamedTuple):
    """One combination of the axes' values; None where an axis says nothing."""

    repo: str
    base: str | None
    mode: str | None
    copy: int


def expanded(document: Entry, reader: PlanReader) -> Plan | None:
    """The plan; None when something is wrong with it, which the reader has collected then."""
    if "matrix" not in document.values:
        if not any(error.line for error in reader.errors):
            reader.wrong(document.line, "The plan has no matrix: a list of what is to be done.")
        return None
    defaults: Entry = document.values.get("defaults") or Entry({}, {}, document.line, document.line)
    expansion = _Expansion(reader, defaults, document.values.get("axes"))
    items: list[PlannedItem] = []
    for entry in document.values["matrix"]:
        for planned in expansion.items(entry, first=len(items) + 1):
            items.append(planned)
            if len(items) > MOST_ITEMS:
                reader.wrong(entry.line, f"The plan comes to more than {MOST_ITEMS} items.")
                return None
    if reader.errors:
        return None
    values = document.values
    return Plan(
        items=tuple(items),
        name=printable(values.get("name") or values.get("runId") or "")[:_NAME],
        run_id=values.get("runId"),
        concurrency=values.get("concurrency"),
        limits=values.get("limits") or Limits(),
        host_grace_sec=values.get("hostGraceSec"),
    )


class _Expansion:
    """Makes items of entries; what was looked up of a repository is looked up once."""

    def __init__(self, reader: PlanReader, defaults: Entry, axes: Entry | None) -> None:
        self._reader, self._defaults, self._axes = reader, defaults, axes
        self._found: dict[str, Repo | str] = {}
        self._places: dict[tuple[str, str | None, str | None], tuple[str, str]] = {}
        """The field that does not fit, and why, by root, base and folder; the reason is empty where all do."""

    def items(self, entry: Entry, *, first: int) -> Iterator[PlannedItem]:
        """The items of one entry, the first of which has that number in the plan."""
        is_reported = self._is_reported(entry)
        prompt = self._prompt(entry, is_reported=is_reported)
        axes: dict[str, Any] = {**(self._axes.values if self._axes else {})}
        own: Entry | None = entry.values.get("axes")
        axes |= own.values if own else {}
        spec = {**self._defaults.values, **entry.values}
        self._check_iterations(entry, spec)
        repos = self._repositories(entry, axes, is_reported=is_reported)
        copies, bases, modes = axes.get("copies", 1), axes.get("baseBranch", (None,)), axes.get("model", (None,))
        if (
            len(repos) * len(bases) * len(modes) * copies > MOST_ITEMS
        ):  # before any is made: they need not fit into memory
            self._reader.wrong(entry.line_of("axes"), f"The item comes to more than {MOST_ITEMS} items.")
            return
        firsts: dict[str, int] = {}
        number = first
        is_variant = len(bases) * len(modes) * copies > 1
        for repo, base, mode, copy in itertools.product(repos, bases, modes, range(1, copies + 1)):
            root = str(repo.root)
            variant = _Variant(root, base, mode, copy if copies > 1 else 0)
            if not self._is_good(entry, repo, base or spec.get("baseBranch"), spec.get("folder")) or prompt is None:
                continue
            values = spec | {"repo": root, "prompt": prompt}
            values |= {"baseBranch": base} if base else {}
            values |= {"model": mode} if mode else {}
            values["name"] = _name(entry.values.get("name"), prompt, variant, many=len(repos) > 1)
            same = firsts.setdefault(root, number) if is_variant else None
            yield PlannedItem(ItemSpec.of(values), entry.line, same)
            number += 1

    def _prompt(self, entry: Entry, *, is_reported: bool) -> str | None:
        given = [name for name in ("prompt", "promptFile") if name in entry.lines or name in entry.values]
        if len(given) > 1:
            self._reader.wrong(entry.line_of("promptFile"), "An item has either a prompt or a promptFile, not both.")
        if not given:
            if not is_reported:
                self._reader.wrong(entry.line, "The item has no prompt.")
            return None
        found: str = entry.values[given[0]]
        return found

    def _is_reported(self, entry: Entry) -> bool:
        """Whether something is wrong within an entry: what is missing may be just that."""
        return any(entry.line <= error.line <= entry.end for error in self._reader.errors)

    def _check_iterations(self, entry: Entry, spec: dict[str, Any]) -> None:
        most, prompts = spec.get("maxIterations"), 1 + len(spec.get("followUpPrompts", ()))
        if most is not None and most < prompts:
            line = entry.line_of("maxIterations", "followUpPrompts")
            text = f"maxIterations is {most}, and its prompt and follow-ups alone are {prompts}."
            self._reader.wrong(line, text)
        if "followUpOnFailure" in entry.values and not spec.get("scriptCommand"):
            text = "followUpOnFailure needs a scriptCommand that can fail."
            self._reader.wrong(entry.line_of("followUpOnFailure"), text)

    def _repositories(self, entry: Entry, axes: dict[str, Any], *, is_reported: bool) -> "list[Repo]":
        """Each repository once, by whatever paths, folders and links of it the entry names it."""
        if "repo" in axes:
            named: Sequence[str] = axes["repo"]
        elif "repoFile" in entry.values:
            named = self._listed(entry)
        elif "repo" in entry.values:
            named = entry.values["repo"]
        else:
            if not is_reported:
                self._reader.wrong(entry.line, "The item has no repo.")
            return []
        paths = dict.fromkeys(path for text in named for path in self._matching(entry, text))
        found = (repo for path in paths if (repo := self._located(entry, path)) is not None)
        return list({repo.root: repo for repo in found}.values())

    def _listed(self, entry: Entry) -> list[str]:
        """One repository a line; empty lines and those that begin with # are none."""
        try:
            path = self._reader.path(entry.values["repoFile"])
            lines = [line.strip() for line in file_text(path, "list of repositories").splitlines()]
            named = [str(path_from(path.parent, line)) for line in lines if line and not line.startswith("#")]
        except AmpsmError as reason:
            self._reader.wrong(entry.line_of("repoFile"), reason.message)
            return []
        if not named:
            self._reader.wrong(entry.line_of("repoFile"), f"{path} names no repository.")
        return named

    def _matching(self, entry: Entry, text: str) -> list[str]:
        try:
            path = str(self._reader.path(text))
        except AmpsmError as reason:
            self._reader.wrong(entry.line_of("repo", "axes"), reason.message)
            return []
        if not glob.has_magic(path) or os.path.isdir(path):  # noqa: PTH112 - Path raises where nothing may be seen
            return [path]
        matching = sorted(glob.glob(path))  # noqa: PTH207 - a whole path is a pattern here
        found = [each for each in matching if os.path.exists(f"{each}/.git")]  # noqa: PTH110 - as above
        if not found:
            self._reader.wrong(entry.line_of("repo", "axes"), f"No repository matches {printable(text)[:200]}.")
        return found

    def _located(self, entry: Entry, path: str) -> "Repo | None":
        """The repository at a path; None when there is none."""
        if path not in self._found:
            try:
                self._found[path] = repository.locate(Path(path))
            except AmpsmError as reason:
                self._found[path] = reason.message
        repo = self._found[path]
        if isinstance(repo, str):
            self._reader.wrong(entry.line_of("repo", "repoFile", "axes"), repo)
            return None
        return repo

    def _is_good(self, entry: Entry, repo: "Repo", base: str | None, folder: str | None) -> bool:
        """Whether a repository has that base, and the base that folder."""
        place = (str(repo.root), base, folder)
        if place not in self._places:
            self._places[place] = _fault(repo, base, folder)
        field, why = self._places[place]
        if why:
            fields = ("baseBranch", "axes") if field == "baseBranch" else (field,)
            where = entry if set(fields) & entry.lines.keys() else self._defaults
            self._reader.wrong(where.line_of(*fields), why)
        return not why


def _fault(repo: "Repo", base: str | None, folder: str | None) -> tuple[str, str]:
    """The field that does not fit a repository, and why; the reason is empty where both do."""
    try:
        start = repository.base(repo, base)
    except AmpsmError as reason:
        return "baseBranch", reason.message
    try:
        if folder:
            beginnings.folder_in(repo, start.commit, repo.root, folder)
    except AmpsmError as reason:
        return "folder", reason.message
    return "", ""


def _name(given: str | None, prompt: str, variant: _Variant, *, many: bool) -> str:
    """What an item is called: its name or one made of its prompt, and what makes it differ from its variants."""
    name = printable(given)[:_NAME] if given else session_name(prompt)
    parts = [Path(variant.repo).name] if many else []
    parts += [part for part in (variant.base, variant.mode) if part]
    parts += [f"#{variant.copy}"] if variant.copy else []
    return f"{name} ({', '.join(parts)})" if parts else name


def read(text: str, where: Path) -> Plan:
    """The plan of a text; `where`: the file that it is of, which relative paths start from. PlanRefused otherwise."""
    reader = PlanReader(where)
    document = reader.document(text)
    plan = expanded(document, reader) if document is not None else None
    if reader.errors or plan is None:
        raise refusal(where, reader.errors)
    return replace(plan, source=str(where.expanduser().absolute()))


def read_file(path: Path) -> Plan:
    """The plan in a file. PlanRefused; NotFound, Unfit or Refused when it cannot be read."""
    return read(file_text(path, "plan"), path)
