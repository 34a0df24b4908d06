"""Mutants of a module: each with one small change that its tests should notice.

The changes are those of mutmut and cosmic-ray, and minimum for maximum: they are made in the syntax tree, so
that lines and file names stay. Left alone are strings (words are for tests of the reports), annotations,
imports, decorators, assertions, and what only mypy reads.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""The next boundary and the opposite."""
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
NAMED = {
    "min": "max",
    "minimum": "maximum",
    "any": "all",
    "argmin": "argmax",
    "nanmin": "nanmax",
    "zeros": "ones",
}
NAMED |= {other: name for name, other in NAMED.items()}
SKIPPED = {"annotation", "returns", "decorator_list"}
"""Fields of nodes in which nothing is changed."""


@dataclass(frozen=True)
class Mutant:
    """One change to one module."""

    module: str
    path: Path
    lines: range
    """Those of the statement that is changed."""
    function: str | None
    """Qualified name of the outermost function around it; None at the top of a module or a class."""
    kind: str
    text: str
    """What was written, and what is written now."""
    site: int
    way: int

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}:{self.lines.start}: {self.kind}: {self.text}"

    def code(self) -> CodeType:
        """The module with the change."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        for number, site in enumerate(sites(tree)):
            if number == self.site:
                site.put(list(ways(site.node))[self.way][1])
                break
        return compile(ast.fix_missing_locations(tree), str(self.path), "exec")


@dataclass(frozen=True)
class Site:
    """A node, and where it hangs in the tree."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    statement: ast.stmt
    function: str | None

    def put(self, other: ast.AST) -> None:
        """Hang another node there."""
        if self.index is None:
            setattr(self.parent, self.field, other)
        else:
            getattr(self.parent, self.field)[self.index] = other


def mutants_of(module: str, path: Path) -> Iterator[Mutant]:
    """All mutants of a module, in the order of its lines."""
    for number, site in enumerate(sites(ast.parse(path.read_text(encoding="utf-8")))):
        for way, (kind, changed) in enumerate(ways(site.node)):
            text = f"{first_line(site.node)}  →  {first_line(changed)}"
            yield Mutant(module, path, own_lines(site.statement), site.function, kind, text, number, way)


def first_line(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]


def own_lines(statement: ast.stmt) -> range:
    """The lines of a statement, of a compound one those before its body."""
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, max(last, statement.lineno) + 1)


def sites(tree: ast.Module) -> Iterator[Site]:
    """Every node that may be changed, a parent before its children."""
    without_effect = {id(node) for call in ast.walk(tree) for node in _any_length(call)}
    for site in _below(tree, tree.body[0], "", None):
        if id(site.node) not in without_effect:
            yield site


def _any_length(call: ast.AST) -> Iterator[ast.AST]:
    """The 1 of each −1 in a reshape: NumPy takes any negative length for it."""
    match call:
        case ast.Call(ast.Attribute(value, "reshape")) if getattr(value, "id", None) != "tf":
            for given in call.args:
                for length in given.elts if isinstance(given, ast.Tuple | ast.List) else [given]:
                    if isinstance(length, ast.UnaryOp):
                        yield length.operand


def _below(parent: Any, statement: ast.stmt, prefix: str, function: str | None) -> Iterator[Site]:
    for field, value in ast.iter_fields(parent):
        if field in SKIPPED:
            continue
        several = isinstance(value, list)
        for index, node in enumerate(value if several else [value]):
            if not isinstance(node, ast.AST) or unchanged(node):
                continue
            within, path, around = statement, prefix, function
            if isinstance(node, ast.stmt):
                within = node
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                path = f"{prefix}{node.name}."
            # A function's defaults are not in its code.
            if isinstance(parent, ast.FunctionDef) and field == "body":
                around = function or prefix.removesuffix(".")
            yield Site(node, parent, field, index if several else None, within, around)
            yield from _below(node, within, path, around)


def unchanged(node: ast.AST) -> bool:
    """Whether a node is a docstring, an import, an assertion or `strict` of a zip, or for mypy alone."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.keyword):
        return node.arg == "strict"
    if isinstance(node, ast.If):
        return getattr(node.test, "id", None) == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def ways(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Each change of this very node: its kind and the node in its place."""
    changed: Any = copy(node)
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in COMPARED[type(operator)]:
                    ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                    yield "compare", ast.Compare(node.left, ops, node.comparators)
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in CALCULATED:
            changed.op = CALCULATED[type(operator)]()
            yield "arithmetic", changed
        case ast.BoolOp():
            changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "boolean", changed
        case ast.UnaryOp():
            yield "sign or not", node.operand
        case ast.Constant(value=bool() as truth):
            yield "constant", ast.Constant(not truth)
        case ast.Constant(value=int() | float() as number):
            yield "constant", ast.Constant(number + 1)
        case ast.Attribute(attr=name) if name in NAMED:
            changed.attr = NAMED[name]
            yield "name", changed
        case ast.Name(id=name) if name in NAMED:
            changed.id = NAMED[name]
            yield "name", changed
        case ast.Return(value=ast.expr() as value) if not _none_or_false(value):
            # None for None is no change, nor for False to whoever asks if it is true; True is made above.
            yield "return", ast.Return(ast.Constant(None))
        case ast.If() | ast.While() | ast.IfExp():
            changed.test = ast.UnaryOp(ast.Not(), node.test)
            yield "not", changed
        case ast.Break():
            yield "removed", ast.Continue()
    if removable(node):
        yield "removed", ast.Pass()


def _none_or_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and (value.value is None or value.value is False)


def removable(node: ast.AST) -> bool:
    """Whether a statement can be left out without a name being unknown afterwards."""
    if isinstance(node, ast.Assign):
        return not any(isinstance(name, ast.Name | ast.Tuple) for name in node.targets)
    return isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue)
