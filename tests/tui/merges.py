"""Values of merging for screens, as the engine would answer."""

from dataclasses import replace

from ampsm_engine.git.integrate.outcomes import ConflictFile, ConflictHunk, OpenFile, PlannedCommit, Stage
from ampsm_engine.merging.open_conflict import Conflicts
from ampsm_engine.merging.results import Finding, MergePreview, Options, PlannedStep, Preflight
from ampsm_engine.model import Merge, MergeState
from tests.tui.builders import ago

COMMITS = (
    PlannedCommit("c0ffee" * 6 + "1234", "amp: Fix the login", "Ada <ada@example.org>", "", ours=True, parents=("a",)),
    PlannedCommit("beef" * 10, "Rename the button", "Ada <ada@example.org>", "", ours=False, parents=("a",)),
)

FINDINGS = (
    Finding("session", "ok", "nothing is running or queued"),
    Finding("worktree", "ok", "clean"),
    Finding("base", "ok", "main is at feedfeedfeed"),
    Finding("upstream", "warn", "main is 3 commits behind origin/main", "git -C /home/ada/shop fetch . origin/main:main"),
    Finding("commits", "ok", "2 commits to bring in (1 by amp, 1 by hand); main has 4 others since"),
    Finding("script", "ok", "the script passes on c0ffeec0ffee"),
    Finding("conflicts", "warn", "1 file would conflict with main: app.py (content)", "a merge lays them out in the session's worktree, and can be aborted"),
    Finding("secrets", "warn", "something that looks like a secret would be merged, in config.py", "ampsm diff s1 shows where; take it out and commit"),
)  # fmt: skip


def a_preflight(*findings: Finding) -> Preflight:
    files = (ConflictFile("app.py", "content"),)
    return Preflight("s1", "main", "feed" * 10, "c0ffee" * 6 + "1234", 2, 4, COMMITS, files, findings or FINDINGS)


def a_plan(options: Options, draft: str = "Fix the login\n\n- a\n- b") -> MergePreview:
    steps = (
        PlannedStep("squash", "2 commits become one"),
        PlannedStep("rebase", "amp/fix-login/20260914-100000 goes onto main at feedfeedfeed"),
        PlannedStep("merge", "main is fast-forwarded, and a clean checkout of it moves along"),
    )
    return MergePreview("s1", options.onto or "main", COMMITS, steps, draft, (ConflictFile("app.py", "content"),))


def a_merge(state: MergeState = MergeState.DONE, **more: object) -> Merge:
    made = Merge(
        "m1", "s1", "merge", state, "end", ago(minutes=5), "main", "feed" * 10, "ace0" * 10, "beef" * 10, "cafe" * 10,
        ended_at=ago(minutes=4),
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


BLOB = Stage("100644", "0123456789" * 4)

CONTENT = OpenFile(
    "app/login.py", "content", BLOB, BLOB, BLOB,
    (
        ConflictHunk(1, 4, "    return redirect('/')\n", None, "    return redirect(next_page)\n"),
        ConflictHunk(2, 12, "", "    log()\n", "    log('seen')\n    count()\n"),
    ),
)  # fmt: skip

FILES = (
    CONTENT,
    OpenFile(
        "docs/old.md", "modify/delete", BLOB, None, BLOB, said=f"CONFLICT (modify/delete): {'ab12' * 10} deleted it"
    ),
    OpenFile("static/logo.png", "binary", BLOB, BLOB, BLOB),
    OpenFile(
        "vendor/lib", "submodule", Stage("160000", "a" * 40), Stage("160000", "b" * 40), Stage("160000", "c" * 40)
    ),
)


def some_conflicts(*files: OpenFile, resolved: tuple[str, ...] = (), **more: object) -> Conflicts:
    made = Conflicts(
        a_merge(MergeState.CONFLICTED, step="wait"), "/home/ada/shop/.worktrees/s1", "feed" * 10, "beef" * 10, files,
        resolved, 1,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]
