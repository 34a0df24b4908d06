"""What widens the tolerance of an element beyond atol + rtol·S, as a code for each element.

`widening` takes the parts of a tolerance and names the largest; the tolerance itself is made in rule.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique

import numpy as np

from gradcheck.arrays.types import Array

TOLD = 0.01
"""Share of atol + rtol·S from which the tolerance counts as widened: 1e-06·S in two digits stays 1e-06·S."""


@unique
class Widening(IntEnum):
    """The largest part of a tolerance besides atol + rtol·S."""

    NONE = 0
    DTYPE = 1
    """The only tape there is has the tensors' own dtype."""
    CONTRIBUTIONS = 2
    """The function rounds every contribution."""
    DIFFERENCE = 3
    """The difference can be off by more than a quarter of it."""
    TAPE = 4
    """Rounding moves the tape itself."""

    @property
    def in_words(self) -> str:
        """Why the tolerance is wider than the one that was asked for."""
        return {
            Widening.NONE: "",
            Widening.DTYPE: "the tape runs in the tensors' own dtype only",
            Widening.CONTRIBUTIONS: "the function rounds its results",
            Widening.DIFFERENCE: "the finite difference can be off by as much",
            Widening.TAPE: "rounding moves the tape by as much",
        }[self]


def widening(asked: Array, parts: Mapping[Widening, Array]) -> Array:
    """Codes of the largest of the parts [U] beside `asked` [U]; NONE where all together are little, uint8."""
    codes, sizes = np.array(list(parts), np.uint8), np.stack(list(parts.values()))
    told = sizes.sum(axis=0) > TOLD * asked
    return np.where(told, codes[sizes.argmax(axis=0)], Widening.NONE).astype(np.uint8)


@dataclass(frozen=True)
class Applied:
    """The tolerances of a check, as shares of S."""

    elements: int
    """That have a tolerance of their own."""
    least: float
    most: float
    widened: tuple[tuple[str, int], ...] = ()
    """What made it wider than was asked for, and in how many elements, the most frequent first."""
    own: tuple[str, float] | None = None
    """The dtype of the tensors, and the share of S by which the tape there may be off the one in float64;
    None where there is but one."""
