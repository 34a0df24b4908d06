"""f along a ray x + t u: differences along any direction u of some variables.

Steps t are powers of two, so that x + t u is exact where u is made of powers of two as well: next to a pole
the finest steps count. An element of an estimate is the whole contraction Σ r_k Δ, or each output by itself.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Sums, Total, Weighted, contract
from gradcheck.differences.stencils import Estimate, Level
from gradcheck.differences.step_selection import settle
from gradcheck.differences.steps import LEVELS, SHORT
from gradcheck.function.primal import Meter, Primal


class Ray:
    """f at x + t u."""

    def __init__(self, primal: Primal, base: Array, direction: Mapping[int, Array], meter: Meter) -> None:
        """`direction` has an array of its shape for each variable that moves, by number."""
        self.primal, self.base, self._meter = primal, base, meter
        self.direction = {n: tf.constant(moves, primal.values[n].dtype) for n, moves in direction.items()}
        """u as the dtypes of the variables hold it."""

    def at(self, step: float, values: Sequence[Any] | None = None) -> Array:
        """f(x + t u), flat [outputs], NaN where f refuses; `values` are another x."""
        self._meter.add()
        moved = list(self.primal.values if values is None else values)
        for number, direction in self.direction.items():
            moved[number] = moved[number] + tf.cast(step, direction.dtype) * direction
        return np.asarray(view(self.primal.evaluate(moved, self.base.size)))

    def sides(self, step: float) -> tuple[Array, Array]:
        """f(x + t u) and f(x − t u), each [outputs]."""
        return self.at(step), self.at(-step)

    def estimate(self, steps: Sequence[float], outputs: Weighted, total: Total) -> Estimate:
        """The slope along u that a ladder of steps settles on, contracted by `total` over all outputs."""
        return self.settled(steps, [self.sides(step) for step in steps], outputs, total, None)

    def settled(
        self,
        steps: Sequence[float],
        sides: Sequence[tuple[Array, Array]],
        outputs: Weighted,
        total: Total,
        chosen: Array | None,
    ) -> Estimate:
        """The slopes that sides taken at a ladder of steps settle on; `chosen` are the outputs [U] that are
        elements of their own, None makes one element of all."""
        levels = []
        for step, pair in zip(steps, sides, strict=True):
            up, down = (side[None] if chosen is None else side[chosen] for side in pair)
            base = self.base if chosen is None else self.base[chosen]
            sums = Sums.of(contract(outputs, total, up, down, base, gap=True), len(outputs.cotangents))
            taken = np.full(sums.size.size, step)
            levels.append(Level(sums, taken, taken))
        return settle(levels, np.ones(levels[0].sums.size.size))


def short_ladder(first: float) -> list[float]:
    """A few steps from the first one down."""
    return [_power_of_two(first * share) for share in SHORT]


def full_ladder(eps: float) -> list[float]:
    """Steps from the scale of the variables down to a few roundings `eps` of it."""
    return [_power_of_two(float(step)) for step in np.geomspace(1.0, max(1e-12, 8 * eps), LEVELS)]


def _power_of_two(step: float) -> float:
    return 2.0 ** round(math.log2(step))
