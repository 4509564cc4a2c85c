"""What a process waits for: the program beneath it that has not ended."""

import contextlib


def busy_with(pid: int) -> str:
    """The command line of the first process that this one waits for, else its own; empty when it is gone."""
    import psutil  # only who asks pays for it

    words: list[list[str]] = []
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):  # a child may end while it is looked at
                words.append(one.cmdline())
    # git runs a hook through another git: the first that is none tells most.
    named = next((line for line in words if line and not line[0].endswith("git")), words[-1] if words else [])
    return " ".join(named)
