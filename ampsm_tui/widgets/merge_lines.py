"""The lines of a merge, pure: findings, choices, plan, progress, result; and the head: which session, which step."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ampsm_engine import labels
from ampsm_engine.plain_text import plural
from ampsm_tui.clean import cells, cut, fit, one_line, wrapped
from ampsm_tui.widgets.line_widgets import Piece, TextLine, pieces_width
from ampsm_tui.widgets.text_view import PieceLine, indented

if TYPE_CHECKING:
    from ampsm_engine.git.integrate.outcomes import ConflictFile
    from ampsm_engine.merging.results import Finding, MergePreview, MergeResult, Options, Published
    from ampsm_engine.model import Merge

GLYPHS = {"ok": "✓", "warn": "!", "stop": "✗", "wait": "◌"}
LABEL = 13
"""Cells of a name at the left."""

COMMITS = 200
"""Commits that a plan lists."""

PAST = {"merge": "merged", "squash": "squashed", "rebase": "rebased"}


def findings(found: Iterable["Finding"], width: int, *, waiting: str = "") -> list[PieceLine]:
    """What preflight found, one thing a line; below what is not well, what to do about it."""
    lines: list[PieceLine] = []
    for finding in found:
        style = "stop" if finding.is_grave else finding.level
        text = wrapped(one_line(finding.text, 600), _room(width, LABEL + 2), 6)
        mark = (Piece(f"{GLYPHS[finding.level]} ", style), Piece(fit(labels.kind_text(finding.kind), LABEL), "label"))
        lines += _hanging(mark, text, "text" if style == "ok" else style, width)
        if finding.hint and style != "ok":
            lines += _hint_lines(f"→ {one_line(finding.hint, 600)}", width)
    if waiting:
        lines.append((Piece("◌ ", "wait"), Piece(waiting, "quiet")))
    return lines


def _room(width: int, indent: int) -> int:
    return max(10, width - (indent if width >= 60 else 2))


def _hanging(mark: tuple[Piece, ...], text: Sequence[str], style: str, width: int) -> list[PieceLine]:
    """A mark, and text beside it; below it where there is little room."""
    if width < 60:
        return [mark, *((Piece("  "), Piece(line, style)) for line in text)]
    indent = " " * pieces_width(mark)
    head: PieceLine = (*mark, Piece(text[0] if text else "", style))
    return [head, *((Piece(indent), Piece(line, style)) for line in text[1:])]


def _hint_lines(text: str, width: int) -> list[PieceLine]:
    indent = LABEL + 2 if width >= 60 else 2
    return [(Piece(" " * indent), Piece(line, "quiet")) for line in wrapped(text, max(10, width - indent), 6)]


def heading(text: str) -> list[PieceLine]:
    """The title of a section, below an empty line."""
    return [(), (Piece(text, "title"),)]


def choices(options: "Options", target: str, keys: Mapping[str, str], width: int) -> list[PieceLine]:
    """The choices of a merge: the key of each, its name, its value now."""
    merges = options.kind == "merge"
    squashes = options.kind == "squash" or (merges and options.squash)
    what = {"merge": "merge", "squash": "squash only: the base stays", "rebase": "rebase only: the base stays"}
    manual = "into the squash" if options.manual == "include" else "stay commits of their own"
    rows = [("what", "Do", what[options.kind], True)]
    rows.append(
        ("onto", "Onto" if options.kind == "rebase" else "Into", one_line(target, 200), options.kind != "squash")
    )
    rows.append(("squash", "Squash", "into one commit" if options.squash else "no: every commit as it is", merges))
    rows.append(("manual", "By hand", manual, squashes))
    forward = "fast-forward, no merge commit" if options.fast_forward else "with a merge commit"
    rows.append(("forward", "History", forward, merges and not options.pull_request))
    push = "yes, when merged" if options.push else "no"
    rows.append(("push", "Push", push, merges and not options.pull_request))
    pull = "yes: push the branch and open one; the base stays" if options.pull_request else "no"
    rows.append(("pull", "Pull request", pull, merges))
    rows.append(("patch", "Patch file", one_line(options.patch, 300) or "none", merges))
    lines: list[PieceLine] = []
    for name, label, value, is_there in rows:
        if is_there:
            text = cut(value, max(8, width - LABEL - 4))
            lines.append((Piece(fit(keys.get(name, ""), 2), "key"), Piece(fit(label, LABEL), "label"), Piece(text)))
    return lines


def steps(found: "MergePreview", width: int) -> list[PieceLine]:
    """The steps of a plan in their order."""
    lines = heading("What will happen")[1:]
    for step in found.steps:
        mark = (Piece("· ", "quiet"), Piece(fit(step.name.replace("-", " "), LABEL), "label"))
        lines += _hanging(mark, wrapped(one_line(step.text, 400), _room(width, LABEL + 2), 4), "text", width)
    return [*lines, ()]


def commits(found: "MergePreview", width: int) -> list[PieceLine]:
    """The conflicts that a plan would meet, and its commits."""
    lines: list[PieceLine] = []
    if found.conflicts:
        many = plural(len(found.conflicts), "file")
        lines += [*heading(f"Conflicts foreseen in {many}"), *_conflicts(found.conflicts, width)]
        words = (
            "They are laid out in the session's worktree, for you or amp to resolve; the base is untouched till then."
        )
        lines += [(Piece(line, "quiet"),) for line in wrapped(words, width, 3)]
    lines += heading(f"Commits ({len(found.commits)})")
    for commit in found.commits[-COMMITS:]:
        who = "merge" if commit.merge else "amp" if commit.ours else "by hand"
        subject = one_line(commit.subject.removeprefix("amp: ") if commit.ours else commit.subject, 300)
        lines.append((Piece(f"{commit.sha[:8]} ", "quiet"), Piece(fit(who, 8), "label"), Piece(subject, "text")))
    return lines


def _conflicts(files: Sequence["ConflictFile"], width: int, most: int = 20) -> list[PieceLine]:
    """The first paths in conflict with the kind of each, and how many more there are."""
    lines: list[PieceLine] = []
    for file in files[:most]:
        path = cut(one_line(file.path, 400), max(8, width - cells(file.kind) - 4))
        lines.append((Piece("≠ ", "warn"), Piece(f"{path}  "), Piece(file.kind, "quiet")))
    if len(files) > most:
        lines.append((Piece(f"and {len(files) - most} more", "quiet"),))
    return lines


def progress(found: "MergePreview", done: int, text: str, width: int) -> list[PieceLine]:
    """The steps while they are carried out, `done` of them finished; below them what goes on now."""
    lines: list[PieceLine] = []
    for number, step in enumerate(found.steps):
        glyph, style = ("✓", "ok") if number < done else ("●", "mark") if number == done else ("○", "quiet")
        mark = (Piece(f"{glyph} ", style), Piece(fit(step.name.replace("-", " "), LABEL), "label"))
        lines += _hanging(mark, wrapped(one_line(step.text, 400), _room(width, LABEL + 2), 4), "text", width)
    return [*lines, (), (Piece(text, "quiet"),)]


def result(merge: "Merge", done: "MergeResult | None", name: str, width: int) -> list[PieceLine]:
    """What a merge came to: where the work is, what was published, what to know besides."""
    name = one_line(name, 200)
    if merge.kind == "merge" and merge.target:
        text = f"{name} is in {one_line(merge.target, 200)}."
        span = f"{merge.base_before[:12]}..{merge.base_after[:12]}"
    else:
        word = PAST[merge.kind] if merge.kind != "merge" else "rebased for its pull request"
        text = f"{name} is {word}."
        span = f"{merge.branch_before[:12]}..{merge.branch_after[:12]}"
    lines: list[PieceLine] = [
        (Piece("✓ ", "ok"), Piece(line, "title")) if not at else (Piece("  "), Piece(line, "title"))
        for at, line in enumerate(wrapped(text, max(10, width - 2), 4))
    ]
    commits = f", {plural(done.commits, 'commit')}" if done and done.commits else ""
    lines.append((Piece("  "), Piece(span + commits, "quiet")))
    for place in done.checkouts if done else ():
        lines += indented(f"moved along: the checkout in {one_line(place, 400)}", "quiet", width)
    for one in done.published if done else ():
        lines += _published(one, width)
    for note in done.notes if done else ():
        lines += indented(f"! {one_line(note, 600)}", "warn", width)
    return lines


def _published(one: "Published", width: int) -> list[PieceLine]:
    style = "ok" if one.ok else "stop"
    lines = indented(f"{'✓' if one.ok else '✗'} {one_line(one.text, 600)}", style, width, indent=0)
    return lines + (indented(f"→ {one_line(one.hint, 600)}", "quiet", width) if one.hint else [])


STAGES = ("check", "plan", "merge", "clean up")
"""The steps of a merge, in their order."""


class MergeHead(TextLine):
    """Which session comes to which branch, and the session's own branch at the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-name", "-quiet"}
    DEFAULT_CSS = """
    MergeHead {
        & > .-name { color: $foreground; text-style: bold; }
        & > .-quiet { color: $secondary; }
    }
    """

    def show(self, word: str, name: str, target: str, branch: str) -> None:
        """Show session and branch, such as `Merge fix login → main`."""
        left = [Piece(f"{word}  ", "quiet"), Piece(one_line(name, 300), "name")]
        if target:
            left += [Piece("  →  ", "quiet"), Piece(one_line(target, 200), "name")]
        self.set_pieces(left, [Piece(one_line(branch, 200), "quiet")])


class MergeSteps(TextLine):
    """Which steps are finished, which is the current one, which come."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-behind", "-here", "-ahead"}
    DEFAULT_CSS = """
    MergeSteps {
        & > .-behind { color: $success; }
        & > .-here { color: $accent; text-style: bold; }
        & > .-ahead { color: $foreground 50%; }
    }
    """

    def show(self, step: int, names: tuple[str, ...] = STAGES) -> None:
        """Show a step, from 0, as the current one; beyond the last one everything is done."""
        pieces = []
        for number, name in enumerate(names):
            glyph, style = ("✓", "behind") if number < step else ("●", "here") if number == step else ("○", "ahead")
            pieces.append(Piece(f"{glyph} {name}   ", style))
        self.set_pieces(pieces)
