"""The package as syntax trees: what imports what, which attributes are computed, what is done to notes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gradcheck"


def name_of(path: Path) -> str:
    """Such as `gradcheck.render.table`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree(name: str) -> ast.Module:
    """The parsed module."""
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def place(name: str) -> str:
    """The folder of a module, or its own name where it lies beside the folders."""
    parts = MODULES[name].relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes outside of functions and of `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and getattr(child.test, "id", None) == "TYPE_CHECKING":
            continue
        yield child
        yield from executed(child)


def imports(name: str, *, at_import: bool = False) -> Iterator[str]:
    """Full names of the modules that a module imports: anywhere in it, or only when it is itself imported."""
    for node in executed(tree(name)) if at_import else ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


@cache
def inner(name: str) -> frozenset[str]:
    """The modules of the package that a module imports anywhere, also for types alone."""
    return frozenset(imports(name)) & MODULES.keys() - {name}


def top(name: str) -> str:
    return name.partition(".")[0]


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of a module, inner ones included."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def at(name: str, node: Any) -> str:
    """Where something stands, and what it is."""
    return f"{MODULES[name].relative_to(ROOT)}:{node.lineno}: {ast.unparse(node).splitlines()[0]}"


# Attributes by computed names.

BY_NAME = {"getattr", "setattr", "delattr", "hasattr"}
NAMESPACES = {"vars", "globals", "locals", "eval", "exec", "attrgetter", "methodcaller", "__setattr__"}


def computed_names(name: str) -> Iterator[ast.AST]:
    """Where an attribute is read or set by a name that is not written there."""
    forgotten: set[ast.AST] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            called, literals = node.func, {a.value for a in node.args if isinstance(a, ast.Constant)}
            # `self.__dict__.pop("name", None)` forgets what a cached_property of that very name holds.
            if isinstance(called, ast.Attribute) and ast.unparse(called) == "self.__dict__.pop":
                forgotten |= {called.value} if literals & cached_properties(name) else set()
            word = called.id if isinstance(called, ast.Name) else getattr(called, "attr", None)
            written = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
            if word in NAMESPACES or (word in BY_NAME and not written):
                yield node
        elif isinstance(node, ast.Attribute) and node.attr == "__dict__" and node not in forgotten:
            yield node


def cached_properties(name: str) -> set[str]:
    """Names of the cached properties of a module."""
    return {
        function.name
        for function in functions(name)
        if any(getattr(decorator, "id", None) == "cached_property" for decorator in function.decorator_list)
    }


# Sentences of notes.

TEXTS = {"text", "notes", "diagnosis", "warnings", "involved"}
"""Attributes that hold notes, or their sentences."""
CUT = {
    *("partition", "rpartition", "split", "rsplit", "splitlines", "startswith", "endswith", "find", "rfind"),
    *("index", "rindex", "count", "removeprefix", "removesuffix", "strip", "lstrip", "rstrip", "replace"),
}


def is_note(node: ast.AST | None, known: set[str]) -> bool:
    """Whether an expression is the sentence of a note, or holds some: by its attribute, or a name for it."""
    if isinstance(node, ast.Attribute):
        return node.attr in TEXTS
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, ast.Call):
        called = node.func
        if isinstance(called, ast.Attribute):
            of_note = called.attr in CUT | {"lower", "upper"} and is_note(called.value, known)
            return called.attr == "said" or of_note
        # str(note), and list, tuple, sorted … of sentences.
        return isinstance(called, ast.Name) and any(is_note(argument, known) for argument in node.args)
    if isinstance(node, ast.Subscript | ast.Starred):
        return is_note(node.value, known)
    return isinstance(node, ast.List | ast.Tuple) and any(is_note(part, known) for part in node.elts)


def note_names(function: ast.AST) -> set[str]:
    """Names in a function that stand for notes or their sentences."""
    known = {"note", "line"} & {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    while True:
        pairs: list[tuple[ast.AST, ast.AST | None]] = []
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                pairs += [(target, node.value) for target in node.targets]
            elif isinstance(node, ast.For | ast.comprehension):
                pairs.append((node.target, node.iter))
        found = {
            target.id for target, value in pairs if isinstance(target, ast.Name) and is_note(value, known)
        }
        if found <= known:
            return known
        known |= found


def searched_notes(name: str) -> Iterator[ast.AST]:
    """Where the sentence of a note is cut, searched, or compared."""
    for function in functions(name):
        known = note_names(function)
        for node in ast.walk(function):
            sides: list[ast.AST] = []
            if isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Attribute) and called.attr in CUT:
                    sides.append(called.value)
                if ast.unparse(called).startswith("re."):
                    sides += node.args
            elif isinstance(node, ast.Compare):
                sides += [node.left, *node.comparators]
            if any(is_note(side, known) for side in sides):
                yield node
