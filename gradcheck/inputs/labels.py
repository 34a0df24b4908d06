"""Header rows, index columns and what else in a table is no number: named, with what to write instead."""

import re
from typing import NoReturn

from gradcheck.errors import TensorError
from gradcheck.inputs.ambiguous import IN_R, PANDAS
from gradcheck.inputs.numbers import Style
from gradcheck.inputs.table import Lines, Separator, cells

_NAME = re.compile(r"[^\W\d]|\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b|\d{1,2}:\d\d")
"""How a name, a date or a time begins: 1+2j, 0x10 and 1'234 are numbers of another notation."""
_MINUS = "\N{MINUS SIGN}"
# Without ways back, or a long cell would be tried from each of its digits.
_NUMBER = r"[-+]?\d[\d.]*+([eE][-+]?\d++)?"
_NOTATIONS = tuple(
    (re.compile(pattern), remedy)
    for pattern, remedy in (
        (f".*{_MINUS}", "Write the minus sign as - (U+002D)."),
        (r"[-+]?0[xX][\da-fA-F]+$", "Write it in decimal, as 16 for 0x10."),
        (rf"({_NUMBER})?[-+]?\d[\d.]*[ij]$", "Write real numbers: complex tensors are not checked."),
        (
            r"[-+]?\d{1,3}([ _'’.\u00a0\u202f]\d{3})+([.,]\d*)?$",
            "Write it with nothing between thousands, as 1234.5.",
        ),
        (r"([-+]?\d[\d.,]*\s*)?%$", "Write 0.05 for 5%, and comments after #."),
        (rf"{_NUMBER}(\s*\|\s*{_NUMBER})+$", "Write commas, semicolons, tabs or spaces between numbers."),
        (
            rf"{_NUMBER}([\s,]+{_NUMBER})+$",
            "Write one row a line, and the same separator between all numbers.",
        ),
    )
)
_REMEDY = "Write numbers as 1234.5 or 1.5e-3, the same separator everywhere, and comments after #."
_MISSING = ("", "na", "n/a", "#n/a", "<na>", "null", "none", "-", "?", ".")


def refuse_table(lines: Lines, where: str) -> NoReturn:
    """Say what keeps a table from being read, and where."""
    if re.fullmatch(r'"?sep=.?"?', lines[0][1].strip(), re.IGNORECASE):
        raise TensorError(
            f"{where} begins with {lines[0][1].strip()!r}, a line for Excel that is no number.",
            f"Delete line {lines[0][0]}.",
        )
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


def _is_name(cell: str) -> bool:
    return bool(_NAME.match(cell)) and not _is_number(cell) and cell.lower() not in _MISSING


def _counted(row: list[str]) -> bool:
    return row == [str(count) for count in range(len(row))]


def _labelled(rows: list[list[str]]) -> bool:
    """Whether a first column holds names, or counts from 0 in more than one row."""
    column = [row[0] for row in rows]
    wide = all(len(row) > 1 for row in rows)
    return wide and (all(map(_is_name, column)) or (len(rows) > 1 and _counted(column)))


def _labels(rows: list[list[str]]) -> tuple[bool, bool]:
    """Whether a row of names, or of counts from 0, stands above numbers, and such a column before them."""
    first, below = rows[0], rows[1:]
    corner = first[0] == "" and len(first) > 1
    fewer = bool(below) and all(len(row) == len(first) + 1 for row in below)
    above = first[1:] if corner else first
    named = any(map(_is_name, above)) and all(_is_name(cell) or cell.lower() in _MISSING for cell in above)
    # Years, say, above a column of labels: whole numbers alone may be data below a missing value.
    years = all(map(str.isdecimal, above)) and _labelled(below)
    header = bool(below) and (named or ((corner or fewer) and (_counted(above) or years)))
    body = below if header else rows
    index = header and (corner or fewer or _labelled(body))
    index = index or all(len(row) > 1 and _is_name(row[0]) for row in body)
    numbers = all(_is_number(cell) for row in body for cell in row[index:])
    return header and numbers, index and numbers


def _refuse_labels(rows: list[list[str]], lines: Lines, where: str) -> None:
    """Refuse a row of names above numbers, and a column of names or of counts before them."""
    header, index = _labels(rows)
    if not header and not index:
        return
    first = rows[0]
    names = [cell for cell in first if _is_name(cell)]
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
    # By its code, as it looks like the one of ASCII.
    shown = f"{cell[:40]!r}{' (its minus sign is U+2212)' if _MINUS in cell else ''}"
    raise TensorError(
        f"{where} holds {shown}, which is no number, {place}.",
        next((remedy for pattern, remedy in _NOTATIONS if pattern.match(cell)), _REMEDY),
    )
