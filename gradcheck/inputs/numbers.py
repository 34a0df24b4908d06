"""Numbers as text writes them: with a decimal point, a decimal comma, or commas between thousands."""

import re
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
# At most 10^15: a longer row of groups is a row of numbers of three digits.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3}){1,4}(\.\d*)?")
_WITHOUT_GROUPS = re.compile(r"[+-]?\d{1,3}(\.\d*)?")


def number(word: str) -> int | float:
    """An int where it is written as one, since integers of more than 24 bits must not be rounded unseen."""
    if "." in word:  # an exception takes as long as five conversions
        return float(word)
    try:
        return int(word)
    except ValueError:
        return float(word)


def _decimal_point(word: str) -> int | float:
    if "_" in word:  # Python reads 1_000, and no program writes it
        raise ValueError(f"{word[:40]!r} is no number")
    return number(word)


def _decimal_comma(word: str) -> int | float:
    if _DECIMAL_COMMA.fullmatch(word):
        return float(word.replace(",", "."))
    if "." in word:
        raise ValueError(f"{word[:40]!r} has a decimal point")
    return _decimal_point(word)


def _thousands(word: str) -> int | float:
    if _THOUSANDS.fullmatch(word):
        return number(word.replace(",", ""))
    if _WITHOUT_GROUPS.fullmatch(word):
        return number(word)
    raise ValueError(f"{word[:40]!r} has no commas between thousands")


class Style(Enum):
    """A way to write numbers."""

    POINT = "decimal points"
    COMMA = "decimal commas"
    THOUSANDS = "commas between thousands"

    @property
    def parse(self) -> Callable[[str], int | float]:
        """Reads a word, or raises `ValueError`."""
        return _PARSERS[self]


_PARSERS = {Style.POINT: _decimal_point, Style.COMMA: _decimal_comma, Style.THOUSANDS: _thousands}


def as_array(nested: Any) -> Array:
    """int64 or bool where every number was written so; an integer beyond all floats becomes infinity."""
    try:
        array = np.array(nested)
    except OverflowError:  # 1.5 beside an integer beyond all floats
        array = np.array(nested, object)
    return np.vectorize(_float, otypes=[float])(array) if array.dtype == object else array


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
