"""Which elements put a direction off, or have a corner along it: parts are halved, the largest first.

Along u restricted to a part of the elements, the distance R = Σ g_j u_j − D(u) is the sum of that part's
errors, and the difference R = D⁺(u) − D⁻(u) of the slopes to both sides the sum of the jumps of slopes at its
corners. One half of a part is measured, the other follows by subtraction: some log₂(n / k) + 1.5 differences
for each of k elements among n.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.directions import SignedDirections
from gradcheck.differences.stencils import Level
from gradcheck.function.primal import Meter
from gradcheck.verdicts.along_directions import SURE, Slopes

NAMED = 32
"""Elements of a stratum that are named at most."""
TOGETHER = 8
"""Parts that are halved at once."""
TELLS = 4.0
"""Times its own uncertainty that a distance found by subtraction must have, or it is measured."""
NEAR = 1e-6
"""Step at which corners are looked for, relative to the scale: the gap of a smooth bend is as small."""
BENT = 1e-4
"""Share of the whole jump from which a part has a corner and not only curvature."""

Measure = Callable[[Sequence[tuple[int, int]]], list[float]]
"""R of some ranges of positions."""


@dataclass(order=True, frozen=True)
class _Part:
    """The elements from start to stop of a stratum."""

    order: float
    """−|R|: the heap gives the smallest first."""
    start: int = field(compare=False)
    stop: int = field(compare=False)
    off: float = field(compare=False)
    """R."""
    noise: float = field(compare=False)
    """How far R can be off itself."""

    @staticmethod
    def of(start: int, stop: int, off: float, noise: float) -> "_Part":
        return _Part(-abs(off), start, stop, off, noise)


def suspects(slopes: Slopes, most: int, meter: Meter, until: int) -> Array:
    """Positions in the stratum of up to `most` elements that put its worst direction off, as long as `meter`
    counts fewer evaluations than `until`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.nan_to_num(slopes.distance / slopes.estimate.bound, nan=0.0, posinf=np.inf)
    k, number = np.unravel_index(int(ratio.argmax()), ratio.shape)
    move = slopes.directions.moves(np.array([number]))[0]
    expected = slopes.tape[k] * move

    def measure(ranges: Sequence[tuple[int, int]]) -> list[float]:
        slope = _along(slopes.directions, move, ranges, slopes.step).central[k]
        sums = [float(expected[start:stop].sum()) for start, stop in ranges]
        return [tape - float(difference) for tape, difference in zip(sums, slope, strict=True)]

    noise = float(slopes.estimate.bound[:, number].max())
    whole = _Part.of(0, move.size, float(slopes.signed[k, number]), noise)
    return _search(whole, measure, noise, most, lambda: meter.count < until)


def corners(directions: SignedDirections, most: int, meter: Meter, until: int) -> Array:
    """Positions of up to `most` elements at which L has a corner along the first direction."""
    move = directions.moves(np.zeros(1, np.int64))[0]

    def measure(ranges: Sequence[tuple[int, int]]) -> list[float]:
        level = _along(directions, move, ranges, NEAR)
        return [float(jump) for jump in level.up[0] - level.down[0]]

    level = _along(directions, move, [(0, move.size)], NEAR)
    jump = float(level.up[0, 0] - level.down[0, 0])
    noise = max(2 * float(level.noise[0]), BENT * abs(jump) / SURE)
    whole = _Part.of(0, move.size, jump, noise)
    return _search(whole, measure, noise, most, lambda: meter.count < until)


def _along(
    directions: SignedDirections, move: Array, ranges: Sequence[tuple[int, int]], step: float
) -> Level:
    """Slopes along ranges of one direction."""
    moves = np.zeros((len(ranges), move.size))
    for row, (start, stop) in zip(moves, ranges, strict=True):
        row[start:stop] = move[start:stop]
    (level,) = directions.levels(moves, [step])
    return level


def _search(whole: _Part, measure: Measure, noise: float, most: int, goes_on: Callable[[], bool]) -> Array:
    """Positions whose R by themselves is surely more than the `noise` of one measured, the largest first."""
    heap = [whole]
    found: list[int] = []
    while heap and len(found) < most and goes_on():
        parts: list[_Part] = []
        while heap and len(parts) < TOGETHER and -heap[0].order > SURE * noise:
            part = heapq.heappop(heap)
            if part.stop - part.start == 1:
                found.append(part.start)
            else:
                parts.append(part)
        if not parts:
            break
        for half in _halves(parts, measure, noise):
            heapq.heappush(heap, half)
    return np.asarray(found[:most], np.int64)


def _halves(parts: list[_Part], measure: Measure, noise: float) -> list[_Part]:
    """Both halves of each part."""
    middles = [(part.start + part.stop) // 2 for part in parts]
    measured = measure([(part.start, middle) for part, middle in zip(parts, middles, strict=True)])
    found, unsure = [], []
    for part, middle, off in zip(parts, middles, measured, strict=True):
        found.append(_Part.of(part.start, middle, off, noise))
        other = _Part.of(middle, part.stop, part.off - off, part.noise + noise)
        if abs(other.off) <= SURE * noise or abs(other.off) > TELLS * other.noise:
            found.append(other)
        else:
            unsure.append(other)
    if unsure:
        again = measure([(part.start, part.stop) for part in unsure])
        pairs = zip(unsure, again, strict=True)
        found += [_Part.of(part.start, part.stop, off, noise) for part, off in pairs]
    return found
