"""Which tests reach which lines, and how long each takes, as one run of all tests has measured it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.mutation.mutants import Mutant

Lines = dict[int, set[str]]
NEW = 0.1
"""Seconds that a test is taken to last that was not measured."""


class Reach:
    """The tests that reach each line of some files."""

    def __init__(self, coverage_file: Path, durations: Path, files: Iterable[Path]) -> None:
        """Read a data file of coverage with contexts of pytest-cov, and a JUnit file of the same run."""
        import coverage

        self.seconds = _seconds(durations)
        data: Any = coverage.CoverageData(str(coverage_file))
        data.read()
        self._lines = {path: _tests_of_lines(data, path) for path in files}

    def tests(self, mutant: Mutant, known: Iterable[str]) -> list[str]:
        """Those of the known tests that reach a mutant: quick ones first, those of its module and its
        folder. Tests of its module are taken to reach it that were written since the run, or read a value
        that is made at the import."""
        folder, name = f"tests/{mutant.path.parent.name}/", f"/test_{mutant.path.stem}.py::"
        reaching = self._reaching(mutant)
        found = [
            test
            for test in known
            if test in reaching or (name in test and (mutant.function is None or test not in self.seconds))
        ]

        def order(test: str) -> float:
            near = 1 if name in test else 2 if test.startswith(folder) else 4
            return near * (self.seconds.get(test, NEW) + 0.02)

        return sorted(found, key=order)

    def _reaching(self, mutant: Mutant) -> set[str]:
        if mutant.function is not None:
            return _united(self._lines[mutant.path], mutant.lines)
        # What runs at the import alone is seen where its name is read, or anywhere in the module.
        names = _assigned(mutant)
        found: set[str] = set()
        for path, lines in self._lines.items():
            found |= _united(lines, {line for name in names for line in _readers(path).get(name, ())})
        return found or _united(self._lines[mutant.path], self._lines[mutant.path])


def _united(lines: Lines, wanted: Iterable[int]) -> set[str]:
    return set().union(*(lines.get(line, set()) for line in wanted))


def _tests_of_lines(data: Any, path: Path) -> Lines:
    """Tests by line; what was reached while no test ran, such as at the import, has no context."""
    found = data.contexts_by_lineno(str(path))
    return {line: {name.partition("|")[0] for name in names if name} for line, names in found.items()}


def _seconds(durations: Path) -> dict[str, float]:
    """Seconds of each test, by its id."""
    return {
        f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(case.get("time", 0))
        for case in ElementTree.parse(durations).iter("testcase")
    }


def _assigned(mutant: Mutant) -> set[str]:
    """Names that the statement of a mutant gives a value at the top of a module."""
    tree = ast.parse(mutant.path.read_text(encoding="utf-8"))
    statements = [node for node in tree.body if node.lineno == mutant.lines.start]
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


@cache
def _readers(path: Path) -> dict[str, set[int]]:
    """Lines that read each name."""
    found: dict[str, set[int]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.setdefault(node.id, set()).add(node.lineno)
    return found
