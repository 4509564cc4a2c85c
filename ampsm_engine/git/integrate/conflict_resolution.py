"""What is open of a conflict in a worktree, by file and hunk, its resolving, and taking a resolution back.

git writes index and files. Files that it moved aside, because the other side has a folder or another kind of file in
their place, are named after their side (`name~HEAD`): choosing that side puts the file where it belongs.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from ampsm_engine.diff import encodings
from ampsm_engine.diff.encodings import is_binary
from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import attributes, program, records, worktrees
from ampsm_engine.git.integrate import conflict_checkout, laid_conflict, markers, trees
from ampsm_engine.git.integrate.outcomes import Choice, ConflictFile, ConflictHunk, ConflictKind, OpenFile, Stage
from ampsm_engine.lean_dataclass import replace

_BY_LINES = ("content", "add/add", "mode", "other", "rename/rename")


def conflicts(worktree: Path) -> tuple[OpenFile, ...]:
    """What is unmerged in a worktree, by path, with the hunks of files that are merged by lines."""
    laid = laid_conflict.laid(worktree)
    told = {file.path: file for file in laid.files} if laid else {}
    left = _rerere_left(worktree)
    files = trees.conflicts_in(worktree)
    marked = markers.in_worktree(worktree, laid, [file.path for file in files]) if laid else {}
    return tuple(
        replace(_opened(worktree, file, told.get(file.path), left), markers=marked.get(file.path, ())) for file in files
    )


def resolve(
    worktree: Path, path: str, choice: Choice | Mapping[int, Choice] | Literal["edited", "meant"]
) -> tuple[OpenFile, ...]:
    """Resolve one path: by a side or both for the whole file, hunk by hunk, or as the file lies there (`edited`).

    MarkersLeft when there are markers in what lies there; with `meant`, they are meant. Answers what is open after. A
    file whose last hunk was chosen is resolved. Refused for a choice that the kind of conflict does not have, with
    what it has.
    """
    file = next((file for file in trees.conflicts_in(worktree) if file.path == path), None)
    if file is None and choice in ("edited", "meant") and _as_laid_out(worktree, path):
        _take_edited(worktree, path, are_meant=choice == "meant")  # edited again after it was resolved
        return conflicts(worktree)
    if file is None:
        raise NotFound(f"{path!r} is no open conflict in {worktree}.", f"git -C {worktree} status")
    file = replace(file, kind=_kind(worktree, file), marker_size=_marker_size(worktree, path))
    if choice in ("edited", "meant"):
        _take_edited(worktree, path, are_meant=choice == "meant")
    elif not isinstance(choice, str):
        _choose_hunks(worktree, file, choice)
    elif choice == "both":
        _take_both(worktree, file)
    else:
        chosen = file.ours if choice == "ours" else file.theirs
        laid = laid_conflict.laid(worktree)
        sides = (laid.onto, laid.commit) if laid else ()
        _take_side(worktree, path, chosen, _displaced_from(worktree, path, sides) if chosen else None)
    return conflicts(worktree)


def blobs(worktree: Path, paths: Iterable[str]) -> dict[str, str]:
    """What the index has at paths that are not in conflict."""
    wanted = list(paths)
    entries = records.in_index(worktree, "--", *wanted) if wanted else []
    return {entry.path: entry.object for entry in entries if entry.stage == "0"}


def _as_laid_out(worktree: Path, path: str) -> ConflictFile | None:
    laid = laid_conflict.laid(worktree)
    return next((file for file in laid.files if file.path == path), None) if laid else None


def _kind(worktree: Path, file: ConflictFile) -> ConflictKind:
    laid_out = _as_laid_out(worktree, file.path)
    kind = trees.conflict_kind(file, laid_out.kind if laid_out else None)
    if kind in ("content", "add/add") and _is_binary(worktree, file):
        return "binary"
    return kind


def _opened(worktree: Path, file: ConflictFile, told: ConflictFile | None, left: frozenset[str] | None) -> OpenFile:
    kind = _kind(worktree, file)
    found: tuple[ConflictHunk, ...] = ()
    if kind in _BY_LINES and (worktree / file.path).is_file() and not (worktree / file.path).is_symlink():
        content, size = attributes.read_lines(worktree, file.path), _marker_size(worktree, file.path)
        said = "" if encodings.is_utf8(content) else attributes.named_encoding(worktree, file.path)
        found = markers.conflict_hunks(content, size, markers.sides_of(worktree, file), encoding=said)
    is_done = left is not None and file.path not in left and kind in _BY_LINES and not found
    said = told.said if told else ""
    return OpenFile(file.path, kind, file.base, file.ours, file.theirs, found, said, rerere=is_done)


def _rerere_left(worktree: Path) -> frozenset[str] | None:
    """What rerere did not resolve; None where the user does not have it on."""
    answer = program.read(worktree, "config", "--type=bool", "--get", "rerere.enabled")
    if answer.line != "true":
        return None
    return frozenset(program.text(program.read(worktree, "rerere", "remaining").output).splitlines())


def _is_binary(worktree: Path, file: ConflictFile) -> bool:
    answer = program.read(worktree, "check-attr", "-z", "merge", "--", file.path)
    if answer.output.split(b"\0")[2:3] == [b"unset"]:
        return True
    sides = [stage for stage in (file.base, file.ours, file.theirs) if stage]
    return any(is_binary(program.query(worktree, "cat-file", "blob", stage.object)) for stage in sides)


def _marker_size(worktree: Path, path: str) -> int:
    """The length of a file's conflict markers: as laid out while it has such markers, else as attributes say now."""
    laid_out, place = _as_laid_out(worktree, path), worktree / path
    if laid_out is not None and place.is_file() and not place.is_symlink():
        start = b"<" * laid_out.marker_size + b" "
        if any(line.startswith(start) for line in attributes.read_lines(worktree, path).split(b"\n")):
            return laid_out.marker_size
    return markers.sizes_of(worktree, [path])[path]


def _take_edited(worktree: Path, path: str, *, are_meant: bool) -> None:
    laid = laid_conflict.laid(worktree)
    lines = markers.in_worktree(worktree, laid, [path]).get(path, ()) if laid and not are_meant else ()
    if lines:
        where = ", ".join(map(str, lines[:5]))
        message = f"There are conflict markers left in {path!r}, line{'s' * (len(lines) > 1)} {where}."
        raise markers.MarkersLeft(message, f"git -C {worktree} diff -- {path}")
    _add(worktree, path)


def _choose_hunks(worktree: Path, conflict: ConflictFile, choices: Mapping[int, Choice]) -> None:
    path, size, sides = conflict.path, conflict.marker_size, markers.sides_of(worktree, conflict)
    file = worktree / path
    if file.is_symlink() or not file.is_file():
        raise Refused(f"{path!r} is not resolved by hunks: choose ours or theirs.")
    before = attributes.read_lines(worktree, path)
    known = {hunk.number for hunk in markers.conflict_hunks(before, size, sides)}
    unknown = sorted(set(choices) - known)
    if unknown or not choices:
        message = f"{path!r} has {len(known)} hunks left, and no hunk {unknown[0] if unknown else 0}."
        raise NotFound(message, f"git -C {worktree} diff -- {path}")
    after = markers.with_choices(before, choices, size, sides)
    _write_over(file, attributes.written_lines(worktree, path, after))
    if not markers.conflict_hunks(after, size, sides):
        _add(worktree, path)


def _take_both(worktree: Path, file: ConflictFile) -> None:
    path = worktree / file.path
    if not (file.ours and file.theirs):  # what one side has is kept, where it lies
        _take_side(worktree, file.path, file.ours or file.theirs)
        return
    if file.kind in _BY_LINES and path.is_file() and not path.is_symlink():
        sides = markers.sides_of(worktree, file)
        after = markers.with_choices(attributes.read_lines(worktree, file.path), "both", file.marker_size, sides)
        _write_over(path, attributes.written_lines(worktree, file.path, after))
        _add(worktree, file.path)
        return
    message = f"Both sides of {file.path!r} cannot be kept in one ({file.kind}): choose ours or theirs."
    raise Refused(message, f"git -C {worktree} checkout --theirs -- {file.path}")


def _take_side(worktree: Path, path: str, stage: Stage | None, place: str | None = None) -> None:
    if stage is not None and place is not None:
        _make_room(worktree, place)
        _take_side(worktree, path, None)
        path = place
    if stage is None:
        _update_index(worktree, ("--force-remove", "-z", "--stdin"), path)
        if os.path.lexists(worktree / path) and not (worktree / path).is_dir():
            (worktree / path).unlink()
        return
    # One record takes all stages away, the next sets what was chosen.
    nothing = "0" * len(stage.object)
    _update_index(worktree, ("-z", "--index-info"), f"0 {nothing}\t{path}", f"{stage.mode} {stage.object}\t{path}")
    if stage.mode != records.GITLINK:
        if (worktree / path).is_symlink():
            worktrees.delete_tree(worktree / path)
        program.change(worktree, "checkout-index", "--force", "--index", "-z", "--stdin", feed=records.joined([path]))


def _add(worktree: Path, path: str) -> None:
    _update_index(worktree, ("--add", "--remove", "-z", "--stdin"), path)


def _update_index(worktree: Path, options: tuple[str, ...], *lines: str) -> None:
    answer = program.write(worktree, "update-index", *options, feed=records.joined(lines))
    if not answer.ok:
        raise Failed(f"git could not note what was chosen: {answer.reason}.", f"git -C {worktree} status")


def _write_over(file: Path, content: bytes) -> None:
    """Write into the file that is there: its mode stays."""
    descriptor = os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)


def _displaced_from(worktree: Path, path: str, sides: Iterable[str]) -> str | None:
    """Where a file belongs that was moved aside; None when it lies where it belongs. `sides` are the two commits."""
    for end in (place for place, letter in enumerate(path) if letter == "~"):
        names = (f"{side}:{path[:end]}" for side in sides)
        if any(program.read(worktree, "rev-parse", "--quiet", "--verify", name).ok for name in names):
            return path[:end]
    return None


def _make_room(worktree: Path, path: str) -> None:
    """Take away what the other side has at a place. Refused when files that git does not know lie in there."""
    others = program.text(
        program.query(worktree, "--literal-pathspecs", "ls-files", "--others", "-z", "--", f"{path}/")
    )
    if others:
        message = f"{others.partition(chr(0))[0]!r} is in the way: git does not know it."
        raise Refused(message, f"git -C {worktree} status")
    known = dict.fromkeys(entry.path for entry in records.in_index(worktree, "--", path))
    _update_index(worktree, ("--force-remove", "-z", "--stdin"), *known)
    for name in known:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            (worktree / name).unlink()
    for folder, _, _ in os.walk(worktree / path, topdown=False):
        Path(folder).rmdir()


def reopen(worktree: Path, path: str) -> None:
    """Put the sides of a path back into the index, and its markers into the file; NotFound for one without conflict."""
    laid = conflict_checkout.required_conflict(worktree)
    file = next((file for file in laid.files if file.path == path), None)
    if file is None:
        raise NotFound(f"{path!r} was in no conflict in {worktree}.", f"git -C {worktree} status")
    sides = [(number, stage) for number, stage in enumerate((file.base, file.ours, file.theirs), 1) if stage]
    nothing = "0" * len(sides[0][1].object)
    lines = [f"0 {nothing}\t{path}", *(f"{stage.mode} {stage.object} {number}\t{path}" for number, stage in sides)]
    _update_index(worktree, ("-z", "--index-info"), *lines)
    _lay_out_file(worktree, file)


def _lay_out_file(worktree: Path, file: ConflictFile) -> None:
    literal = ("--literal-pathspecs",)
    if file.ours and file.theirs:
        answer = program.write(worktree, *literal, "checkout", "--quiet", "--merge", "--", file.path)
    else:
        side = "--ours" if file.ours else "--theirs"
        answer = program.write(worktree, *literal, "checkout", "--quiet", side, "--", file.path)
    if not answer.ok:
        message = f"{file.path!r} could not be laid out again: {answer.reason}."
        raise Failed(message, f"git -C {worktree} checkout --merge -- {file.path}")
