"""What a worktree can have uncommitted that git has just written: what changed files on their way, or right after it.

`git status` compares such a worktree byte by byte, for the files are as young as the index that knows them; of 2,300
files that takes half as long as writing them. Where no hook ran and git converts no file, there is nothing to compare.
"""

import contextlib
import os
from pathlib import Path

from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import hooks, program, repository, worktree_status

_HOOKS = ("post-checkout", "post-index-change", "reference-transaction")
"""The hooks that run when a worktree is made."""

_SETTINGS = r"^(core\.(autocrlf|eol|hookspath|ignorecase|precomposeunicode|symlinks)|hook\..*)$"
"""Names of settings by which files may come out other than they are committed, or other hooks run."""

_USUAL = frozenset({"", "core.autocrlf\nfalse", "core.ignorecase\nfalse", "core.symlinks\ntrue"})
"""Settings as git has them where none is configured."""

_CONVERTED = (":/", ":(top,exclude,attr:!text !crlf !eol !ident !filter !working-tree-encoding)")
"""The files of which some attribute says how they are converted."""


def begin_asking_settings(worktree: Path) -> program.Running:
    """Let git begin to tell what of its configuration touches files on their way; `is_plain` takes the answer."""
    return program.start(worktree, "config", "-z", "--get-regexp", _SETTINGS)  # a question hides where hooks are


def is_plain(common_dir: Path, worktree: Path, settings: program.Answer) -> bool:
    """Whether no hook ran in a worktree that was just made, and only an attribute can have changed a file on its way.

    Attributes at its top are looked at in vain here: where there are any, some file is converted.
    """
    is_usual = settings.code in (0, 1) and set(program.text(settings.output).split("\0")) <= _USUAL
    return (
        is_usual
        and not any(os.path.lexists(worktree / name) for name in (".gitattributes", ".gitmodules"))
        and not hooks.has_any(common_dir / "hooks", _HOOKS)
        and worktree.stat().st_dev == common_dir.stat().st_dev  # git tried out there what files can be
    )


def begin_looking(worktree: Path, *, plain: bool) -> program.Running:
    """Let git begin to look for what is uncommitted in a worktree that was just made; `is_clean` takes the answer.

    It takes a third of the processor's time of `worktree_status.entries`: the kernel knows the files still, and the
    threads by which git looks at them otherwise are for disks that are far away. Of a `plain` one only the attributes
    are looked at, an eighth of that; where some file is converted, that counts as an entry.
    """
    repository.check_worktree(worktree)
    if plain:
        return program.begin_reading(worktree, "ls-files", "-z", "--", *_CONVERTED)
    return program.begin_reading(worktree, "-c", "core.preloadIndex=false", "status", *worktree_status.OPTIONS)


def is_clean(answer: program.Answer) -> bool:
    """Whether git has answered, and there is no entry."""
    return answer.ok and not answer.output


def note_changed(looking: program.Running, worktree: Path, session_id: str, *, plain: bool, copies: bool) -> None:
    """Note what a worktree that was made just now has uncommitted already: hooks and filters did that, not a person.

    `looking`: git, which looks for that; of a `plain` worktree it looks for files that are converted. Where it finds
    something, or cannot tell, or something was copied there since (`copies`), all is looked at.
    """
    clean = is_clean(looking.wait(program.READ_LIMIT))
    if plain and (copies or not clean):
        with begin_looking(worktree, plain=False) as again:
            clean = is_clean(again.wait(program.READ_LIMIT))
    if not clean:
        from ampsm_engine.git import hand_edits  # all that commits, for the few that need it

        with contextlib.suppress(AmpsmError, OSError):
            hand_edits.note_left(worktree, session_id, session_id)
