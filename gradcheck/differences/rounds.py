"""Rounds of elements that share no output, moved up together and down together: both sides of each round.

Small variables are copied for each side, so that many sides are one call of a graph; nothing of a large one
is copied.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from gradcheck.arrays.large import Movable, view
from gradcheck.arrays.types import Array
from gradcheck.differences.evaluator import BATCH, THIN, VariableEvaluator

Round = tuple[Array, Array]
"""Flat indices of elements, and their steps."""
Sides = tuple[Array, Array, Array]
"""f with the elements moved up, moved down, and at the point, each [outputs]."""


def of_rounds(
    evaluator: VariableEvaluator, movable: Movable, rounds: Sequence[Round], *, plain: bool
) -> Iterator[Sides]:
    """The sides of each round; `plain`: evaluated without batches."""
    if evaluator.numbers > THIN:
        yield from (_in_place(evaluator, movable, *each) for each in rounds)
        return
    point = view(evaluator.point)
    batch = BATCH // (2 * evaluator.numbers)  # 64 at least: THIN is 2^15, BATCH 2^22
    for start in range(0, len(rounds), batch):
        some = rounds[start : start + batch]
        moved = np.repeat(point.reshape(1, -1), 2 * len(some), axis=0)
        for number, (flat, steps) in enumerate(some):
            moved[2 * number, flat] += steps
            moved[2 * number + 1, flat] -= steps
        found = evaluator.values(moved.reshape(-1, *point.shape), plain=plain)
        yield from ((found[2 * n], found[2 * n + 1], found[-1]) for n in range(len(some)))


def _in_place(evaluator: VariableEvaluator, movable: Movable, flat: Array, steps: Array) -> Sides:
    places, point = movable.array.reshape(-1), view(evaluator.point).reshape(-1)
    sides = []
    for moves in (steps, -steps):
        places[flat] += moves
        sides.append(movable.kept(evaluator.moved(movable.tensor())))
        places[flat] = point[flat]
    return sides[0], sides[1], evaluator.base
