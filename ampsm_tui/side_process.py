"""A side process of the screens: it answers verbs of the engine, one after the other, and loads nothing of the screens.

With Textual in it, or with asyncio, it took half as much memory again and a third of a second more to start.
"""

import os
import pickle
import struct

LENGTH = struct.Struct(">Q")
"""How long a question or an answer is, in bytes; each of them stands behind its own."""

COMMAND = ("-P", "-c", "from ampsm_tui.side_process import main; main()")
"""What Python is started with. Without `-P` it would look for modules in the current folder first, which may be a
hostile repository."""


def main() -> None:
    """Answer what comes by standard input until that is closed, as by a holder that has died."""
    # The pipes are for questions and answers alone: nothing that a verb prints or starts may come in between.
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    while len(head := questions.read(LENGTH.size)) == LENGTH.size:
        answer = _answer(questions.read(*LENGTH.unpack(head)))
        answers.write(LENGTH.pack(len(answer)))
        answers.write(answer)
        answers.flush()


def _answer(question: bytes) -> bytes:
    """What a pickled question returns and None, or None and what it raises, pickled."""
    try:
        asked = pickle.loads(question)  # noqa: S301 - of the process that started this one
        return pickle.dumps((asked(), None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - it is raised where the question was asked
        return pickle.dumps((None, error), pickle.HIGHEST_PROTOCOL)
