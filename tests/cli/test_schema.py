"""One schema for all JSON: complete, valid, and what every other test's answers are held against (`conftest.ampsm`)."""

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.cli import answers
from tests.cli.conftest import Ampsm


def test_each_command_with_json_has_its_answer_and_no_other(ampsm: Ampsm) -> None:
    ran = ampsm("schema")
    printed = json.loads(ran.out)
    Draft202012Validator.check_schema(printed)
    assert {name for name in printed["$defs"] if name.startswith("ampsm ")} == answers.commands()
    Draft202012Validator(printed).validate({"version": 1, "error": {"kind": "usage", "message": "x", "hint": ""}})


def test_what_the_schema_does_not_know_is_noticed(ampsm: Ampsm) -> None:
    answer = ampsm("ls", "--json").json
    with pytest.raises(ValidationError):
        answers.hold(("ls", "--json"), json.dumps(answer | {"more": 1}))
    with pytest.raises(ValidationError):
        answers.hold(("ls", "--json"), json.dumps({"version": 1}))
