"""The folders of ampsm as text: a command that runs every few seconds pays for imports, and `pathlib` is slow."""

import os
import sys

TYPE_CHECKING = False  # as in `typing`, which costs a status bar more than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping


def home_folder(environ: "Mapping[str, str]") -> str:
    """The folder of ampsm: AMPSM_HOME, else the platform's data folder."""
    named = environ.get("AMPSM_HOME")
    return _absolute(named) if named else platform_folder("data", environ)


def database_file(environ: "Mapping[str, str]") -> str:
    """The database: AMPSM_DB_PATH, else in the folder of ampsm."""
    named = environ.get("AMPSM_DB_PATH")
    return _absolute(named) if named else os.path.join(home_folder(environ), "ampsm.sqlite")


def platform_folder(kind: str, environ: "Mapping[str, str]") -> str:
    """ampsm's folder of a kind, `data` or `config`, where this platform keeps such things.

    XDG_DATA_HOME and XDG_CONFIG_HOME are honoured on every platform, as amp itself does.
    """
    named = environ.get(f"XDG_{kind.upper()}_HOME")
    if named and os.path.isabs(named):
        return os.path.join(named, "ampsm")
    system: str = sys.platform
    if system.startswith("linux"):  # as platformdirs does, without its import in every start
        return os.path.join(os.path.expanduser("~"), ".local/share" if kind == "data" else ".config", "ampsm")
    import platformdirs

    folder = platformdirs.user_data_dir if kind == "data" else platformdirs.user_config_dir
    return folder("ampsm", appauthor=False)


def _absolute(path: str) -> str:
    found = os.path.expanduser(path)
    # Who stands in a folder that is gone has no working directory, and needs none for a whole path.
    return found if os.path.isabs(found) else os.path.join(os.getcwd(), found)
