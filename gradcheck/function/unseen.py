"""Variables of which an upstream gradient of ones sees nothing, since the outputs sum to a constant.

A softmax is one such function. That its tape gradient is 0 for ones does not show it: a wrong one may be.
"""

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import magnitude
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.primal import Meter, Primal
from gradcheck.function.tape import Tape

UNSEEN = (
    "For an upstream gradient of ones the tape gradient by {} is 0, as the outputs sum to a constant: shown "
    "is the gradient for a random upstream gradient."
)
BLIND = 1e-6
"""Share of the gradients for random cotangents up to which the one for ones is only rounding."""
CONSTANT = 1e-3
"""Share of what outputs move by up to which their sum does not: steps of ∛ε leave ε^⅔ of rounding."""


def unseen(found: Tape, primal: Primal, base: Array, seed: int, meter: Meter) -> list[int]:
    """The variables, by number, for which the first cotangent, ones, gives 0 and has to; `base` is f at the
    point. Two evaluations for each that it gives 0 for."""
    return [number for number in _blind(found) if _sum_is_constant(primal, number, base, seed, meter)]


def _blind(found: Tape) -> list[int]:
    """The variables of which the first cotangent sees nothing, and the others something."""
    sizes = [[float(np.abs(one).max(initial=0.0)) for one in gradient] for gradient in found.gradients]
    return [n for n, (first, *others) in enumerate(sizes) if first <= BLIND * max(others) and max(others) > 0]


def _sum_is_constant(primal: Primal, number: int, base: Array, seed: int, meter: Meter) -> bool:
    """Whether the outputs move along a random direction of a variable, and their sum does not."""
    value = primal.values[number]
    random = generator(Stream.CONSTANT_SUM, seed, number)
    scale = eps_of(value.dtype.name) ** (1 / 3) * magnitude(view(value))
    move = tf.cast(tf.constant(scale * random.normal(size=scale.shape)), value.dtype)
    meter.add(2)

    def outputs(there: object) -> Array:
        values = [*primal.values[:number], there, *primal.values[number + 1 :]]
        return view(primal.evaluate(values, base.size))

    try:
        moved = outputs(value + move) - outputs(value - move)
    except Exception:  # whatever a user's function does at another point
        return False
    # NaN, of a function that refuses another point, tells nothing.
    return bool(np.abs(moved).sum() > 0 and abs(moved.sum()) <= CONSTANT * np.abs(moved).sum())
