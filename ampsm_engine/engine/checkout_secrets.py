"""The secrets of checkouts: hidden from the moment on that a session of their repository is made.

A prompt may hold a value of a `.env` that stays where it is; neither the session's name, nor its branch, nor what the
store keeps of the prompt has it.
"""

import contextlib
import os
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import repository, worktree_preparation
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.worktree_preparation import CheckoutState


def learn(engine: Engine, repo: Repo, state: CheckoutState | None = None) -> None:
    """Hide, from now on and in every process, what the files of secrets in a checkout hold.

    Kept until the last session of the repository is purged. `state`: what stands in the checkout, where that is known.
    """
    engine.home.ensure()
    if state is None:
        repo = worktree_preparation.source(repo, "")
        state = worktree_preparation.read_checkout_state(repo.checkout)
    found = worktree_preparation.secret_files(repo.checkout, state)
    if found or engine.home.secret_files.is_dir():
        redact.note_files(_owner(repo.root), found)


def learn_at(engine: Engine, path: Path) -> None:
    """Hide the secrets of the checkout that a folder lies in; does nothing where there is no repository."""
    with contextlib.suppress(AmpsmError):
        learn(engine, repository.locate(path))


def forget(engine: Engine, root: Path) -> None:
    """Delete the noted secrets of a repository."""
    (engine.home.secret_files / _owner(root)).unlink(missing_ok=True)


def _owner(root: Path) -> str:
    import hashlib  # OpenSSL, for who has such files

    return hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()
