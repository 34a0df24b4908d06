"""A sheet that grows downwards, on which axes are placed in inches.

The layouts that matplotlib works out by itself take seconds, and differ from run to run in the last digits.
"""

from __future__ import annotations

from itertools import chain

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gradcheck.errors import legible
from gradcheck.render.words import wrapped

WIDTH, LINE, MARGIN = 12.0, 0.22, 0.15
"""Inches of the sheet, from line to line, and around all."""
LETTERS = 125
"""Letters in a line of text."""
Box = tuple[float, float, float, float]
"""Left, top, width and height in inches."""


class Sheet:
    """A figure in the making."""

    def __init__(self, title: str) -> None:
        self.figure = Figure((WIDTH, 1.0))
        self._below = MARGIN
        self._texts: list[tuple[float, str, str]] = []
        self._axes: list[tuple[Axes, Box]] = []
        self._write(title, "bold")

    def row(self, height: float, title: str, *boxes: Box) -> list[Axes]:
        """Axes in a row below everything else; boxes count from below its title."""
        self._write(title, "normal")
        placed = []
        for left, top, wide, high in boxes:
            axes = self.figure.add_axes((0, 0, 1, 1), label=str(len(self._axes)))
            self._axes.append((axes, (left, self._below + top, wide, high)))
            placed.append(axes)
        self._below += height
        return placed

    def _write(self, text: str, weight: str) -> None:
        for line in chain.from_iterable(wrapped(part, LETTERS) for part in legible(text).split("\n") if part):
            self._texts.append((self._below, line, weight))
            self._below += LINE

    def finished(self) -> Figure:
        """The figure, as high as what is on it."""
        height = self._below + MARGIN
        self.figure.set_size_inches(WIDTH, height)
        for top, line, weight in self._texts:
            self.figure.text(MARGIN / WIDTH, 1 - top / height, line, va="top", fontweight=weight)
        for axes, (left, top, wide, high) in self._axes:
            axes.set_position((left / WIDTH, 1 - (top + high) / height, wide / WIDTH, high / height))
        return self.figure
