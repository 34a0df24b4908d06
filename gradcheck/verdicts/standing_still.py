"""Elements that move nothing: is the slope 0, or has the function saturated?

Where elu is −1 but for less than a rounding, its slope is beyond any difference. Large steps show it: they
move the output by ever less, much faster than in proportion. A maximum that is not reached, or a relu that is
off, moves by nothing at once. Of very many elements a random sample decides whether all are looked at: where
few of a million have saturated, nothing is said of them.
"""

from itertools import pairwise

import numpy as np

from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import levels_of
from gradcheck.sparsity.colouring import Colouring
from gradcheck.verdicts.candidate import Candidate
from gradcheck.verdicts.judgement import Record
from gradcheck.verdicts.verdict import ElementVerdict

FADING = 1e-3
"""Share by which a slope shrinks from one large step to the next where a function has saturated."""
MANY = 4096
"""Elements up to which all that move nothing are looked at; of more, a sample, and all if one has faded."""
GROUPS = 64
"""The same for the groups that they are in: each takes eight evaluations."""
SAMPLE = 256
"""Elements of such a sample, from one group."""
ALONE = 32
"""Elements of a sample where each is a group of its own."""


def bound_saturated(candidate: Candidate, colouring: Colouring, record: Record) -> int:
    """Give a bound to the elements that match and move nothing because the function has saturated; how many
    move nothing."""
    found = record.so_far
    still = np.flatnonzero((found.verdicts == ElementVerdict.MATCH) & (found.size == 0) & (found.bound == 0))
    sample = _sample(candidate, colouring, still)
    if sample.size < still.size and not _resolution(candidate, colouring, sample).any():
        return still.size
    for start in range(0, still.size, MANY):
        flat = still[start : start + MANY]
        record.bound_by(flat, _resolution(candidate, colouring, flat))
    return still.size


def _sample(candidate: Candidate, colouring: Colouring, still: Array) -> Array:
    """The elements, where they and their groups are few; else some of them, of the group that has the most
    where groups have several."""
    random = generator(Stream.STANDING_STILL, candidate.steps.seed, candidate.number)
    some = still
    if still.size > MANY:
        some = still[np.unique(random.integers(0, still.size, MANY))]
    groups, _ = colouring.place(some)
    if some is still and np.unique(groups).size <= GROUPS:
        return still
    if colouring.members == 1:
        return np.sort(random.choice(some, min(ALONE, some.size), replace=False))
    among = some[groups == np.bincount(groups).argmax()]
    return np.sort(random.choice(among, min(SAMPLE, among.size), replace=False))


def _resolution(candidate: Candidate, colouring: Colouring, still: Array) -> Array:
    """The slope below which nothing could be seen of the elements at `still`, [U]; 0 where it really is 0."""
    far = levels_of(candidate.differences, colouring, still, candidate.steps.far_ladder(still), plain=False)
    with np.errstate(invalid="ignore", divide="ignore"):
        fading = [(near.size > 0) & (near.size < FADING * level.size) for level, near in pairwise(far)]
    noise = np.fmax.reduce([level.sums.noise for level in far])
    return np.where(np.any(fading, axis=0), noise / candidate.steps.scale(still), 0.0)
