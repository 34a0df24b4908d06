"""The elements of a variable as a map: folded to two dimensions, and reduced by blocks where they are many.

A cell stands for the worst element of its block in every map of a variable, so that tape, difference and
error ÷ tolerance of a cell belong together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.variable import Variable


@dataclass(frozen=True)
class Grid:
    """Which element of a variable each cell of its map stands for."""

    chosen: Array
    """Flat index of the element [rows, columns]; −1 behind the last element of a vector that was wrapped."""
    whole: tuple[int, int]
    """Rows and columns before blocks were made."""
    axes: tuple[str, str]
    """What the rows and the columns count."""

    @staticmethod
    def of(variable: Variable, rows: int, columns: int) -> Grid:
        """The map of a variable in at most so many rows and columns."""
        axes = [(axis, size) for axis, size in enumerate(variable.shape) if size > 1]
        size = variable.verdicts.size
        if len(axes) > 1:
            width, names = axes[-1][1], (_counted(axes[:-1]), _counted(axes[-1:]))
        elif size <= columns:
            width, names = size, ("", _counted(axes) or "the only element")
        else:
            width = max(columns, math.ceil(math.sqrt(size)))
            names = (f"{_counted(axes)}, index ÷ {width}", f"index mod {width}")
        order = variable.worst_first()
        height = -(-size // width)
        rank = np.full(height * width, size)
        rank[order] = np.arange(size)
        least = rank.reshape(height, width)
        for axis, most in enumerate((rows, columns)):
            least = np.minimum.reduceat(least, _starts(least.shape[axis], most), axis)
        return Grid(np.append(order, -1)[least], (height, width), names)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.chosen.shape[0], self.chosen.shape[1]

    @property
    def reduced(self) -> bool:
        """Whether cells stand for more than one element."""
        return self.shape != self.whole

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of the largest block."""
        (height, width), (rows, columns) = self.whole, self.shape
        return -(-height // rows), -(-width // columns)

    @property
    def starts(self) -> list[int]:
        """The rows that the blocks begin with."""
        return [int(start) for start in _starts(self.whole[0], self.shape[0])]

    @property
    def explained(self) -> str:
        """What rows and columns are, and the blocks if there are any."""
        rows, columns = self.axes
        said = f"Rows: {rows}; columns: {columns}." if rows else f"Columns: {columns}."
        if self.reduced:
            high, wide = self.block
            said += f" Each cell is the worst of up to {high} × {wide} elements."
        return said

    def cells(self, array: Array) -> Array:
        """The values of an array of the variable's shape, [rows, columns]; NaN where there is no element."""
        values = np.asarray(array, np.float64).reshape(-1)[self.chosen]
        return np.where(self.chosen < 0, np.nan, values)


def _starts(size: int, most: int) -> Array:
    """Where blocks of about one size begin, as few as `most`."""
    return np.unique(np.linspace(0, size, min(size, most), endpoint=False).astype(int))


def _counted(axes: list[tuple[int, int]]) -> str:
    """`axis 2`, or `axes 0, 1` where several are one."""
    numbers = ", ".join(str(axis) for axis, _ in axes)
    return f"{'axis' if len(axes) == 1 else 'axes'} {numbers}" if axes else ""
