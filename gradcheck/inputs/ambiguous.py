"""Tables that can be read in two ways: refused, with both readings and what to write for either."""

import re
from typing import NoReturn

from gradcheck.errors import TensorError
from gradcheck.inputs.numbers import Style, as_array
from gradcheck.inputs.table import Lines, Reading, Row, Separator

PANDAS = "in pandas to_csv(file, index=False, header=False)"
IN_R = 'in R write.table(x, file, sep=",", row.names=FALSE, col.names=FALSE)'
_POINTS = re.compile(r"[+-]?([1-9]\d{0,2}(\.\d{3})?|0)")
_SPACES = re.compile(r"[+-]?[1-9]\d{0,2}( \d{3}){1,4}([.,]\d*)?")
_ROWS = re.compile(r"([+-]?\d+,(0|[1-9]\d*);)+[+-]?\d+,(0|[1-9]\d*)")


def refuse_commas(found: list[Reading], lines: Lines, where: str) -> NoReturn:
    """Refuse commas that may stand between columns, before decimals or between thousands."""
    ways = " or as ".join(f"{_shown(reading.rows[0])} ({reading.words})" for reading in found)
    remedy = "Write decimal points, and no commas between thousands."
    between = next((r for r in found if r.separator is Separator.COMMA and r.style is Style.POINT), None)
    if between is not None:
        row = ",".join(
            f"{value}.0" if isinstance(value, int) else str(value) for value in between.rows[0][:4]
        )
        remedy = (
            f"For columns write {row} (numpy.savetxt without fmt='%d', pandas astype(float)) or save a .npy; "
            "else write decimal points, and no commas between thousands."
        )
    raise TensorError(f"{where} can be read in {len(found)} ways: line {lines[0][0]} as {ways}.", remedy)


def refuse_groups(reading: Reading, lines: Lines, where: str) -> None:
    """Refuse points and spaces that may stand between thousands, and one line that may be rows of MATLAB."""
    texts = [line.strip() for _, line in lines]
    first, words, other = _shown(reading.rows[0]), reading.words, ""
    match reading.separator, reading.style:
        case Separator.SEMICOLON, Style.POINT:
            # What writes semicolons often writes decimal commas, and points between thousands.
            split = (cell.strip() for text in texts for cell in text.rstrip(";").split(";"))
            if any("." in text for text in texts) and all(map(_POINTS.fullmatch, split)):
                other = f"{texts[0][:40].replace('.', '')} (points between thousands)"
                remedy = "Write another decimal, as 1.2340 for 1.234, or nothing between thousands."
        case Separator.SEMICOLON, Style.COMMA:
            if len(texts) == 1 and _ROWS.fullmatch(texts[0].rstrip(";")):
                other = f"{len(reading.rows[0])} rows of 2 columns"
                remedy = "Write decimal points, or one row a line with decimals, as 1.0,2.0."
        case Separator.SPACE, _:
            # No program pads a column with zeros: 1 000 and 1 034 are thousands, 100 200 are columns.
            if all(map(_SPACES.fullmatch, texts)) and any(re.search(r" 0\d\d", text) for text in texts):
                other = f"{texts[0].replace(' ', '')} (spaces between thousands)"
                remedy = "Write nothing between thousands, or decimals in columns, as 1.0 0.0."
    if other:
        raise TensorError(
            f"{where} can be read in 2 ways: line {lines[0][0]} as {first} ({words}) or as {other}.", remedy
        )


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


def _shown(row: Row) -> str:
    return f"[{', '.join(f'{value:.6g}' for value in as_array(row[:4]))}{', …' if len(row) > 4 else ''}]"
