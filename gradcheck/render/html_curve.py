"""The step curve of an element as SVG: how far its difference is off, at every step."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.render.histogram import power
from gradcheck.render.html_markup import Html, number, picture, tag
from gradcheck.verdicts.sweep import Sweep

WIDTH, HEIGHT, LEFT, TOP = 440, 220, 56, 22
"""Pixels of the plane, and of the margins left of it and above."""
LOWEST = 1e-18
"""Least distance that is drawn, as a share of the gradient: what is below is rounding of float64."""
TICKS = 6
KEYS = -20, 86, 300
"""Where the keys of the lines begin, from the plane's left end."""


def curve(sweep: Sweep) -> Html:
    """Both distances of the difference, what rounding alone can do, the tolerance, and the step taken."""
    plane = Plane.of(sweep)
    lines = (
        ("noise", "rounding", sweep.noise),
        ("best", "|difference − best estimate|", sweep.distances),
        ("off", "|difference − tape|", sweep.errors),
    )
    parts = [*plane.grid()]
    for name, _, distances in lines:
        parts.append(tag("path", class_=f"curve {name}", d=plane.path(sweep.steps, distances)))
    level, taken = number(plane.y(sweep.tolerance)), number(plane.x(sweep.step))
    parts += [
        tag("line", class_="one", x1=LEFT, x2=LEFT + WIDTH, y1=level, y2=level),
        tag("text", "tolerance", class_="tick end strong", x=LEFT + WIDTH - 4, y=float(level) - 5),
        tag("line", class_="taken", x1=taken, x2=taken, y1=TOP, y2=TOP + HEIGHT),
        tag(
            "text",
            f"▼ step taken, {sweep.step:.2g}",
            class_="tick mid strong",
            x=plane.inside(sweep.step),
            y=TOP - 7,
        ),
    ]
    parts += [
        part
        for place, (name, said, _) in enumerate(lines)
        for part in _key(LEFT + KEYS[place], TOP + HEIGHT + 56, name, said)
    ]
    size = LEFT + WIDTH + 14, TOP + HEIGHT + 64
    label = f"Distance of the difference of {sweep.element} by step; step taken {sweep.step:.2g}"
    drawing = picture(*size, label, *parts)
    said = f"Steps of {sweep.element}, tape {sweep.tape:.6g}, difference {sweep.difference:.6g}."
    return tag("figure", tag("figcaption", said), tag("div", drawing, class_="wide"), class_="chart")


class Plane:
    """Where steps and distances lie, both on a logarithmic scale."""

    def __init__(self, steps: tuple[float, float], distances: tuple[float, float]) -> None:
        self.ends = tuple((math.floor(low), math.ceil(high)) for low, high in (steps, distances))

    @staticmethod
    def of(sweep: Sweep) -> Plane:
        """A plane that holds all that is drawn of a sweep."""
        least = LOWEST * max(abs(sweep.tape), abs(sweep.difference), 1e-300)
        tolerance = np.array([sweep.tolerance])
        shown = np.concatenate([sweep.noise, sweep.distances, sweep.errors, tolerance])
        shown = shown[np.isfinite(shown) & (shown > least)]
        low, high = (float(shown.min()), float(shown.max())) if shown.size else (least, 1.0)
        ends = math.log10(low), max(math.log10(high), math.log10(low) + 1)
        steps = np.append(sweep.steps, sweep.step)
        return Plane((math.log10(steps.min()), math.log10(steps.max())), ends)

    def x(self, step: float) -> float:
        """Pixels from the left."""
        low, high = self.ends[0]
        return LEFT + WIDTH * (math.log10(step) - low) / max(1, high - low)

    def y(self, distance: float) -> float:
        """Pixels from above; what is below the plane lies on its edge."""
        low, high = self.ends[1]
        share = (math.log10(max(distance, 1e-300)) - low) / max(1, high - low)
        return TOP + HEIGHT * (1 - min(1.0, max(0.0, share)))

    def inside(self, step: float) -> str:
        """The middle of a text above a step, which stays in the picture."""
        return number(min(max(self.x(step), LEFT + 60), LEFT + WIDTH - 60))

    def path(self, steps: Array, distances: Array) -> str:
        """A line through the points that there are, with a gap where there is none."""
        found, pen = [], "M"
        for step, distance in zip(steps.tolist(), distances.tolist(), strict=True):
            if not math.isfinite(distance):
                pen = "M"
                continue
            found.append(f"{pen}{number(self.x(step))} {number(self.y(distance))}")
            pen = "L"
        return "".join(found)

    def grid(self) -> Iterator[Html]:
        """Lines and labels at powers of ten, and what the axes hold."""
        below = TOP + HEIGHT
        for low, high in self.ends[:1]:
            for exponent in range(low, high + 1, max(1, -(-(high - low) // TICKS))):
                x = number(self.x(10.0**exponent))
                yield tag("line", class_="grid", x1=x, x2=x, y1=TOP, y2=below)
                yield tag("text", power(exponent), class_="tick mid", x=x, y=below + 14)
        for low, high in self.ends[1:]:
            for exponent in range(low, high + 1, max(1, -(-(high - low) // TICKS))):
                y = number(self.y(10.0**exponent))
                yield tag("line", class_="grid", x1=LEFT, x2=LEFT + WIDTH, y1=y, y2=y)
                yield tag("text", power(exponent), class_="tick end", x=LEFT - 5, y=float(y) + 4)
        yield tag("text", "step h, in the unit of x", class_="tick mid", x=LEFT + WIDTH / 2, y=below + 34)
        turned = f"translate(12 {TOP + HEIGHT / 2:g}) rotate(-90)"
        yield tag("text", "distance, in the unit of the gradient", class_="tick mid", transform=turned)


def _key(x: float, y: float, name: str, said: str) -> Iterator[Html]:
    yield tag("path", class_=f"curve {name}", d=f"M{x} {y - 4}h26")
    yield tag("text", said, class_="tick", x=x + 32, y=y)
