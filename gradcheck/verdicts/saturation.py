"""Elements that seem to move nothing at all because the function has saturated.

Where elu is −1 but for less than a rounding, its slope is beyond any difference. Large steps show it: they
move the output by ever less, much faster than in proportion. A maximum that is not reached, or a relu that is
off, moves by nothing at once.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Differences
from gradcheck.differences.stencils import Level
from gradcheck.differences.steps import Steps
from gradcheck.sparsity.probing import Grouping

FEW = 16
"""Elements that move nothing which are looked at again from far."""
FADING = 1e-3
"""Share by which a slope shrinks from one large step to the next where a function has saturated."""


def resolution(differences: Differences, steps: Steps, alone: Grouping, still: Array) -> Array:
    """The slope below which nothing could be seen of the elements at `still`, [U]; 0 where it really is 0."""
    far = [
        Level(differences.sweep(alone, still, step, plain=False), step, step)
        for step in steps.far_ladder(still)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        fading = [(near.size > 0) & (near.size < FADING * level.size) for level, near in pairwise(far)]
    noise = np.fmax.reduce([level.sums.noise for level in far])
    return np.where(np.any(fading, axis=0), noise / steps.scale(still), 0.0)
