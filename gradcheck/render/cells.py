"""The three maps of a variable, however they are drawn: tape, difference, error ÷ tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.render.grid import Grid
from gradcheck.render.numbers import UNKNOWN, number, ratio, significant
from gradcheck.render.shades import (
    BELOW,
    NOTHING,
    SIGNED,
    UNJUDGED,
    WITHOUT,
    gradient_levels,
    largest,
    ratio_levels,
)
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import ElementVerdict

SHAPE = 1.5
"""Columns a row of a map of many cells."""
MOST_DIGITS, LONGEST = 4, 5
"""Digits of a gradient in a cell, and signs of a number from which on it has three digits."""
_SIGNS = {
    ElementVerdict.INCONCLUSIVE: "? ",
    ElementVerdict.KINK: "∧ ",
    ElementVerdict.MISMATCH: "✗ ",
    ElementVerdict.NONFINITE: "✗ ",
}
"""Signs before error ÷ tolerance, so that nothing rests on a colour."""


@dataclass(frozen=True)
class Map:
    """One map: what it shows, and the level of each cell, [rows, columns]."""

    what: str
    levels: Array
    values: Array

    @property
    def judges(self) -> bool:
        """Whether it shows error ÷ tolerance, not a gradient."""
        return self.what.startswith("error")

    def strong(self, row: int, column: int) -> bool:
        """Whether text on a cell needs the ink for the ends of a palette."""
        level = int(self.levels[row, column])
        if self.judges:
            return level >= BELOW + 2 or level in (BELOW - 1, BELOW - 2)
        return level >= 0 and abs(level - SIGNED // 2) > SIGNED // 3


@dataclass(frozen=True)
class Maps:
    """The maps of a variable in the same cells."""

    variable: Variable
    grid: Grid
    verdicts: Array
    """As what they count."""
    largest: float
    """The size of a gradient that the ends of the palette stand for."""
    three: tuple[Map, Map, Map]

    @staticmethod
    def of(report: Findings, variable: Variable, most: int) -> Maps:
        """In at most `most` cells each."""
        columns = max(1, int(math.sqrt(SHAPE * most)))
        grid = Grid.of(variable, max(1, most // columns), columns)
        tape, difference = grid.cells(variable.tape), grid.cells(variable.difference)
        end, verdicts = largest(tape, difference), report.counted(variable.verdicts)
        three = (
            Map("tape", _there(grid, gradient_levels(tape, end)), tape),
            Map("finite difference", _there(grid, gradient_levels(difference, end)), difference),
            Map("error ÷ tolerance", ratios(grid, variable, verdicts), grid.cells(variable.error_ratio)),
        )
        return Maps(variable, grid, verdicts, end, three)

    @property
    def failing(self) -> Array:
        """Rows and columns of the cells that fail, [n, 2]."""
        return np.argwhere(self.grid.cells(self.verdicts) >= ElementVerdict.MISMATCH)

    def text(self, of: Map, row: int, column: int) -> str:
        """The number in a cell, with the sign of its verdict where it is error ÷ tolerance."""
        value, flat = float(of.values[row, column]), int(self.grid.chosen[row, column])
        if flat < 0:
            return ""
        index = tuple(int(i) for i in np.unravel_index(flat, self.variable.shape))
        if of.judges:
            verdict = ElementVerdict(int(self.verdicts[index]))
            return _SIGNS.get(verdict, "") + _compact(ratio(value))
        if np.isnan(value):
            return "nan" if of.what == "tape" else UNKNOWN
        return _compact(number(value, min(MOST_DIGITS, significant(self.variable, index))))


def _there(grid: Grid, levels: Array) -> Array:
    """The levels of cells, NOTHING where there is no element."""
    return np.where(grid.chosen < 0, NOTHING, levels)


def ratios(grid: Grid, variable: Variable, verdicts: Array) -> Array:
    """Levels of error ÷ tolerance of the cells; what fails never has the level of what agrees."""
    ratio, verdicts = grid.cells(variable.error_ratio), grid.cells(verdicts)
    judged = (verdicts != ElementVerdict.INCONCLUSIVE) & (verdicts != ElementVerdict.UNCHECKED)
    fails = verdicts >= ElementVerdict.MISMATCH
    levels = np.where(fails, np.maximum(ratio_levels(ratio), BELOW), ratio_levels(ratio))
    return _there(grid, np.where(judged, np.where(np.isnan(ratio) & ~fails, WITHOUT, levels), UNJUDGED))


def _compact(text: str) -> str:
    """A number in a few signs."""
    plain = text.replace(",", "")
    if len(plain) <= LONGEST or plain.isalpha():
        return plain
    return f"{float(plain):.3g}".replace("e+0", "e").replace("e-0", "e-")
