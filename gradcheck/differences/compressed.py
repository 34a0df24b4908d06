"""Compressed differences: one pair of evaluations for each group, contracted with the cotangents at once.

For a group of elements moved together by steps h⁺_j and h⁻_j, with Δ⁺ = f(x + h⁺) − f(x) and
Δ⁻ = f(x) − f(x − h⁻), every output i belongs to the one element j of the group that it can depend on. So

    Σ_{i of j} r_i Δ⁺_i / h⁺_j   and   Σ_{i of j} r_i Δ⁻_i / h⁻_j

are the one-sided slopes of L = <r, f(x)> along x_j, and no Jacobian is ever held.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import AllOutputs, EntriesOnly, Sums, Weighted, contract
from gradcheck.differences.evaluator import VariableEvaluator
from gradcheck.differences.group_evaluator import GroupEvaluator
from gradcheck.differences.groups import MovedGroups, Part, Sides
from gradcheck.differences.joined import joinable
from gradcheck.differences.rounds import of_rounds
from gradcheck.differences.stencils import Level
from gradcheck.function.noise_level import NoiseLevel
from gradcheck.function.primal import Meter, Primal
from gradcheck.sparsity.colouring import Colouring, Rows, alike
from gradcheck.sparsity.probing import Changed

LARGE = 2**16
"""From this many outputs on a group is evaluated by itself, for memory's sake."""
LADDER = 1024
"""Moves of elements along a ladder of steps that are made in one batch."""
SHORT = 8
"""Up to this many numbers that lie together are copied one by one."""


@dataclass(frozen=True)
class Moved:
    """What the two evaluations of some groups say of their elements."""

    groups: list[int]
    leak: bool
    """Whether an output moved that no element of its group owns."""
    parts: list[Part]
    """The elements in parts, each with its sums."""


class Differences:
    """The contracted differences of one variable at one point."""

    def __init__(
        self,
        primal: Primal,
        variable: int,
        cotangents: Array,
        noise: NoiseLevel,
        base: Array,
        meter: Meter,
        memory: int | None = None,
    ) -> None:
        """`cotangents` are [K, outputs], `base` is f at the point; `memory` bounds a batch of evaluations, in
        bytes; None for half of what is free."""
        self.primal, self.variable, self.noise, self.base = primal, variable, noise, base
        self.weighted = Weighted.of(cotangents, noise.noise, noise.eps)
        self.evaluator = VariableEvaluator(primal, variable, base, meter, memory)
        self._groups = GroupEvaluator(self.evaluator)

    @property
    def count(self) -> int:
        """Number of cotangents K."""
        return len(self.weighted.cotangents)

    def join(self, colourings: Sequence[Colouring]) -> None:
        """Look for joined copies of this variable; the colourings are those of all variables."""
        self._groups.join(colourings[self.variable], joinable(self.primal, self.variable, colourings))

    @property
    def copies(self) -> int:
        """How many groups are evaluated at once in joined copies."""
        return self._groups.copies

    def batches(self, colouring: Colouring, chosen: Array | None = None) -> Iterator[list[int]]:
        """The groups, all or those `chosen`, as many at a time as memory allows."""
        batch = 1 if self.base.size >= LARGE else self._groups.together(colouring)
        groups: Sequence[int] = range(colouring.groups) if chosen is None else [int(g) for g in chosen]
        for start in range(0, len(groups), batch):
            yield list(groups[start : start + batch])

    def of_groups(self, colouring: Colouring, groups: list[int], higher: Array, lower: Array) -> list[Moved]:
        """Each group's elements moved up to `higher` and down to `lower`, arrays of the variable's shape."""
        (ups, downs), base = self._groups(colouring, groups, (higher, lower))
        sides = Sides(ups, downs, base)
        if alike(colouring):
            return [self._moved(colouring, groups, sides)]
        return [self._moved(colouring, [group], sides.of(n)) for n, group in enumerate(groups)]

    def _moved(self, colouring: Colouring, groups: list[int], sides: Sides) -> Moved:
        moved = MovedGroups(colouring, groups, self.primal.outputs, self.weighted, sides)
        return Moved(groups, moved.leaks(), list(moved.parts()))

    def of_elements(self, colouring: Colouring, flat: Array, steps: Array, *, plain: bool) -> Sums:
        """U elements at `flat` moved by `steps` up and down; `plain`: evaluated without batches."""
        rows = np.empty((3 * self.count + 3, flat.size))
        if colouring.members == 1:
            batch = self.evaluator.batch
            for start in range(0, flat.size, batch):
                chosen = slice(start, start + batch)
                rows[:, chosen] = self._alone(flat[chosen], steps[chosen], plain=plain)
        else:
            reached = Rows(colouring, self.primal.outputs)
            rounds = list(reached.rounds(flat))
            moves = [(flat[places], steps[places]) for places in rounds]
            sides = of_rounds(self.evaluator, self._groups.movable, moves, plain=plain)
            for places, found in zip(rounds, sides, strict=True):
                rows[:, places] = self._together(reached.of(flat[places]), found)
        return Sums.of(rows, self.count)

    def _alone(self, flat: Array, steps: Array, *, plain: bool) -> Array:
        both = np.concatenate([steps, -steps])
        found, base = self.evaluator.elements(np.concatenate([flat, flat]), both, plain=plain)
        up, down = found[: flat.size], found[flat.size :]
        return contract(self.weighted, AllOutputs(), up, down, base, gap=True)

    def _together(self, entries: Array, sides: tuple[Array, Array, Array]) -> Array:
        """Elements that share no output, moved in one pair of evaluations; `entries` are the outputs of
        each."""
        # An entry of −1 is no output: nothing moves there.
        up, down, base = (np.where(entries < 0, 0.0, side[entries]) for side in sides)
        return contract(self.weighted.at(entries), EntriesOnly(), up, down, base, gap=True)

    def along(self, flat: int, moves: Array, entries: Array) -> Array:
        """Outputs at `entries` with the element at `flat` moved by each of the `moves`, [moves, entries]."""
        dtype = self.primal.values[self.variable].dtype.as_numpy_dtype
        if moves.size <= self.evaluator.batch:
            flats = np.full(moves.size, flat)
            return self.evaluator.elements(flats, moves.astype(dtype), plain=True)[0][:, entries]
        moved = self._groups.movable
        places, here = moved.array.reshape(-1), view(self.primal.values[self.variable]).reshape(-1)[flat]
        found = np.empty((moves.size, entries.size))
        for row, move in zip(found, moves, strict=True):
            places[flat] = here + move
            row[:] = view(self.evaluator.moved(moved.tensor()))[entries]
        places[flat] = here
        return found

    def forget(self) -> None:
        """Give back memory that is quickly filled again."""
        self._groups.forget()

    def changed(self, *ends: Array) -> list[Changed]:
        """For each end, which outputs change, bit for bit, when elements go to their place in it."""
        point, moved = view(self.primal.values[self.variable]), self._groups.movable

        def changed(end: Array, axis: int, indices: Array) -> Array:
            _put(end, moved.array, axis, indices)
            different = np.asarray(view(self.evaluator.moved(moved.tensor())) != self.base)
            _put(point, moved.array, axis, indices)
            return different

        return [partial(changed, end) for end in ends]


def levels_of(
    differences: Differences, colouring: Colouring, flat: Array, ladder: Iterable[Array], *, plain: bool
) -> list[Level]:
    """U elements at `flat` at each of the steps [U] of a ladder; many of them are one batch, with one
    origin."""
    steps = list(ladder)
    together = max(1, LADDER // max(1, flat.size)) if colouring.members == 1 else 1
    found: list[Level] = []
    for start in range(0, len(steps), together):
        some = steps[start : start + together]
        sums = differences.of_elements(colouring, np.tile(flat, len(some)), np.concatenate(some), plain=plain)
        each = (sums.take(slice(n * flat.size, (n + 1) * flat.size)) for n in range(len(some)))
        found += [Level(*pair, pair[1]) for pair in zip(each, some, strict=True)]
    return found


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
