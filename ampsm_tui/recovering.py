"""What became of merges whose process had died: told by the engine before there is a screen, kept until then."""

_SENTENCES: list[str] = []


def listen() -> None:
    """From now on keep each sentence that the engine says when it finishes or rolls back a merge."""
    from ampsm_engine.engine import startup

    startup.recovered = _SENTENCES.append


def take() -> tuple[str, ...]:
    """What was said since the last time."""
    told = tuple(_SENTENCES)
    _SENTENCES.clear()
    return told
