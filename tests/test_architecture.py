"""The house: arrows point down, files stay small, every module says what it is."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from ampsm_engine import private_folder
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Outcome
from ampsm_engine.state_styles import SHOWN, STATES

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for house in ("ampsm_engine", "ampsm_tui") for path in (ROOT / house).rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """The module itself, and all that stands in it."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_says_what_it_is_and_stays_small() -> None:
    modules = {path: node for path in SOURCES if isinstance(node := nodes(path)[0], ast.Module)}
    silent = [str(path.relative_to(ROOT)) for path, module in modules.items() if not ast.get_docstring(module)]
    assert silent == [], "a module opens with what lives here"
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in SOURCES}
    long = [name for name, text in texts.items() if text.count("\n") > 500]
    assert long == [], "a file this long is a call to look at the walls"


def test_every_room_is_on_the_map() -> None:
    """A room: each package, and each module that lies beside them."""
    told = (ROOT / "ARCHITECTURE.md").read_text()
    packages = [path.parent.relative_to(ROOT) for path in SOURCES if path.name == "__init__.py"]
    inner = [f"{package.relative_to(package.parts[0])}/`" for package in packages if len(package.parts) > 1]
    beside = [f"`{path.name}`" for path in SOURCES if path.parent.parent == ROOT and path.name != "__init__.py"]
    assert [room for room in (*inner, *beside) if room not in told] == []
    named = re.findall(r"`((?:ampsm_engine|ampsm_tui|tests)/[\w/]+(?:\.py)?/?)`", told)
    assert len(named) > len(packages) // 2
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_no_two_classes_share_a_name() -> None:
    """Whoever looks for a class by its name finds one; helpers of a single module may be called as others are."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name != "Meta":
                found.setdefault(node.name, set()).add(str(path.relative_to(ROOT)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_no_method_is_taken_for_the_handler_of_a_key() -> None:
    """Textual calls `key_at` of a widget when @ is pressed, whatever it was written for."""
    classes = [
        node for path in SOURCES if "ampsm_tui" in path.parts for node in nodes(path) if isinstance(node, ast.ClassDef)
    ]
    methods = [one for node in classes for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [one.name for one in methods if one.name.startswith(("key_", "_key_"))] == []


MOST_METHODS = 30
"""Methods that a class may have of its own."""

MOST_ANCESTORS = 4
"""Classes of ours that a class may stand on, those of its base included: `RejectionScreen` is the deepest chain."""

MOST_METHODS_OF_A_CHAIN = 50
"""Methods that a class may have together with those of its ancestors of ours: `RunScreen` has most."""


def _base_name(base: ast.expr) -> str:
    """The name of a base class, without its module and its type parameters: `Dialog` of `dialog.Dialog[str]`."""
    if isinstance(base, ast.Subscript):
        return _base_name(base.value)
    return base.attr if isinstance(base, ast.Attribute) else ast.unparse(base)


def test_a_class_owns_parts_where_it_would_be_a_tower() -> None:
    """At most 30 methods of its own, one base class of ours, and no longer a chain of ancestors than there is today."""
    classes = {node.name: node for path in SOURCES for node in nodes(path) if isinstance(node, ast.ClassDef)}
    methods = {
        name: sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in node.body)
        for name, node in classes.items()
    }
    assert {name: many for name, many in methods.items() if many > MOST_METHODS} == {}
    named = {name: [_base_name(base) for base in node.bases] for name, node in classes.items()}
    bases = {name: [one for one in found if one in classes and one != name] for name, found in named.items()}
    assert {name: found for name, found in bases.items() if len(found) > 1} == {}

    def ancestors(name: str) -> list[str]:
        return [found for base in bases[name] for found in (base, *ancestors(base))]

    chains = {name: ancestors(name) for name in classes}
    assert chains["Dialog"] == ["AppScreen"], "a base with type parameters counts"
    assert {name: chain for name, chain in chains.items() if len(chain) > MOST_ANCESTORS} == {}
    whole = {name: methods[name] + sum(methods[one] for one in chain) for name, chain in chains.items()}
    assert {name: many for name, many in whole.items() if many > MOST_METHODS_OF_A_CHAIN} == {}


def test_no_state_is_drawn_by_hand() -> None:
    """One look for a state of a session everywhere: only `state_styles` names a glyph, also in a help text."""
    glyphs, words = "".join({one.glyph for one in SHOWN.values()}), "|".join((*STATES, "stopped"))
    drawn = re.compile(rf"[{glyphs}] +({words})\b|\b({'|'.join(Outcome.__members__)}): \"[{glyphs}]\"")
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in SOURCES if path.name != "state_styles.py"}
    assert {name: found[0] for name, text in texts.items() if (found := drawn.search(text))} == {}


def test_errors_stay_few() -> None:
    assert {kind.__name__ for kind in AmpsmError.__subclasses__()} == {"NotFound", "Refused", "Unfit", "Failed"}


def test_no_folder_bears_a_name_that_is_cleared_away_without_the_lock_that_keeps_it() -> None:
    """`private_folder.remove_abandoned` takes a folder of its names that nobody has locked for a dead process's."""
    made = [
        (str(path), prefix)
        for path in SOURCES
        if path.name != "private_folder.py"
        for prefix in re.findall(r'prefix=f?"([^"]*)"', path.read_text())
    ]
    assert made
    assert [one for one in made if re.fullmatch(private_folder._OURS, f"{one[1]}x")] == []


SCREENS = [path for path in SOURCES if path.is_relative_to(ROOT / "ampsm_tui")]
MAY_HAVE_TASKS = {
    ROOT / "ampsm_tui" / name
    for name in ("ask.py", "app.py", "folder_watch.py", "process_pool.py", "driver/terminal_driver.py")
}
"""What is no screen's: what is seen to its end, who waits to leave, keys in turn, watchers of folders, who ends with the
loop."""

OF_WIDGETS = {"query", "query_one", "query_exactly_one", "query_children", "mount", "focused", "set_focus"}


def test_what_a_screen_waits_for_is_begun_in_one_place() -> None:
    """`run_while_open` lets no answer come back to a screen that has gone."""
    found = []
    for path in SCREENS:
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and node.attr == "run_worker" and path.name != "ask.py":
                found.append(f"{path.name}:{node.lineno}: run_worker")
            if isinstance(node, ast.ImportFrom) and node.module == "textual":
                found += [f"{path.name}:{node.lineno}: work" for one in node.names if one.name == "work"]
            tasks = {"create_task", "ensure_future", "run_coroutine_threadsafe"}
            if isinstance(node, ast.Attribute) and node.attr in tasks and path not in MAY_HAVE_TASKS:
                found.append(f"{path.name}:{node.lineno}: {node.attr}")
    assert found == []


def test_no_handler_looks_for_a_widget_after_it_has_waited() -> None:
    """Textual calls handlers and actions itself, so nothing ends them when their screen goes."""
    found = []
    for path in SCREENS:
        for method in nodes(path):
            if not isinstance(method, ast.AsyncFunctionDef) or not _is_handler(method):
                continue
            waits = [node.lineno for node in ast.walk(method) if isinstance(node, ast.Await)]
            looks = [node for node in ast.walk(method) if isinstance(node, ast.Attribute) and node.attr in OF_WIDGETS]
            late = [node for node in looks if waits and node.lineno > min(waits)]
            found += [f"{path.name}:{node.lineno}: {method.name} waited before {node.attr}" for node in late]
    assert found == []


def _is_handler(method: ast.AsyncFunctionDef) -> bool:
    decorators = [ast.unparse(one) for one in method.decorator_list]
    if any(one.endswith("in_background") for one in decorators):
        return False
    return method.name.startswith(("on_", "_on_", "action_", "watch_")) or any(
        one.startswith("on(") for one in decorators
    )


def test_values_are_made_without_what_a_short_command_cannot_afford() -> None:
    """`dataclasses` alone takes a third of the start of `ls`; the scripted amp is a program of its own."""
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"^from dataclasses import|^import dataclasses", path.read_text(), re.MULTILINE)
    ]
    assert [name for name in found if not name.startswith("ampsm_engine/demo/scripted/")] == []


def test_no_call_after_a_while_is_left_to_a_timer_that_may_be_lost() -> None:
    """`delayed_call` says why; a timer that ticks again and again loses one tick, and no more."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in SCREENS}
    assert [name for name, text in texts.items() if ".set_timer(" in text] == []
