"""No private name of Textual or rich is used anywhere.

A name is private when it begins with an underscore and one of Textual's or rich's own classes has it: as a method, or
as an attribute that it sets or reads. Ours that happen to be called alike count, too: they would override.
"""

import ast
import gc
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import rich
import textual
from textual.drivers.linux_driver import LinuxDriver
from textual.widgets import Static

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted((ROOT / "ampsm_tui").rglob("*.py"))
OF_TUPLES = {"_replace", "_asdict", "_fields", "_make"}
ASKING = {"getattr", "setattr", "hasattr"}
OWN = {"self", "cls", "super()", "os"}
"""Whose private names are told by the class that they stand in; of `os`, nothing is ours or Textual's."""


@pytest.fixture(autouse=True)
def no_finalizer_parses_meanwhile() -> Iterator[None]:
    """Let nothing be collected while a tree is made.

    CPython 3.11 counts the depth of trees once for the interpreter: a finalizer that warns has a traceback formatted,
    which parses a line, and `ast.parse` around it fails ("AST constructor recursion depth mismatch").
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in OF_TUPLES


@cache
def private_names(kind: type) -> frozenset[str]:
    """The private names of one class of a library."""
    names = {*vars(kind), *vars(kind).get("__annotations__", {})}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    except (OSError, TypeError):  # made without source
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            names.add(node.attr)
    return frozenset(filter(is_private, names))


@cache
def of_libraries() -> frozenset[str]:
    """All private names that Textual and rich define or set on themselves."""
    sources = [path for library in (textual, rich) for path in Path(library.__path__[0]).rglob("*.py")]
    names = {name for path in sources for name in re.findall(r"(?:self\.|def )(_[a-z]\w*)", path.read_text())}
    return frozenset(filter(is_private, names))


def inherited(kind: ast.ClassDef, namespace: Mapping[str, object]) -> frozenset[str]:
    """The private names that a class of ours has from its library's bases; a driver becomes one for this system."""
    made = namespace.get(kind.name)
    is_driver = any(ast.unparse(base).lower() == "driver" for base in kind.bases)
    bases = (*(inspect.getmro(made) if isinstance(made, type) else ()), *(LinuxDriver.__mro__ if is_driver else ()))
    of_library = [base for base in bases if base.__module__.partition(".")[0] in {"textual", "rich"}]
    return frozenset().union(*map(private_names, of_library))


def names_in(kind: ast.ClassDef) -> Iterator[str]:
    """The names that a class reads, sets, asks for by `getattr`, or defines."""
    for node in ast.walk(kind):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ASKING:
            yield from (str(one.value) for one in node.args if isinstance(one, ast.Constant))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
    plain = [target for node in kind.body if isinstance(node, ast.Assign) for target in node.targets]
    assigned = [*plain, *(node.target for node in kind.body if isinstance(node, ast.AnnAssign))]
    yield from (target.id for target in assigned if isinstance(target, ast.Name))


def used(text: str, namespace: Mapping[str, object]) -> set[str]:
    """The private names of libraries that a module uses, each with its class or the object that it is read from."""
    tree = ast.parse(text)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {f"{kind.name}.{name}" for kind in classes for name in set(names_in(kind)) & inherited(kind, namespace)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("textual", "rich")):
            names = [*(node.module or "").split("."), *(one.name for one in node.names)]
            found |= {f"{node.module} {name}" for name in names if is_private(name)}
        if isinstance(node, ast.Attribute) and node.attr in of_libraries() and ast.unparse(node.value) not in OWN:
            found.add(ast.unparse(node))
    return found


def test_no_private_name_of_a_library_is_used() -> None:
    found = {}
    for path in MODULES:
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found[str(path.relative_to(ROOT))] = used(path.read_text(), vars(module))
    assert {name: names for name, names in found.items() if names} == {}


def test_what_looks_for_them_finds_them() -> None:
    text = textwrap.dedent("""
        from textual._context import active_app
        class Mine(Static):
            _bindings = 1
            def _on_key(self): ...
            def look(self, console): return self._size, getattr(self, "_parent"), console._color_system
        """)
    names = {"_bindings", "_on_key", "_size", "_parent"}
    expected = {f"Mine.{name}" for name in names} | {"textual._context _context", "console._color_system"}
    assert used(text, {"Mine": type("Mine", (Static,), {})}) == expected
