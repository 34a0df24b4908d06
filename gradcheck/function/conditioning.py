"""How far the tape itself moves when the inputs move by a rounding: conditioning, and tape noise.

A function is ill-conditioned where a rounding of its inputs changes its gradient by more than a rounding. A
tape gradient that changes by its own size under a tiny move is nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.function.nearby import Draw, Size, nearby, roundings
from gradcheck.function.primal import Primal
from gradcheck.function.tape import Tape, record

TRIALS = 3
"""Points at which a change is measured; the largest change counts."""
CONDITIONING = 16
"""How many times the change by one rounding of the inputs still counts as conditioning."""


def change(primal: Primal, tape: Tape, cotangents: Array, number: int, dtypes: Sequence[str]) -> Array:
    """Largest change of a tape gradient when the inputs move by one rounding of `dtypes`, [K, elements]."""
    base = tape.gradients[number]
    largest = np.zeros(base.shape)
    for trial in range(TRIALS):
        random = generator(Stream.ROUNDED_INPUTS, trial)
        values = nearby(primal.values, roundings(dtypes), Size.ITSELF, Draw.HALF_TO_WHOLE, random)
        moved = record(primal.at(values), cotangents).gradients[number]
        with np.errstate(invalid="ignore"):
            largest = np.fmax(largest, np.abs(moved - base))
    return largest.reshape(len(cotangents), -1)


class Conditioning:
    """The change of one variable's tape gradient under roundings, measured when it is first asked for."""

    def __init__(self, primal: Primal, tape: Tape, cotangents: Array, number: int) -> None:
        self._arguments = primal, tape, cotangents, number
        self._found: dict[str, Array] = {}

    def rounding(self, flat: Array) -> Array:
        """What the function's conditioning makes of a rounding of its inputs, with some margin, [K, U]."""
        return CONDITIONING * self._change("", flat)

    def tape_noise(self, flat: Array) -> Array:
        """The change under a rounding to float16, [K, U]: small, unless the tape is nothing but rounding."""
        return self._change("float16", flat)

    def _change(self, dtype: str, flat: Array) -> Array:
        if dtype not in self._found:
            names = [dtype or value.dtype.name for value in self._arguments[0].values]
            self._found[dtype] = change(*self._arguments, names)
        return np.asarray(self._found[dtype][:, flat])
