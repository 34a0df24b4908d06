"""Tables of numbers as text: read where one reading is possible, refused where there are two."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.inputs.numbers import Style, as_array

Lines = list[tuple[int, str]]
"""Numbers from 1, and what stands in the lines."""
Row = list[int | float]


class Separator(Enum):
    """What stands between the numbers of a line."""

    TAB = "\t"
    SEMICOLON = ";"
    COMMA = ","
    SPACE = " "
    NONE = ""

    @property
    def words(self) -> str:
        """`separated by commas`."""
        return f"separated by {self.name.lower()}s" if self is not Separator.NONE else "one number a line"

    def split(self, line: str) -> list[str]:
        """The cells of a line, without their quotes."""
        match self:
            case Separator.NONE:
                return [line.strip().strip('"')]
            case Separator.SPACE:
                return [cell.strip('"') for cell in re.split(r"[ \t]+", line.strip())]
            case _:
                # Rows end at line ends here, so that a stray quote cannot swallow the rest of the file.
                cells = csv.reader([line], delimiter=self.value, skipinitialspace=True)
                return [cell.strip() for cell in next(cells)]

    def trails(self, lines: Lines) -> bool:
        """Whether every line ends with it, as some programs write tables."""
        if self in (Separator.NONE, Separator.SPACE):
            return False
        return all(line.rstrip(" ").endswith(self.value) for _, line in lines)


@dataclass(frozen=True)
class Reading:
    """One way to read a table."""

    rows: list[Row]
    separator: Separator
    style: Style

    @property
    def array(self) -> Array:
        """(rows, columns), or (rows,) for a single column, as numpy.savetxt writes vectors."""
        table = as_array(self.rows)
        return table[:, 0] if table.shape[1] == 1 else table

    @property
    def words(self) -> str:
        """How it reads, but for decimal points."""
        style = "" if self.style is Style.POINT else f", with {self.style.value}"
        return f"{self.separator.words}{style}"

    @property
    def certain(self) -> bool:
        """Commas that nothing else separates may be there by mistake: what holds them is never one number."""
        return self.separator is not Separator.NONE or self.style is Style.POINT


def cells(lines: Lines, separator: Separator) -> Iterator[list[str]]:
    """The cells of every line, but for the empty ones behind separators that end all lines."""
    trailing = separator.trails(lines)
    try:
        for _, line in lines:
            found = separator.split(line)
            yield found[:-1] if trailing and len(found) > 1 and not found[-1] else found
    except csv.Error as error:
        raise ValueError(str(error)) from error


def readings(lines: Lines) -> list[Reading]:
    """All ways to read the table that give different numbers."""
    found: list[Reading] = []
    for separator, style in _ways("\n".join(line for _, line in lines)):
        reading = _read(lines, separator, style)
        if reading is not None and not any(_same(reading, other) for other in found):
            found.append(reading)
    return found


def _ways(text: str) -> Iterator[tuple[Separator, Style]]:
    present = [s for s in (Separator.TAB, Separator.SEMICOLON, Separator.COMMA) if s.value in text]
    # Spaces may stand for several tabs, but not where a number may be missing between two of them.
    if re.search(r"\S[ \t]+\S", text) and not re.search(r"\t *\t|^ *\t|\t *$", text, re.MULTILINE):
        present.append(Separator.SPACE)
    yield from ((separator, Style.POINT) for separator in present or [Separator.NONE])
    if "," not in text:
        return
    for separator in (*present, Separator.NONE):
        if separator is not Separator.COMMA or '"' in text:
            yield from ((separator, style) for style in (Style.COMMA, Style.THOUSANDS))


def _read(lines: Lines, separator: Separator, style: Style) -> Reading | None:
    rows: list[Row] = []
    parse = style.parse
    try:
        for found in cells(lines, separator):
            row = [parse(cell) for cell in found]
            if not row or (rows and len(row) != len(rows[0])):
                return None
            rows.append(row)
    except ValueError:
        return None
    return Reading(rows, separator, style)


def _same(one: Reading, other: Reading) -> bool:
    """Whether two readings give the same numbers; a reading without commas in any number is one of points."""
    return np.array_equal(one.array.astype(float), other.array.astype(float), equal_nan=True)
