"""The outputs of groups contracted with the cotangents, in pieces that stay in the processor's cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gradcheck.arrays.parallel import each
from gradcheck.arrays.types import Array
from gradcheck.differences.weights import Weights
from gradcheck.function.primal import Output
from gradcheck.sparsity.owners import Layout, layouts
from gradcheck.sparsity.probing import Grouping, Slices

PIECE = 2**16
"""Outputs looked at together: a few arrays of this length fit in a core's own cache."""


@dataclass(frozen=True)
class Sides:
    """The outputs of some groups."""

    up: Array
    """With the elements moved up, [groups, outputs]."""
    down: Array
    """With the elements moved down, [groups, outputs]."""
    base: Array
    """At the point, [groups, outputs] or [1, outputs]."""

    def of(self, number: int) -> Sides:
        """Those of one group."""
        chosen = slice(number, number + 1)
        return Sides(
            self.up[chosen], self.down[chosen], self.base[chosen if len(self.base) > 1 else slice(1)]
        )

    def part(self, groups: slice, outputs: slice) -> Iterator[Array]:
        """Up, down and base for some groups and outputs."""
        yield self.up[groups, outputs]
        yield self.down[groups, outputs]
        yield self.base[groups if len(self.base) > 1 else slice(None), outputs]


@dataclass(frozen=True)
class Part:
    """Some elements and how to get their sums."""

    where: Slices | Array
    """A strided view of the variable, or flat indices."""
    pieces: Sequence[Callable[[], Array]]
    """The sums [2K + 3, elements] of some of them each, in rows as in `Sums`."""

    def rows(self) -> Array:
        """The sums of all, [2K + 3, elements]."""
        found = each(lambda piece: piece(), self.pieces)
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


class Pieces:
    """The contraction of one group, or of several that have the same layout, piece by piece."""

    def __init__(
        self,
        grouping: Grouping,
        groups: Sequence[int],
        outputs: tuple[Output, ...],
        weights: Weights,
        sides: Sides,
    ) -> None:
        starts = np.cumsum([0, *(output.size for output in outputs)])
        self.tensors = list(zip(layouts(grouping, outputs, groups[0]), outputs, starts[:-1], strict=True))
        self.grouping, self.groups, self.weights, self.sides = grouping, groups, weights, sides
        self.moved = [layout for layout, _, _ in self.tensors if layout is not None]

    def leaks(self) -> bool:
        """Whether an output moved that no member owns."""
        for layout, output, start in self.tensors:
            outputs = slice(start, start + output.size)
            noise = self.weights.precision.noise[outputs].reshape(output.shape)
            parts = self.sides.part(slice(None), outputs)
            up, down, base = (values.reshape(-1, *output.shape) for values in parts)
            for stray in [(...,)] if layout is None else layout.strays():
                with np.errstate(invalid="ignore"):
                    middle, slack = base[:, *stray], noise[stray]
                    moved = np.maximum(np.abs(up[:, *stray] - middle), np.abs(middle - down[:, *stray]))
                    if not (moved <= 4 * slack).all():
                        return True
        return False

    def parts(self) -> Iterator[Part]:
        """The elements in pieces whose outputs fit in the cache."""
        if len(self.groups) > 1:
            count = len(self.groups)
            step = max(1, PIECE // max((math.prod(layout.shape) for layout in self.moved), default=1))
            chosen = [slice(at, min(at + step, count)) for at in range(0, count, step)]
            yield Part(self._flat(), [partial(self._sums, part) for part in chosen])
            return
        whole = self.grouping.slices(self.groups[0])
        if not (self.moved and all(layout.leading for layout in self.moved)):
            yield Part(whole, [partial(self._sums, slice(1))])
            return
        size = self.grouping.shape[0]
        rows = max(1, PIECE // max(math.prod(layout.shape[1:]) for layout in self.moved))
        chosen = [slice(at, min(at + rows, size)) for at in range(0, size, rows)]
        pieces = [partial(self._sums, slice(1), part) for part in chosen]
        if self.grouping.members <= PIECE // 4:
            # To judge few elements at once costs more than not to have them in the cache.
            yield Part(whole, pieces)
        else:
            yield from (Part((part, *whole[1:]), [piece]) for part, piece in zip(chosen, pieces, strict=True))

    def _flat(self) -> Array:
        """Flat indices of the elements of groups of the same layout, group by group."""
        numbers = np.arange(math.prod(self.grouping.shape)).reshape(self.grouping.shape)
        return np.concatenate([numbers[self.grouping.slices(group)].reshape(-1) for group in self.groups])

    def _sums(self, groups: slice, rows: slice | None = None) -> Array:
        """The sums of some of the groups, or of some rows of the first axis of the only one."""
        total: Array | float = 0.0
        for layout, output, start in self.tensors:
            if layout is None:
                continue
            part = slice(start, start + output.size)
            if rows is not None:
                width = output.size // output.shape[0]
                part = slice(start + rows.start * width, start + rows.stop * width)
                layout = layout.rows(rows.start, rows.stop)
            sides = (
                values.reshape(-1, *layout.shape)[:, *layout.covered]
                for values in self.sides.part(groups, part)
            )
            total = total + self._contract(layout, part, *sides)
        if isinstance(total, float):
            members = self.grouping.members * len(self.groups[groups])
            return np.zeros((2 * self.weights.count + 3, members))
        return self._crop(rows, total)

    def _contract(self, layout: Layout, part: slice, up: Array, down: Array, base: Array) -> Array:
        """Rows of one tensor's covered outputs."""
        weights, eps = self.weights, self.weights.precision.eps
        cotangents = weights.cotangents[:, part].reshape(-1, *layout.shape)[:, *layout.covered]
        shown, noise = (
            values[part].reshape(layout.shape)[layout.covered]
            for values in (weights.shown, weights.precision.noise)
        )
        with np.errstate(invalid="ignore", over="ignore"):
            rise, fall = up - base, base - down
            moved = np.abs(rise)
            moved += np.abs(fall)
            moved *= 0.5 * shown
            if layout.dense:
                rows = layout.shape[0] if layout.owned else 1
                linear = np.concatenate([_products(cotangents, side, rows) for side in (rise, fall)])
            else:
                linear = np.stack(
                    [layout.add_up(cotangent * side) for side in (rise, fall) for cotangent in cotangents]
                )
            size = layout.add_up(moved)
            held = noise * shown if moved.all() else np.where(moved != 0, noise * shown, 0.0)
            held = np.broadcast_to(layout.add_up(held.reshape(-1, *noise.shape)), (len(up), size.shape[-1]))
        # All outputs of a tensor have the same relative rounding.
        return np.concatenate([linear, [size, held, size * eps[0 if eps.size == 1 else part.start]]])

    def _crop(self, rows: slice | None, total: Array) -> Array:
        """Without the members that fall off the tensor's end: [rows, groups, members] → [rows, elements]."""
        if len(self.groups) > 1:
            return total.reshape(len(total), -1)
        where = self.grouping.slices(self.groups[0])
        pairs = zip(where, self.grouping.shape, strict=True)
        kept = [len(range(*part.indices(size))) for part, size in pairs]
        full = list(self.grouping.lengths)
        if rows is not None:
            full[0] = kept[0] = rows.stop - rows.start
        if full == kept:
            return total.reshape(len(total), -1)
        return total.reshape(-1, *full)[:, *(slice(0, n) for n in kept)].reshape(len(total), -1)


def _products(cotangents: Array, side: Array, rows: int) -> Array:
    """Σ r_k Δ for each row of each group, [K, groups, rows]; one small matrix product a row."""
    count = len(cotangents)
    weights = cotangents.reshape(count, rows, -1).astype(np.float64, copy=False).transpose(1, 2, 0)
    return np.asarray((side.reshape(len(side), rows, -1).transpose(1, 0, 2) @ weights).transpose(2, 1, 0))
