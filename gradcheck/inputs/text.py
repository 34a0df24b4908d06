"""Numbers written as text: inline literals, JSON, and tables of comma, tab or space separated values."""

import csv
import json
import re
from typing import IO, Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError

_RAGGED_REMEDY = "Give every row the same number of values."


def read_literal(text: str, where: str) -> Array:
    """`3.0` or `[[1, 2], [3, 4]]` → int64, bool or float64 array; numbers as Python writes them.

    `1.` and `nan` are numbers here, unlike in JSON.
    Raises `TensorError` for other words, unbalanced brackets and ragged lists.
    """
    spelled = re.sub(r"[^\s\[\],]+", lambda found: _as_json(found[0], where), text)
    return _from_json(spelled, where, "no list of numbers")


def read_json(stream: IO[bytes], where: str) -> Array:
    """A number, or lists of numbers nested to any depth → int64, bool or float64 array."""
    return _from_json(_decoded(stream, where), where, "no valid JSON")


def read_table(stream: IO[bytes], where: str, delimiter: str | None) -> Array:
    """A table of numbers → (rows, columns), or (rows,) for a single column, as numpy.savetxt writes vectors.

    `delimiter` None stands for white space. Empty lines, and lines that start with # are skipped.
    Raises `TensorError` naming row and column of what is no number, and rows of different lengths.
    """
    lines = [
        (number, line)
        for number, line in enumerate(_decoded(stream, where).splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise TensorError(f"{where} holds no numbers: the file is empty.", "Write one row of numbers a line.")
    rows: list[list[int | float]] = []
    for number, line in lines:
        # Rows end at line ends here, so that a stray quote cannot swallow the rest of the file.
        cells = next(csv.reader([line], delimiter=delimiter)) if delimiter else line.split()
        row = [_number(cell, where, number, column, not rows) for column, cell in enumerate(cells, 1)]
        if rows and len(row) != len(rows[0]):
            raise TensorError(
                f"{where} has rows of different lengths: {len(row)} in line {number}, {len(rows[0])} in line "
                f"{lines[0][0]}.",
                _RAGGED_REMEDY,
            )
        rows.append(row)
    table = _array(rows)
    return table[:, 0] if table.shape[1] == 1 else table


def _decoded(stream: IO[bytes], where: str) -> str:
    try:
        return stream.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TensorError(
            f"{where} is no UTF-8 text (byte {error.start}).", "Save it as UTF-8 text, or as .npy."
        ) from error


def _number(cell: str, where: str, line: int, column: int, first: bool) -> int | float:
    try:
        return _value(cell)
    except ValueError as error:
        found = f"{cell.strip()[:40]!r}, which is no number" if cell.strip() else "nothing"
        remedy = "Delete it if it is a header row, or start it with #." if first else "Write a number there."
        raise TensorError(f"{where} holds {found}, in line {line}, column {column}.", remedy) from error


def _value(word: str) -> int | float:
    """An int where it is written as one, since integers of more than 24 bits must not be rounded unseen."""
    try:
        return int(word)
    except ValueError:
        return float(word)


def _as_json(word: str, where: str) -> str:
    if word.lower() in ("true", "false"):
        return word.lower()
    try:
        return json.dumps(_value(word))
    except ValueError as error:
        raise TensorError(
            f"{where} holds {word[:40]!r}, which is no number.", "Write numbers, such as [[1, 2], [3, 4.5]]."
        ) from error


def _from_json(text: str, where: str, complaint: str) -> Array:
    try:
        nested = json.loads(text)
        _refuse_misfit(nested, _shape(nested, where), (), where)
    except json.JSONDecodeError as error:
        raise TensorError(
            f"{where} is {complaint}: {error.msg} at line {error.lineno}, column {error.colno}.",
            "Write nested lists of numbers with balanced brackets, such as [[1, 2], [3, 4]].",
        ) from error
    except (RecursionError, ValueError) as error:
        raise TensorError(f"{where} is {complaint}: {error}.", "Write nested lists of numbers.") from error
    return _array(nested)


def _shape(nested: Any, where: str) -> tuple[int, ...]:
    """The shape that the first element at every depth promises."""
    shape = []
    while isinstance(nested, list):
        shape.append(len(nested))
        if not nested:
            break
        nested = nested[0]
    if len(shape) > 32:
        raise TensorError(f"{where} has lists nested {len(shape)} deep; 32 is the most.", "Nest them less.")
    return tuple(shape)


def _refuse_misfit(nested: Any, shape: tuple[int, ...], index: tuple[int, ...], where: str) -> None:
    """Raise at the first place that holds no number, or a list of another length than `shape` says."""
    inner = shape[len(index) :]
    if isinstance(nested, list):
        if not inner or len(nested) != inner[0]:
            usual = f"length {inner[0]}" if inner else "a number"
            raise TensorError(
                f"{where} is ragged: a list of length {len(nested)} at {list(index)}, where others have "
                f"{usual}.",
                _RAGGED_REMEDY,
            )
        if len(inner) == 1 and set(map(type, nested)) <= {int, float, bool}:
            return  # a tenth of the time of a call for each number
        for position, item in enumerate(nested):
            _refuse_misfit(item, shape, (*index, position), where)
    elif not isinstance(nested, (int, float)):
        kind = {"str": "text", "dict": "an object", "NoneType": "null"}[type(nested).__name__]
        raise TensorError(
            f"{where} holds {kind} at {list(index)}; only numbers and lists of numbers are read.",
            "Write nested lists of numbers, such as [[1, 2], [3, 4]].",
        )
    elif inner:
        raise TensorError(
            f"{where} is ragged: a number at {list(index)}, where others have a list.", _RAGGED_REMEDY
        )


def _array(nested: Any) -> Array:
    """int64 or bool where every number was written so; an integer beyond all floats becomes infinity."""
    array = np.array(nested)
    return np.vectorize(_float, otypes=[float])(array) if array.dtype == object else array


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
