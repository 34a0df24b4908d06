"""A step curve in a terminal, drawn by plotille in Braille dots, eight a character.

Where several lines meet, the last one is seen.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from gradcheck.render.plain_ascii import encodable
from gradcheck.render.step_curve import StepCurve
from gradcheck.render.words import wrapped
from gradcheck.verdicts.sweep import Sweep

HEIGHT = 18
"""Lines of the curve itself."""
LEFT = 10
"""Columns for the labels of the vertical axis, and the axis."""
LEAST = 20
"""Columns of the narrowest curve."""
INSTALLED = importlib.util.find_spec("plotille") is not None
"""Whether there is a plotille to draw with."""
HAIR = 0.3
"""Characters less than the canvas that are drawn on: what lies at its very end has a cell, too."""
BLANK = "\N{BRAILLE PATTERN BLANK}"
SIGNS = {
    "rounding": ("·", "bright_black"),
    "distance": ("+", "cyan"),
    "error": ("⠒⠂", "yellow"),
    "chance": ("⡀", "yellow"),
    "down": ("▾", "cyan"),
    "up": ("▴", "yellow"),
}
"""What lines are drawn with, by their kind, and of which style; that of errors is one of dots."""
LEVEL, CHOSEN = ("╌", "magenta"), ("◆", "bold green")
THINNED = {"rounding": 2, "down": 2, "up": 2}
"""Of so many steps one is drawn, of what would hide something else."""
BETWEEN = 7
"""Columns between two labels of the horizontal axis, at least."""


def drawable(encoding: str) -> bool:
    """Whether there is a plotille to draw with, and an encoding for what it draws."""
    return INSTALLED and encodable(BLANK + CHOSEN[0] + LEVEL[0], encoding)


def curve(sweep: Sweep, width: int) -> RenderableType:
    """The curve in `width` columns, with its axes and a legend."""
    found = StepCurve.of(sweep)
    frame = _Frame(max(LEAST, width - LEFT), found)
    return Group(
        *(Text(line, "bold") for line in wrapped(found.y.said, width)),
        *frame.beside(),
        *frame.below(),
        *(Text(line, "bold") for line in wrapped(found.x.said, width)),
        *_legend(found, width),
    )


Cells = list[list[tuple[str, str]]]
"""A sign with its style for each column of each line."""


@dataclass(frozen=True)
class _Frame:
    """The area that is drawn on."""

    width: int
    found: StepCurve

    def _x(self, step: float) -> float:
        """Characters from the left."""
        return self.found.x.share(step) * (self.width - HAIR)

    def _y(self, value: float) -> float:
        """Characters from below."""
        return self.found.y.share(value) * (HEIGHT - HAIR)

    def _column(self, step: float) -> int:
        """As the canvas rounds to dots, two a column and four a line."""
        return round(2 * self._x(step)) // 2

    def _row(self, value: float) -> int:
        return HEIGHT - 1 - round(4 * self._y(value)) // 4

    def _cells(self) -> Cells:
        """All that is drawn, the check's step in front."""
        cells = [[(" ", "")] * self.width for _ in range(HEIGHT)]
        if self.found.level is not None:
            cells[self._row(self.found.level[1])] = [LEVEL] * self.width
        for line in self.found.lines:
            points = list(zip(self.found.steps.tolist(), line.values.tolist(), strict=True))
            if line.kind == "error":
                self._dotted(cells, points)
                continue
            for step, value in points[:: THINNED.get(line.kind, 1)]:
                if math.isfinite(value):
                    cells[self._row(value)][self._column(step)] = SIGNS[line.kind]
        if self.found.chosen is not None:
            step, value = self.found.chosen
            cells[self._row(value)][self._column(step)] = CHOSEN
        return cells

    def _dotted(self, cells: Cells, points: list[tuple[float, float]]) -> None:
        """A line through the points that there are, with a gap where there is none."""
        from plotille import Canvas

        canvas = Canvas(self.width, HEIGHT, 0, 0, self.width, HEIGHT)
        last: tuple[float, float] | None = None
        for step, value in points:
            here = (self._x(step), self._y(value)) if math.isfinite(value) else None
            if here is not None:
                canvas.line(*(last or here), *here)
            last = here
        for row, drawn in zip(cells, canvas.plot("\n").split("\n"), strict=True):
            for column, sign in enumerate(drawn):
                if sign not in (BLANK, " "):
                    row[column] = (sign, SIGNS["error"][1])

    def beside(self) -> Iterator[Text]:
        """The lines with the vertical axis and its labels."""
        # A label on every second line of a linear axis would promise more than a line can tell.
        ticks = self.found.y.ticks(HEIGHT / (2 if self.found.y.logarithmic else 3))
        at = {self._row(value): said for value, said in ticks}
        for number, row in enumerate(self._cells()):
            axis = f"{at.get(number, ''):>{LEFT - 2}} {'┤' if number in at else '│'}"
            yield Text.assemble((axis, "dim"), *row)

    def below(self) -> Iterator[Text]:
        """The horizontal axis and its labels."""
        rule, labels = ["─"] * self.width, [" "] * (LEFT + self.width)
        for step, said in self.found.x.ticks(self.width / BETWEEN):
            column = self._column(step)
            rule[column], start = "┬", LEFT + column - len(said) // 2
            if start + len(said) <= len(labels):
                labels[start : start + len(said)] = said
        yield Text(" " * (LEFT - 1) + "└" + "".join(rule), "dim")
        yield Text("".join(labels).rstrip(), "dim")


def _legend(found: StepCurve, width: int) -> Iterator[Text]:
    """What is drawn how, as many as fit in a line."""
    entries = [(SIGNS[line.kind], line.said) for line in reversed(found.lines)]
    if found.chosen is not None:
        entries.insert(0, (CHOSEN, "the check's step"))
    if found.level is not None:
        entries.append((LEVEL, found.level[0]))
    line = Text()
    for (sign, style), said in entries:
        entry = Text.assemble((sign, style), f" {said}")
        if line and len(line) + 3 + len(entry) > width:
            yield line
            line = Text()
        line.append("   " if line else "").append_text(entry)
    yield line
