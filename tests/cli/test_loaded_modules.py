"""Which modules each command may load: what is not listed here is time that every start of it would take.

The lists are an upper bound. A room that a command has come to need is added to it; first ask whether the command
needs it in every run, for an import inside a function costs nothing where it is not called.
"""

from pathlib import Path

import pytest

from tests.cli.conftest import Shelf
from tests.cli.test_cli_start import imported
from tests.conftest import git
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]

FRONT = "cli"

READING = """
    cli.diagnostics cli.engine_access cli.entry_point cli.iteration_text cli.output cli.plain_arguments cli.session_views
    config context engine engine.bases engine.creation engine.startup errors file_lock folders git git.branch_files home
    process_identity labels lean_dataclass lifecycle merging merging.scratch model naming plain_text session_problems state_styles
    store store.batches store.connection store.copies store.costs store.database_files store.records store.iterations
    store.lazy_tables store.measurements store.merges store.migrations store.predecessor store.queue store.records store.reviews
    store.rows store.sessions store.store store.table_rows templates timestamps worker worker.launch worker.locks
"""
"""What opens the store and reads sessions."""

TABLES = "cli.tables"

ASKING_GIT = """
    git.bare_layout git.beginnings git.entities git.hooks git.libgit2 git.lock git.own_files git.program git.records git.repository git.worktree_status
    git.pinned_refs git.beginnings git.worktrees redact
"""

LOOKING = """
    engine.views git.changes git.own_files git.worktree_preparation git.snapshot git.staging git.unwanted_files
    private_folder
"""

REDACTING = """
    redact.commands redact.contexts redact.declarations redact.environment redact.own_rules
    redact.redactor redact.rule redact.rule_parts redact.scanner redact.secret_files redact.window
"""

MAKING = """
    cli.session_start engine.checkout_secrets engine.existing_branches
    engine.sessions engine.setup git.fresh_checkout git.own_files git.worktree_preparation
    git.setup_source store.statements trusted_commands worker.agent_context
"""

MERGING = """
    cli.merge_run git.committer git.integrate git.integrate.branch_move git.integrate.commit_range
    git.integrate.commit_writer git.integrate.incoming git.integrate.laid_conflict git.integrate.object_store
    git.integrate.outcomes git.integrate.rewrite git.integrate.rewrite git.integrate.trees git.object_reader
    git.unwanted_files merging.journal merging.merge_lock merging.operations merging.steps merging.questions
    merging.recovery merging.results merging.session_branches merging.situation merging.steps private_folder store.statements
    worker.agent_context
"""

DEAR = """
    ast asyncio concurrent dataclasses decimal email hashlib http importlib.metadata inspect logging multiprocessing
    pathlib random re shutil socket ssl subprocess tempfile typing uuid
"""
"""Modules of the standard library that take milliseconds."""

LIBRARIES = "ahocorasick anyio cffi click notifypy peewee platformdirs psutil pygit2 pygments regex rich textual tomlkit watchfiles yaml"

SMALL = "pathlib re typing"

ROWS: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (("--version",), FRONT, "", ""),
    (("status", "--tmux"), f"{FRONT} cli.tmux_status folders state_styles", "", ""),
    (("ls",), f"{FRONT} {READING} {TABLES}", f"{SMALL} shutil", ""),
    (("ls", "--json"), f"{FRONT} {READING} cli.documents", SMALL, ""),
    (
        ("show", "one", "--json"),
        f"{FRONT} {READING} {TABLES} cli.documents cli.session_details",
        f"{SMALL} shutil",
        "",
    ),
    (
        ("show", "one"),
        f"{FRONT} {READING} {TABLES} {ASKING_GIT} {LOOKING} cli.documents cli.session_details",
        f"{SMALL} random shutil subprocess tempfile",
        "",
    ),
    (
        ("new", "--no-run", "--name", "two"),
        f"{FRONT} {READING} {ASKING_GIT} {REDACTING} {MAKING}",
        f"{SMALL} subprocess",
        "ahocorasick",
    ),
    (
        ("merge", "one", "-m", "All of it"),
        f"{FRONT} {READING} {ASKING_GIT} {REDACTING} {MERGING}",
        f"{SMALL} hashlib subprocess",
        "ahocorasick",
    ),
)
"""Arguments; modules of ours; of DEAR; of LIBRARIES."""


@pytest.mark.parametrize(("arguments", "ours", "dear", "libraries"), ROWS, ids=lambda value: " ".join(value)[:16])
def test_a_command_loads_what_it_needs_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], ours: str, dear: str, libraries: str
) -> None:
    monkeypatch.chdir(bench.repo)
    if "one" in arguments:
        made = bench.new(None, name="one")
        if "merge" in arguments:
            tree = Path(made.worktree_path)
            (tree / "new.txt").write_text("new")
            git(tree, "add", "--all")
            git(tree, "commit", "--quiet", "--message", "New")
    loaded = imported(*arguments)
    rooms = {name.removeprefix("ampsm_engine.") for name in loaded if name.startswith("ampsm_engine.")}
    assert rooms - set(ours.split()) == set()
    assert loaded & set(DEAR.split()) - set(dear.split()) == set()
    assert loaded & set(LIBRARIES.split()) - set(libraries.split()) == set()
    assert not any(name.startswith("ampsm_tui.") and name != "ampsm_tui.__main__" for name in loaded)


def test_the_parser_is_for_what_is_not_plain(shelf: Shelf) -> None:
    shelf.session("one")
    assert "click" not in imported("ls")
    assert "click" in imported("ls", "--status", "idle")
