"""Passwords that an option gives to a command: each command line is read once, whatever stands in it."""

from bisect import bisect_left
from collections.abc import Sequence

from ampsm_engine.redact.rule import Rule, ScannedText, SecretSpan
from ampsm_engine.redact.rule_parts import BLANK, CONTINUED, compiled

REACH = 240
"""Characters between a command's name and its option, quoted words not counted."""

_PLAIN = rf"[^\r\n\"'`;|&\\]|{CONTINUED}|\\{{1,8}}(?![nr\\])"
_BEFORE_OPTION = rf"{BLANK}[-P]"
_QUOTED = r"(?<=[ \t=\\])\"[^\"\r\n\\]{0,60}\"|'[^'\r\n\\]{0,60}'"
_NEXT = (
    rf"(?:[^\s\"'`;|&\\]++|(?!{_BEFORE_OPTION})(?:{_PLAIN})){{0,64}}+(?:(?={_BEFORE_OPTION})({_PLAIN})|({_QUOTED}))?"
)
"""Words, and what they lead to: the blank before an option, or a quoted word."""


class CommandLine:
    """A command from some place up to its end, read as far as it was asked for: where options and quoted words are."""

    def __init__(self, text: str, start: int) -> None:
        self.start = start
        self.end = start
        """How far it was read."""
        self.options: list[int] = []
        """Where the blank before each option is."""
        self._text = text
        self._is_read = False
        self._quoted: list[tuple[int, int]] = []
        self._of_rule: dict[Rule, tuple[int, int, Sequence[SecretSpan]]] = {}

    def read(self, limit: int) -> None:
        """Read on, at least to this place."""
        text, following = self._text, compiled(_NEXT).match
        while not self._is_read and self.end < limit:
            found = following(text, self.end)
            self._is_read = found is None or found.end() == self.end
            if found is not None:
                self.end = found.end()
                if found.lastindex == 1:
                    self.options.append(found.start(1))
                elif found.lastindex:
                    self._quoted.append(found.span(2))

    def holds(self, position: int) -> bool:
        """Whether a place is in this command as it was read, and not inside of a quoted word."""
        if not self.start <= position < self.end:
            return False
        index = bisect_left(self._quoted, (position, position))
        return index == 0 or self._quoted[index - 1][1] <= position

    def secrets(self, rule: Rule, position: int) -> Sequence[SecretSpan]:
        """What the first option behind a place that a rule knows gives."""
        if not self._is_read and self.end < position + REACH:
            self.read(position + REACH)
        index = bisect_left(self.options, position)
        tried, at, spans = self._of_rule.get(rule, (0, -1, ()))
        if at < index:  # no option is tried twice by a rule, whatever number of commands stands before it
            at, spans = -1, ()
            for option in range(max(tried, index), len(self.options)):
                tried = option + 1
                found = rule.matched(self._text, self.options[option])
                if found is not None:
                    at, spans = option, rule.secrets(self._text, found)
                    break
            self._of_rule[rule] = (tried, at, spans)
        return spans if at >= 0 and self._is_near(position, self.options[at]) else ()

    def _is_near(self, position: int, option: int) -> bool:
        if option - position <= REACH:
            return True
        first, last = (bisect_left(self._quoted, (place, place)) for place in (position, option))
        return option - position <= REACH + sum(end - start for start, end in self._quoted[first:last])


class Commands:
    """Finds what the options of some commands give."""

    then = ""
    keeps_past = True

    def __init__(self, tools: Sequence[tuple[str, str, Rule]]) -> None:
        """Each: an anchor, the pattern of how the command is called, a rule that matches from an option's blank on."""
        self._tools: dict[str, dict[str, list[Rule]]] = {}
        for anchor, called, rule in tools:
            self._tools.setdefault(anchor, {}).setdefault(called, []).append(rule)
        self.anchors = tuple(self._tools)

    def find(self, subject: ScannedText, position: int, end: int) -> Sequence[SecretSpan]:
        """The secrets of the command that begins here."""
        found: list[SecretSpan] = []
        for called, rules in self._tools[subject.lowered[position:end]].items():
            name = compiled(called).match(subject.text, position)
            if name is not None:
                begin = name.end()
                line = self._line(subject, begin)
                for rule in rules:
                    if subject.past.get(rule, 0) <= position:
                        for span in line.secrets(rule, begin):
                            subject.past[rule] = span.end
                            found.append(span)
        return found

    def _line(self, subject: ScannedText, position: int) -> CommandLine:
        """The command line that a place is in; those that lie behind it are forgotten."""
        lines: list[CommandLine] = subject.memory.setdefault(self, [])  # type: ignore[assignment]
        for line in lines:
            if line.holds(position):
                return line
        lines[:] = [line for line in lines if line.end > position][-4:]
        lines.append(CommandLine(subject.text, position))
        return lines[-1]
