"""Compressed differences: one pair of evaluations for each group, contracted with the cotangents at once.

For a group of elements moved together by steps h⁺_j and h⁻_j, with Δ⁺ = f(x + h⁺) − f(x) and
Δ⁻ = f(x) − f(x − h⁻), every output i belongs to the one element j of the group that it can depend on. So

    Σ_{i of j} r_i Δ⁺_i / h⁺_j   and   Σ_{i of j} r_i Δ⁻_i / h⁻_j

are the one-sided slopes of L = <r, f(x)> along x_j, and no Jacobian is ever held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from gradcheck.arrays.shared_memory import Movable, view
from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Part, Pieces, Sides
from gradcheck.differences.evaluator import Evaluation
from gradcheck.differences.weights import Sums, Weights
from gradcheck.function.primal import Forward
from gradcheck.sparsity.owners import alike
from gradcheck.sparsity.probing import Changed, Grouping
from gradcheck.sparsity.rows import Touched

LARGE = 2**16
"""From this many outputs on a group is evaluated by itself, for memory's sake."""
SHORT = 8
"""Up to this many numbers that lie together are copied one by one."""


@dataclass(frozen=True)
class Moved:
    """What the two evaluations of some groups say of their elements."""

    groups: list[int]
    leak: bool
    """Whether an output moved that no element of its group owns."""
    parts: list[Part]
    """The elements in pieces, each with its sums."""


class Differences:
    """The contracted differences of one variable at one point."""

    def __init__(
        self,
        forward: Forward,
        variable: int,
        weights: Weights,
        base: Array | None = None,
        memory: int | None = None,
    ) -> None:
        """`base` is f at the point, where that is known; `memory` bounds a batch of evaluations, in bytes;
        None for half of what is free."""
        self.forward, self.variable, self.weights = forward, variable, weights
        self.base = view(forward(forward.values)) if base is None else base
        self.evaluation = Evaluation(forward, variable, self.base, memory)
        self.evaluation.count = int(base is None)

    @property
    def evaluations(self) -> int:
        """How often the function was evaluated."""
        return self.evaluation.count

    def batches(self, grouping: Grouping, chosen: Array | None = None) -> Iterator[list[int]]:
        """The groups, all or those `chosen`, as many at a time as memory allows."""
        batch = 1 if self.base.size >= LARGE else self.evaluation.together(grouping)
        groups: Sequence[int] = range(grouping.groups) if chosen is None else [int(g) for g in chosen]
        for start in range(0, len(groups), batch):
            yield list(groups[start : start + batch])

    def first(self, grouping: Grouping, groups: list[int], higher: Array, lower: Array) -> list[Moved]:
        """Each group's elements moved up to `higher` and down to `lower`, arrays of the variable's shape."""
        (ups, downs), base = self.evaluation.groups(grouping, groups, (higher, lower))
        sides = Sides(ups, downs, base)
        if alike(grouping):
            return [self._moved(grouping, groups, sides)]
        return [self._moved(grouping, [group], sides.of(n)) for n, group in enumerate(groups)]

    def _moved(self, grouping: Grouping, groups: list[int], sides: Sides) -> Moved:
        pieces = Pieces(grouping, groups, self.forward.outputs, self.weights, sides)
        return Moved(groups, pieces.leaks(), list(pieces.parts()))

    def sweep(self, grouping: Grouping, flat: Array, steps: Array, plain: bool) -> Sums:
        """U elements at `flat` moved by `steps` up and down; `plain`: evaluated without batches."""
        rows = np.empty((3 * self.weights.count + 3, flat.size))
        if grouping.members == 1:
            batch = self.evaluation.batch
            for start in range(0, flat.size, batch):
                chosen = slice(start, start + batch)
                rows[:, chosen] = self._alone(flat[chosen], steps[chosen], plain).rows
        else:
            touched = Touched(grouping, self.forward.outputs)
            for places in touched.rounds(flat):
                rows[:, places] = self._together(flat[places], steps[places], touched).rows
        return Sums.of(rows, self.weights.count)

    def _alone(self, flat: Array, steps: Array, plain: bool) -> Sums:
        """Elements moved one by one."""
        both = np.concatenate([steps, -steps])
        found, base = self.evaluation.elements(np.concatenate([flat, flat]), both, plain)
        return self.weights.of_elements(found[: flat.size], found[flat.size :], base)

    def _together(self, flat: Array, steps: Array, touched: Touched) -> Sums:
        """Elements that share no output, moved in one pair of evaluations."""
        entries, moved = touched.of(flat), self._movable
        places, point = moved.array.reshape(-1), view(self.forward.values[self.variable]).reshape(-1)
        sides = []
        for moves in (steps, -steps):
            places[flat] += moves
            sides.append(view(self.evaluation.moved(moved.tensor()))[entries])
            places[flat] = point[flat]
        return self.weights.of_entries(sides[0], sides[1], self.base[entries], entries)

    def along(self, flat: int, moves: Array, entries: Array) -> Array:
        """Outputs at `entries` with the element at `flat` moved by each of the `moves`, [moves, entries]."""
        dtype = self.forward.values[self.variable].dtype.as_numpy_dtype
        if moves.size <= self.evaluation.batch:
            flats = np.full(moves.size, flat)
            return self.evaluation.elements(flats, moves.astype(dtype), plain=True)[0][:, entries]
        moved = self._movable
        places, here = moved.array.reshape(-1), view(self.forward.values[self.variable]).reshape(-1)[flat]
        found = np.empty((moves.size, entries.size))
        for row, move in zip(found, moves, strict=True):
            places[flat] = here + move
            row[:] = view(self.evaluation.moved(moved.tensor()))[entries]
        places[flat] = here
        return found

    @cached_property
    def _movable(self) -> Movable:
        """The variable, whose elements are moved where they are and moved back."""
        return Movable(view(self.forward.values[self.variable]))

    def forget(self) -> None:
        """Give back memory that is quickly filled again."""
        self.__dict__.pop("_movable", None)

    def at(self, values: list[Any]) -> Any:
        """f at other values of all variables, evaluated eagerly; NaN where the function refuses them."""
        return self.evaluation.at(values)

    def changed(self, *ends: Array) -> list[Changed]:
        """For each end, which outputs change, bit for bit, when elements go to their place in it."""
        point, moved = view(self.forward.values[self.variable]), self._movable

        def changed(end: Array, axis: int, indices: Array) -> Array:
            _put(end, moved.array, axis, indices)
            values = list(self.forward.values)
            values[self.variable] = moved.tensor()
            different = np.asarray(view(self.at(values)) != self.base)
            _put(point, moved.array, axis, indices)
            return different

        return [partial(changed, end) for end in ends]


def _put(source: Array, target: Array, axis: int, indices: Array) -> None:
    """Copy the elements that have one of the indices along an axis."""
    size, inner = source.shape[axis], math.prod(source.shape[axis + 1 :])
    # Single numbers here and there are slower to gather than all are to pass over.
    if inner < SHORT and 4 * indices.size > size:
        mask = np.isin(np.arange(size), indices)
        np.copyto(target, source, where=mask.reshape([-1, *[1] * (source.ndim - axis - 1)]))
    else:
        where: Any = (*[slice(None)] * axis, indices)
        target[where] = source[where]
