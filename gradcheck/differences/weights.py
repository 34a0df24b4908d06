"""The cotangents as weights of the outputs, and sums of differences under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.noise_level import Precision
from gradcheck.function.tape import sizes


@dataclass(frozen=True)
class Sums:
    """Contractions for U elements, not yet divided by a step."""

    up: Array
    """Σ r_k Δ⁺, [K, U]."""
    down: Array
    """Σ r_k Δ⁻, [K, U]."""
    gap: Array
    """Σ |r_k| |Δ⁺ − Δ⁻|, [K, U]; for equal steps h times the width of the interval of slopes.
    [0, U] outside a sweep."""
    size: Array
    """Σ w (|Δ⁺| + |Δ⁻|) / 2, [U], with w the size of the cotangent that is shown."""
    noise: Array
    """Σ w σ over the outputs that moved, [U], with σ the rounding of an output."""
    coarse: Array
    """Σ w ε (|Δ⁺| + |Δ⁻|) / 2, [U], with ε the relative rounding of an output's tensor."""

    @staticmethod
    def of(rows: Array, cotangents: int) -> Sums:
        """Name the rows of a contraction."""
        up, down, gap, rest = np.split(rows, [cotangents, 2 * cotangents, len(rows) - 3])
        return Sums(up, down, gap, *rest)

    @property
    def rows(self) -> Array:
        """All sums, one below the other."""
        return np.concatenate([self.up, self.down, self.gap, [self.size, self.noise, self.coarse]])


class Weights:
    """Cotangents [K, outputs], the size w of the one that is shown [outputs], and the outputs' rounding."""

    def __init__(self, cotangents: Array, precision: Precision) -> None:
        self.cotangents, self.count, self.precision = cotangents, len(cotangents), precision
        self.shown = sizes(cotangents[0])

    def of_elements(self, up: Array, down: Array, base: Array) -> Sums:
        """Sums for U elements that were moved one by one; `up` and `down` are [U, outputs]."""
        with np.errstate(invalid="ignore", over="ignore"):
            rise, fall = up - base, base - down
            cotangents = self.cotangents.astype(np.float64, copy=False)
            moved = (np.abs(rise) + np.abs(fall)) * (0.5 * self.shown)
            return Sums(
                cotangents @ rise.T,
                cotangents @ fall.T,
                np.abs(cotangents) @ np.abs(rise - fall).T,
                moved.sum(axis=1),
                (moved != 0) @ (self.shown * self.precision.noise),
                (moved * self.precision.eps).sum(axis=1),
            )

    def of_entries(self, up: Array, down: Array, base: Array, entries: Array) -> Sums:
        """Sums for U elements over the outputs at `entries` [U, Q], −1 for none; all arrays are [U, Q]."""
        with np.errstate(invalid="ignore", over="ignore"):
            none = entries < 0
            rise, fall = np.where(none, 0.0, up - base), np.where(none, 0.0, base - down)
            cotangents, shown = self.cotangents[:, entries], self.shown[entries]
            eps = self.precision.eps
            moved = (np.abs(rise) + np.abs(fall)) * (0.5 * shown)
            return Sums(
                np.einsum("kuq,uq->ku", cotangents, rise),
                np.einsum("kuq,uq->ku", cotangents, fall),
                np.einsum("kuq,uq->ku", np.abs(cotangents), np.abs(rise - fall)),
                moved.sum(axis=1),
                np.where(moved != 0, shown * self.precision.noise[entries], 0.0).sum(axis=1),
                (moved * (eps if eps.size == 1 else eps[entries])).sum(axis=1),
            )
