"""Heat maps of a variable as SVG: tape, difference, error ÷ tolerance.

A row of cells of one level is one stroke of a path, so that a cell takes some 7 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.render.cells import Map, Maps
from gradcheck.render.grid import Grid
from gradcheck.render.html_markup import Html, joined, number, picture, tag
from gradcheck.render.numbers import power
from gradcheck.render.shades import ABOVE, BELOW, NOTHING, SIGNED, UNJUDGED, WITHOUT
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable

WIDTH, HEIGHT = 280, 300
"""The most pixels that the cells of a map take."""
MOST_CELL = 56, 36
"""Width and height of a cell with a number."""
LEGIBLE = 50, 18
"""The least that a number fits into."""
BARE = 24
"""The most of a cell without one."""
MARKED = 5
"""Pixels of a cell from which a sign in it can be seen."""
LEFT, TOP, BOTTOM = 34, 6, 34
NAMES = {UNJUDGED: "u", WITHOUT: "w"}


def maps(report: Findings, variable: Variable, most: int) -> Html:
    """The three maps of a variable side by side, in at most `most` cells each, with legends."""
    found = Maps.of(report, variable, most)
    return joined(
        tag("p", found.grid.explained, class_="note"),
        tag("div", *(_picture(found, one) for one in found.three), class_="maps"),
        tag("div", _scale(found.largest), _decades(), class_="legends"),
    )


def _picture(maps: Maps, shown: Map) -> Html:
    """One map with its axes."""
    rows, columns = maps.grid.shape
    wide, high = (min(*ends) for ends in zip(MOST_CELL, (WIDTH / columns, HEIGHT / rows), strict=True))
    with_numbers = wide >= LEGIBLE[0] and high >= LEGIBLE[1]
    if not with_numbers:
        # A vector may be drawn higher than wide.
        wide = min(wide, BARE, max(high, WIDTH / columns / 2))
        high = min(high, max(wide, 14))
    letter = "r" if shown.judges else "s"
    paths = [
        tag("path", class_=NAMES.get(level, f"{letter}{level}"), d="".join(_strokes(shown.levels, level)))
        for level in np.unique(shown.levels).tolist()
        if level != NOTHING
    ]
    cells = tag(
        "g", *paths, transform=f"translate({LEFT} {TOP}) scale({wide:.4g} {high:.4g})", class_="cells"
    )
    over = list(_numbers(maps, shown, wide, high)) if with_numbers else []
    if not with_numbers and shown.judges and wide >= MARKED:
        over = [_marks(maps, wide, high)]
    size = LEFT + columns * wide + 8, TOP + rows * high + BOTTOM
    label = f"{shown.what} of {maps.variable.label}, {rows} × {columns} cells"
    drawing = picture(*size, label, cells, *over, *_axes(maps.grid, wide, high))
    return tag("figure", tag("figcaption", shown.what), drawing)


def _strokes(levels: Array, level: int) -> Iterator[str]:
    """A stroke for each run of cells of a level in a row."""
    for row, cells in enumerate(levels == level):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], cells, [False])).astype(np.int8)))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            yield f"M{start} {row}.5h{end - start}"


def _numbers(maps: Maps, shown: Map, wide: float, high: float) -> Iterator[Html]:
    for row, column in np.ndindex(maps.grid.shape):
        place = {"x": number(LEFT + (column + 0.5) * wide), "y": number(TOP + (row + 0.5) * high + 4)}
        name = "on strong" if shown.strong(row, column) else "on"
        yield tag("text", maps.text(shown, row, column), class_=name, **place)


def _marks(maps: Maps, wide: float, high: float) -> Html:
    """A cross on each cell that fails."""
    lines = [
        f"M{number(LEFT + (column + 0.25) * wide)} {number(TOP + (row + 0.25) * high)}"
        f"l{wide / 2:.1f} {high / 2:.1f}m0-{high / 2:.1f}l-{wide / 2:.1f} {high / 2:.1f}"
        for row, column in maps.failing.tolist()
    ]
    return tag("path", class_="cross", d="".join(lines)) if lines else Html()


def _axes(grid: Grid, wide: float, high: float) -> Iterator[Html]:
    """The first and the last index of rows and columns, and what they count."""
    rows, columns = grid.shape
    height, width = grid.whole
    below = TOP + rows * high
    if height > 1:
        yield tag("text", "0", class_="tick end", x=LEFT - 4, y=TOP + 10)
        yield tag("text", height - 1, class_="tick end", x=LEFT - 4, y=number(max(below, TOP + 22)))
    yield tag("text", "0", class_="tick", x=LEFT, y=number(below + 13))
    if width > 1:
        yield tag("text", width - 1, class_="tick end", x=number(LEFT + columns * wide), y=number(below + 13))
    yield tag("text", grid.axes[1], class_="tick", x=LEFT, y=number(below + 27))


def _scale(end: float) -> Html:
    """The legend of gradients."""
    steps = [
        tag("path", class_=f"s{level}", d=f"M{level * 8} 8h8", stroke_width=14) for level in range(SIGNED)
    ]
    width = SIGNED * 8
    ticks = [(0, f"−{end:.3g}", "tick"), (width / 2, "0", "tick mid"), (width, f"{end:.3g}", "tick end")]
    words = [tag("text", text, class_=name, x=at, y=30) for at, text, name in ticks]
    said = f"gradients from −{end:.3g}, blue, to {end:.3g}, orange"
    none = tag("path", class_="u", d=f"M{width + 14} 8h14", stroke_width=14)
    word = tag("text", "no number", class_="tick", x=width + 33, y=12)
    drawing = picture(width + 100, 34, said, *steps, *words, none, word)
    return tag("figure", tag("figcaption", "tape and difference: gradient"), drawing)


def _decades() -> Html:
    """The legend of error ÷ tolerance."""
    wide, levels = 22, [*range(BELOW + ABOVE)]
    end = wide * len(levels)
    boxes = [
        tag("path", class_=f"r{level}", d=f"M{level * wide} 8h{wide}", stroke_width=14) for level in levels
    ]
    ticks = [
        tag("text", power(level - BELOW + 1), class_="tick mid", x=(level + 1) * wide, y=30)
        for level in levels[1:-1:2]
    ]
    line = tag("line", class_="one", x1=BELOW * wide, x2=BELOW * wide, y1=0, y2=19)
    others = [
        joined(
            tag("path", class_=name, d=f"M{end + at} 8h14", stroke_width=14),
            tag("text", text, class_="tick", x=end + at + 19, y=12),
        )
        for name, text, at in (("w", "agrees, without a ratio", 18), ("u", "not judged", 190))
    ]
    said = "error ÷ tolerance: blue up to 1, orange above 1, grey not judged"
    drawing = picture(end + 280, 34, said, *boxes, *ticks, line, *others)
    return tag("figure", tag("figcaption", "error ÷ tolerance: up to 1 agrees, above 1 fails (✗)"), drawing)
