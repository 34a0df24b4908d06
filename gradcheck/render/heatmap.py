"""Heat maps of error ÷ tolerance in a terminal: coloured half blocks, or digits where there is no colour.

A line of half blocks is two rows of cells. Colours are those of the maps in HTML: blue agrees, orange fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.style import Style
from rich.text import Text

from gradcheck.arrays.types import Array
from gradcheck.render.cells import ratios
from gradcheck.render.grid import Grid
from gradcheck.render.layout import indented
from gradcheck.render.numbers import ratio
from gradcheck.render.shades import ABOVE, BELOW, DARK, NOTHING, UNJUDGED, WITHOUT
from gradcheck.render.words import wrapped
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable

BLOCK = "▀"
"""The upper half in the colour of the text, the lower half in that of the background."""
ROWS = 40
"""Rows of cells of a map: twenty lines of half blocks; of digits, half as many rows."""
WIDEST = 100
"""Columns of a map, however wide the terminal is; where it has no width, too."""
MAGNIFIED = 4
"""Columns, and half lines, of a cell at most: small variables are drawn larger."""
OTHERS = 4
"""Variables that are drawn at most though some of them pass."""
FAILS, EXACT, OPEN, AGREES = "x", ".", "?", "-"
SIGNS = {FAILS: "bold red", OPEN: "yellow"}
LEGEND = (
    f"{FAILS} fails",
    "9 error/tolerance above 0.1, 8 above 0.01 and so on, 0 up to 1e-09",
    f"{EXACT} no error",
    f"{OPEN} not judged",
    f"{AGREES} agrees, error not known",
)


def heatmaps(report: Findings, width: int, *, blocks: bool) -> RenderableType:
    """The maps of the variables that fail, and of others where they are few, with a legend.

    `blocks`: whether the stream has a sign for half blocks; they are drawn where there are 256 colours.
    """
    width = min(width, WIDEST)
    failing = [variable for variable in report.worst_variables if not report.fine(variable)]
    passing = [variable for variable in report.worst_variables if report.fine(variable)]
    drawn = [*failing, *passing[: max(0, OTHERS - len(failing))]]
    parts: list[RenderableType] = []
    for variable in drawn:
        parts += [Text(line, "bold") for line in wrapped(_title(variable), width)]
        parts += [_Map(variable, width, blocks, report.counted(variable.verdicts)), Text()]
    if left := len(report.variables) - len(drawn):
        said = "1 more variable passes" if left == 1 else f"{left:,} more variables pass"
        parts += [Text(f"{said} and {'is' if left == 1 else 'are'} not drawn.", "dim"), Text()]
    return Group(*parts, _Legend(width, blocks))


def _title(variable: Variable) -> str:
    where = f" at {list(variable.worst_index)}" if variable.shape else ""
    return f"error/tolerance of {variable.label}, the worst {ratio(variable.worst_ratio)}{where}"


def _coloured(console: Console, blocks: bool) -> bool:
    return blocks and console.color_system in ("256", "truecolor")


@dataclass(frozen=True)
class _Map:
    """The map of one variable."""

    variable: Variable
    width: int
    blocks: bool
    verdicts: Array
    """As what they count."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        coloured = _coloured(console, self.blocks)
        left = max(4, len(str(self.variable.verdicts.size)) + 2)
        columns = max(1, self.width - left)
        grid = Grid.of(self.variable, ROWS if coloured else ROWS // 2, columns)
        yield from (Text(line, "dim") for line in indented(grid.explained, self.width))
        labels = _labels(grid, self.variable)
        for heading, rows in _slices(grid, self.variable):
            if heading:
                yield Text(f"{' ' * left}{heading}", "dim")
            drawn = self._blocks(grid, rows, columns) if coloured else self._digits(grid, rows, columns)
            for row, line in drawn:
                yield Text.assemble((f"{labels[row] if row is not None else '':>{left - 1}} ", "dim"), line)

    def _blocks(self, grid: Grid, rows: range, columns: int) -> Iterator[tuple[int | None, Text]]:
        """Lines of half blocks, each with the row that begins in its upper half, if one does."""
        levels = ratios(grid, self.variable, self.verdicts)[rows.start : rows.stop]
        larger = max(1, min(MAGNIFIED, columns // grid.shape[1], ROWS // grid.shape[0]))
        tall = np.repeat(np.repeat(levels, larger, axis=0), larger, axis=1)
        for top in range(0, len(tall), 2):
            lower: Sequence[int] | list[None]
            lower = tall[top + 1].tolist() if top + 1 < len(tall) else [None] * tall.shape[1]
            line = Text()
            for above, below in zip(tall[top].tolist(), lower, strict=True):
                line.append(*_block(_color(above), None if below is None else _color(below)))
            begins = top % larger == 0 or larger == 1
            yield (rows.start + top // larger if begins else None), line

    def _digits(self, grid: Grid, rows: range, columns: int) -> Iterator[tuple[int | None, Text]]:
        """Lines of digits, one for each row."""
        signs = _signs(grid, self.variable, self.verdicts)
        gap = " " if 2 * grid.shape[1] <= columns else ""
        for row in rows:
            cells = ((sign, SIGNS.get(sign, "")) for sign in signs[row])
            yield row, Text(gap).join(Text(*cell) for cell in cells)


def _block(above: str | None, below: str | None) -> tuple[str, Style]:
    if above is None:
        return " ", Style()
    return BLOCK, Style(color=above, bgcolor=below)


def _color(level: int) -> str | None:
    """The colour of a level; None for no element."""
    if level >= 0:
        return DARK.ratios[level]
    return {UNJUDGED: DARK.unjudged, WITHOUT: DARK.without}.get(level)


def _signs(grid: Grid, variable: Variable, verdicts: Array) -> list[list[str]]:
    """A sign for each cell."""
    ratio, levels = grid.cells(variable.error_ratio), ratios(grid, variable, verdicts)
    with np.errstate(divide="ignore"):
        digits = np.clip(np.nan_to_num(np.ceil(np.log10(ratio)) + 9), 0, 9).astype(int).astype(str)
    signs = np.where(levels >= BELOW, FAILS, np.where(ratio == 0, EXACT, digits))
    for level, sign in ((UNJUDGED, OPEN), (WITHOUT, AGREES), (NOTHING, " ")):
        signs[levels == level] = sign
    found: list[list[str]] = signs.tolist()
    return found


def _labels(grid: Grid, variable: Variable) -> list[str]:
    """The index that each row of cells begins with."""
    real = [size for size in variable.shape if size > 1]
    if len(real) < 2:
        return [str(start * grid.whole[1]) if variable.shape else "" for start in grid.starts]
    if len(real) == 2:
        return [str(start) for start in grid.starts]
    return [str(start % real[-2]) if grid.shape[0] == grid.whole[0] else "" for start in grid.starts]


def _slices(grid: Grid, variable: Variable) -> Iterator[tuple[str, range]]:
    """The rows of each two-dimensional slice with its index; all rows in one where they are blocks."""
    shape, real = variable.shape, [axis for axis, size in enumerate(variable.shape) if size > 1]
    rows = grid.shape[0]
    if len(real) < 3 or rows != grid.whole[0]:
        yield "", range(rows)
        return
    down, across = real[-2:]
    for number, start in enumerate(range(0, rows, shape[down])):
        index = [str(int(place)) for place in np.unravel_index(number, shape[:down])]
        index += [":" if axis in (down, across) else "0" for axis in range(down, len(shape))]
        yield f"[{', '.join(index)}]", range(start, start + shape[down])


@dataclass(frozen=True)
class _Legend:
    width: int
    blocks: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        entries = _scale() if _coloured(console, self.blocks) else [Text(entry) for entry in LEGEND]
        line = Text()
        for entry in entries:
            if line and len(line) + 3 + len(entry) > self.width:
                yield line
                line = Text()
            line.append("   " if line else "").append_text(entry)
        yield line


def _scale() -> Iterator[Text]:
    """The colours from the smallest error/tolerance to the largest."""
    agrees, fails = DARK.ratios[:BELOW], DARK.ratios[BELOW:]
    yield Text.assemble(
        f"agrees: 1e{1 - BELOW:+03d} ",
        *(("██", Style(color=color)) for color in agrees),
        " 1 ",
        *(("██", Style(color=color)) for color in fails),
        f" 1e{ABOVE - 1:+03d}: fails",
    )
    yield Text.assemble(("██", Style(color=DARK.unjudged)), " not judged")
    yield Text.assemble(("██", Style(color=DARK.without)), " agrees, error not known")
