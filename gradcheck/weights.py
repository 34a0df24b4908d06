"""The cotangents as weights of the outputs, and sums of differences under them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.tape import sizes
from gradcheck.targets import Array


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
    output: Array
    """Σ w |f(x)| over the outputs that moved, [U]: what rounding is a share of."""

    @staticmethod
    def of(rows: Array, cotangents: int) -> Sums:
        """Name the rows of a contraction."""
        up, down, gap, (size, output) = np.split(rows, [cotangents, 2 * cotangents, len(rows) - 2])
        return Sums(up, down, gap, size, output)

    @property
    def rows(self) -> Array:
        """All sums, one below the other."""
        return np.concatenate([self.up, self.down, self.gap, self.size[None], self.output[None]])

    def take(self, members: Array | slice) -> Sums:
        """Only some elements."""
        parts = (self.up, self.down, self.gap, self.size, self.output)
        return Sums(*(part[..., members] for part in parts))


class Weights:
    """Cotangents [K, outputs] and the size of the one that is shown, w [outputs]."""

    def __init__(self, cotangents: Array) -> None:
        self.cotangents, self.count = cotangents, len(cotangents)
        self.shown = sizes(cotangents[0])

    def of_elements(self, up: Array, down: Array, base: Array) -> Sums:
        """Sums for U elements that were moved one by one; `up` and `down` are [U, outputs]."""
        with np.errstate(invalid="ignore", over="ignore"):
            rise, fall = up - base, base - down
            cotangents = self.cotangents.astype(np.float64, copy=False)
            moved = np.abs(rise) + np.abs(fall)
            return Sums(
                cotangents @ rise.T,
                cotangents @ fall.T,
                np.abs(cotangents) @ np.abs(rise - fall).T,
                moved @ (0.5 * self.shown),
                np.where(moved != 0, np.abs(base), 0.0) @ self.shown,
            )

    def of_entries(self, up: Array, down: Array, base: Array, entries: Array) -> Sums:
        """Sums for U elements over the outputs at `entries` [U, Q], −1 for none; all arrays are [U, Q]."""
        with np.errstate(invalid="ignore", over="ignore"):
            none = entries < 0
            rise, fall = np.where(none, 0.0, up - base), np.where(none, 0.0, base - down)
            cotangents, shown = self.cotangents[:, entries], self.shown[entries]
            moved = np.abs(rise) + np.abs(fall)
            return Sums(
                np.einsum("kuq,uq->ku", cotangents, rise),
                np.einsum("kuq,uq->ku", cotangents, fall),
                np.einsum("kuq,uq->ku", np.abs(cotangents), np.abs(rise - fall)),
                np.einsum("uq,uq->u", 0.5 * shown, moved),
                np.einsum("uq,uq->u", shown, np.where(moved != 0, np.abs(base), 0.0)),
            )
