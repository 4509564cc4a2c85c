"""Whether a branch's work is in its base, so that the branch may go, what exists nowhere else, and what was reverted.

Reads only.
"""

from pathlib import Path

from ampsm_engine.git import program, records
from ampsm_engine.git.integrate.commit_range import listed, merge_bases
from ampsm_engine.git.integrate.outcomes import PlannedCommit, Proof
from ampsm_engine.private_folder import private_folder

_COMMITS_LOOKED_AT = 500
"""Commits of the base, newest first, among which a squash is looked for."""

_NO_RENAMES = ("--no-renames", "--no-ext-diff")

_PATCH = ("-M", "--no-ext-diff", "--no-textconv", "--no-color", "--full-index", "--binary")

_EXACT_PATCH = ("--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")

_FILES_LOOKED_AT = 200
"""Files that are looked at one by one."""


def proof(repo_root: Path, branch_tip: str, base_tip: str) -> Proof:
    """Prove that `base_tip` holds what `branch_tip` did: by ancestry, an equal tree, or the patch-id of a squash.

    `left` are the commits whose change the base does not have, by their own patch-ids too.
    """
    bases = merge_bases(repo_root, base_tip, branch_tip)
    if branch_tip in bases:
        return Proof(in_base=True, how="ancestor")
    if not bases:
        return _missing(repo_root, listed(repo_root, branch_tip))
    trees = {one: _tree(repo_root, one) for one in (branch_tip, base_tip, bases[0])}
    if trees[branch_tip] == trees[base_tip]:
        return Proof(in_base=True, how="same tree")
    if len(bases) == 1 and trees[branch_tip] == trees[bases[0]]:
        return Proof(in_base=True, how="nothing new")
    # Commits without an equal one in the base; merges count when nothing else can tell what they brought.
    left = listed(repo_root, "--cherry-pick", "--right-only", f"{base_tip}...{branch_tip}")
    if not left or _is_squashed(repo_root, bases[0], branch_tip, base_tip):
        return Proof(in_base=True, how="patch-id")
    return _missing(repo_root, left)


def _missing(where: Path, left: tuple[PlannedCommit, ...]) -> Proof:
    options = ("diff-tree", "--stdin", "-r", "-m", "--root", "--name-only", "--no-commit-id", "-z", "--no-ext-diff")
    feed = "".join(f"{commit.sha}\n" for commit in left if not commit.merge).encode()
    names = records.split(program.query(where, *options, feed=feed)) if feed else []
    return Proof(in_base=False, how="not", left=left, files=tuple(sorted(set(names))))


def _tree(where: Path, commit: str) -> str:
    return program.query(where, "rev-parse", f"{commit}^{{tree}}").decode().strip()


def _is_squashed(where: Path, start: str, tip: str, base_tip: str) -> bool:
    """Whether one commit of the base, since the two parted, makes the branch's whole change."""
    wanted = _patch_ids(where, program.query(where, "diff-tree", "-p", *_PATCH, start, tip))
    if not wanted:
        return False
    names = program.query(where, "diff-tree", "-r", "--name-only", "-z", *_NO_RENAMES, start, tip)
    one_of_them = program.text(names).partition("\0")[0]
    # Only commits that change one of the branch's files can be its squash; of those, all that they change.
    options = (
        "--no-merges",
        f"--max-count={_COMMITS_LOOKED_AT}",
        "--full-diff",
        "--format=commit %H",
        "--no-show-signature",
    )
    span = (f"^{start}", base_tip, "--", one_of_them)
    patches = program.query(where, "--literal-pathspecs", "log", "-p", *_PATCH, *options, *span)
    return bool(wanted & _patch_ids(where, patches))


def _patch_ids(where: Path, patch: bytes) -> set[str]:
    output = program.query(where, "patch-id", "--stable", feed=patch) if patch else b""
    return {line.split()[0] for line in output.decode().splitlines()}


def reverted_files(where: Path, old: str, new: str, now: str) -> tuple[str, ...]:
    """The files of the change from `old` to `new` that are in `now` as if it had never been made.

    A file that went on from the change, or that both ways fit, is none of them.
    """
    patch = program.query(where, "diff-tree", "-p", *_EXACT_PATCH, old, new)
    if not patch:
        return ()
    with private_folder("proof") as folder:
        index = Path(folder) / "index"
        program.query(where, "read-tree", now, variables={"GIT_INDEX_FILE": index})
        if _fits(where, index, patch, "--reverse"):
            return ()
        names = program.query(where, "diff-tree", "-r", "--name-only", "-z", *_EXACT_PATCH, old, new)
        found = []
        for path in records.split(names)[:_FILES_LOOKED_AT]:
            one = program.query(where, "--literal-pathspecs", "diff-tree", "-p", *_EXACT_PATCH, old, new, "--", path)
            if _fits(where, index, one) and not _fits(where, index, one, "--reverse"):
                found.append(path)
    return tuple(found)


def _fits(where: Path, index: Path, patch: bytes, *options: str) -> bool:
    arguments = ("apply", "--check", "--cached", "--whitespace=nowarn", *options)
    return program.read(where, *arguments, feed=patch, variables={"GIT_INDEX_FILE": index}).ok
