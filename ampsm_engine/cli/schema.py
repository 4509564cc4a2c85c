"""The command schema: what `--json` prints, as JSON Schema."""

import json

import click

from ampsm_engine.cli import diagnostics, output
from ampsm_engine.cli.root import Command


@click.command(cls=Command, short_help="Print the JSON Schema of all that --json prints.")
def schema_command() -> int:
    """Print the JSON Schema (draft 2020-12) of everything that commands print with --json.

    `$defs` has the answer of each command under its name, such as "ampsm show", and `error`, which any command may
    print in its place. Of what comes line by line each line is one. Members may be added; one that is there keeps its
    meaning for as long as `version` is the same.

      ampsm schema > ampsm.schema.json
      ampsm schema | jq '."$defs" | keys'
    """
    from ampsm_engine.cli import answers

    text = json.dumps(answers.document(), ensure_ascii=True, indent=2)
    output.write(f"{text}\n")
    return diagnostics.OK
