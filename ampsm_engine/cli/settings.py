"""The command config: where the settings are, what they are, and changing one. The store is not opened."""

import click

from ampsm_engine import config
from ampsm_engine.cli import diagnostics, output, parameters
from ampsm_engine.cli.output import Styled
from ampsm_engine.cli.root import Command, Group
from ampsm_engine.errors import Unfit


@click.group(cls=Group, short_help="Show or change settings.")
def config_command() -> None:
    """Settings: TOML in a file of yours; `ampsm config get` lists them with their meaning.

    ampsm config get
    ampsm config set slots 2
    """


@config_command.command("path", cls=Command, short_help="Print where the file is.")
@parameters.json_option
def config_path(*, as_json: bool) -> int:
    """Print the path of the configuration file, whether it exists or not.

    ampsm config path
    """
    path = config.config_path()
    if as_json:
        output.document({"path": str(path), "exists": path.exists()})
    else:
        output.line(str(path))
    return diagnostics.OK


@config_command.command("get", cls=Command, short_help="Print one setting, or all.")
@click.argument("name", required=False, type=parameters.SettingName())
@parameters.json_option
def config_get(name: str | None, *, as_json: bool) -> int:
    """Print the value of one setting or, without NAME, all of them with their meaning.

    ampsm config get slots
    """
    settings = config.load(config.config_path())
    diagnostics.warn_of_settings(settings)
    names = [config.known(name).name] if name is not None else list(config.SETTINGS)
    if as_json:
        output.document({"settings": {each: settings[each] for each in names}})
    elif name is not None:
        output.line(config.known(name).written(settings[name]))
    else:
        for setting in config.SETTINGS.values():
            value = settings[setting.name]
            output.line(
                *(Styled(setting.name, "bold"), f" = {setting.written(value) or '(empty)'}"),
                "  (changed)" if value != setting.default else "",
            )
            output.line(Styled(f"    {setting.meaning}", "dim"))
    return diagnostics.OK


@config_command.command(
    "set",
    cls=Command,
    short_help="Change one setting.",
    context_settings={"ignore_unknown_options": True},  # -1 is a value here, though no setting may take it
)
@click.argument("name", type=parameters.SettingName())
@click.argument("value", type=parameters.SettingValue())
def config_set(name: str, value: str) -> int:
    """Change one setting; comments and order of the file stay.

    ampsm config set slots 2
    ampsm config set iteration.timeout 1h30m
    """
    setting = config.known(name)
    try:
        config.checked(name, value)
    except Unfit as wrong:  # in the file it makes the machine unfit; typed here it is wrong usage
        nearest = f" {wrong.hint}" if wrong.hint.startswith("Did you mean") else ""
        example = f" For example: {wrong.hint}" if wrong.hint.startswith("ampsm config set ") else ""
        raise click.UsageError(f"{wrong.message}{nearest}{example}") from wrong
    path = config.config_path()
    written = config.store(path, name, value)
    output.line(f"{name} = {setting.written(written)}")
    if name == "amp.mode":
        diagnostics.warn_of_modes([str(written)])
    diagnostics.note(f"Written to {path}")
    return diagnostics.OK
