"""Σ r_k Δ: differences of outputs contracted with the cotangents, for several elements at once.

Which outputs are added up for which element is a `Total`: all of them (elements that were moved alone), those
of some entries, those that a layout of owners gives each member of a group, or each output by itself. No
Jacobian is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gradcheck.arrays.columns import Columns
from gradcheck.arrays.types import Array, sizes


@dataclass(frozen=True)
class Sums(Columns):
    """Contractions for U elements, not yet divided by a step."""

    up: Array
    """Σ r_k Δ⁺, [K, U]."""
    down: Array
    """Σ r_k Δ⁻, [K, U]."""
    gap: Array
    """Σ |r_k| |Δ⁺ − Δ⁻|, [K, U]; for equal steps h times the width of the interval of slopes.
    [0, U] outside a ladder of steps."""
    size: Array
    """Σ w (|Δ⁺| + |Δ⁻|) / 2, [U], with w the size of the cotangent that is shown."""
    noise: Array
    """Σ w σ over the outputs that moved, [U], with σ the rounding of an output."""
    coarse: Array
    """Σ w ε (|Δ⁺| + |Δ⁻|) / 2, [U], with ε the relative rounding of an output's tensor."""

    @staticmethod
    def of(rows: Array, cotangents: int) -> Sums:
        """Name the rows of a contraction, [3K + 3, U] or without a gap [2K + 3, U]."""
        up, down, gap, rest = np.split(rows, [cotangents, 2 * cotangents, len(rows) - 3])
        return Sums(up, down, gap, *rest)


@dataclass(frozen=True)
class Weighted:
    """Some outputs with what they are multiplied by and how they are rounded; all in the outputs' shape."""

    cotangents: Array
    """[K, *outputs]."""
    shown: Array
    """w, the size of the cotangent that is shown."""
    noise: Array
    eps: Array
    """Relative rounding, or one number [1] for all outputs."""

    @staticmethod
    def of(cotangents: Array, noise: Array, eps: Array) -> Weighted:
        """All outputs, flat; `cotangents` are [K, outputs]."""
        return Weighted(cotangents, sizes(cotangents[0]), noise, eps)

    def part(self, outputs: slice, shape: tuple[int, ...], covered: tuple[slice, ...]) -> Weighted:
        """The `covered` outputs of one tensor, which lie at `outputs` among all and have a shape."""
        # All outputs of a tensor have the same relative rounding.
        eps = self.eps if self.eps.size == 1 else self.eps[outputs][:1]
        return Weighted(
            self.cotangents[:, outputs].reshape(-1, *shape)[:, *covered],
            self.shown[outputs].reshape(shape)[covered],
            self.noise[outputs].reshape(shape)[covered],
            eps,
        )

    def at(self, entries: Array) -> Weighted:
        """The outputs at flat indices of any shape."""
        eps = self.eps if self.eps.size == 1 else self.eps[entries]
        return Weighted(self.cotangents[:, entries], self.shown[entries], self.noise[entries], eps)


class Total(Protocol):
    """How the outputs of each element are added up."""

    def products(self, cotangents: Array, side: Array) -> Array:
        """Σ r_k Δ over the outputs of each element, [K, U]."""

    def sums(self, values: Array) -> Array:
        """Σ over the outputs of each element, [U]."""


def contract(outputs: Weighted, total: Total, up: Array, down: Array, base: Array, *, gap: bool) -> Array:
    """The rows of `Sums` for elements whose outputs went `up` and `down`; with `gap` for ladders of steps."""
    with np.errstate(invalid="ignore", over="ignore"):
        rise, fall = up - base, base - down
        moved = np.abs(rise)
        moved += np.abs(fall)
        moved *= 0.5 * outputs.shown
        rows = [total.products(outputs.cotangents, side) for side in (rise, fall)]
        if gap:
            rows.append(total.products(np.abs(outputs.cotangents), np.abs(rise - fall)))
        size, rounding = total.sums(moved), outputs.noise * outputs.shown
        held = total.sums(rounding if moved.all() else np.where(moved != 0, rounding, 0.0))
        coarse = size * outputs.eps if outputs.eps.size == 1 else total.sums(moved * outputs.eps)
    return np.concatenate([*rows, [size, np.broadcast_to(held, size.shape), coarse]])


class AllOutputs:
    """Elements moved alone: sides are [U, outputs] and every output counts."""

    def products(self, cotangents: Array, side: Array) -> Array:
        """One matrix product for all elements."""
        return np.asarray(cotangents.astype(np.float64, copy=False) @ side.T)

    def sums(self, values: Array) -> Array:
        """Over the last axis."""
        return np.asarray(values.sum(axis=-1))


class EntriesOnly:
    """Elements moved together that share no output: sides are [U, Q], the Q outputs of each element."""

    def products(self, cotangents: Array, side: Array) -> Array:
        """`cotangents` are those of the entries, [K, U, Q]."""
        return np.asarray(np.einsum("kuq,uq->ku", cotangents, side))

    def sums(self, values: Array) -> Array:
        """Over the last axis."""
        return np.asarray(values.sum(axis=-1))


class EachOutput:
    """Every output is an element of its own: sides are [outputs], and the one cotangent is 1."""

    def products(self, cotangents: Array, side: Array) -> Array:
        """[1, outputs]."""
        return np.asarray(cotangents * side)

    def sums(self, values: Array) -> Array:
        """Each by itself."""
        return values
