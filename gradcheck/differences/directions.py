"""Signed random directions over some elements: u_j = ± a_j (½ … 1), and the slopes of L along them.

For a tape that is off by e the slope along u is off by Σ_j e_j u_j. Changing the sign of one element moves
that sum by 2 |e_j u_j|, so for at least one of the two signs the sum is no smaller than |e_j u_j|: whatever
the other errors are, P(|Σ e u| < |e_j| a_j / 2) ≤ ½ for each direction, and 2^−K that it is so for all of K.
What is seen along K directions therefore bounds every error: |e_j| ≤ 2 max_k |Σ e u_k| / a_j, but for a
chance of 2^−K. For Gaussian directions the like holds of the norm (Halko, Martinsson, Tropp 2011, section
4.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import AllOutputs, Sums, Weighted, contract
from gradcheck.differences.evaluator import Evaluator
from gradcheck.differences.points import rays
from gradcheck.differences.stencils import Estimate, Level
from gradcheck.differences.step_selection import best_step, settle
from gradcheck.differences.steps import LEVELS
from gradcheck.differences.strata import Elements

COUNT = 20
"""Directions of a stratum: an error is missed with a chance of 2^-20, one in a million."""
FROM_BEST = (1.0, 0.4, 0.16)
"""Steps of a direction, relative to the best one of the first: a level is trusted by those below, and where
this direction is more curved the second one is."""
WORSE = 4.0
"""Times the bound of the first direction from which another takes the full ladder of steps too."""
TOGETHER = 2**22
"""Numbers in the directions that are held at once, 32 MiB."""


@dataclass(frozen=True)
class SignedDirections:
    """K directions over the `chosen` elements of a row, and L along them."""

    evaluator: Evaluator
    numbers: tuple[int, ...]
    """The number of each variable of the row among those of the function."""
    weighted: Weighted
    elements: Elements
    chosen: Array
    """Indices into the row, ascending, [chosen]."""
    seeds: tuple[int, ...]
    """The seed of the user, and what tells these directions apart from others."""
    count: int

    def moves(self, which: Array) -> Array:
        """u of the chosen elements along some of the directions, [which, chosen]."""
        found = np.empty((which.size, self.chosen.size))
        size = self.elements.size[self.chosen]
        for row, number in zip(found, which, strict=True):
            # Not from 0: NumPy takes a key with a 0 at its end for the key without.
            random = generator(Stream.SIGNED_DIRECTIONS, *self.seeds, int(number) + 1)
            uniform = random.uniform(-1, 1, size.size)
            np.multiply(half_to_whole(uniform), size, out=row)
        return found

    def slopes_of(self, gradients: Array, count: int) -> Array:
        """Σ_j g_j u_j for gradients [cotangents, chosen] along the first `count` directions,
        [cotangents, count]."""
        found = [gradients @ moves.T for moves in self._batches(0, count)]
        return np.concatenate(found, axis=1)

    def _batches(self, start: int, stop: int) -> Iterator[Array]:
        """The directions from start to stop, as many at a time as memory allows, [some, chosen]."""
        batch = max(1, TOGETHER // self.chosen.size)
        for first in range(start, stop, batch):
            yield self.moves(np.arange(first, min(first + batch, stop)))

    def settled(self, longest: float, eps: float, enough: float) -> tuple[Estimate, float, float]:
        """The slopes along all directions, [cotangents, K], the step that suits the first one best, and how
        far L moves along that one at the longest step.

        The first is taken by a full ladder of steps from `longest` down, the others by three from its best
        one down, and by the full ladder where their bounds are neither `enough` nor about that of the first.
        Only the first where L has a corner at the point along it: the others would too.
        """
        ladder = list(np.geomspace(longest, max(1e-12, 8 * eps), LEVELS))
        pilot = self.levels(self.moves(np.zeros(1, np.int64)), ladder)
        found = settle(pilot, np.ones(1))
        moved = float(np.nan_to_num(pilot[0].sums.size[0], posinf=0.0))
        step, noise = (float(each[0]) for each in best_step(pilot, np.ones(1)))
        if (found.half > 0).any():
            return found, step, moved
        steps, allowed = [share * step for share in FROM_BEST], max(enough, WORSE * found.bound.max())
        for moves in self._batches(1, self.count):
            some = settle(self.levels(moves, steps, noise), np.ones(len(moves)))
            left = np.flatnonzero(~(some.bound.max(axis=0) <= allowed) | (some.half > 0).any(axis=0))
            if left.size:
                some = some.put(left, settle(self.levels(moves[left], ladder), np.ones(left.size)))
            found = Estimate.joined([found, some])
        return found, step, moved

    def levels(self, moves: Array, steps: Sequence[float], noise: float = 0.0) -> list[Level]:
        """Both sides of the point along directions [D, chosen], at each of the steps; `noise` is what f is
        known to have at least."""
        directions = self._by_variable(moves)
        count = len(moves)
        which, each = np.tile(np.arange(count), len(steps)), np.repeat(np.asarray(steps), count)
        batch = max(1, self.evaluator.batch // 2)
        rows = [
            self._rows(directions, which[start : start + batch], each[start : start + batch])
            for start in range(0, which.size, batch)
        ]
        sums = Sums.of(np.concatenate(rows, axis=1), len(self.weighted.cotangents))
        sums = replace(sums, noise=np.maximum(sums.noise, noise))
        found = []
        for number, step in enumerate(steps):
            taken = np.full(count, step)
            found.append(Level(sums.take(slice(number * count, (number + 1) * count)), taken, taken))
        return found

    def _rows(self, directions: dict[int, tuple[Array, Array]], which: Array, steps: Array) -> Array:
        points = rays(directions, np.tile(which, 2), np.concatenate([steps, -steps]))
        found = self.evaluator.evaluate(points, plain=False)
        up, down, base = found[: which.size], found[which.size : -1], found[-1]
        return contract(self.weighted, AllOutputs(), up, down, base, gap=True)

    def _by_variable(self, moves: Array) -> dict[int, tuple[Array, Array]]:
        """Directions [D, chosen] by variable of the function, with the flat indices of what moves in it."""
        return {
            self.numbers[place]: (flat, moves[:, mine])
            for place, mine, flat in self.elements.locate(self.chosen)
        }
