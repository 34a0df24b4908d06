"""The rules of the house: who imports what, how long modules are, and that everything public is described."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gradcheck"
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 300
# Everything that a process may import, besides Python's own library.
DEPENDENCIES = {"tensorflow", "keras", "numpy", "click", "rich", "gradcheck", "ml_dtypes"}


def name_of(path: Path) -> str:
    """Such as `gradcheck.render.table`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def by_name(paths: list[Path]) -> list[object]:
    return [pytest.param(path, id=name_of(path)) for path in paths]


def imports(path: Path, at_import: bool = False) -> Iterator[str]:
    """Full names of what a module imports: anywhere in it, or only when it is itself imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in executed(tree) if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes outside of functions and of `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and getattr(child.test, "id", None) == "TYPE_CHECKING":
            continue
        yield child
        yield from executed(child)


def top(name: str) -> str:
    return name.partition(".")[0]


def is_cli(name: str) -> bool:
    return name.startswith("gradcheck.cli")


def importers(package: str) -> set[str]:
    return {name_of(path) for path in MODULES if package in map(top, imports(path))}


def test_click_is_for_the_command_line_alone() -> None:
    assert all(is_cli(name) for name in importers("click"))


def test_rich_is_for_rendering_alone() -> None:
    assert all(name.startswith("gradcheck.render.") for name in importers("rich"))


@pytest.mark.parametrize("path", by_name(MODULES))
def test_nothing_imports_the_command_line(path: Path) -> None:
    if name_of(path) != "gradcheck.__main__" and not is_cli(name_of(path)):
        assert not any(map(is_cli, imports(path)))


@pytest.mark.parametrize("path", by_name(MODULES))
def test_the_dependencies_are_those_declared(path: Path) -> None:
    used = {top(name) for name in imports(path)}
    assert used <= DEPENDENCIES | set(sys.stdlib_module_names)


def test_declared_dependencies_are_exactly_four() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert sorted(line.partition(">")[0] for line in declared) == ["click", "numpy", "rich", "tensorflow"]


# Modules that import TensorFlow at their top are themselves imported late.


def reached(name: str) -> set[str]:
    """Modules of the package that are imported when `name` is."""
    paths = {name_of(path): path for path in MODULES}
    found: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in found or module not in paths:
            continue
        found.add(module)
        waiting.append(module.rpartition(".")[0])
        for imported in imports(paths[module], at_import=True):
            waiting += [imported, imported.rpartition(".")[0]]
    return found


@pytest.mark.parametrize("name", ["gradcheck", "gradcheck.cli", "gradcheck.__main__", "gradcheck.targets"])
def test_nothing_heavy_is_imported_on_the_way(name: str) -> None:
    paths = {name_of(path): path for path in MODULES}
    for module in reached(name):
        heavy = {top(imported) for imported in imports(paths[module], at_import=True)}
        assert not heavy & {"tensorflow", "keras", "rich"}, module


def test_the_way_is_seen() -> None:
    """The rule above sees through chains of imports."""
    assert {"gradcheck.checking", "gradcheck.report.report", "gradcheck.settings"} <= reached("gradcheck")
    assert "gradcheck.function.primal" in reached("gradcheck.checks.elementwise")


@pytest.mark.parametrize("path", by_name(MODULES))
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def public(node: ast.AST, within: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Public functions, classes and methods, with their names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            name = f"{within}{child.name}"
            yield name, child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{name}.")


@pytest.mark.parametrize("path", by_name(MODULES))
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module has none"
    silent = [name for name, node in public(tree) if not ast.get_docstring(node)]
    assert silent == []
