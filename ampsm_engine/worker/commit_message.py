"""The commit message of an iteration: a subject from what amp said it did and what it was asked, and trailers.

Pure. Redaction is done by the caller, on the whole message.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from ampsm_engine.labels import thread_address
from ampsm_engine.model import Iteration, Session
from ampsm_engine.plain_text import printable
from ampsm_engine.templates import SUBJECT

SUBJECT_LENGTH = 72
_PLACE = "{subject}"
_ROOM = 20
"""Characters that are left to what changed, however long the rest of a subject is."""

BODY_WIDTH = 72
READ = 20_000
"""Characters of the prompt and of the result that are read: results of megabytes exist."""

PROMPT_LINES = 40
"""Lines of the prompt that a commit message keeps; the whole prompt is in the store."""

ITERATION_TRAILER = "Ampsm-Iteration"
_RECOGNISED = 16
"""Characters by which a sentence is known again."""

_SMALL_TALK = re.compile(
    r"^(?:done|ok|okay|sure|great|perfect|finished|all set|good|summary|result|i am done|i'm done|hello|hi)"
    r"\b[\s.!:,]*$",
    re.IGNORECASE,
)
_OPENERS = re.compile(
    r"^(?:done[.!:,]?\s+|ok(?:ay)?[.!:,]?\s+|sure[.!:,]?\s+|great[.!:,]?\s+)?"
    r"(?:i(?:'ve| have)?\s+(?:just |now |successfully )*(?=[a-z]+(?:ed|t|de|lt|w|ote|ut|an)\b))?",
    re.IGNORECASE,
)


def subject(prompt: str, result: str, changed: Callable[[], Sequence[str]] = tuple, template: str = SUBJECT) -> str:
    """`amp: <what changed>`, or as the template has it, at most 72 characters.

    From the first sentence of amp's result that says something, else the prompt's first line, else the files that are
    `changed`, which are only asked for then.
    """
    prompt, result = prompt[:READ], result[:READ]
    said = next((line for line in map(_plain, _sentences(result)) if _is_subject(line)), "")
    asked = next((line for line in map(_plain, prompt.splitlines()) if re.search(r"\w", line)), "")
    text = said or asked or _named(changed())
    text = text[:1].lower() + text[1:] if text[:2].istitle() or text[1:2].islower() else text
    words = printable(template) if _PLACE in template else f"{printable(template)} {_PLACE}"
    room = max(SUBJECT_LENGTH - len(words.replace(_PLACE, "")), _ROOM)
    return words.replace(_PLACE, text if len(text) <= room else _cut(text, room)).strip()


def _named(paths: Sequence[str]) -> str:
    return printable(f"change {', '.join(paths[:3])}{' …' if len(paths) > 3 else ''}") if paths else "work in progress"


def _cut(text: str, room: int) -> str:
    head, _, _ = text[: room - 1].rpartition(" ")
    return (head if len(head) > room // 2 else text[: room - 1]).rstrip(" ,;:.") + "…"


def _sentences(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("```", "|", "---"))]
    return [part for line in lines[:20] for part in re.split(r"(?<=[.!?])\s+", line.strip()) if part]


def _plain(text: str) -> str:
    """The line without Markdown's marks and without an opening `I have`."""
    line = re.sub(r"^[#>*+\-\s]+|^\d+[.)]\s+", "", printable(text))
    line = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line)
    line = re.sub(r"[*_]{2,}|`", "", line)
    return _OPENERS.sub("", line).strip().rstrip(".:!").strip()


def _is_subject(line: str) -> bool:
    return len(line) >= 8 and len(line.split()) >= 2 and not line.endswith("?") and not _SMALL_TALK.match(line)


def whole_subject(message: str) -> str:
    """The subject of a commit message; where it is cut (`…`), with the rest of its sentence from the message's body."""
    subject_line, _, text = message.partition("\n")
    if not subject_line.endswith("…"):
        return subject_line
    cut = subject_line[:-1].casefold()
    for sentence in _unwrapped_sentences(text[: 2 * READ]):
        at = cut.find(sentence[:_RECOGNISED].casefold()) if len(sentence) >= _RECOGNISED else -1
        if at >= 0 and sentence.casefold().startswith(cut[at:]):
            return subject_line[:at] + subject_line[at : at + 1] + sentence[1:]
    return subject_line


def _unwrapped_sentences(text: str) -> Iterator[str]:
    """The sentences of wrapped paragraphs, without Markdown's marks; an item of a list begins one."""
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:[-*+#>]|\d+[.)])\s)", text):
        yield from map(_plain, re.split(r"(?<=[.!?])\s+", " ".join(paragraph.split())))


def body(session: Session, iteration: Iteration, result: str) -> str:
    """What was asked, what amp answered, and the trailers that tie the commit to its thread and session."""
    result = result[:READ]
    asked = [line for part in iteration.prompt[:READ].strip().splitlines() for line in _wrapped(part)]
    if len(asked) > PROMPT_LINES:
        asked = [*asked[:PROMPT_LINES], "…"]
    answered = [line for part in result.strip().splitlines()[:PROMPT_LINES] for line in _wrapped(part)]
    parts = ["\n".join(asked).strip(), "\n".join(answered).strip(), trailers(session, iteration)]
    return "\n\n".join(part for part in parts if part)


def _wrapped(line: str) -> list[str]:
    import textwrap

    clean = "".join(letter if letter.isprintable() else " " for letter in line)
    return textwrap.wrap(clean, BODY_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]


def trailers(session: Session, iteration: Iteration) -> str:
    """The trailers, one a line; the thread's in the form that amp gives its own commits."""
    lines = [f"Ampsm-Session: {session.id}", f"{ITERATION_TRAILER}: {iteration.id}"]
    thread_id = iteration.thread_id or session.thread_id
    if thread_id:
        lines.insert(0, f"Amp-Thread-ID: {thread_address(thread_id)}")
    return "\n".join(lines)
