"""Elements at which the function jumps: f(x + h) − f(x) or f(x) − f(x − h) stays as it is while h shrinks.

A difference there grows as 1 / h and is no number to show; there is no derivative.
"""

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Differences
from gradcheck.differences.stencils import ROUNDINGS
from gradcheck.differences.steps import Steps
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.verdict import ElementVerdict

STEPS = (1e-4, 1e-6, 1e-8)
"""Relative to the scale of an element: where f is continuous, the last moves it by far less than the first, a
square root at 0 by a hundredth."""
STAYS = 0.5
"""Share of the largest rise that the smallest has at a jump."""
ASKED = 32
"""Elements of a variable that are asked for, at six evaluations each."""


def jumps(differences: Differences, steps: Steps, judged: Judgement) -> Array:
    """Flat indices of elements that could not be judged since the function jumps there."""
    untold = judged.having(ElementVerdict.INCONCLUSIVE)
    untold = untold[~judged.along[untold]][:ASKED]
    if not untold.size:
        return untold
    alone = elementwise(judged.verdicts.shape, len(differences.primal.outputs))
    rises = []
    for share in STEPS:
        moves = (share * steps.scale(untold)).astype(steps.point.dtype)
        sums = differences.of_elements(alone, untold, moves, plain=True)
        # One side after the other: a value of its own at the point lies off both.
        sides = np.maximum(np.abs(sums.up), np.abs(sums.down)).max(axis=0)
        rises.append(sides - ROUNDINGS * sums.noise)
    with np.errstate(invalid="ignore"):
        low, high = np.min(rises, axis=0), np.max(rises, axis=0)
        return np.asarray(untold[low > STAYS * high])
