"""What is said of a file beside its lines: renames, modes, links, submodules, large and binary contents. Pure."""

from collections.abc import Iterator

from ampsm_engine.diff.encodings import shown_name
from ampsm_engine.diff.hunks import LINE_LIMIT
from ampsm_engine.differ.protocol import FileEntry, FilePatch

_FOLDED = {
    "generated": "generated: nobody wrote this by hand",
    "lock": "a lock file: its program writes it",
    "attributes": "the repository's attributes say that its changes are not to be shown (-diff)",
    "minified": "minified: lines for machines",
    "large": "a large change",
}

_TYPES = {0o100644: "file", 0o100755: "executable file", 0o120000: "symbolic link", 0o160000: "submodule"}


def cards(entry: FileEntry, patch: FilePatch) -> tuple[str, ...]:
    """One sentence each, to be shown below the file's head."""
    return (*_named(entry, patch), *_kind(entry, patch), *_content(patch))


def _named(entry: FileEntry, patch: FilePatch) -> Iterator[str]:
    if entry.kind in ("renamed", "copied"):
        rest = " (not shown)" if entry.kind == "copied" else ""
        same = f", {entry.similarity} % the same{rest}" if 0 < entry.similarity < 100 else ""
        yield f"{entry.kind} from {entry.old_path}{same if patch.data else ', content unchanged'}"


def _kind(entry: FileEntry, patch: FilePatch) -> Iterator[str]:
    if entry.kind == "typechange":
        yield f"was a {_type(entry.old_mode)}, is now a {_type(entry.new_mode)}"
        return
    if entry.mode_changed:
        yield f"mode {entry.old_mode:06o} → {entry.new_mode:06o}{_meaning(entry.old_mode, entry.new_mode)}"
    elif entry.kind in ("added", "deleted"):
        yield from _whole(entry, patch)
    if entry.is_symlink:
        yield "a symbolic link; its text is where it leads"
    if entry.is_submodule:
        yield "a submodule; its text is the commit it stands on"


def _content(patch: FilePatch) -> Iterator[str]:
    if patch.lfs_old >= 0 or patch.lfs_new >= 0:
        yield f"kept by Git LFS: {_sizes(patch.lfs_old, patch.lfs_new)}; the lines below are its pointer"
    if patch.binary:
        yield f"binary, {_sizes(patch.old_size, patch.new_size)}"
    yield from (f"  {one}" for one in patch.commits)
    if patch.is_converted:
        yield f"in {shown_name(patch.encoding)}, which git compares as binary: {_sizes(patch.old_size, patch.new_size)}"
    if patch.fold:
        yield _FOLDED.get(patch.fold, patch.fold)
    if patch.cut:
        yield f"lines of more than {size(LINE_LIMIT)} are cut: what changed in them may be further on"
    if patch.note:
        yield patch.note
    if patch.rest:
        yield f"only its beginning is shown: {patch.rest:,} more lines"


def _whole(entry: FileEntry, patch: FilePatch) -> Iterator[str]:
    mode = entry.new_mode or entry.old_mode
    special = "" if mode in (0o100644, 0o120000, 0o160000) else f" {_type(mode)}"
    if not patch.data and not patch.binary:
        yield f"{'new' if entry.kind == 'added' else 'deleted'}, an empty{special or ' file'}"
    elif special:
        yield f"{'new' if entry.kind == 'added' else 'deleted'},{special}"


def _type(mode: int) -> str:
    return _TYPES.get(mode, f"file of mode {mode:06o}")


def _meaning(old: int, new: int) -> str:
    if new & 0o111 and not old & 0o111:
        return ", now executable"
    return ", no longer executable" if old & 0o111 and not new & 0o111 else ""


def _sizes(old: int, new: int) -> str:
    if old < 0 or new < 0:
        return size(max(old, new))
    return f"{size(old)} → {size(new)}"


def size(count: float) -> str:
    """A number of bytes for people, such as 2.1 KB."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("KB", "MB", "GB"):
        count /= 1000
        if count < 1000 or unit == "GB":
            break
    return f"{count:.1f} {unit}"
