"""Would two commits merge? Nothing is written to the repository: what git must merge goes to a folder that is gone."""

import tempfile
from pathlib import Path

from ampsm_engine.git import live
from ampsm_engine.git.integrate import mergetree
from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.plan import common
from ampsm_engine.git.integrate.values import Foreseen


def foresee(repo_root: Path, ours: str, theirs: str) -> Foreseen:
    """What merging `theirs` into `ours` would give; full commit names. NotFound when they share no history."""
    bases = common(repo_root, ours, theirs)
    ground = Ground(repo_root)
    if len(bases) == 1:
        quick = ground.merger.merged(*(bytes.fromhex(ground.tree_of(sha)) for sha in (bases[0], ours, theirs)))
        if quick is not None:
            return Foreseen((), quick.hex())
    with tempfile.TemporaryDirectory(prefix="ampsm-foresee-") as folder:
        objects = Path(folder) / "objects"
        objects.mkdir()
        variables = live.object_variables(objects, ground.common_dir / "objects")
        result = mergetree.run(ground.common_dir, ours, theirs, attributes=ground.attributes(ours), variables=variables)
    return Foreseen(result.conflicts, None if result.conflicts else result.tree)
