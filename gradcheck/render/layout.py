"""Tables and labelled lines laid out for a width, of which nothing is broken inside a word or a number.

A table has forms, from the widest to the narrowest; the first that fits is taken. Where none does, each row
becomes a few lines, a column each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcheck.render.words import wrapped
from gradcheck.verdicts.verdict import ElementVerdict

STYLES = {
    ElementVerdict.UNCHECKED: "dim",
    ElementVerdict.MATCH: "green",
    ElementVerdict.KINK: "cyan",
    ElementVerdict.INCONCLUSIVE: "yellow",
    ElementVerdict.MISMATCH: "bold red",
    ElementVerdict.NONFINITE: "bold red",
}
WORDS = {
    "index",
    "variable",
    "shape",
    "dtype",
    "where",
    "compared",
    "against",
    "verdict",
    "example",
    "gradient",
    "check",
}
"""Headings of columns that are aligned to the left; every other column holds numbers."""
GAP = 2
LABELLED = 24
"""Columns that a sentence needs beside its label; with fewer it begins below."""


@dataclass(frozen=True)
class Column:
    """A heading and a cell for each row."""

    heading: str
    cells: Sequence[str]


Form = tuple[bool, Sequence[Column]]
"""Whether headings are set on several lines, and the columns, of which the last holds the verdicts."""


def table(
    forms: Iterable[Form], verdicts: Sequence[ElementVerdict], width: int, indent: int
) -> RenderableType:
    """A table in the first form that fits into `width`, each row in the style of its verdict."""
    columns: Sequence[Column] = ()
    for tall, columns in forms:
        headings = [_tall(column.heading) if tall else column.heading for column in columns]
        widths = [_width([heading, *column.cells]) for heading, column in zip(headings, columns, strict=True)]
        if indent + sum(widths) + GAP * (len(columns) - 1) <= width:
            return Padding(_drawn(headings, widths, columns, verdicts), (0, 0, 0, indent), expand=False)
    return _stacked(columns, verdicts, width)


def _tall(heading: str) -> str:
    return heading.replace(" ", "\n").replace("/", "/\n")


def _width(cells: Iterable[str]) -> int:
    return max(cell_len(line) for cell in cells for line in cell.split("\n"))


def _drawn(
    headings: Sequence[str],
    widths: Sequence[int],
    columns: Sequence[Column],
    verdicts: Sequence[ElementVerdict],
) -> Table:
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0))
    for column, heading, width in zip(columns, headings, widths, strict=True):
        justify: Literal["left", "right"] = "left" if column.heading in WORDS else "right"
        # A width that is given saves rich from measuring every cell, several times.
        drawn.add_column(Text(heading), justify=justify, width=width, no_wrap=True)
    for verdict, (*first, last) in zip(verdicts, zip(*(c.cells for c in columns), strict=True), strict=True):
        # A row has the colour of its verdict where there is something to look at.
        style = STYLES[verdict] if verdict >= ElementVerdict.INCONCLUSIVE else ""
        drawn.add_row(*(Text(cell, style) for cell in first), Text(last, STYLES[verdict]))
    return drawn


def _stacked(columns: Sequence[Column], verdicts: Sequence[ElementVerdict], width: int) -> RenderableType:
    """A line for each cell, below that of the first column."""
    lines: list[RenderableType] = []
    for place, verdict in enumerate(verdicts):
        first, *others = (column.cells[place].replace("\n", " ") for column in columns)
        lines += [Text(line, "bold") for line in wrapped(first, width)]
        for column, cell in zip(columns[1:], others, strict=True):
            style = STYLES[verdict] if column is columns[-1] else ""
            lines += [Text(line, style) for line in indented(f"{column.heading}: {cell}", width)]
    return Group(*lines)


def indented(text: str, width: int, by: int = 2) -> list[str]:
    """Lines of a text that begin a little to the right."""
    return [" " * by + line for line in wrapped(text, max(1, width - by))]


def labelled(lines: Sequence[tuple[Text, str]], width: int) -> RenderableType:
    """Sentences after labels; what does not fit goes on below the sentence, not below the label."""
    left = max((cell_len(label.plain) for label, _ in lines), default=0) + GAP
    found: list[RenderableType] = []
    for label, sentence in lines:
        if width - left < LABELLED:
            found += [label, *(Text(line) for part in sentence.split("\n") for line in indented(part, width))]
            continue
        rows = [line for part in sentence.split("\n") for line in wrapped(part, width - left)]
        gap = " " * (left - cell_len(label.plain))
        found.append(Text.assemble(label, gap, rows[0]))
        found += [Text(" " * left + row) for row in rows[1:]]
    return Group(*found)
