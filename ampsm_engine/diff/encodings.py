"""The content of a file: binary or not, which encoding it is in, and UTF-16 made comparable line by line. Pure.

What a repository says counts only where the content bears it out: an attribute must not be able to show a file as
something else. What is shown in another encoding says so at its head.
"""

import codecs
import re

LATIN = "windows-1252"
"""The encoding assumed for text that is not UTF-8 and that no attribute names an encoding for: Latin-1 with quotes."""

UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
"""The encoding of a content in UTF-16, by the byte order mark that it begins with."""

MOST_HIGH = 3
"""A text in an alphabet with few letters beyond ASCII has them in one of so many bytes at most."""

JAPANESE = ("cp932", "euc_jp")
"""The encodings of Japanese text that are told by their kana: no other text has so many in such places."""

LEAST_KANA = 4
"""One of so many letters beyond ASCII is kana in Japanese text, at the least."""

_HIGH = bytes(range(0x80, 0x100))
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc]")
_HEADINGS = re.compile(rb"(?m)^@@ .*$")
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")

_ONE_BYTE = frozenset({*(f"iso8859-{number}" for number in range(1, 17)), *(f"cp125{number}" for number in range(9))})
_ONE_BYTE_MORE = frozenset({"koi8-r", "koi8-u", "mac-roman", "cp437", "cp850", "cp866"})
_MORE_BYTES = frozenset({"shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "gb2312", "gbk", "gb18030", "big5"})


def named(attribute: str) -> str:
    """The encoding that an attribute names, as Python calls it; empty for one that is not shown in."""
    try:
        name = codecs.lookup(attribute.strip()).name
    except (LookupError, ValueError):
        return ""
    return name if name in _ONE_BYTE | _ONE_BYTE_MORE | _MORE_BYTES or name.startswith("utf-16") else ""


def has_one_byte_a_letter(encoding: str) -> bool:
    """Whether letters of the text are bytes of the content, as they are counted in what is not UTF-8."""
    return encoding == LATIN or encoding in _ONE_BYTE | _ONE_BYTE_MORE


def is_utf8(data: bytes) -> bool:
    """Whether a content is text in UTF-8, without NUL characters."""
    return b"\0" not in data and (data.isascii() or _decodes(data, "utf-8"))


def of_lines(data: bytes, attribute: str = "") -> str:
    """The encoding of the lines of a patch or a file; empty for UTF-8, and where they are in nothing likely."""
    if data.isascii() or _decodes(data, "utf-8"):
        return ""
    data = _HEADINGS.sub(b"", data)  # git cuts what it says a hunk is in, also in the middle of a letter
    if data.isascii() or _decodes(data, "utf-8"):
        return ""
    said = named(attribute) if attribute else ""
    if said and not said.startswith("utf-16") and _decodes(data, said):
        return said
    if japanese := next((one for one in JAPANESE if _has_kana(data, one)), ""):
        return japanese
    high = len(data) - len(data.translate(None, _HIGH))
    if high * MOST_HIGH > len(data) or _UNDEFINED.search(data):
        return ""
    text = data.decode("utf-8", "surrogateescape")
    # Letters in UTF-8 beside others: the file is damaged, or both, and each byte is to be seen.
    return "" if re.search("[\u0080-\ud7ff\ue000-\U0010ffff]", text) else LATIN


def _has_kana(data: bytes, encoding: str) -> bool:
    """Whether a text is Japanese if it is in an encoding."""
    if not _decodes(data, encoding):
        return False
    text = data.decode(encoding)
    return len(_KANA.findall(text)) * LEAST_KANA > sum(not letter.isascii() for letter in text)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def utf16(content: bytes, attribute: str = "") -> str:
    """The kind of UTF-16 that a content is in, by its mark or its attribute; empty when it is in none."""
    found = UTF16.get(content[:2], "")
    if not found and attribute and named(attribute).startswith("utf-16"):
        found = named(attribute) if named(attribute) != "utf-16" else "utf-16-le"
    return found if found and as_utf8(content, found) is not None else ""


def as_utf8(content: bytes, encoding: str) -> bytes | None:
    """A content in UTF-16 as UTF-8, without its mark; None where it is not in that, or holds NUL characters."""
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError):
        return None
    return None if "\0" in text else text.encode("utf-8", "replace")


def shown_name(encoding: str) -> str:
    """The name of an encoding as it is usually written."""
    return _NAMES.get(encoding, encoding)


_NAMES = {
    LATIN: "Latin-1 (windows-1252)",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16 (big-endian)",
    "cp932": "Shift-JIS",
    "shift_jis": "Shift-JIS",
    "euc_jp": "EUC-JP",
}


BINARY_HEAD = 8_000
"""Bytes that git looks at to tell binary files."""


def is_binary(content: bytes | memoryview) -> bool:
    """Whether git would call it binary when no attribute says otherwise."""
    return 0 in bytes(content[:BINARY_HEAD])
