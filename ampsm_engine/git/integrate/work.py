"""What a squash works on, and the making of its one commit. Objects only."""

from collections.abc import Sequence
from typing import NamedTuple

from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.lineage import Part
from ampsm_engine.git.integrate.message import squash_message
from ampsm_engine.git.integrate.values import MadeCommit
from ampsm_engine.git.integrate.writer import Writer


class Work(NamedTuple):
    """What is squashed: from the tree of `start` to `tree`."""

    ground: Ground
    writer: Writer
    start: str
    tree: str
    commits: tuple[Part, ...]
    message: str
    strangers: frozenset[str] = frozenset()
    """Commits of others among them."""

    def squashed(self, tree: str, parent: str, sources: Sequence[Part]) -> MadeCommit:
        """One commit that stands for several; its author is that of the first which is not a stranger's."""
        plain = [commit for commit in sources if not commit.merge] or list(sources)
        plain.sort(key=lambda commit: commit.sha in self.strangers)
        raw = [self.ground.commit(commit.sha) for commit in plain]
        text = squash_message(self.message, raw, has_amp=any(commit.ours for commit in plain))
        sha = self.writer.squashed(tree, parent, raw[0].author, text)
        return MadeCommit(sha, self.ground.commit(sha).subject, tuple(commit.sha for commit in sources))
