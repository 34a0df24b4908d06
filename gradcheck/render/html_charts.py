"""The histogram of error ÷ tolerance of a check as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradcheck.render.histogram import Histogram
from gradcheck.render.html_markup import Html, number, picture, tag

BAR, HEIGHT, LEFT, TOP = 44, 200, 58, 34
"""Pixels of a bar with its gap, of the highest bar, and of the margins."""


def histogram(found: Histogram) -> Html:
    """Bars of a height that grows with the logarithm of the number of elements, for one of 10⁶ shows."""
    bars = found.bars
    most = max(1.0, *(math.log10(1 + count) for _, count, _ in bars))
    width, below = LEFT + BAR * len(bars) + 10, TOP + HEIGHT
    one = LEFT + BAR * sum(passes for _, _, passes in bars)
    parts = [
        *_scale(most, width),
        *(part for place, bar in enumerate(bars) for part in _bar(LEFT + place * BAR, bar, most)),
        tag("line", class_="axis", x1=LEFT, x2=width, y1=below, y2=below),
        tag("line", class_="one", x1=one, x2=one, y1=TOP - 30, y2=below + 6),
        tag("text", "agrees ◂", class_="tick end", x=one - 4, y=TOP - 20),
        tag("text", "▸ fails", class_="tick", x=one + 4, y=TOP - 20),
        tag("text", "error ÷ tolerance, by decade", class_="tick mid", x=(LEFT + width) / 2, y=below + 34),
        tag(
            "text",
            "elements (log scale)",
            class_="tick mid",
            transform=f"translate(12 {TOP + HEIGHT / 2}) rotate(-90)",
        ),
    ]
    label = "; ".join(f"{name}: {count:,}" for name, count, _ in bars if count)
    drawing = picture(width, below + 42, f"Elements by error ÷ tolerance. {label}", *parts)
    said = f" {found.left_out:,} elements without a ratio of their own, or not judged, are left out." * bool(
        found.left_out
    )
    caption = tag("figcaption", "Elements by error ÷ tolerance.", said)
    return tag("figure", caption, tag("div", drawing, class_="wide"), class_="chart")


def _scale(most: float, width: float) -> Iterator[Html]:
    for exponent in range(int(most) + 1):
        y = number(TOP + HEIGHT * (1 - math.log10(1 + 10**exponent) / most))
        if exponent and math.log10(1 + 10**exponent) > most:
            return
        yield tag("line", class_="grid", x1=LEFT, x2=width, y1=y, y2=y)
        yield tag("text", f"{10**exponent:,}", class_="tick end", x=LEFT - 4, y=float(y) + 4)


def _bar(x: float, bar: tuple[str, int, bool], most: float) -> Iterator[Html]:
    name, count, passes = bar
    height = HEIGHT * math.log10(1 + count) / most
    y = TOP + HEIGHT - height
    if count:
        yield tag(
            "rect",
            class_="below" if passes else "above",
            x=number(x + 4),
            y=number(y),
            width=BAR - 8,
            height=number(height),
        )
        yield tag("text", f"{count:,}", class_="tick mid strong", x=x + BAR / 2, y=number(max(y - 3, 9)))
    yield tag("text", name, class_="tick mid", x=x + BAR / 2, y=TOP + HEIGHT + 14)
