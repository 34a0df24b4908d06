"""What is drawn of a sweep: how far the difference is off by step, at a corner the slope of each side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.verdicts.sweep import Sweep

LOWEST = 1e-18
"""Least distance that is drawn, as a share of the gradient: what is below is rounding of float64."""
SMALLEST, LARGEST = 1e-280, 308
"""Gradient below which none is drawn smaller, and power of ten of the largest number."""
AROUND = 0.5
"""Share of their distance that is drawn above and below the slopes of a corner."""


@dataclass(frozen=True)
class Line:
    """A value at each step, NaN for none."""

    kind: str
    """`off`, `best` or `noise`, which are drawn alike everywhere."""
    said: str
    values: Array


@dataclass(frozen=True)
class StepCurve:
    """Lines over the steps, and a level that they are held against."""

    lines: tuple[Line, ...]
    level: tuple[str, float] | None
    """None where that is no finite number."""
    step: float | None
    """The step that the check takes; None where it takes none."""
    logarithmic: bool
    """Whether the vertical axis is; the horizontal one always is."""
    ends: tuple[float, float]
    """Of the vertical axis; values beyond lie on its edge."""
    unit: str
    """What the vertical axis holds."""

    @staticmethod
    def of(sweep: Sweep) -> StepCurve:
        """The curve of an element."""
        return _errors(sweep) if sweep.slopes is None else _sides(sweep, sweep.slopes)


def _errors(sweep: Sweep) -> StepCurve:
    lines = (
        Line("noise", "rounding", sweep.noise),
        Line("best", "|difference − best estimate|", sweep.distances),
        Line("off", "|difference − tape|", sweep.errors),
    )
    least = LOWEST * max([*map(abs, _finite(sweep.tape, sweep.difference)), SMALLEST])
    shown = np.concatenate([*(line.values for line in lines), [sweep.tolerance]])
    shown = shown[np.isfinite(shown) & (shown > least)]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (least, 1e3 * least)
    ends = 10.0 ** math.floor(math.log10(low)), 10.0 ** min(math.floor(math.log10(high)) + 1, LARGEST)
    unit = "distance, in the unit of the gradient"
    return StepCurve(lines, _level("tolerance", sweep.tolerance), _step(sweep), True, ends, unit)


def _sides(sweep: Sweep, slopes: tuple[float, float]) -> StepCurve:
    lines = (
        Line("best", "slope below the corner", sweep.down),
        Line("off", "slope above the corner", sweep.up),
    )
    held = [*slopes, *_finite(sweep.tape)]
    more = AROUND * (max(held) - min(held))
    ends = min(held) - more, max(held) + more
    return StepCurve(lines, _level("tape", sweep.tape), _step(sweep), False, ends, "slope")


def _finite(*values: float) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _level(word: str, value: float) -> tuple[str, float] | None:
    return (word, value) if math.isfinite(value) else None


def _step(sweep: Sweep) -> float | None:
    return sweep.step if 0 < sweep.step < math.inf else None
