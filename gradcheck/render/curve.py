"""The curve of a sweep in a terminal: error against step on log axes, at a corner the slopes of both sides.

Drawn by plotille in Braille dots, eight a character. Each series has a canvas of its own, and where several
meet the last one is seen.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from gradcheck.arrays.types import Array
from gradcheck.render.plain_ascii import encodable
from gradcheck.render.words import wrapped
from gradcheck.verdicts.sweep import Sweep

HEIGHT = 18
"""Lines of the curve itself."""
LEFT = 10
"""Columns for the labels of the vertical axis, and the axis."""
LEAST = 20
"""Columns of the narrowest curve."""
MOST = 18
"""Decades of the vertical axis at most; what is smaller is drawn at its lower edge."""
CHANCE = 1e-3
"""Share of what rounding can do below which an error is small by chance: of 100 errors some two are."""
INSTALLED = importlib.util.find_spec("plotille") is not None
"""Whether there is a plotille to draw with."""
THINNED = 2
"""Of so many steps one is drawn, of what would hide something else."""
HAIR = 0.3
"""Characters less than the canvas that are drawn on: what lies at its very end has a cell, too."""
BLANK, DOTS, CHOSEN, DASHED = "\N{BRAILLE PATTERN BLANK}", "⠒⠂", "◆", "╌"
BETWEEN = 8
"""Columns between two labels of the horizontal axis, at least."""


@dataclass(frozen=True)
class Series:
    """A line, dashed level or point, with its entry in the legend."""

    said: str
    style: str
    x: Array
    y: Array
    """Not finite where there is a gap."""
    sign: str = ""
    """What points, or a level, are drawn with; empty for a line of dots."""


def drawable(encoding: str) -> bool:
    """Whether there is a plotille to draw with, and an encoding for what it draws."""
    return INSTALLED and encodable(BLANK + CHOSEN + DASHED, encoding)


def curve(sweep: Sweep, width: int) -> RenderableType:
    """The curve in `width` columns, with its axes and a legend."""
    title, ends, series = _errors(sweep) if sweep.slopes is None else _sides(sweep)
    steps = np.log10(sweep.steps)
    frame = _Frame(max(LEAST, width - LEFT), (float(steps.min()), float(steps.max())), ends)
    labels = _powers(ends) if sweep.slopes is None else _round(ends)
    below = f"step h in the unit of {sweep.variable}, log scale"
    return Group(
        *(Text(line, "bold") for line in wrapped(title, width)),
        *frame.beside(frame.cells(series), labels),
        *frame.below(),
        *(Text(line, "bold") for line in wrapped(below, width)),
        *_legend(series, width),
    )


def _errors(sweep: Sweep) -> tuple[str, tuple[float, float], list[Series]]:
    """Log₁₀ of the errors, from the tape and, where the tape is off, from the check's difference."""
    known, off = math.isfinite(sweep.bound), not sweep.error <= sweep.tolerance
    levels = [*([sweep.error] if known else []), sweep.tolerance]
    shown = [sweep.errors, *([sweep.distances] if off and known else [])]
    least = [np.maximum(each, CHANCE * sweep.noise) for each in shown]
    low, high = _decades(np.concatenate([*least, levels]))
    x = np.log10(sweep.steps)
    series = [Series("rounding, at most", "bright_black", x[::THINNED], _log(sweep.noise)[::THINNED], "·")]
    if math.isfinite(sweep.tolerance):
        series.append(Series("tolerance", "magenta", x, _log(np.full(x.size, sweep.tolerance)), DASHED))
    if off and known:
        series.append(Series("distance from the check's difference", "cyan", x, _log(sweep.distances), "+"))
    # A line to an error that is small by chance would hide the curve.
    chance = sweep.errors < CHANCE * sweep.noise
    logs = np.maximum(_log(sweep.errors), low)
    series.append(Series("error", "yellow", x, np.where(chance, np.nan, logs)))
    if chance.any():
        series.append(
            Series("error by chance far below rounding", "yellow", x, np.where(chance, logs, np.nan), "⡀")
        )
    if known:
        own = np.maximum(_log(np.array([sweep.error])), low)
        series.append(Series("the check's step", "bold green", _log(np.array([sweep.step])), own, CHOSEN))
    return "error |finite difference − tape| in the unit of the gradient, log scale", (low, high), series


def _log(values: Array) -> Array:
    """Log₁₀, −∞ of 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(values))


def _decades(errors: Array) -> tuple[float, float]:
    """Whole decades that hold the errors."""
    known = np.log10(errors[np.isfinite(errors) & (errors > 0)])
    if not known.size:
        return -1.0, 0.0
    high = math.floor(known.max()) + 1.0
    return max(high - MOST, min(math.floor(known.min()), high - 1.0)), high


def _sides(sweep: Sweep) -> tuple[str, tuple[float, float], list[Series]]:
    """The slopes of both sides, and the tape."""
    ends = [sweep.difference - 1.2 * sweep.half, sweep.difference + 1.2 * sweep.half]
    values = [*ends, *([sweep.tape] if math.isfinite(sweep.tape) else [])]
    margin = 0.05 * (max(values) - min(values))
    x = np.log10(sweep.steps)
    series = [
        Series("tape", "magenta", x, np.full(x.size, sweep.tape), DASHED),
        Series("slope down", "cyan", x[::THINNED], sweep.down[::THINNED], "▾"),
        Series("slope up", "yellow", x[::THINNED], sweep.up[::THINNED], "▴"),
        Series(
            "the check's step, mean of both slopes",
            "bold green",
            _log(np.array([sweep.step])),
            np.array([sweep.difference]),
            CHOSEN,
        ),
    ]
    return "slopes of the two sides of a corner", (min(values) - margin, max(values) + margin), series


Cells = list[list[tuple[str, str]]]
"""A sign with its style for each column of each line."""


@dataclass(frozen=True)
class _Frame:
    """The area that is drawn on."""

    width: int
    x: tuple[float, float]
    """Ends of the horizontal axis, log₁₀ of steps."""
    y: tuple[float, float]

    def cells(self, series: Sequence[Series]) -> Cells:
        """All series, the last one in front."""
        cells = [[(" ", "")] * self.width for _ in range(HEIGHT)]
        for one in series:
            for row, line in zip(cells, self._drawn(one), strict=True):
                row[:] = [
                    old if sign in (BLANK, " ") else (sign, one.style)
                    for old, sign in zip(row, line, strict=True)
                ]
        return cells

    def _drawn(self, series: Series) -> list[str]:
        """The lines of a canvas with one series."""
        from plotille import Canvas

        (left, right), (low, high) = self.x, self.y
        canvas = Canvas(self.width, HEIGHT, 0, 0, self.width, HEIGHT)
        inside = np.isfinite(series.y) & (series.y >= low) & (series.y <= high)
        across = np.clip((series.x - left) / (right - left), 0, 1) * (self.width - HAIR)
        up = (np.where(inside, series.y, low) - low) / (high - low) * (HEIGHT - HAIR)
        if series.sign == DASHED and inside[0]:
            canvas.text(0, up[0], DASHED * self.width)
        for place in np.flatnonzero(inside) if series.sign != DASHED else ():
            canvas.point(across[place], up[place], marker=series.sign or None)
            if not series.sign and place and inside[place - 1]:
                canvas.line(across[place - 1], up[place - 1], across[place], up[place])
        drawn: str = canvas.plot("\n")
        return drawn.split("\n")

    def beside(self, cells: Cells, labels: Mapping[float, str]) -> Iterator[Text]:
        """The lines with the vertical axis and its labels."""
        low, high = self.y
        # As the canvas rounds to dots, four a line.
        dots = {said: round(4 * (y - low) / (high - low) * (HEIGHT - HAIR)) for y, said in labels.items()}
        at = {HEIGHT - 1 - dot // 4: said for said, dot in dots.items()}
        for number, row in enumerate(cells):
            axis = f"{at.get(number, ''):>{LEFT - 2}} {'┤' if number in at else '│'}"
            yield Text.assemble((axis, "dim"), *row)

    def below(self) -> Iterator[Text]:
        """The horizontal axis and its labels."""
        left, right = self.x
        every = max(1, math.ceil(BETWEEN * (right - left) / self.width))
        rule, labels = ["─"] * self.width, [" "] * self.width
        for decade in range(math.ceil(left), math.floor(right) + 1):
            if decade % every == 0:
                place = round(2 * (decade - left) / (right - left) * (self.width - HAIR)) // 2
                rule[place], said = "┬", f"1e{decade:+03d}"
                start = min(place, self.width - len(said))
                labels[start : start + len(said)] = said
        yield Text(" " * (LEFT - 1) + "└" + "".join(rule), "dim")
        yield Text(" " * LEFT + "".join(labels).rstrip(), "dim")


def _powers(ends: tuple[float, float]) -> dict[float, str]:
    """Labels of a log axis, a line or more apart."""
    low, high = (int(end) for end in ends)
    every = math.ceil((high - low) / (HEIGHT / 2))
    return {float(decade): f"1e{decade:+03d}" for decade in range(low, high + 1) if decade % every == 0}


def _round(ends: tuple[float, float]) -> dict[float, str]:
    """Labels of a linear axis at round numbers, some six of them."""
    rough = (ends[1] - ends[0]) / 6
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
    numbers = range(math.ceil(ends[0] / step), math.floor(ends[1] / step) + 1)
    return {number * step: f"{number * step:.5g}" for number in numbers}


def _legend(series: Sequence[Series], width: int) -> Iterator[Text]:
    """What is drawn how, as many as fit in a line."""
    line = Text()
    for one in reversed(series):
        entry = Text.assemble((one.sign or DOTS, one.style), f" {one.said}")
        if line and len(line) + 3 + len(entry) > width:
            yield line
            line = Text()
        line.append("   " if line else "").append_text(entry)
    yield line
