"""The outputs of moved groups → sums for their members, in pieces that stay in the processor's cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gradcheck.arrays.large import each
from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Weighted, contract
from gradcheck.function.output import Output
from gradcheck.sparsity.colouring import Colouring, Slices
from gradcheck.sparsity.owners import Owners, owners_of

PIECE = 2**16
"""Outputs looked at together: a few arrays of this length fit in a core's own cache."""


@dataclass(frozen=True)
class OwnedOutputs:
    """Members of groups moved together: sides are the covered outputs of one tensor, [groups, *outputs]."""

    owners: Owners

    def products(self, cotangents: Array, side: Array) -> Array:
        """[K, groups, members]; where a row of outputs belongs to one member, one small product a row."""
        if not self.owners.dense:
            return np.stack([self.owners.add_up(cotangent * side) for cotangent in cotangents])
        count, rows = len(cotangents), self.owners.shape[0] if self.owners.owned else 1
        weights = cotangents.reshape(count, rows, -1).astype(np.float64, copy=False).transpose(1, 2, 0)
        return np.asarray((side.reshape(len(side), rows, -1).transpose(1, 0, 2) @ weights).transpose(2, 1, 0))

    def sums(self, values: Array) -> Array:
        """[groups, members], or [1, members] for values that all groups share."""
        covered = values.ndim - len(self.owners.shape)
        return self.owners.add_up(values if covered else values[None])


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
        """The outputs of one group."""
        chosen = slice(number, number + 1)
        base = self.base[chosen if len(self.base) > 1 else slice(1)]
        return Sides(self.up[chosen], self.down[chosen], base)

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
    """The rows [2K + 3, elements] of `Sums` for some of the elements each."""

    def rows(self) -> Array:
        """The rows of all elements, [2K + 3, elements]."""
        found = each(lambda piece: piece(), self.pieces)
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)


class MovedGroups:
    """One group, or several that have the same owners, moved up and down."""

    def __init__(
        self,
        colouring: Colouring,
        groups: Sequence[int],
        outputs: tuple[Output, ...],
        weighted: Weighted,
        sides: Sides,
    ) -> None:
        starts = np.cumsum([0, *(output.size for output in outputs)])
        self.tensors = list(zip(owners_of(colouring, outputs, groups[0]), outputs, starts[:-1], strict=True))
        self.colouring, self.groups, self.weighted, self.sides = colouring, list(groups), weighted, sides
        self.moved = [owners for owners, _, _ in self.tensors if owners is not None]

    def leaks(self) -> bool:
        """Whether an output moved that no member owns."""
        for owners, output, start in self.tensors:
            outputs = slice(start, start + output.size)
            noise = self.weighted.noise[outputs].reshape(output.shape)
            parts = self.sides.part(slice(None), outputs)
            up, down, base = (values.reshape(-1, *output.shape) for values in parts)
            for stray in [(...,)] if owners is None else owners.strays():
                with np.errstate(invalid="ignore"):
                    middle, slack = base[:, *stray], noise[stray]
                    moved = np.maximum(np.abs(up[:, *stray] - middle), np.abs(middle - down[:, *stray]))
                    if not (moved <= 4 * slack).all():
                        return True
        return False

    def parts(self) -> Iterator[Part]:
        """The elements in parts whose outputs fit in the cache."""
        if len(self.groups) > 1:
            count = len(self.groups)
            step = max(1, PIECE // max((math.prod(owners.shape) for owners in self.moved), default=1))
            chosen = [slice(at, min(at + step, count)) for at in range(0, count, step)]
            yield Part(self._flat(), [partial(self._sums, part) for part in chosen])
            return
        whole = self.colouring.slices(self.groups[0])
        if not (self.moved and all(owners.leading for owners in self.moved)):
            yield Part(whole, [partial(self._sums, slice(1))])
            return
        size = self.colouring.shape[0]
        rows = max(1, PIECE // max(math.prod(owners.shape[1:]) for owners in self.moved))
        chosen = [slice(at, min(at + rows, size)) for at in range(0, size, rows)]
        pieces = [partial(self._sums, slice(1), part) for part in chosen]
        if self.colouring.members <= PIECE // 4:
            # To judge few elements at once costs more than not to have them in the cache.
            yield Part(whole, pieces)
        else:
            yield from (Part((part, *whole[1:]), [piece]) for part, piece in zip(chosen, pieces, strict=True))

    def _flat(self) -> Array:
        """Flat indices of the elements of groups of the same owners, group by group."""
        numbers = np.arange(math.prod(self.colouring.shape)).reshape(self.colouring.shape)
        return np.concatenate([numbers[self.colouring.slices(group)].reshape(-1) for group in self.groups])

    def _sums(self, groups: slice, rows: slice | None = None) -> Array:
        """The sums of some of the groups, or of some rows of the first axis of the only one."""
        total: Array | float = 0.0
        for owners, output, start in self.tensors:
            if owners is None:
                continue
            outputs = slice(start, start + output.size)
            if rows is not None:
                width = output.size // output.shape[0]
                outputs = slice(start + rows.start * width, start + rows.stop * width)
                owners = owners.rows(rows.start, rows.stop)
            covered = owners.covered
            sides = (v.reshape(-1, *owners.shape)[:, *covered] for v in self.sides.part(groups, outputs))
            weighted = self.weighted.part(outputs, owners.shape, covered)
            total = total + contract(weighted, OwnedOutputs(owners), *sides, gap=False)
        if isinstance(total, float):
            members = self.colouring.members * len(self.groups[groups])
            return np.zeros((2 * len(self.weighted.cotangents) + 3, members))
        return self._crop(rows, total)

    def _crop(self, rows: slice | None, total: Array) -> Array:
        """Without the members that fall off the tensor's end: [rows, groups, members] → [rows, elements]."""
        if len(self.groups) > 1:
            return total.reshape(len(total), -1)
        where = self.colouring.slices(self.groups[0])
        pairs = zip(where, self.colouring.shape, strict=True)
        kept = [len(range(*part.indices(size))) for part, size in pairs]
        full = list(self.colouring.lengths)
        if rows is not None:
            full[0] = kept[0] = rows.stop - rows.start
        if full == kept:
            return total.reshape(len(total), -1)
        return total.reshape(-1, *full)[:, *(slice(0, n) for n in kept)].reshape(len(total), -1)
