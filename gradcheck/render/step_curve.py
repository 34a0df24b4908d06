"""What is drawn of a sweep, on a page, in a figure and in a terminal: how far the difference is off by step.

At a corner it is the slope of each side. Words are those of the table and the JSON of a sweep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import one_line
from gradcheck.render.numbers import power
from gradcheck.verdicts.sweep import Sweep

CHANCE = 1e-3
"""Share of what rounding can do below which an error is small by chance: of 100 errors some two are."""
MOST, SMALLEST, LARGEST = 18, 1e-300, 308
"""Decades of the axis of errors at most, the least error that is drawn, and the largest power of ten."""
AROUND = 0.2
"""Share of their distance that is drawn above and below the slopes of a corner."""


@dataclass(frozen=True)
class Line:
    """A value at each step, NaN for none."""

    kind: str
    """`rounding`, `distance`, `error`, `chance`, `down` or `up`, which are drawn alike everywhere."""
    said: str
    values: Array


@dataclass(frozen=True)
class Axis:
    """What it holds, and its ends."""

    said: str
    low: float
    high: float
    logarithmic: bool = True

    def within(self, values: Array | float) -> Array:
        """NaN for values beyond: a line along an edge would be read as a value."""
        values = np.asarray(values)
        return np.where((self.low <= values) & (values <= self.high), values, np.nan)

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        low, high, value = (self._scaled(each) for each in (self.low, self.high, value))
        return (value - low) / (high - low)

    def ticks(self, most: float) -> Iterator[tuple[float, str]]:
        """Some `most` round numbers between the ends, with their labels."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        rough = max((high - low) / most, 1.0 if self.logarithmic else 0.0)
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough)
        for number in range(math.ceil(low / step), math.floor(high / step) + 1):
            value = number * step
            yield (10.0**value, power(int(value))) if self.logarithmic else (value, f"{value:.5g}")

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


@dataclass(frozen=True)
class StepCurve:
    """Lines over the steps, and a level that they are held against."""

    steps: Array
    lines: tuple[Line, ...]
    """Those with a value, the most important last."""
    level: tuple[str, float] | None
    """None where that is no finite number."""
    chosen: tuple[float, float] | None
    """The check's step and where its difference lies on the vertical axis; None where it has none."""
    x: Axis
    y: Axis

    @staticmethod
    def of(sweep: Sweep) -> StepCurve:
        """The curve of an element."""
        y, lines, level, own = _errors(sweep) if sweep.slopes is None else _sides(sweep, sweep.slopes)
        taken = 0 < sweep.step < math.inf and math.isfinite(sweep.bound)
        steps = [*sweep.steps.tolist(), *([sweep.step] if taken else [])]
        within = (replace(line, values=y.within(line.values)) for line in lines)
        return StepCurve(
            sweep.steps,
            tuple(line for line in within if np.isfinite(line.values).any()),
            level if np.isfinite(y.within(level[1])) else None,
            (sweep.step, own) if taken else None,
            Axis(f"step h, in the unit of {one_line(sweep.variable)}", min(steps), max(steps)),
            y,
        )


Parts = tuple[Axis, list[Line], tuple[str, float], float]
"""The vertical axis, lines, the level, and where the check's difference lies."""


def _errors(sweep: Sweep) -> Parts:
    far = CHANCE * sweep.noise
    known, off = math.isfinite(sweep.bound), not sweep.error <= sweep.tolerance
    # A line to an error that is small by chance would hide the curve.
    errors = np.where(sweep.errors < far, np.nan, sweep.errors)
    distances = np.where((sweep.distances >= far) & known & off, sweep.distances, np.nan)
    low, high = _decades(np.concatenate([errors, distances, [sweep.tolerance], [sweep.error] * known]))
    by_chance = np.where(sweep.errors < far, np.maximum(sweep.errors, low), np.nan)
    lines = [
        Line("rounding", "rounding", sweep.noise),
        Line("distance", "distance from the check's difference", distances),
        Line("error", "error", np.maximum(errors, low)),
        Line("chance", "error by chance far below rounding", by_chance),
    ]
    y = Axis("error |finite difference − tape|", low, high)
    return y, lines, ("tolerance", sweep.tolerance), float(np.clip(np.fmax(sweep.error, low), low, high))


def _decades(errors: Array) -> tuple[float, float]:
    """Whole decades that hold the errors, but for those far below the largest."""
    shown = np.log10(errors[np.isfinite(errors) & (errors > SMALLEST)])
    if not shown.size:
        return 0.1, 1.0
    high = min(math.floor(shown.max()) + 1, LARGEST)
    return 10.0 ** max(high - MOST, min(math.floor(shown.min()), high - 1)), 10.0**high


def _sides(sweep: Sweep, slopes: tuple[float, float]) -> Parts:
    held = [*slopes, *([sweep.tape] if math.isfinite(sweep.tape) else [])]
    more = AROUND * (max(held) - min(held))
    lines = [Line("down", "slope down", sweep.down), Line("up", "slope up", sweep.up)]
    y = Axis("slopes of the two sides", min(held) - more, max(held) + more, logarithmic=False)
    return y, lines, ("tape", sweep.tape), sweep.difference
