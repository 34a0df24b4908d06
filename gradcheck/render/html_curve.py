"""The step curve of an element as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradcheck.render.html_markup import Html, number, picture, tag
from gradcheck.render.step_curve import Line, StepCurve
from gradcheck.verdicts.sweep import Sweep

WIDTH, HEIGHT, LEFT, TOP = 440, 220, 56, 22
"""Pixels of the plane, and of the margins left of it and above."""
TICKS = 9
"""Labels of an axis at most, but one: of 18 decades every second."""
STROKE, LETTER, APART, ROW = 32, 6.2, 18, 18
"""Pixels of a key's line, of a letter beside it, between two keys, and from one row of keys to the next."""


def curve(sweep: Sweep) -> Html:
    """Lines over the steps, the level they are held against, and the step that the check takes."""
    found = StepCurve.of(sweep)
    chosen = "" if found.chosen is None else f"; the check's step {found.chosen[0]:.2g}"
    drawing = picture(
        LEFT + WIDTH + 14,
        TOP + HEIGHT + 64 + ROW,
        f"{found.y.said} of {sweep.element} by step{chosen}",
        *_grid(found),
        *(tag("path", class_=f"curve {line.kind}", d=_path(found, line)) for line in found.lines),
        *_marks(found),
        *_keys(found),
    )
    corner = ", at a corner" if sweep.slopes is not None else ""
    said = f"Steps of {sweep.element}{corner}: tape {sweep.tape:.6g}, difference {sweep.difference:.6g}."
    return tag("figure", tag("figcaption", said), tag("div", drawing, class_="wide"), class_="chart")


def _x(found: StepCurve, step: float) -> float:
    return LEFT + WIDTH * found.x.share(step)


def _y(found: StepCurve, value: float) -> float:
    return TOP + HEIGHT * (1 - found.y.share(value))


def _path(found: StepCurve, line: Line) -> str:
    """A line through the points that there are, with a gap where there is none; errors by chance are dots."""
    parts, pen = [], "M"
    for step, value in zip(found.steps.tolist(), line.values.tolist(), strict=True):
        known = math.isfinite(value)
        if known:
            parts.append(f"{pen}{number(_x(found, step))} {number(_y(found, value))}h0")
        pen = "L" if known and line.kind != "chance" else "M"
    return "".join(parts)


def _marks(found: StepCurve) -> Iterator[Html]:
    """The level, and the step that the check takes."""
    if found.level is not None:
        word, level = found.level
        y = _y(found, level)
        yield tag("line", class_="one", y1=number(y), y2=number(y), x1=LEFT, x2=LEFT + WIDTH)
        yield tag("text", word, class_="tick end strong", x=LEFT + WIDTH - 4, y=number(y - 5))
    if found.chosen is not None:
        x = _x(found, found.chosen[0])
        yield tag("line", class_="taken", x1=number(x), x2=number(x), y1=TOP, y2=TOP + HEIGHT)
        middle = number(min(max(x, LEFT + 60), LEFT + WIDTH - 60))
        said = f"▼ the check's step, {found.chosen[0]:.2g}"
        yield tag("text", said, class_="tick mid strong", x=middle, y=TOP - 7)


def _grid(found: StepCurve) -> Iterator[Html]:
    """Lines and labels of both axes, and what they hold."""
    below, right = TOP + HEIGHT, LEFT + WIDTH
    for step, label in found.x.ticks(TICKS):
        x = number(_x(found, step))
        yield tag("line", class_="grid", x1=x, x2=x, y1=TOP, y2=below)
        yield tag("text", label, class_="tick mid", x=x, y=below + 14)
    for value, label in found.y.ticks(TICKS):
        y = _y(found, value)
        yield tag("line", class_="grid", x1=LEFT, x2=right, y1=number(y), y2=number(y))
        yield tag("text", label, class_="tick end", x=LEFT - 5, y=number(y + 4))
    yield tag("text", found.x.said, class_="tick mid", x=number(LEFT + WIDTH / 2), y=below + 34)
    turned = f"translate(12 {TOP + HEIGHT / 2:g}) rotate(-90)"
    yield tag("text", found.y.said, class_="tick mid", transform=turned)


def _keys(found: StepCurve) -> Iterator[Html]:
    """What the lines are, below the axis."""
    left, below = LEFT - 20.0, TOP + HEIGHT + 56
    for line in found.lines:
        wide = STROKE + LETTER * len(line.said)
        if left + wide > LEFT + WIDTH:
            left, below = LEFT - 20.0, below + ROW
        start, long = (left + 13, 0) if line.kind == "chance" else (left, 26)
        yield tag("path", class_=f"curve {line.kind}", d=f"M{number(start)} {below - 4}h{long}")
        yield tag("text", line.said, class_="tick", x=number(left + STROKE), y=below)
        left += wide + APART
