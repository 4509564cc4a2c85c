"""The command schema: the shapes of all JSON that commands print, as JSON Schema; frozen values are read off.

What is a value of another room (a session, a comment, a finding) is described by its class: nothing about it stands
here. What a command puts around it does, and every JSON that a test sees is held against it.
"""

import json
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

import click

from ampsm_engine.cli import diagnostics, output
from ampsm_engine.cli.root import Command
from ampsm_engine.lean_dataclass import fields
from ampsm_engine.model import camel


@click.command(cls=Command, short_help="Print the JSON Schema of all that --json prints.")
def schema_command() -> int:
    """Print the JSON Schema (draft 2020-12) of everything that commands print with --json.

    `$defs` has the answer of each command under its name, such as "ampsm show", and `error`, which any command may
    print in its place. Of what comes line by line each line is one. Members may be added; one that is there keeps its
    meaning for as long as `version` is the same.

      ampsm schema > ampsm.schema.json
      ampsm schema | jq '."$defs" | keys'
    """
    text = json.dumps(document(), ensure_ascii=True, indent=2)
    output.write(f"{text}\n")
    return diagnostics.OK


Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PLAIN: dict[object, Schema] = {
    str: TEXT,
    int: COUNT,
    float: NUMBER,
    bool: FLAG,
    bytes: TEXT,
    type(None): {"type": "null"},
}


def record(**members: Schema) -> Schema:
    """An object with these members; a name that ends in `_` is one that may be left out."""
    return {
        "type": "object",
        "properties": {name.removesuffix("_"): shape for name, shape in members.items()},
        "required": [name for name in members if not name.endswith("_")],
    }


def several(shape: Schema) -> Schema:
    """The schema of an array whose items have a shape."""
    return {"type": "array", "items": shape}


def by_name(shape: Schema) -> Schema:
    """The schema of an object with any names, whose values have a shape."""
    return {"type": "object", "additionalProperties": shape}


def maybe(shape: Schema) -> Schema:
    """The schema of a value that may be null instead."""
    return one_of(shape, {"type": "null"})


def one_of(*shapes: Schema) -> Schema:
    """The schema of a value that has one of these shapes."""
    return {"anyOf": list(shapes)}


def joined(*records: Schema) -> Schema:
    """An object with the members of all of these."""
    return {
        "type": "object",
        "properties": {name: shape for one in records for name, shape in one["properties"].items()},
        "required": [name for one in records for name in one["required"]],
    }


class Shapes:
    """The shapes of values, each class once, as definitions that others refer to."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def named(self, name: str, shape: Schema) -> Schema:
        """A reference to a shape, which is stored under a name in the definitions."""
        self.definitions[name] = shape
        return {"$ref": f"#/$defs/{name}"}

    def of(self, kind: Any) -> Schema:
        """A frozen value as it stands, by its name."""
        if kind.__name__ in self.definitions:
            return {"$ref": f"#/$defs/{kind.__name__}"}
        return self.named(kind.__name__, self.members(kind))

    def members(self, kind: Any, *, without: tuple[str, ...] = (), **others: Schema) -> Schema:
        """The schema of a class's fields, less those in `without`; `others` are added, or replace a field."""
        names = kind._fields if issubclass(kind, tuple) else [field.name for field in fields(kind)]
        hints = typing.get_type_hints(kind)
        return record(**{camel(name): self.shape(hints[name]) for name in names if name not in without} | others)

    def shape(self, hint: Any) -> Schema:
        """The shape of what a type annotation says, as JSON has it."""
        if hint in _PLAIN:
            return _PLAIN[hint]
        origin, given = get_origin(hint), get_args(hint)
        if origin is Literal:
            return {"enum": list(given)}
        if origin in (typing.Union, types.UnionType):
            return one_of(*map(self.shape, given))
        if isinstance(origin, type):
            return self._of_collection(origin, given)
        return self._of_class(hint)

    def _of_collection(self, origin: type, given: tuple[Any, ...]) -> Schema:
        if issubclass(origin, Mapping):
            return by_name(self.shape(given[1]))
        if origin is tuple and given[-1] is not Ellipsis:
            return {"type": "array", "prefixItems": list(map(self.shape, given)), "items": False}
        return several(self.shape(given[0]))

    def _of_class(self, hint: Any) -> Schema:
        if isinstance(hint, type) and issubclass(hint, Enum):
            return self.named(hint.__name__, {"enum": [str(one.value) for one in hint]})
        if isinstance(hint, type) and issubclass(hint, PurePath):
            return TEXT
        if hasattr(hint, "__dataclass_fields__") or hasattr(hint, "_fields"):
            return self.of(hint)
        return ANYTHING


def document() -> Schema:
    """The whole schema: `$defs` has the answer of each command as `ampsm COMMAND`, `error`, and all that is in them."""
    shapes = Shapes()
    answers = {f"ampsm {name}": shape for name, shape in _answers(shapes).items()}
    error = record(kind={"enum": ["failed", "notFound", "refused", "unfit", "usage"]}, message=TEXT, hint=TEXT)
    answers["error"] = record(error=error)
    versioned = {name: _versioned(shape) for name, shape in answers.items()}
    return {
        "$schema": DIALECT,
        "title": "What ampsm prints with --json",
        "description": "Under $defs: the answer of each command, or each line of it, and `error`, which any may print.",
        "anyOf": [{"$ref": f"#/$defs/{name.replace(' ', '%20')}"} for name in versioned],
        "$defs": versioned | dict(sorted(shapes.definitions.items())),
    }


def _versioned(shape: Schema) -> Schema:
    """An answer with its version; of several shapes each."""
    if "anyOf" in shape:
        return one_of(*map(_versioned, shape["anyOf"]))
    from ampsm_engine.cli.output import VERSION

    return joined(record(version={"const": VERSION}), shape)


def _answers(shapes: Shapes) -> dict[str, Schema]:
    """The members of each command's answer, beside the version, by command."""
    session, iteration = _session(shapes), _iteration(shapes)
    setup = maybe({"enum": ["waits", "passed", "failed", "skipped"]})
    one = record(session=session, readiness=record(setup=setup, lacks=several(TEXT)))
    many = record(sessions=several(session))
    parts: tuple[Callable[..., dict[str, Schema]], ...] = (_of_reviews, _of_merging, _of_batches, _of_the_rest)
    found: dict[str, Schema] = {
        **dict.fromkeys(("show", "edit", "adopt", "trash restore"), one),
        "ls": many,
        "wait": many,
        "new": one_of(one, *_of_a_run(shapes)),
        "iterate": joined(one, record(iteration=iteration)),
        "retry": joined(one, record(iteration=iteration)),
        "stop": record(iterations=several(iteration)),
        "queue": record(iterations=several(iteration)),
    }
    for part in parts:
        found |= part(shapes, session, iteration)
    return found


def _iteration(shapes: Shapes) -> Schema:
    from ampsm_engine.model import Iteration, Tally

    note = record(kind=TEXT, text=TEXT)
    tally = shapes.members(Tally, tokenUsage=maybe(COUNT))
    own = shapes.members(Iteration, without=("tally",), notes=several(note))
    return shapes.named("Iteration", joined(own, tally))


def _session(shapes: Shapes) -> Schema:
    from ampsm_engine.model import Session

    iterations = several({"$ref": "#/$defs/Iteration"})
    whole = shapes.members(Session, missing=maybe(TEXT), conflict=FLAG, baseGone=FLAG, iterations=iterations)
    return shapes.named("Session", whole)


def _of_reviews(shapes: Shapes, _session: Schema, iteration: Schema) -> dict[str, Schema]:
    from ampsm_engine.engine.pull_requests import SubmittedReview
    from ampsm_engine.engine.range_hunks import ChangedHunk
    from ampsm_engine.git.entities import FileChange
    from ampsm_engine.review.annotations import Comment, Rejection, ReviewRound

    changed = shapes.members(FileChange, pathBytes_=TEXT, oldPathBytes_=TEXT)
    comment = shapes.named("Comment", shapes.members(Comment, place=TEXT, differs=FLAG))
    sent = record(sessionId=TEXT, iteration=iteration)
    listed = record(sessionId=TEXT, hunks=several(shapes.of(ChangedHunk)))
    rejected = several(shapes.of(Rejection))
    return {
        "viewed": listed,
        "stage": listed,
        "reject": record(sessionId=TEXT, rejections=rejected),
        "diff": record(
            sessionId=TEXT,
            elsewhere=COUNT,
            old=TEXT,
            new=maybe(TEXT),
            additions=COUNT,
            deletions=COUNT,
            files=several(changed),
        ),
        "comment": record(sessionId=TEXT, comment=comment),
        "note": record(sessionId=TEXT, notes=several(comment)),
        "comments": one_of(
            record(
                sessionId=TEXT,
                comments=several(comment),
                rejections=rejected,
                rounds=several(shapes.of(ReviewRound)),
            ),
            record(sessionId=TEXT, review=shapes.of(SubmittedReview)),
            sent,
        ),
    }


def _of_merging(shapes: Shapes, session: Schema, iteration: Schema) -> dict[str, Schema]:
    from ampsm_engine.merging.compatibility import Compatibility
    from ampsm_engine.merging.results import Preflight, Published
    from ampsm_engine.model import Merge

    merge = shapes.named("Merge", shapes.members(Merge, without=("plan",)))
    result = record(
        session=session,
        merge=merge,
        commits=COUNT,
        checkouts=several(TEXT),
        published=several(shapes.of(Published)),
        notes=several(TEXT),
    )
    conflict = record(
        session=session,
        merge=merge,
        conflicts=several(record(path=TEXT, kind=TEXT, hunks=COUNT)),
        resolved=several(TEXT),
        edited=several(TEXT),
        marked=several(TEXT),
        worktree=TEXT,
        needsReview=FLAG,
        resolution_=maybe(TEXT),
        tree_=maybe(TEXT),
    )
    landed = record(sessionId=TEXT, name=TEXT, merge=merge)
    aside = record(sessionId=TEXT, name=TEXT, why=TEXT, reason=TEXT, hint=TEXT, files=several(TEXT), log=maybe(TEXT))
    train = record(
        target=TEXT,
        baseBefore=TEXT,
        baseAfter=TEXT,
        scripts=several(TEXT),
        runs=COUNT,
        extraRuns=COUNT,
        landed=several(landed),
        setAside=several(aside),
    )
    tips = several(record(sessionId=TEXT, commit=TEXT))
    checked = shapes.members(Compatibility, tips=tips, isGood=FLAG)
    refused = record(repoRoot=TEXT, message=TEXT, hint=TEXT)
    taken_back = record(session=session, merge=merge)
    met = record(path=TEXT, kind=TEXT, hunks=COUNT, lines=several(record(session=COUNT, other=COUNT)))
    return {
        "preflight": shapes.members(Preflight, ready=FLAG, draft=TEXT),
        "merge": one_of(result, conflict, taken_back, record(iteration=iteration), record(train=train)),
        "squash": result,
        "rebase": one_of(result, conflict),
        "check": record(checks=several(checked), refused=several(refused)),
        "radar": record(
            sessions=several(record(sessionId=TEXT, name=TEXT, repoRoot=TEXT, baseBranch=TEXT)),
            pairs=several(record(sessionId=TEXT, other=maybe(TEXT), hunks=COUNT, files=several(met))),
            pending=COUNT,
        ),
    }


def _of_a_run(shapes: Shapes) -> tuple[Schema, Schema]:
    """The run of a batch, and an item of it, as a follower has each on its line."""
    from ampsm_engine.model import Batch, BatchItem, BatchTry, Placement

    progress = record(
        items=by_name(COUNT), total=COUNT, ended=COUNT, tokens=COUNT, seconds=NUMBER, secondsLeft=maybe(NUMBER)
    )
    tried = several(shapes.members(BatchTry, without=("item_id",)))
    placements = several(shapes.members(Placement, without=("item_id",)))
    batch = shapes.named("Batch", shapes.members(Batch, plan=by_name(ANYTHING), progress=progress))
    members = shapes.members(BatchItem, spec=by_name(ANYTHING), tried_=tried, placements_=placements)
    return record(batch=batch), record(item=shapes.named("BatchItem", members))


def _of_batches(shapes: Shapes, _session: Schema, _iteration: Schema) -> dict[str, Schema]:
    from ampsm_engine.batch.values import Limits, PlannedItem

    run, item = _of_a_run(shapes)
    batch, items = run["properties"]["batch"], several(item["properties"]["item"])
    planned = record(
        name=TEXT, concurrency=maybe(COUNT), limits=shapes.of(Limits), items=several(shapes.of(PlannedItem))
    )
    return {
        "batch start": one_of(run, item, planned),
        "batch ls": record(batches=several(batch)),
        "batch status": one_of(record(batch=batch, items=items), run, item),
        "batch stop": one_of(run, item),
        "batch resume": one_of(run, item),
        "batch retry": one_of(item, run),
        "batch rm": record(removed=several(TEXT), stay=several(TEXT), batchRemoved=FLAG),
    }


def _of_the_rest(shapes: Shapes, session: Schema, iteration: Schema) -> dict[str, Schema]:
    from ampsm_engine.cli.logs import EVENT_TYPES
    from ampsm_engine.engine.doctor import Check
    from ampsm_engine.engine.merged_elsewhere import KeptSession, MergedSession
    from ampsm_engine.engine.relocation import Disagreement
    from ampsm_engine.engine.session_trash import Removed
    from ampsm_engine.metrics.figures import Figures, ToolFigures
    from ampsm_engine.model import Fact, Session
    from ampsm_engine.state_styles import STATES

    rate = maybe(NUMBER)
    figures = shapes.named("Figures", shapes.members(Figures, costUsd=rate, successRate=rate))
    row = joined(record(key=TEXT, label=TEXT), shapes.definitions["Figures"])
    events = [joined(record(type={"const": word}), shapes.members(kind)) for kind, word in EVENT_TYPES.items()]
    counts = {camel(word.replace("-", "_")): COUNT for word in STATES}
    known = {"sessions": COUNT, "iterations": COUNT, "toolCalls": COUNT, "batches": COUNT, "items": COUNT}
    trashed = shapes.definitions["Session"]
    removed = several(shapes.members(Removed, session=shapes.members(Session)))
    return {
        "log": one_of(
            record(iteration=iteration, sessionId=TEXT, setup=maybe(TEXT), events=several(one_of(*events))),
            record(type={"const": "settled"}, iteration=iteration),
            *events,
        ),
        "setup": record(sessionId=TEXT, exitCode=maybe(COUNT), seconds=maybe(NUMBER), timedOut=FLAG),
        "trust": record(repository=TEXT, command=TEXT, trusted=FLAG),
        "run": record(sessionId=TEXT, exitCode=maybe(COUNT), result=maybe(TEXT), seconds=NUMBER, timedOut=FLAG),
        "status": record(**counts, conflict=COUNT, missing=COUNT),
        "events": shapes.members(Fact),
        "metrics": record(
            by=TEXT,
            since=maybe(TEXT),
            until=maybe(TEXT),
            rows=several(row),
            tools=several(shapes.members(ToolFigures, errorRate=rate, meanMs=rate)),
            total=figures,
        ),
        "import": record(
            **known,
            knownSessions=COUNT,
            history=several(record(id=TEXT, name=TEXT, worktreePath=TEXT)),
            leftOut=several(TEXT),
        ),
        "rm": record(removed=removed),
        "clean": record(
            landed=several(shapes.of(MergedSession)), staying=several(shapes.of(KeptSession)), removed=removed
        ),
        "trash ls": record(sessions=several(joined(trashed, record(trashBytes=COUNT)))),
        "trash purge": record(purged=several(TEXT), freedBytes=COUNT),
        "repair": record(findings=several(shapes.of(Disagreement))),
        "doctor": record(fit=FLAG, checks=several(shapes.of(Check))),
        "config get": record(settings=by_name(one_of(TEXT, NUMBER, FLAG, several(ANYTHING), {"type": "null"}))),
        "config path": record(path=TEXT, exists=FLAG),
        "demo": record(home=TEXT, repository=TEXT, sessions=several(session)),
    }
