"""Holds what a command printed with --json against the schema that `ampsm schema` prints, members and all."""

import json
from functools import cache
from typing import Any

import click
from jsonschema import Draft202012Validator

from ampsm_engine.cli import entry_point, schema
from ampsm_engine.cli.root import root

GROUPS = ("batch", "config", "trash")


def strict(schema: Any) -> Any:
    """The schema in which an object has no members but those that are named."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: strict(each) for key, each in schema.items()}
    return {"additionalProperties": False} | inner if "required" in schema else inner


@cache
def document() -> dict[str, Any]:
    return schema.document()


@cache
def validator(name: str) -> Draft202012Validator:
    reference = {"$ref": f"#/$defs/{name.replace(' ', '%20')}"}
    return Draft202012Validator({"$schema": schema.DIALECT, "$defs": strict(document()["$defs"]), **reference})


def answer_of(arguments: tuple[str, ...]) -> str:
    """The name under which the schema has the answer to these arguments."""
    words = [word for word in arguments if not word.startswith("-")]
    return " ".join(("ampsm", *words[: 2 if words[0] in GROUPS else 1]))


def hold(arguments: tuple[str, ...], printed: str) -> None:
    """Fail where a line of JSON is not as the schema says."""
    if not entry_point.asks_for_json(list(arguments)) or "--raw" in arguments:
        return
    for line in printed.splitlines():
        answer = json.loads(line)
        is_error = isinstance(answer.get("error"), dict)
        validator("error" if is_error else answer_of(arguments)).validate(answer)


def commands() -> set[str]:
    """The names of all commands that have --json."""

    def walk(command: click.Command, name: str) -> set[str]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            below = ((command.get_command(context, each), each) for each in command.list_commands(context))
            return {found for one, each in below if one is not None for found in walk(one, f"{name} {each}")}
        return {name} if any("--json" in parameter.opts for parameter in command.params) else set()

    return walk(root, "ampsm")
