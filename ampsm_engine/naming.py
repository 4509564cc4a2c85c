"""Ids, session names, slugs and branch names, made from any text that a person typed.

Pure and total: any text gives a valid name. Whether a name is taken is not known here.
"""

import os
import re
import unicodedata
from datetime import datetime

from ampsm_engine.plain_text import printable
from ampsm_engine.templates import Names

SLUG_LENGTH = 40
"""Characters of a slug; a branch must stay readable in a list of 80 columns."""

SLUG_BYTES = 120
"""Bytes of a slug: a file system's name holds 255, and git adds `.lock` to it."""

NAME_LENGTH = 60
"""Characters of a session name made from a prompt."""

TITLE_LENGTH = 200
"""The most characters of a name that a person typed."""

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that reads like another."""


LEAST_OF_AN_ID = 4
"""The least characters of an id that name its owner: fewer are taken as a word."""


def new_id() -> str:
    """A new random id of ten characters: fifty bits, easy to read out and to type a prefix of."""
    return "".join(_ID_ALPHABET[byte & 31] for byte in os.urandom(10))  # 256 is a multiple of 32: no letter is favoured


def slug(name: str) -> str:
    """Letters and digits of any script, lower case, joined by dashes; never empty."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    if all("LATIN" in unicodedata.name(letter, "") for letter in folded if letter.isalpha()):
        decomposed = unicodedata.normalize("NFKD", folded)
        folded = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    # Vowel signs are marks in many scripts: they belong to the word they stand in.
    kept = (letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in folded)
    joined = "-".join("".join(kept).split())[:SLUG_LENGTH]
    while len(joined.encode()) > SLUG_BYTES:
        joined = joined[:-1]
    return joined.strip("-") or "session"


def names(session_id: str, name: str, moment: datetime, repo: str) -> Names:
    """What the placeholders of templates stand for in a session."""
    return Names(session_id, slug(name), f"{moment:%Y%m%d-%H%M%S}", repo)


def numbered(name: str, attempt: int) -> str:
    """A name, with `-2`, `-3` ... when the name before was taken."""
    return name if attempt == 1 else f"{name}-{attempt}"


def session_name(prompt: str) -> str:
    """A name for a session from the first line with a word in it, cut at a word's end."""
    lines = (printable(line) for line in prompt.splitlines())
    first = next((line for line in lines if re.search(r"\w", line)), "session")
    if len(first) <= NAME_LENGTH:
        return first
    cut = first[: NAME_LENGTH - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > NAME_LENGTH // 2 else cut).rstrip(" ,;:.") + "…"


def title(name: str, prompt: str) -> str:
    """What a session is called: its name where it was given one, else a name made from its prompt."""
    return printable(name)[:TITLE_LENGTH] if name else session_name(prompt)
