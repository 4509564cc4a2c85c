"""`python -m ampsm_engine.worker`: one worker, for the home that the environment names."""

import signal

from ampsm_engine import private_folder
from ampsm_engine.config import config_path, load
from ampsm_engine.home import home
from ampsm_engine.store import PatientStore
from ampsm_engine.worker.worker import Worker


def main() -> None:
    """Work until nothing is left to do."""
    # A shell that puts a command into the background has it ignore SIGINT, and amp would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    private_folder.remove_abandoned()
    place = home()
    place.ensure()
    store = PatientStore(place.database)
    store.open()
    Worker(place, store, load(config_path())).work()


if __name__ == "__main__":
    main()
