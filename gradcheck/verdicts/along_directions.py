"""What slopes along signed directions say of the tape gradients of all elements of a stratum.

With r_k the distance of tape and difference along direction k and b_k the bound of the difference, every
element's error is at most 2 max_k (r_k + b_k) / a_j, but for a chance of 2^−K (differences/directions.py).
An element whose error is at most its tolerance matches, whatever is left of r. A distance that is more than
all elements within their tolerances can add up to tells of one that is not: with random signs that is
t √Σ (tolerance_j a_j)² but for a chance of 2 exp(−t² / 2) (Hoeffding 1963).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.directions import SignedDirections
from gradcheck.differences.stencils import ROUNDINGS, Estimate

SEEN = 2.0
"""Times its bound from which a distance is no rounding."""
SURE = 4.0
"""Times its bound that a distance must have besides to be called a mismatch."""
TAILS = 6.0
"""t above: a chance of 3e-8 for each direction."""


@dataclass(frozen=True)
class Slopes:
    """Tape and differences along the directions of one stratum."""

    directions: SignedDirections
    estimate: Estimate
    """[cotangents, K]."""
    step: float
    """The step that suited the first direction best."""
    moved: float
    """How far L moves along that direction at the longest step."""
    tape: Array
    """Tape gradients of the elements, less the errors that are known, [cotangents, chosen]."""
    signed: Array
    """Σ_j g_j u_j − D(u) for that tape, [cotangents, K]."""

    @staticmethod
    def along(directions: SignedDirections, tape: Array, longest: float, eps: float, enough: float) -> Slopes:
        """The slopes of a tape [cotangents, chosen] and of differences with steps up to `longest`,
        known to `enough`."""
        estimate, step, moved = directions.settled(longest, eps, enough)
        if tape.any():
            # Where no step moved any output, the rounding of all of them hides a slope.
            weighted = directions.weighted
            hidden = ROUNDINGS * float(np.sum(weighted.shown * weighted.noise)) / longest
            still = (estimate.size == 0) & (estimate.bound == 0)
            estimate = replace(estimate, bound=np.where(still, hidden, estimate.bound))
        with np.errstate(invalid="ignore"):
            signed = directions.slopes_of(tape, estimate.value.shape[1]) - estimate.value
        return Slopes(directions, estimate, step, moved, tape, signed)

    @property
    def distance(self) -> Array:
        """|Σ_j g_j u_j − D(u)|, [cotangents, K]."""
        return np.abs(self.signed)

    @property
    def corners(self) -> bool:
        """Whether L has a corner at the point along some direction."""
        return bool((self.estimate.half > 0).any())

    def without(self, errors: Array) -> Slopes:
        """The slopes with known errors [cotangents, chosen] taken out of the tape."""
        known = self.directions.slopes_of(errors, self.signed.shape[1])
        return replace(self, tape=self.tape - errors, signed=self.signed - known)

    def reach(self) -> float:
        """max_k (r_k + b_k): no sum of errors is larger along any direction; infinite where nothing is
        known."""
        return float(np.max(np.nan_to_num(self.distance + self.estimate.bound, nan=np.inf, posinf=np.inf)))

    def seen(self) -> Array:
        """Directions along which there is more than rounding, [K]."""
        return np.asarray((self.distance > SEEN * self.estimate.bound).any(axis=0))

    def tolerance(self, tolerance: Array) -> Array:
        """The distance that rounding and elements within their tolerances [chosen] explain,
        [cotangents, K]."""
        size = self.directions.elements.size[self.directions.chosen]
        return SURE * self.estimate.bound + TAILS * float(np.sqrt(np.sum((tolerance * size) ** 2)))

    def refuted(self, tolerance: Array) -> Array:
        """Directions whose distance is more than all elements within their tolerances [chosen] explain,
        [K]."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.distance > self.tolerance(tolerance)).any(axis=0))
