"""What the rules are made of: patterns compiled when first needed, their common parts, and tests of a found value."""

import re
from functools import cache


@cache
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern, compiled once; its classes mean ASCII, so that a token ends at any other letter."""
    return re.compile(_spelt_out(pattern), flags | re.ASCII)


def _spelt_out(pattern: str) -> str:
    r"""The pattern with `\s`, `\w` and `\d` within brackets as the letters that they mean: thrice as fast."""
    parts, start, is_class = [], 0, False
    for found in _PIECE.finditer(pattern):
        piece = found.group()
        if is_class and piece in _MEANT:
            parts += [pattern[start : found.start()], _MEANT[piece]]
            start = found.end()
        elif piece[0] != "\\":
            is_class = piece != "]"
    return "".join((*parts, pattern[start:]))


def count_groups(pattern: str) -> int:
    """How many groups of a pattern are numbered."""
    return len(re.findall(r"\((?!\?)", re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "", pattern)))


_PIECE = re.compile(r"\\.|\[\^?\]?|\]")
_MEANT = {r"\s": r"\t-\r ", r"\w": "A-Za-z0-9_", r"\d": "0-9"}


BOUNDARY = (
    r"(?:(?<!\w)|(?<=[0-9A-Fa-fHJKmnrtv])(?:(?<=\\[abefnrtv0])|(?<=\\u[0-9a-fA-F]{4})|(?<=\\x[0-9a-fA-F]{2})"
    r"|(?<=\\0[0-7]{2})|(?<=%[0-9a-fA-F]{2})|(?<=[\d;\[]m)|(?<=\[[HJK])|(?<=\[[0-3][JK])))"  # nosec: a pattern
)
"""No place inside a word; an escaped line's end, a percent escape and a terminal's colour or erasing are no words."""

QUOTE = r"""\\{0,15}["'`]"""
"""A quotation mark, through up to four layers of JSON."""

CONTINUED = r"\\\r?\n|\\{3}n|\\{6}n|\\{12}n"
"""A shell's line that goes on in the next, as it is and through up to three layers of JSON."""

BLANK = rf"(?:[ \t]|\\{{1,8}}t|{CONTINUED})"
"""What stands between the words of a command."""

SPACE = r"(?:\s|\\{1,8}[tnr])"
"""A blank or a line's end, escaped or not."""

GIVES = (
    r"(?=[\w.-]{0,48}+(?:\\{0,15}[\"'`])?\]?(?:\s|\\{1,8}[tnr]){0,8}"
    r"(?:[=:>]{1,2}(?:\s|\\{1,8}[tnr]){0,12}(?:[bfru]?\\{0,15}[\"'`])?(?:(?!\[redacted:)[^\s\"'`]{3}|&'static)|value|content))"
)
"""What follows the name of a secret that is given one, in any syntax that is known; in lower case."""

GIVES_BESIDE = r"(?=[\w.-]{0,48}+(?:\\{0,15}[\"'`])?,?(?:\s|\\{1,8}[tnr]){0,24}(?:\\{0,15}[\"'`])?value)"
"""What follows the name of a secret that is itself a value, and has its own beside it; in lower case."""

TELLING_NAME = r"\w{0,60}(?:password|passwd|passphrase|secret|token|_pass|_pwd|_key)"
"""The name of a constant or a variable that is a secret's, in lower case."""

_COLOUR = r"\x1b|\\{1,8}(?:u001[bB]|x1[bB]|033|e)\["

LINE_END = rf"(?=[ \t]{{0,8}}(?:$|[\r\n]|\\{{1,8}}[nr]|{_COLOUR}|\\{{0,8}}\"|[#;]))"
"""What follows the last value in a line: its end, as it is or escaped, a colour, a remark."""

BARE_VALUE = r"([^\s\x00-\x1f\"'`\\$<{(\[,;][^\s\x00-\x1f\"'`\\,;(){}<>]{4,256})"
"""A value without quotes on a line of configuration, as a group; its first letter begins no reference and no list."""

BACK_TO_BOUNDARY = (
    r"(?:(?!\w)|(?=[abefnrtv0]\\)|(?=[0-9a-fA-F]{4}u\\)|(?=[0-9a-fA-F]{2}x\\)|(?=[0-7]{2}0\\)|(?=[0-9a-fA-F]{2}%)"
    r"|(?=m[\d;\[])|(?=[HJK]\[)|(?=[JK][0-3]\[))"
)
BACK_TO_BEGINNING = r"(?:\Z|[\r\n\"'`]|[nrt]\\|m[\d;\[])"
BACK_OVER_BLANK = r"(?:[ \t]|t\\{1,8}|\n\r?\\|n\\{3}|n\\{6}|n\\{12})"
BACK_OVER_QUOTE = r"""["'`]\\{0,15}"""
"""A quotation mark and the backslashes before it (`QUOTE`), read backwards."""

_REFERENCE = (
    r"(?i)[$<{(\[%]|\*{2}|x{3,}$|\.{3}|…|#|-+$"
    r"|(?:your|my|the|an?|some|any|new|old|example|sample|dummy|fake|test|insert|replace|enter)[-_ ][A-Z_ -]*$"
    r"|(?:env|process|os|self|this|settings|config|secrets|vars|var|local|data|module|each)[.\[(]"
)
_ORDINARY = (
    r"(?i)(?:none|null|nil|true|false|undefined|yes|no|on|off|str|string|text|bytes|int|bool|boolean|any|object|optional"
    r"|required|value|values|default|empty|secret|secrets|token|tokens|pass|password|passwd|passphrase|passwords|pwd"
    r"|key|file|stdin|prompt|env|changeme|change-me|change_me|changeit|placeholder|example|redacted|hidden|masked"
    r"|todo|tbd|dummy|foo|bar|baz|foobar|user|username|host|name|here|option|options|argument|flag|input|field"
    r"|inherit|ignore|auto|new|old|self|this|other|hash|salt|xxx|abc|\d{1,3})"
)
_CODE = r"\w[(\[]|\{\w*\}|->|::"
_METAVAR = r"[A-Z][A-Z_]*(?:$|\.\.\.)"


def is_ordinary(value: str) -> bool:
    """Whether a value is one of the words that stand where a password would, and are none."""
    return bool(compiled(_ORDINARY).fullmatch(value))


def is_given(value: str) -> bool:
    """Whether what a password's place holds is one, and not a placeholder, a reference or a word of a help text."""
    return not compiled(_REFERENCE).match(value) and not calls(value) and not is_ordinary(value)


def calls(value: str) -> bool:
    """Whether a value is code: a call, an index, a field of a format, a member."""
    if not ("(" in value or "[" in value or "{" in value or "->" in value or "::" in value):
        return False
    return bool(compiled(_CODE).search(value))


def is_argument(value: str) -> bool:
    """Whether a command's argument is a password, and not a placeholder in capital letters as a help text has it."""
    return is_given(value) and not compiled(_METAVAR).match(value)


def is_attached(value: str) -> bool:
    """Whether what is written right behind -p is a password, and not the rest of another option such as -port."""
    others = r"(?:ort|rint|rotocol|lugin|ipe|ath|refix|assw|rofile|roject|arallel|ager|retty|ull|ush|atch|erl|id)"
    return is_argument(value) and not compiled(others).match(value)


def has_digit_or_sign(value: str) -> bool:
    """Whether a value is a password where prose may stand, too: words alone are none."""
    return is_argument(value) and bool(compiled(r"\d|[A-Za-z][!@#%^*+=~?][\w!@#%^*+=~?]").search(value))


def is_option_value(value: str) -> bool:
    """Whether what stands behind an option's equals sign is a secret: no file, no metavariable, no reference."""
    return is_argument(value) and not compiled(r"[\d.]+$|[~./]|(?i:file|env|pass|fd|cmd|op|ref)(?:\b|:)").match(value)


_VARIABLE = (
    r"(?i)_*(?:pass|pwd|secret|sec|tok|key|arg|val|data|str|par|var|user|name|new|old|tmp|res|obj|sha|md|utf|v)"
    r"\w*\d{0,3}$|[A-Za-z_]{1,3}\d{1,2}$"
)
_NUMBER_OR_FILE = r"[\d.]+\w?$|[\w-]+\.[A-Za-z]\w*$"


def is_config_value(value: str) -> bool:
    """Whether a bare value on a line of its own is a password: letters with digits or signs, and no variable's name."""
    return (
        bool(compiled(r"\d|[!@#%^*+=~?]").search(value))
        and bool(compiled(r"[A-Za-z]").search(value))
        and not compiled(_VARIABLE).match(value)
        and not compiled(_NUMBER_OR_FILE).match(value)
        and is_given(value)
    )


def is_passphrase(value: str) -> bool:
    """Whether a quoted value is a phrase of words such as correct-horse-battery-staple, and not the name of a thing."""
    words = compiled(r"[-_. ]").split(value)
    telling = r"(?i)pass|pwd|secret|token|key|auth|cred|field|input|form|name|label|text|user|admin|login|reset|change"
    telling += (
        r"|error|invalid|missing|require|wrong|forgot|confirm|example|sample|test|your|enter|valid|config|default"
    )
    telling += r"|must|should|cannot|button|page|icon|class|style|type|file|path|data|view|model|policy|rule|hash|true"
    return (
        len(words) >= 3
        and len(value) >= 14
        and all(word.isalpha() and len(word) > 2 for word in words)
        and len(set(words)) == len(words)
        and not compiled(telling).search(value)
    )


def is_random(value: str) -> bool:
    """Whether a long value without a blank is noise: it mixes kinds of letters as no name of a thing does."""
    kinds = sum(bool(compiled(kind).search(value)) for kind in ("[a-z]", "[A-Z]", r"\d", r"[^\w.:/-]"))
    changes = len(compiled(r"[a-z][A-Z0-9]|[0-9][A-Za-z]|[^\w]").findall(value))
    return len(value) >= 20 and kinds >= 2 and changes >= len(value) // 6 and not compiled(_REFERENCE).match(value)
