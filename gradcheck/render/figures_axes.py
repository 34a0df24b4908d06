"""What is in a figure by matplotlib: maps, histogram, step curve, and the checks of a suite."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize, to_rgba
from matplotlib.ticker import NullFormatter

from gradcheck.arrays.types import Array
from gradcheck.errors import one_line
from gradcheck.render.cells import Map, Maps
from gradcheck.render.figures_sheet import Sheet
from gradcheck.render.histogram import Histogram
from gradcheck.render.numbers import power
from gradcheck.render.shades import ABOVE, BELOW, LIGHT, MARKS, NOTHING, UNJUDGED, WITHOUT
from gradcheck.render.step_curve import StepCurve
from gradcheck.render.words import shortened
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult
from gradcheck.report.variable import Variable
from gradcheck.verdicts.sweep import Sweep

CELLS = 64 * 96
"""Cells of a map."""
MAP_HIGH = 2.2
"""Inches of the highest map."""
GOOD, BAD, OPEN, GREY = LIGHT.ratios[BELOW - 1], "#c7681a", "#8a6d00", "#57606a"
WITH_NUMBERS = 8, 6
"""Rows and columns up to which a map has numbers in its cells."""
MARKED = 100
"""Columns up to which a cross on a cell can be seen."""
STROKES: dict[str, dict[str, Any]] = {
    "rounding": {"color": GREY, "linestyle": ":"},
    **{kind: {"color": GOOD, "linestyle": "--"} for kind in ("distance", "down")},
    **{kind: {"color": BAD, "linewidth": 2} for kind in ("error", "up")},
    "chance": {"color": BAD, "linestyle": "none", "marker": ".", "clip_on": False},
}
"""How lines of a step curve are drawn, by their kind."""
LABEL: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
"""Behind a word that may lie on a line."""
FLOOR = 1e-9
"""Least error ÷ tolerance that has a bar of its own length in an overview."""


def maps(sheet: Sheet, report: Findings, variable: Variable) -> None:
    """The three maps of a variable."""
    found = Maps.of(report, variable, CELLS)
    title = f"∂{report.target}/∂{variable.label}: {variable.verdict.label}.  {found.grid.explained}"
    high = min(MAP_HIGH, max(0.5, 0.3 * found.grid.shape[0]))
    legend = max(high, 1.6)
    places = [(left, 0.3, 2.4, high) for left in (0.75, 3.85, 7.75)]
    places += [(6.4, 0.3, 0.12, legend), (10.3, 0.3, 0.16, legend)]
    *axes, first, second = sheet.row(legend + 1.0, title, *places)
    for ax, shown in zip(axes, found.three, strict=True):
        _map(ax, found, shown)
    gradient = ScalarMappable(Normalize(-found.largest, found.largest), ListedColormap(LIGHT.signed))
    sheet.figure.colorbar(gradient, cax=first, label="gradient")
    edges = np.arange(BELOW + ABOVE + 1)
    levels = ScalarMappable(BoundaryNorm(edges, BELOW + ABOVE), ListedColormap(LIGHT.ratios))
    bar = sheet.figure.colorbar(levels, cax=second, label="above 1 fails")
    bar.set_ticks(edges[1:-1].tolist(), labels=[power(int(edge) - BELOW) for edge in edges[1:-1]])
    second.axhline(BELOW, color="black", linewidth=2)


def _map(ax: Axes, maps: Maps, shown: Map) -> None:
    rows, columns = maps.grid.shape
    palette = LIGHT.ratios if shown.judges else LIGHT.signed
    ax.imshow(_coloured(shown.levels, palette), interpolation="nearest", aspect="auto")
    ax.set_title(shown.what, fontsize=10)
    ax.set_xlabel(f"index of {maps.grid.axes[1]}")
    ax.set_ylabel(f"index of {maps.grid.axes[0]}" if maps.grid.axes[0] else "", fontsize=8)
    for axis, count, whole in ((ax.xaxis, columns, maps.grid.whole[1]), (ax.yaxis, rows, maps.grid.whole[0])):
        axis.set_ticks([0, count - 1] if count > 1 else [0], ["0", str(whole - 1)][: min(2, count)])
    if rows <= WITH_NUMBERS[0] and columns <= WITH_NUMBERS[1]:
        for row, column in np.ndindex(rows, columns):
            ink = LIGHT.ink[int(shown.strong(row, column))]
            text = maps.text(shown, row, column)
            ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=8)
    elif shown.judges and columns <= MARKED:
        ax.plot(maps.failing[:, 1], maps.failing[:, 0], "x", color="black", markersize=3)


def _coloured(levels: Array, palette: Sequence[str]) -> Array:
    """Colours [rows, columns, 4] of levels."""
    colours = [*palette, "#ffffff00", LIGHT.without, LIGHT.unjudged]
    assert (NOTHING, WITHOUT, UNJUDGED) == (-3, -2, -1), "levels count from the end of the colours"
    return np.array([to_rgba(colour) for colour in colours])[levels]


def charts(sheet: Sheet, report: Findings) -> None:
    """The histogram of a report, and the step curve where there is one."""
    if not report.variables:
        return
    boxes = [(0.9, 0.35, 4.7, 2.7)] + [(6.9, 0.35, 4.7, 2.7)] * (report.sweep is not None)
    first, *others = sheet.row(4.0, "", *boxes)
    _histogram(first, Histogram.of(report))
    for ax in others:
        assert report.sweep is not None
        curve(ax, report.sweep)


def _histogram(ax: Axes, found: Histogram) -> None:
    names, counts, passing = zip(*found.bars, strict=True)
    heights = [np.log10(1 + count) for count in counts]
    bars = ax.bar(range(len(names)), heights, color=[GOOD if passes else BAD for passes in passing])
    ax.bar_label(bars, [f"{count:,}" if count else "" for count in counts], fontsize=8)
    ax.margins(y=0.1)
    one = sum(passing) - 0.5
    ax.axvline(one, color="black", linestyle="--")
    ax.text(one, 1.01, "agrees ◂ ▸ fails", ha="center", transform=ax.get_xaxis_transform(), fontsize=8)
    ax.set_xticks(range(len(names)), names, fontsize=8, rotation=30)
    powers = range(int(max(heights)) + 1)
    ax.set_yticks([np.log10(1 + 10**p) for p in powers], [f"{10**p:,}" for p in powers])
    ax.set_xlabel("error ÷ tolerance, by decade")
    said = f"; {found.left_out:,} without a ratio left out" if found.left_out else ""
    ax.set_ylabel(f"elements (log scale{said})")


def curve(ax: Axes, sweep: Sweep) -> None:
    """The step curve of an element."""
    found = StepCurve.of(sweep)
    for line in found.lines:
        ax.plot(found.steps, line.values, label=line.said, **STROKES[line.kind])
    if found.level is not None:
        ax.axhline(found.level[1], color="black", linestyle=(0, (6, 3)), linewidth=1, label=found.level[0])
    title = f"{one_line(sweep.element)}{', at a corner' if sweep.slopes is not None else ''}"
    if found.chosen is not None:
        step = found.chosen[0]
        title += f"; ▼ the check's step, {step:.2g}"
        ax.axvline(step, color="black", linewidth=1)
        ax.plot([step], [1], "v", color="black", transform=ax.get_xaxis_transform(), clip_on=False)
    ax.set_title(title, fontsize=10)
    ax.set_xscale("log")
    _powers(ax.xaxis)
    if found.y.logarithmic:
        ax.set_yscale("log")
        _powers(ax.yaxis)
    ax.set_ylim(found.y.low, found.y.high)
    ax.set_xlabel(found.x.said)
    ax.set_ylabel(found.y.said)
    ax.grid(color="#dddddd")
    ax.legend(fontsize=8)


def _powers(axis: Axis) -> None:
    """Powers of ten as text, for formulas are not read."""
    axis.set_major_formatter(lambda value, _: power(round(math.log10(value))) if value > 0 else "")
    axis.set_minor_formatter(NullFormatter())


def overview(sheet: Sheet, shown: Sequence[CheckResult], size: int) -> None:
    """A bar for the worst element of each check that is shown, of so many, with its verdict in words."""
    high = 0.25 * max(1, len(shown))
    (ax,) = sheet.row(high + 0.8, "", (3.0, 0.1, 8.0, high))
    colours = {"pass": GOOD, "fail": BAD, "inconclusive": OPEN, "error": GREY}
    for place, result in enumerate(shown):
        length = float(np.clip(np.nan_to_num(result.worst_ratio, nan=FLOOR), FLOOR, 1 / FLOOR))
        ax.barh(place, length, left=FLOOR / 10, color=colours[result.word])
        said = f"{MARKS[result.word]} {result.word}"
        ax.text(length * 1.5, place, said, va="center", fontsize=9, bbox=LABEL)
    ax.set_xscale("log")
    _powers(ax.xaxis)
    ax.set_xlim(FLOOR / 10, 1e3 / FLOOR)
    ax.axvline(1, color="black", linestyle="--")
    ax.set_yticks(range(len(shown)), [shortened(one_line(result.name), 38) for result in shown])
    ax.invert_yaxis()
    more = f" ({len(shown)} of {size:,} checks)" if len(shown) < size else ""
    ax.set_xlabel(f"error ÷ tolerance of the worst element{more}; above 1 fails")
