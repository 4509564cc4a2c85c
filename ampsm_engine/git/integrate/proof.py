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

_HISTORIES_LOOKED_AT = 20
"""Files that went on from the work or from its revert, and whose history tells from which."""

_HISTORY = (
    *("--no-merges", f"--max-count={_COMMITS_LOOKED_AT}", "--format=commit %H", "--no-show-signature"),
    *_EXACT_PATCH,
)


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
    left += _alike(repo_root, base_tip, branch_tip)
    if not left or _is_squashed(repo_root, bases[0], branch_tip, base_tip):
        return Proof(in_base=True, how="patch-id")
    return _missing(repo_root, left)


def _alike(where: Path, base_tip: str, tip: str) -> tuple[PlannedCommit, ...]:
    """The commits of a branch that git takes for equal to one of the base, and that differ in white space."""
    asked = ("rev-list", "--cherry-mark", "--left-right", "--no-merges", f"{base_tip}...{tip}")
    marked = program.text(program.query(where, *asked)).split()
    equal = [one[1:] for one in marked if one.startswith("=")]
    if not equal:
        return ()
    beyond = set(program.text(program.query(where, "rev-list", "--no-merges", f"{base_tip}..{tip}")).split())
    feed = "".join(f"{one}\n" for one in equal).encode()
    ids = _ids_by_commit(where, program.query(where, "diff-tree", "--stdin", "-p", "--root", *_PATCH, feed=feed))
    theirs = {found for one, found in ids.items() if one not in beyond}
    inexact = [one for one in equal if one in beyond and ids.get(one) not in theirs]
    return listed(where, "--no-walk", *inexact) if inexact else ()


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
    return set(_ids_by_commit(where, patch).values())


def _ids_by_commit(where: Path, patch: bytes) -> dict[str, str]:
    """Ids of the patches of commits, in their order; what differs in white space alone has different ones.

    A git before 2.39 cannot tell white space apart.
    """
    if not patch:
        return {}
    answer = program.read(where, "patch-id", "--verbatim", feed=patch)
    output = answer.output if answer.ok else program.query(where, "patch-id", "--stable", feed=patch)
    return {commit: found for found, commit in (line.split() for line in output.decode().splitlines())}


def reverted_files(where: Path, old: str, new: str, now: str) -> tuple[str, ...]:
    """The files of the change from `old` to `new` that are in `now` as if it had never been made.

    A file that went on from the change, or that both ways fit, is none of them; one that went on from a revert is.
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
        found: list[str] = []
        unclear: list[str] = []
        for path in records.split(names)[:_FILES_LOOKED_AT]:
            one = _of_file(where, old, new, path)
            if _fits(where, index, one, "--reverse"):
                continue
            (found if _fits(where, index, one) else unclear).append(path)
    return (*found, *(path for path in unclear[:_HISTORIES_LOOKED_AT] if _is_reverted(where, old, new, now, path)))


def _is_reverted(where: Path, old: str, new: str, now: str, path: str) -> bool:
    """Whether a file was reverted and then changed otherwise: of the work and its inverse the latter came last.

    The work is the file's whole change, or that of one commit, less what the work itself has taken back.
    """
    steps = [(old, new), *((f"{one}^", one) for one in _steps(where, old, new, path))]
    patches = [_of_file(where, before, after, path) for before, after in steps]
    inverse = [_of_file(where, after, before, path) for before, after in steps]
    works, undone = ([next(iter(_patch_ids(where, one)), "") for one in ones] for ones in (patches, inverse))
    history = program.query(
        where, "--literal-pathspecs", "log", "-p", "--topo-order", *_HISTORY, f"{old}..{now}", "--", path
    )
    last: dict[str, int] = {}  # newest first
    for number, one in enumerate(_ids_by_commit(where, history).values()):
        last.setdefault(one, number)
    never = len(last) + _COMMITS_LOOKED_AT
    return any(
        back in last and back not in works and last[back] < last.get(work, never)
        for work, back in zip(works, undone, strict=True)
    )


def _steps(where: Path, old: str, new: str, path: str) -> list[str]:
    asked = ("rev-list", "--no-merges", f"--max-count={_COMMITS_LOOKED_AT}", f"{old}..{new}", "--", path)
    return program.text(program.query(where, "--literal-pathspecs", *asked)).split()


def _of_file(where: Path, old: str, new: str, path: str) -> bytes:
    return program.query(where, "--literal-pathspecs", "diff-tree", "-p", *_EXACT_PATCH, old, new, "--", path)


def _fits(where: Path, index: Path, patch: bytes, *options: str) -> bool:
    arguments = ("apply", "--check", "--cached", "--whitespace=nowarn", *options)
    return program.read(where, *arguments, feed=patch, variables={"GIT_INDEX_FILE": index}).ok
