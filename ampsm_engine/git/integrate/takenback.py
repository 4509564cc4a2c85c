"""Whether a branch that got a change has taken it back since: by a revert, or by hand. Reads only."""

from pathlib import Path

from ampsm_engine.git import program
from ampsm_engine.private_folder import private_folder

_PATCH = ("--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")

_LOOKED_AT = 200
"""Files that are looked at one by one."""


def taken_back(where: Path, old: str, new: str, now: str) -> tuple[str, ...]:
    """The files of the change from `old` to `new` that are in `now` as if it had never been made.

    A file that went on from the change, or that both ways fit, is none of them.
    """
    patch = program.told(where, "diff-tree", "-p", *_PATCH, old, new)
    if not patch:
        return ()
    with private_folder("proof") as folder:
        index = Path(folder) / "index"
        program.told(where, "read-tree", now, variables={"GIT_INDEX_FILE": index})
        if _fits(where, index, patch, "--reverse"):
            return ()
        names = program.told(where, "diff-tree", "-r", "--name-only", "-z", *_PATCH, old, new)
        found = []
        for path in program.text(names).split("\0")[:_LOOKED_AT]:
            if path:
                one = program.told(where, "--literal-pathspecs", "diff-tree", "-p", *_PATCH, old, new, "--", path)
                if _fits(where, index, one) and not _fits(where, index, one, "--reverse"):
                    found.append(path)
    return tuple(found)


def _fits(where: Path, index: Path, patch: bytes, *options: str) -> bool:
    arguments = ("apply", "--check", "--cached", "--whitespace=nowarn", *options)
    return program.read(where, *arguments, feed=patch, variables={"GIT_INDEX_FILE": index}).ok
