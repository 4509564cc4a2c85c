"""Every screen is left in the middle of everything that it waits for: the app lives on, and what it made is made.

The dice say what is held, how the screen is left, how many turns of the loop later the answer comes, and whether it is
a refusal. Another seed: `SOAK_SEED=7 pytest tests/tui/test_leaving_midway.py`.
"""

import ast
import asyncio
import importlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from inspect import isfunction
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from ampsm_engine.config import Settings
from ampsm_engine.engine.base_change import BaseChange
from ampsm_engine.engine.drafts import RepositoryOffer
from ampsm_engine.engine.merged_elsewhere import MergedSession, MergedWork
from ampsm_engine.engine.scripts import ScriptOutput
from ampsm_engine.errors import Refused
from ampsm_engine.git.entities import FileChange
from ampsm_engine.merging.results import MergeResult
from ampsm_engine.metrics.figures import Figures
from ampsm_engine.metrics.summary import Summary
from ampsm_engine.model import Fact, MergeState, SetupState, State
from ampsm_engine.trusted_commands import UntrustedCommand
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens import new_session, script, table
from ampsm_tui.screens.conflict import completion
from ampsm_tui.screens.conflict import pane as conflict_pane
from ampsm_tui.screens.first_run import FirstRunScreen
from ampsm_tui.screens.merge import run
from ampsm_tui.screens.settings import KeysScreen
from ampsm_tui.widgets.choice import Choice
from tests.soak import SEED, dice, one_in
from tests.tui import batches
from tests.tui.builders import DONE, RUNNING, a_board, a_session, ago, an_iteration
from tests.tui.desk import Desk
from tests.tui.merges import FILES, a_merge, a_plan, a_preflight, some_conflicts
from tests.tui.streams import a_history
from tests.tui.test_review_leaving import PLAYS
from tests.tui.test_upkeep import ALL
from tests.waiting import becomes

MADE = a_session("made", id="s2").session
IDLE_ROW = a_session("fix login", id="s1", iterations=2)
DONE_ROW = a_session("fix login", DONE, id="s1")
BUSY_ROW = replace(a_session("fix login", RUNNING, id="s1", iterations=2), queued=1, iterations=3)
AWAY_ROW = replace(IDLE_ROW, session=replace(IDLE_ROW.session, archived_at=ago(days=1)))
WAITING = an_iteration("s1", 3, state=State.QUEUED, outcome=None, start_time=None, queued_at=ago(minutes=1))
MERGED = MergeResult(IDLE_ROW.session, a_merge(), 2, ("/home/ada/shop",))
UNKNOWN = replace(a_preflight(), script="not run")
OUTPUT = ScriptOutput("12 passed\n", 10, running=False, exit_code=0, seconds=4.2)

Key = str | Callable[[AmpsmApp], object]

FINISHED_WITHOUT_A_SCREEN = {
    *("new", "store", "restore_last", "edit_queued"),
    *("begin_variants", "resume", "retry"),
    *("adopt", "find_disagreements", "restore", "purge"),
}
"""What makes or moves something is brought to its end, whoever has left."""


def never(*_: object, **__: object) -> Any:
    """An answer that does not come."""
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True)
class Way:
    """Keys that lead, from the list, to verbs that are waited for."""

    name: str
    keys: tuple[Key, ...]
    verbs: tuple[str, ...]
    row: Any = IDLE_ROW
    answers: dict[str, Any] = field(default_factory=dict)


def set_repository(app: AmpsmApp) -> None:
    app.screen.query_one("#repo", Choice).value = "/somewhere"


def set_copies(app: AmpsmApp) -> None:
    app.screen.query_one("#copies", Input).value = "2"


REMOVED = {"remove": lambda _, one: ((), ()) if one.startswith("b") else None}
LANDED = {"find_merged": lambda *_: MergedWork((MergedSession("s1", "fix login", "merged"),), ())}
MANY = {"sessions_of_run": lambda *_: [a_session("x", id=f"s{number}").session for number in range(9)]}
CONFLICT_VERBS = ("conflicts", "readable_file", "changed_words", "resolve", "reopen")
CONFLICTED = {"open_merges": lambda *_: {"s1": a_merge(MergeState.CONFLICTED)}}
QUEUE = {"timeline": lambda *_: a_history(IDLE_ROW, an_iteration("s1", 1), WAITING)}
AFTER_MERGE = {"last_undoable": lambda *_: a_merge()}
SET_UP = Fact(9, ago(minutes=1), SetupState.PASSED, "s1", None, "the setup passed")
SETUP = {"timeline": lambda *_: replace(a_history(IDLE_ROW), facts=(SET_UP,))}
UNTRUSTED = {
    "command_of": UntrustedCommand("It is not trusted yet.", "ampsm trust", "/home/ada/shop", "npm ci", "here")
}
WITH_SCRIPT = {"preflight": lambda *_, **__: UNKNOWN}

WAYS = (
    Way("session", ("enter", "m", "x", "enter"), ("timeline", "prompts", "iterate")),
    Way("queue", ("enter", "tab", "tab", "enter", "x", "enter"), ("queued_prompt", "edit_queued"), BUSY_ROW, QUEUE),
    Way("queue, taken out", ("enter", "tab", "tab", "d"), ("queued_prompt", "drop_queued"), BUSY_ROW, QUEUE),
    Way("commit", ("enter", "tab", "j", "enter"), ("commit_files",)),
    Way("script's output", ("enter", "tab", "j", "j", "j", "enter"), ("script_output",)),
    Way("form", ("a", "x", "ctrl+g"), ("repository_offer", "check", "new", "iterate")),
    Way("form, another place", ("a", set_repository), ("completions", "repository_offer")),
    Way("form, from a file", ("a", "ctrl+o", "x", "enter"), ("prompt_in",)),
    Way("merge", ("M", "enter", "ctrl+g"), ("open_merges", "preflight", "plan", "merge", "describe_loss")),
    Way("merge, called off", ("M", "enter", "ctrl+g", "escape"), ("call_off",), answers={"merge": never}),
    Way("merge, a script", ("M",), ("start", "read_output", "script_result"), answers=WITH_SCRIPT),
    Way("merge, onto", ("M", "enter", "2", "x", "enter"), ("plan",)),
    Way("merge, a patch", ("M", "enter", "8", "x", "enter"), ("check_patch",)),
    Way("merge, undone", ("M", "u", "y"), ("last_undoable", "undo"), DONE_ROW, AFTER_MERGE),
    Way("merge, cleaned up", ("M", "d", "y"), ("describe_loss", "remove"), DONE_ROW, AFTER_MERGE),
    Way("conflict", ("M", "3", "u"), CONFLICT_VERBS, answers=CONFLICTED),
    Way("conflict, continued", ("M", "ctrl+g"), ("continue_",), answers=CONFLICTED),
    Way("conflict, called off", ("M", "ctrl+g", "escape"), ("call_off",), answers=CONFLICTED | {"continue_": never}),
    Way("conflict, aborted", ("M", "X", "y"), ("abort",), answers=CONFLICTED),
    Way("conflict, given away", ("M", "m", "x", "ctrl+g"), ("give_to_amp",), answers=CONFLICTED),
    Way("script", ("S",), ("start", "read_output")),
    Way("script, stopped", ("S", "escape"), ("stop",), answers={"read_output": never}),
    Way("settings", ("comma", "backspace", "2", "tab"), ("store",)),
    Way("keys", (lambda app: app.push_screen(KeysScreen()), "enter", "x", "enter"), ("store",)),
    Way("notifications", ("at", "space"), ("store",)),
    Way("notifications, tried", ("at", "ctrl+g"), ("send",)),
    Way("first run", (lambda app: app.push_screen(FirstRunScreen()),), ("first_run_checks",)),
    Way("message", ("m", "x", "ctrl+g"), ("iterate",)),
    Way("name", ("E", "n", "x", "enter"), ("edit",)),
    Way("notes", ("E", "o", "x", "ctrl+g"), ("edit",)),
    Way("archived", ("E", "a"), ("archive",)),
    Way("brought back", (lambda app: app.opener.open_session("s1"), "E", "a"), ("unarchive",), AWAY_ROW),
    Way("trash", ("d", "y"), ("describe_loss", "remove")),
    Way("undo, a merge", ("u",), ("last_undoable",), DONE_ROW),
    Way("undo, the trash", ("u",), ("restore_last",)),
    Way("stop", ("x", "y"), ("stop",), BUSY_ROW),
    Way("form, variants", ("a", "x", set_copies, "ctrl+g"), ("begin_variants", "run_view")),
    Way("runs", ("B",), ("run_lines",)),
    Way("run", ("B", "enter"), ("run_view",)),
    Way("run, stopped", ("B", "enter", "x", "y"), ("stop",)),
    Way("run, resumed", ("B", "enter", "ctrl+g"), ("resume",)),
    Way("run, tried again", ("B", "enter", "G", "r"), ("retry",)),
    Way("run, removed", ("B", "G", "d", "y"), ("sessions_of_run", "describe_loss", "remove"), answers=REMOVED),
    Way("run of many, removed", ("B", "G", "d"), ("describe_comments",), answers=MANY),
    Way("variants", ("B", "enter", "vertical_line"), ("compare_variants",)),
    Way("variants, one kept", ("B", "enter", "vertical_line", "ctrl+g", "y"), ("describe_loss", "remove")),
    Way("numbers", ("number_sign",), ("metrics_view",)),
    Way("base", ("E", "b", "x", "enter"), ("change_base",)),
    Way("clean", ("t",), ("find_merged",)),
    Way("clean, one thrown away", ("t", "y"), ("describe_loss", "remove_merged"), answers=LANDED),
    Way("setup's output", ("enter", "tab", "enter"), ("setup_output",), answers=SETUP),
    Way("setup", ("U", "s"), ("command_of", "start", "read_output")),
    Way("setup, trusted", ("U", "s", "y"), ("trust",), answers=UNTRUSTED),
    Way("setup, skipped", ("U", "w"), ("skip", "last_prompt")),
    Way("upkeep", ("H",), ("survey",)),
    Way("upkeep, adopted", ("H", "a", "y"), ("why_shared", "adopt")),
    Way("upkeep, repaired", ("H", "down", "ctrl+g", "y"), ("find_disagreements",)),
    Way("upkeep, brought back", ("H", "G", "u"), ("restore",)),
    Way("upkeep, deleted", ("H", "G", "D", "y"), ("unversioned_contents", "purge")),
)
VARIANTS = tuple(one.item for one in batches.three_variants().variants)
PAIRS = [(way, verb) for way in WAYS for verb in way.verbs]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked again later than at once; a desktop is there to be tried."""
    for module, name in ((run, "EVERY"), (script, "EVERY"), (completion, "TICK")):
        monkeypatch.setattr(module, name, 0.001)
    monkeypatch.setattr(conflict_pane, "_content_of", lambda _: "caf\u00e9\n".encode("latin-1"))
    monkeypatch.setattr(new_session, "PAUSE", 0)
    monkeypatch.setattr(table, "SHARE", 0)
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.delenv("SSH_TTY", raising=False)


def answers() -> dict[str, Any]:
    return {
        "timeline": lambda *_: a_history(IDLE_ROW, an_iteration("s1", 1)),
        "prompts": lambda *_: ("Newest",),
        "queued_prompt": lambda *_: "Third thing",
        "commit_files": lambda *_: (FileChange("src/a.py", None, "modified", 3, 1),),
        "script_output": lambda *_: "all passed",
        "repository_offer": lambda *_: RepositoryOffer("/home/ada/shop", "main", ("main",), "make test", ""),
        "check": lambda *_: (),
        "completions": lambda *_: ("/somewhere/else",),
        "prompt_in": lambda *_: "From a file",
        "new": lambda *_, **__: (MADE, None),
        "open_merges": lambda *_: {},
        "preflight": lambda *_, **__: a_preflight(),
        "plan": lambda _engine, _session, options: a_plan(options),
        "merge": lambda *_: MERGED,
        "continue_": lambda *_: MERGED,
        "undo": lambda *_: a_merge(MergeState.UNDONE),
        "call_off": lambda *_: a_merge(MergeState.ROLLED_BACK),
        "describe_loss": lambda *_: "It goes.",
        "conflicts": lambda *_: some_conflicts(*FILES),
        "readable_file": lambda *_: ("caf\u00e9\n", "windows-1252"),
        "resolve": lambda *_: some_conflicts(*FILES[1:], resolved=("app/login.py",)),
        "reopen": lambda *_: some_conflicts(*FILES),
        "start": lambda *_: "run",
        "read_output": lambda *_: OUTPUT,
        "send": lambda *_: True,
        "restore_last": lambda *_: MADE,
        "stop": lambda *_, **__: (),
        "begin_variants": lambda *_: batches.a_run(),
        "run_lines": lambda *_: batches.some_runs(),
        "run_view": lambda *_: batches.a_view(batches.a_run(), VARIANTS),
        "sessions_of_run": lambda *_: (MADE,),
        "compare_variants": lambda *_: batches.three_variants(),
        "change_base": lambda *_: BaseChange(IDLE_ROW.session, "It is merged into x."),
        "command_of": lambda *_: "npm ci",
        "find_merged": lambda *_: MergedWork((), ()),
        "remove_merged": lambda *_: None,
        "setup_output": lambda *_: "added 12 packages",
        "trust": lambda *_: None,
        "skip": lambda *_: None,
        "last_prompt": lambda *_: "Fix it",
        "purge": lambda *_: None,
        "survey": lambda *_: ALL,
        "why_shared": lambda *_: "",
        "adopt": lambda *_, **__: MADE,
        "find_disagreements": lambda *_, **__: ALL.findings,
        "restore": lambda *_: MADE,
        "unversioned_contents": lambda *_: (".env",),
        "metrics_view": lambda _, by, chosen: Summary(by, (), (), Figures(), chosen),
    }


class Held:
    """One verb whose answer waits until it is let go."""

    def __init__(self, desk: Desk, verb: str, outcome: str) -> None:
        self.is_asked = False
        self.is_finished = False
        self.go = asyncio.Event()
        self._answer = desk.answers.get(verb)
        self._outcome = outcome
        desk.answers[verb] = self._hold

    async def _hold(self, *arguments: Any, **more: Any) -> Any:
        self.is_asked = True
        await self.go.wait()
        self.is_finished = True
        if self._outcome == "refused":
            raise Refused("It cannot be done.", "ampsm doctor")
        return self._answer(*arguments, **more) if callable(self._answer) else self._answer


@asynccontextmanager
async def holding(desk: Desk, way: Way, verb: str, outcome: str) -> AsyncIterator[Held]:
    """The app on the screen that waits for this verb."""
    before = desk.answers
    desk.answers = before | answers() | way.answers
    held = Held(desk, verb, outcome)
    await desk.show(a_board(way.row))
    for key in way.keys:
        if held.is_asked:
            break
        if callable(key):
            key(desk.app)
        else:
            await desk.pilot.press(key)
        await desk.rest()
    await becomes(lambda: held.is_asked, f"{verb} on the way {way.name}; asked: {[one for one, _, _ in desk.verbs]}")
    try:
        yield held
    finally:
        held.go.set()
        desk.answers = before | answers() | way.answers  # what is asked from now on is not held any more


async def leave(desk: Desk, way: str) -> None:
    """Leave one screen, and wait for nothing."""
    if len(desk.app.screen_stack) > 1:
        leaves_all = way == "q" and isinstance(desk.app.screen, FirstRunScreen)
        if way == "pop" or leaves_all:
            desk.app.pop_screen()
        else:
            desk.app.simulate_key(way)


@pytest.mark.parametrize("number", one_in(4, range(4)))
async def test_every_screen_is_left_in_the_middle_of_every_long_verb(desk: Desk, number: int) -> None:
    random = dice("leaving midway", 0)
    print(f"SOAK_SEED={SEED}")
    rounds = [(way, verb, outcome) for way, verb in PAIRS for outcome in ("answered", "refused")]
    random.shuffle(rounds)
    random, rounds = dice("leaving midway", number), rounds[number::4]
    async with desk.open(a_board(IDLE_ROW), size=(100, 40)):
        for way, verb, outcome in rounds:
            how, turns = random.choice(("pop", "escape", "q")), random.randrange(25)
            told = f"{way.name}: {verb} {outcome}, left by {how}, {turns} turns before the answer"
            print(told)
            desk.app.settings = Settings()  # what a way before has stored is nothing to store again
            async with holding(desk, way, verb, outcome) as held:
                await leave(desk, how)
                for _ in range(turns):
                    await asyncio.sleep(0)
                held.go.set()
                await desk.rest()
                for again in range(8):
                    await leave(desk, how if again < 3 else "pop")
                    await desk.rest()
            await desk.settle()
            assert desk.app._exception is None, told
            assert desk.app.is_running, told
            assert len(desk.app.screen_stack) == 1, told
            if verb in FINISHED_WITHOUT_A_SCREEN:
                assert held.is_finished, told
            # The form begins as it was left, with its copies: the next way begins with an empty one.
            shutil.rmtree(desk.app.engine.home.unsent, ignore_errors=True)
        desk.sees("fix login")


@pytest.mark.parametrize("number", one_in(3, range(9)))
async def test_the_app_is_left_in_the_middle_of_a_long_verb(desk: Desk, number: int) -> None:
    random = dice("leaving the app midway", number)
    (way, verb), turns = random.choice(PAIRS), random.randrange(25)
    print(f"SOAK_SEED={SEED}: {way.name}: {verb}, {turns} turns before the answer")
    async with desk.open(a_board(IDLE_ROW), size=(100, 40)):
        async with holding(desk, way, verb, random.choice(("answered", "refused"))) as held:
            desk.app.exit(None, 3)
            for _ in range(turns):
                await asyncio.sleep(0)
        if desk.app.leaving is not None:
            await desk.app.leaving
    assert desk.app.return_code == 3
    assert held.is_finished or verb not in FINISHED_WITHOUT_A_SCREEN


ROOMS = {f"ampsm_engine.{room}" for room in ("engine", "merging", "batch", "metrics")}
UNHELD = {"stop_limit", "end_by_force", "folders", "measured_changes", "forecast_conflicts", "update_merged_marks"}
"""What goes on without end, or is followed for as long as the list is open."""
FOLLOWED = {"radar", "look", "read", "accept"}
"""What the radar follows, which its own tests close, and the one answer on the screen of a resolution."""


def handed_on(path: Path) -> set[str]:
    """The engine's functions that a module does not call but hands to somebody: to `ask`, or to what asks."""
    tree = ast.parse(path.read_text())
    imports = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and one.module in ROOMS]
    modules = {name.asname or name.name: f"{one.module}.{name.name}" for one in imports for name in one.names}
    called = {id(one.func) for one in ast.walk(tree) if isinstance(one, ast.Call)}
    named = [
        one
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and id(one) not in called
    ]
    return {
        one.attr
        for one in named
        if isinstance(one.value, ast.Name)
        and one.value.id in modules
        and isfunction(getattr(importlib.import_module(modules[one.value.id]), one.attr, None))
    }


def test_every_verb_that_screens_wait_for_is_held_somewhere() -> None:
    root = Path(__file__).parent.parent.parent / "ampsm_tui" / "screens"
    found = {verb for path in root.rglob("*.py") for verb in handed_on(path)}
    assert len(found) > len(PLAYS)
    assert found - {verb for _, verb in PAIRS} - {play.verb for play in PLAYS} - UNHELD - FOLLOWED == set()
