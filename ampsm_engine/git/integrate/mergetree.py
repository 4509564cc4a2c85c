"""Real merges of two commits by the git program (`merge-tree --write-tree`): no index, no worktree, no branch.

Attributes (merge drivers, `-merge`, line endings) are those of our side's tree, as if it were checked out; the
configuration is the user's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import program
from ampsm_engine.git.integrate.values import ConflictFile, ConflictKind, Stage
from ampsm_engine.private_folder import private_folder

GITLINK = "160000"

_KINDS: tuple[tuple[str, ConflictKind], ...] = (
    ("rename/delete", "rename/delete"),
    ("rename/rename", "rename/rename"),
    ("rename involved in collision", "rename/rename"),
    ("modify/delete", "modify/delete"),
    ("file/directory", "directory/file"),
    ("directory/file", "directory/file"),
    ("submodule", "submodule"),
    ("binary", "binary"),
    ("distinct", "mode"),
    ("add/add", "add/add"),
    ("contents", "content"),
    ("content", "content"),
)
"""Words of git's stable names of conflicts, the more telling ones first."""


class Result(NamedTuple):
    """What git's merge came to: a tree in any case, and conflicts."""

    tree: str
    conflicts: tuple[ConflictFile, ...]


def run(
    common_dir: Path,
    ours: str,
    theirs: str,
    *,
    attributes: Iterable[tuple[str, bytes]] = (),
    variables: program.Variables | None = None,
) -> Result:
    """Merge two commits with their own merge bases. `attributes`: our .gitattributes files, paths and contents.

    Failed when git cannot.
    """
    arguments = ("merge-tree", "--write-tree", "-z", "--messages", "--allow-unrelated-histories", ours, theirs)
    with private_folder("merge") as folder:
        # A worktree with nothing but attributes: nobody's checkout decides about a merge of others.
        work = Path(folder) / "work"
        work.mkdir()
        for path, content in attributes:
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(content)
        around: dict[str, str | Path] = {"LC_ALL": "C", "GIT_DIR": common_dir, "GIT_WORK_TREE": work}
        around |= {"GIT_INDEX_FILE": Path(folder) / "index", **(variables or {})}
        # From inside: git reads attributes relative to where it stands.
        answer = program.write(work, *arguments, variables=around)
    if answer.code not in (0, 1) or answer.timed_out or not answer.output:
        raise program.failure(common_dir, ("merge-tree",), answer)
    tree, conflicts = _parsed(answer.output)
    return Result(tree, conflicts if answer.code else ())


def _parsed(output: bytes) -> tuple[str, tuple[ConflictFile, ...]]:
    fields = program.text(output).split("\0")
    tree, rest = fields[0], fields[1:]
    end = rest.index("") if "" in rest else len(rest)
    said = list(_messages(rest[end + 1 :]))
    return tree, tuple(_told(file, said) for file in staged(rest[:end]))


def staged(records: Iterable[str]) -> tuple[ConflictFile, ...]:
    """Conflicts from records of an index, `mode object stage<TAB>path`; their kinds are not told yet."""
    files: dict[str, dict[str, Stage]] = {}
    for record in records:
        words, _, path = record.partition("\t")
        mode, name, stage = words.split(" ")
        files.setdefault(path, {})[stage] = Stage(mode, name)
    return tuple(
        ConflictFile(path, "other", sides.get("1"), sides.get("2"), sides.get("3")) for path, sides in files.items()
    )


def _messages(fields: list[str]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Paths, stable name, text: for each of git's messages."""
    at = 0
    while at < len(fields) and fields[at].isdigit():  # advice for people may follow
        count = int(fields[at])
        paths = tuple(fields[at + 1 : at + 1 + count])
        yield paths, fields[at + 1 + count], fields[at + 2 + count].strip()
        at += count + 3


def _told(file: ConflictFile, said: list[tuple[tuple[str, ...], str, str]]) -> ConflictFile:
    mine = [
        (name.lower(), text)
        for paths, name, text in said
        if "conflict" in name.lower() and any(file.path == path or file.path.startswith(f"{path}~") for path in paths)
    ]
    kind = next((kind for word, kind in _KINDS if any(word in name for name, _ in mine)), None)
    return replace(file, kind=by_stages(file, kind), said="\n".join(text for _, text in mine))


def by_stages(file: ConflictFile, told: ConflictKind | None = None) -> ConflictKind:
    """The kind of a conflict, as told by git and by the sides that there are."""
    stages = [stage for stage in (file.base, file.ours, file.theirs) if stage]
    if any(stage.mode == GITLINK for stage in stages):
        return "submodule"
    if told and told not in ("content", "add/add"):
        return told
    if file.ours is None or file.theirs is None:
        return told or ("modify/delete" if file.base else "other")
    if file.base is None:
        return "add/add"
    if file.ours.object in (file.theirs.object, file.base.object) or file.base.object == file.theirs.object:
        return "mode" if file.ours.mode != file.theirs.mode else "content"
    return told or "content"
