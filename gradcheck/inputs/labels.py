"""Header rows, index columns and what else in a table is no number: named, with what to write instead."""

import re
from typing import NoReturn

from gradcheck.errors import TensorError
from gradcheck.inputs.numbers import Style
from gradcheck.inputs.table import Lines, Reading, Row, Separator, cells

PANDAS = "in pandas to_csv(file, index=False, header=False)"
IN_R = 'in R write.table(x, file, sep=",", row.names=FALSE, col.names=FALSE)'
_LABEL = re.compile(r"[^-+.,eE\d\s]|\d-\d")
"""What is in a name or a date, and in no number."""
_MISSING = ("", "na", "n/a", "#n/a", "<na>", "null", "none", "-", "?", ".")


def refuse_counting(reading: Reading, lines: Lines, where: str) -> None:
    """Refuse a first column, or row, that may be an index: 0, 1, 2, … beside numbers with decimals."""
    rows = reading.rows
    columns = list(zip(*rows, strict=True))
    # R quotes the names of rows and not the numbers.
    named = len(columns) > 1 and all(
        line.lstrip().startswith('"') and line.count('"') == 2 for _, line in lines
    )
    decimals = any(isinstance(value, float) for row in rows for value in row)
    inside = len(rows) > 1 and len(columns) > 1
    if named or (inside and _counts(list(columns[0]), decimals)):
        shown = ", ".join(str(value) for value in columns[0][:3])
        remedy = f"Write it without the index: {IN_R if named or columns[0][0] == 1 else PANDAS}; or write"
        raise TensorError(
            f"{where} can be read in 2 ways: its first column, {shown}{'' if len(rows) < 4 else ', …'}, "
            "is an index or data.",
            f"{remedy} {columns[0][0]}.0 for {columns[0][0]} if it is data.",
        )
    if inside and decimals and rows[0][0] == 0 and _counts(rows[0], decimals):
        raise TensorError(
            f"{where} can be read in 2 ways: its first line, 0, 1, …, is a header or data.",
            f"Write it without the header: {PANDAS}; or write 0.0 for 0 if it is data.",
        )


def _counts(column: Row, decimals: bool) -> bool:
    """Whether a column counts from 0, or from 1 beside decimals; few do so by chance."""
    if not all(isinstance(value, int) for value in column):
        return False
    first, length = int(column[0]), len(column)
    if column != list(range(first, first + length)):
        return False
    return (first == 0 and (decimals or length > 2)) or (first == 1 and decimals and length > 2)


def refuse_table(lines: Lines, where: str) -> NoReturn:
    """Say what keeps a table from being read, and where."""
    separator = _likely(lines[0][1])
    try:
        rows = list(cells(lines, separator))
    except ValueError as error:
        raise TensorError(f"{where} cannot be read: {error}.", "Write one row of numbers a line.") from error
    _refuse_labels(rows, lines, where)
    for (line, _), row in zip(lines, rows, strict=True):
        for column, cell in enumerate(row, 1):
            if not _is_number(cell):
                _refuse_cell(cell, f"in line {line}, column {column}", where)
        if len(row) != len(rows[0]):
            raise TensorError(
                f"{where} has rows of different lengths: {len(row)} in line {line}, {len(rows[0])} in line "
                f"{lines[0][0]}.",
                "Give every row the same number of values, and write decimal points.",
            )
    raise TensorError(
        f"{where} mixes decimal points and decimal commas.",
        "Write decimal points, and no other commas in it.",
    )


def _likely(line: str) -> Separator:
    """The separator that the writer of a line had in mind."""
    inside = line.strip(" ")
    return next(separator for separator in Separator if separator.value in inside)


def _is_number(cell: str) -> bool:
    for style in Style:
        try:
            style.parse(cell)
        except ValueError:
            continue
        return True
    return False


def _refuse_labels(rows: list[list[str]], lines: Lines, where: str) -> None:
    """Refuse a row of names above numbers, and a column of names or of counts before them."""
    first, below = rows[0], rows[1:]
    names = [cell for cell in first if not _is_number(cell) and cell.lower() not in _MISSING]
    fewer = bool(below) and all(len(row) == len(first) + 1 for row in below)
    header = bool(below) and (bool(names) or fewer or (first[0] == "" and len(first) > 1))
    body = below if header else rows
    index = fewer or all(len(row) > 1 and _LABEL.search(row[0]) for row in body) or first[0] == ""
    index = index or (header and [row[0] for row in body] == [str(count) for count in range(len(body))])
    if not header and not index:
        return
    if not all(_is_number(cell) for row in body for cell in row[1:]):
        return  # more is wrong than labels
    quoted = lines[0][1].lstrip().startswith('"')
    held = " and ".join(["a header row"] * header + ["an index column"] * index)
    remedy = f"Write it without: {IN_R if quoted else PANDAS}"
    found = "a column without a name"
    if names:
        column = next(place for place, cell in enumerate(first, 1) if cell == names[0])
        found = f"{names[0][:40]!r}, which is no number, in line {lines[0][0]}, column {column}"
    raise TensorError(
        f"{where} holds {found}: {held}.",
        f"{remedy}{'' if index else ', or delete the row'}.",
    )


def _refuse_cell(cell: str, place: str, where: str) -> NoReturn:
    if cell.lower() in _MISSING:
        found = f"{cell!r}, a missing value" if cell else "nothing"
        raise TensorError(f"{where} holds {found}, {place}.", "Write a number there.")
    raise TensorError(
        f"{where} holds {cell[:40]!r}, which is no number, {place}.",
        "Write numbers as 1234.5 or 1.5e-3, the same separator everywhere, and comments after #.",
    )
