"""Would two commits merge? Nothing is written to the repository: what git must merge goes to a folder that is gone."""

from pathlib import Path

from ampsm_engine.git import keepsake, live, program
from ampsm_engine.git.integrate import mergetree
from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.values import Foreseen
from ampsm_engine.private_folder import private_folder


def foresee(repo_root: Path, ours: str, theirs: str, start: str = "") -> Foreseen:
    """What merging `theirs` into `ours` would give; full commit names. NotFound when they share no history.

    `start`: of `theirs` only what comes after this commit.
    """
    ground = Ground(repo_root)
    bases = (start,) if start else ground.bases(ours, theirs)
    three = None
    if len(bases) == 1:
        three = (ground.tree_of(bases[0]), ground.tree_of(ours), ground.tree_of(theirs))
        quick = ground.plainly(*three)
        if quick is not None:
            return Foreseen((), quick)
    with private_folder("foresee") as folder:
        objects = Path(folder) / "objects"
        objects.mkdir()
        variables = live.object_variables(objects, ground.common_dir / "objects")
        attributes = ground.attributes(ours, three)
        if start and three:
            ours, theirs = _stand_ins(repo_root, three, variables)
        result = mergetree.run(ground.common_dir, ours, theirs, attributes=attributes, variables=variables)
    return Foreseen(result.conflicts, None if result.conflicts else result.tree)


def _stand_ins(root: Path, three: tuple[str, str, str], variables: program.Variables) -> tuple[str, str]:
    """Two commits for the trees of both sides, whose only merge base has the tree that is to be theirs."""

    def made(tree: str, *options: str) -> str:
        raw = program.done(root, "commit-tree", *options, tree, feed=b"", variables={**variables, **keepsake.AUTHOR})
        return raw.decode().strip()

    base = made(three[0])
    return made(three[1], "-p", base), made(three[2], "-p", base)
