"""Points near the point of a check, x_j + share · s_j · u_j with random u, and how far a tape moves there.

`Size` says what s_j is and `Draw` what u is; the share is a rounding of a dtype, or a distance relative to
the tensor.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.scale import typical
from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.primal import Primal
from gradcheck.function.tape import Tape, record

TRIALS = 3
"""Points at which a change is measured; the largest change counts."""
CONDITIONING = 16
"""How many times the change by one rounding of the inputs still counts as conditioning."""


class Size(Enum):
    """How far an element is moved, relative to what."""

    ITSELF = "|x_j|: an element that is 0 stays"
    ELEMENT = "|x_j|, and the scale of the tensor where x_j is 0"
    TENSOR = "the scale of the tensor"


class Draw(Enum):
    """The distribution of the moves."""

    NORMAL = "standard normal"
    SIGNS = "−1 or +1"
    HALF_TO_WHOLE = "−1 … −½ or ½ … 1"

    def numbers(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Random numbers of the distribution."""
        if self is Draw.NORMAL:
            return generator.standard_normal(shape)
        if self is Draw.SIGNS:
            return generator.choice([-1.0, 1.0], shape)
        return half_to_whole(generator.uniform(-1, 1, shape))


def own_size(point: Array) -> Array:
    """|x_j| of each element, and the scale of the tensor where it is 0."""
    return np.where(point == 0, typical(point), np.abs(point))


SCALES: dict[Size, Callable[..., Any]] = {Size.ITSELF: np.abs, Size.ELEMENT: own_size, Size.TENSOR: typical}


def nearby(
    values: Sequence[Any], share: float | Sequence[float], size: Size, draw: Draw, random: np.random.Generator
) -> list[Any]:
    """Tensors at a random point near `values`; `share` is one for all tensors, or one for each."""
    shares = [share] * len(values) if isinstance(share, float) else list(share)
    return [_moved(*pair, size, draw, random) for pair in zip(values, shares, strict=True)]


def _moved(value: Any, share: float, size: Size, draw: Draw, random: np.random.Generator) -> Any:
    point = tf.cast(value, tf.float64).numpy()
    moves = share * SCALES[size](point) * draw.numbers(random, point.shape)
    return tf.cast(tf.constant(point + moves), value.dtype)


def changes(primal: Primal, tape: Tape, cotangents: Array, shares: Sequence[float]) -> list[Array]:
    """Largest change of each variable's tape gradient when the inputs move by so large shares of themselves,
    such as one rounding, [K, elements] each."""
    largest = [np.zeros(base.shape) for base in tape.gradients]
    for trial in range(TRIALS):
        random = generator(Stream.ROUNDED_INPUTS, trial)
        values = nearby(primal.values, shares, Size.ITSELF, Draw.HALF_TO_WHOLE, random)
        moved = record(primal.at(values), cotangents).gradients
        for most, there, here in zip(largest, moved, tape.gradients, strict=True):
            with np.errstate(invalid="ignore"):
                np.fmax(most, np.abs(there - here), out=most)
    return [most.reshape(len(cotangents), -1) for most in largest]


class Conditioning:
    """The change of tape gradients under roundings, measured when it is first asked for.

    A function is ill-conditioned where a rounding of its inputs changes its gradient by more than a rounding.
    A tape gradient that changes by its own size under a tiny move is nothing but rounding.
    """

    def __init__(self, primal: Primal, tape: Tape, cotangents: Array) -> None:
        self._arguments = primal, tape, cotangents
        self._found: dict[str, list[Array]] = {}

    def rounding(self, number: int, flat: Array) -> Array:
        """What the function's conditioning makes of a rounding of its inputs, with some margin, for elements
        of one variable, [K, U]."""
        return CONDITIONING * self._changes("")[number][:, flat]

    def tape_noise(self, number: int, flat: Array) -> Array:
        """The change under a rounding to float16, [K, U]: small, unless the tape is nothing but rounding."""
        return self._changes("float16")[number][:, flat]

    def _changes(self, dtype: str) -> list[Array]:
        if dtype not in self._found:
            shares = [eps_of(dtype or value.dtype.name) for value in self._arguments[0].values]
            self._found[dtype] = changes(*self._arguments, shares)
        return self._found[dtype]
