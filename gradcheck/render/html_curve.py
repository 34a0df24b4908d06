"""The step curve of an element as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.render.histogram import power
from gradcheck.render.html_markup import Html, number, picture, tag
from gradcheck.render.step_curve import Line, StepCurve
from gradcheck.verdicts.sweep import Sweep

WIDTH, HEIGHT, LEFT, TOP = 440, 220, 56, 22
"""Pixels of the plane, and of the margins left of it and above."""
TICKS = 6
"""The most labels of an axis, but one."""
STROKE, LETTER, APART = 32, 6.2, 18
"""Pixels of a key's line, of a letter beside it, and between two keys."""


def curve(sweep: Sweep) -> Html:
    """Lines over the steps, the level they are held against, and the step that the check takes."""
    found = StepCurve.of(sweep)
    plane = Plane(sweep, found)
    paths = [
        tag("path", class_=f"curve {line.kind}", d=plane.path(sweep.steps, line.values))
        for line in found.lines
    ]
    label = f"{found.unit} of {sweep.element} by step; step taken {sweep.step:.2g}"
    drawing = picture(
        LEFT + WIDTH + 14,
        TOP + HEIGHT + 64,
        label,
        *plane.grid(found.unit, sweep.variable),
        *paths,
        *plane.marks(found),
        *_keys(found.lines),
    )
    corner = ", at a corner" if sweep.slopes is not None else ""
    said = f"Steps of {sweep.element}{corner}: tape {sweep.tape:.6g}, difference {sweep.difference:.6g}."
    return tag("figure", tag("figcaption", said), tag("div", drawing, class_="wide"), class_="chart")


class Plane:
    """Where steps and values lie."""

    def __init__(self, sweep: Sweep, found: StepCurve) -> None:
        steps = np.log10([*sweep.steps, *filter(None, [found.step])])
        self._steps = math.floor(float(steps.min())), math.ceil(float(steps.max()))
        self._logarithmic = found.logarithmic
        self._ends = self._scaled(found.ends[0]), self._scaled(found.ends[1])

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self._logarithmic else value

    def x(self, step: float) -> float:
        """Pixels from the left."""
        low, high = self._steps
        return LEFT + WIDTH * (math.log10(step) - low) / max(1, high - low)

    def y(self, value: float) -> float:
        """Pixels from above; what is beyond the plane lies on its edge."""
        low, high = self._ends
        share = (self._scaled(value) - low) / (high - low)
        return TOP + HEIGHT * (1 - min(1.0, max(0.0, share)))

    def path(self, steps: Array, values: Array) -> str:
        """A line through the points that there are, with a gap where there is none."""
        found, pen = [], "M"
        for step, value in zip(steps.tolist(), values.tolist(), strict=True):
            if not math.isfinite(value):
                pen = "M"
                continue
            found.append(f"{pen}{number(self.x(step))} {number(self.y(value))}")
            pen = "L"
        return "".join(found)

    def marks(self, found: StepCurve) -> Iterator[Html]:
        """The level, and the step that the check takes."""
        if found.level is not None:
            word, level = found.level
            y = self.y(level)
            ends = {"x1": LEFT, "x2": LEFT + WIDTH}
            yield tag("line", class_="one", y1=number(y), y2=number(y), **ends)
            yield tag("text", word, class_="tick end strong", x=LEFT + WIDTH - 4, y=number(y - 5))
        if found.step is not None:
            x = self.x(found.step)
            yield tag("line", class_="taken", x1=number(x), x2=number(x), y1=TOP, y2=TOP + HEIGHT)
            middle = number(min(max(x, LEFT + 60), LEFT + WIDTH - 60))
            said = f"▼ step taken, {found.step:.2g}"
            yield tag("text", said, class_="tick mid strong", x=middle, y=TOP - 7)

    def grid(self, unit: str, variable: str) -> Iterator[Html]:
        """Lines and labels of both axes, and what they hold."""
        below, right = TOP + HEIGHT, LEFT + WIDTH
        for exponent in _some(*self._steps):
            x = number(self.x(10.0**exponent))
            yield tag("line", class_="grid", x1=x, x2=x, y1=TOP, y2=below)
            yield tag("text", power(exponent), class_="tick mid", x=x, y=below + 14)
        for value, label in self._labels():
            y = self.y(value)
            yield tag("line", class_="grid", x1=LEFT, x2=right, y1=number(y), y2=number(y))
            yield tag("text", label, class_="tick end", x=LEFT - 5, y=number(y + 4))
        said = f"step h, in the unit of {variable}"
        yield tag("text", said, class_="tick mid", x=number(LEFT + WIDTH / 2), y=below + 34)
        turned = f"translate(12 {TOP + HEIGHT / 2:g}) rotate(-90)"
        yield tag("text", unit, class_="tick mid", transform=turned)

    def _labels(self) -> Iterator[tuple[float, str]]:
        low, high = self._ends
        if self._logarithmic:
            yield from ((10.0**exponent, power(exponent)) for exponent in _some(round(low), round(high)))
        else:
            yield from ((float(value), f"{value:.3g}") for value in np.linspace(low, high, TICKS - 1))


def _some(low: int, high: int) -> range:
    return range(low, high + 1, max(1, -(-(high - low) // TICKS)))


def _keys(lines: Sequence[Line]) -> Iterator[Html]:
    """What the lines are, below the axis."""
    left, below = LEFT - 20.0, TOP + HEIGHT + 56
    for line in lines:
        yield tag("path", class_=f"curve {line.kind}", d=f"M{number(left)} {below - 4}h26")
        yield tag("text", line.said, class_="tick", x=number(left + STROKE), y=below)
        left += STROKE + LETTER * len(line.said) + APART
