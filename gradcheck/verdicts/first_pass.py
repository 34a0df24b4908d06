"""First pass: every element by the two or four evaluations of its group.

Where the function is nearly straight, one pair of evaluations settles the elements of a group; elsewhere a
second pair at half the step allows Richardson's extrapolation. An output that moves and has no owner refutes
the colouring: then there is no first pass.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from gradcheck.arrays.large import each
from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Moved
from gradcheck.differences.contraction import Sums
from gradcheck.differences.groups import Part
from gradcheck.differences.stencils import Estimate, Level, central, richardson
from gradcheck.function.primal import Meter
from gradcheck.progress import Progress
from gradcheck.sparsity.colouring import Colouring, Slices, flat_indices
from gradcheck.verdicts.candidate import Candidate, FirstPass
from gradcheck.verdicts.judgement import Record
from gradcheck.verdicts.rule import judge_most, unsettled

CURVED = 0.02
"""Share of a group that must be open for a second pair of evaluations to be worth more than a ladder."""
LOST = 4.0
"""Noise of one pair of evaluations in that of Richardson's extrapolation from two."""

Left = tuple[Array, Estimate, Array]
"""Flat indices of elements, what is known of them, and whether rounding is why that is too little."""


def first_pass(
    candidate: Candidate, colouring: Colouring, chosen: Array | None, progress: Progress, meter: Meter
) -> FirstPass | None:
    """Judge the elements of all groups, or of those `chosen`; None where an output without an owner moved."""
    differences, ends = candidate.differences, candidate.steps.moved(1.0)
    pass_ = _Pass(candidate, colouring, ends, Record(candidate.shape))
    nearer = None
    for groups in differences.batches(colouring, chosen):
        coarse = differences.of_groups(colouring, groups, *ends)
        if any(moved.leak for moved in coarse):
            return None
        progress.advance(len(groups) * colouring.members, meter.count)
        curved = [moved for moved in coarse if not (pass_.straight(moved) or pass_.lost(moved))]
        if curved:
            nearer = nearer or candidate.steps.moved(0.5)
            again = [group for moved in curved for group in moved.groups]
            fine = differences.of_groups(colouring, again, *nearer)
            for far, near in zip(curved, fine, strict=True):
                pass_.curved(far, near, nearer)
    left = np.concatenate([np.zeros(0, np.int64), *(flat for flat, _, _ in pass_.left)])
    known = Estimate.joined([Estimate.none(differences.count), *(estimate for _, estimate, _ in pass_.left)])
    lost = np.concatenate([np.zeros(0, bool), *(lost for _, _, lost in pass_.left)])
    return FirstPass(candidate, colouring, pass_.record, left, known, np.flatnonzero(lost))


@dataclass(frozen=True)
class _Pass:
    candidate: Candidate
    colouring: Colouring
    ends: tuple[Array, Array]
    """The variable with every element moved up, and moved down."""
    record: Record
    left: list[Left] = field(default_factory=list)
    """Elements that are not settled, part by part."""

    def straight(self, moved: Moved) -> bool:
        """Judge by one pair of evaluations; False where that leaves too many of the elements open."""
        size = self.record.so_far.verdicts.size
        allowed = CURVED * size * len(moved.groups) / self.colouring.groups
        first, *others = moved.parts
        found = [self._once(first)]
        # Most functions are as curved in one place as in another.
        if found[0][0].size > allowed / len(moved.parts):
            return False
        found += each(self._once, others)
        if sum(flat.size for flat, _, _ in found) > allowed:
            return False
        self.left.extend(found)
        return True

    def lost(self, moved: Moved) -> bool:
        """Judge by one pair of evaluations where rounding, not curvature, is the limit: a finer step would
        tell less."""
        noisy = self._noisy(self._level(moved.parts[0], self.ends))
        if 2 * np.count_nonzero(noisy) <= noisy.size:
            return False
        self.left.extend(each(self._once, moved.parts))
        return True

    def curved(self, far: Moved, near: Moved, nearer: tuple[Array, Array]) -> None:
        pairs = list(zip(far.parts, near.parts, strict=True))
        self.left.extend(each(partial(self._twice, nearer), pairs))

    def _noisy(self, level: Level) -> Array:
        rule = self.candidate.rule
        with np.errstate(invalid="ignore"):
            return np.asarray(LOST * level.noise > rule.atol + rule.rtol * level.size)

    def _once(self, part: Part) -> Left:
        level = self._level(part, self.ends)
        return self._record(part.where, central(level), self._noisy(level))

    def _twice(self, nearer: tuple[Array, Array], parts: tuple[Part, Part]) -> Left:
        far, near = parts
        coarse = self._level(far, self.ends)
        estimate = richardson(coarse, self._level(near, nearer))
        if isinstance(far.where, np.ndarray):
            # Of several groups some may be straight, and finer steps tell less of them.
            once, rule = central(coarse), self.candidate.rule
            estimate = estimate.where(once.resolved(rule.rtol, rule.atol), once)
        return self._record(far.where, estimate, self._noisy(coarse))

    def _level(self, part: Part, ends: tuple[Array, Array]) -> Level:
        places = (*ends, self.candidate.steps.point)
        higher, lower, point = (_picked(values, part.where) for values in places)
        sums = Sums.of(part.rows(), self.candidate.differences.count)
        return Level(sums, higher - point, point - lower)

    def _record(self, where: Slices | Array, estimate: Estimate, noisy: Array) -> Left:
        """Judge the elements; return those that are not settled."""
        tape = self._tape(where)
        judged = judge_most(estimate, tape, self.candidate.rule)
        self.record.write(where, judged)
        left = unsettled(estimate, judged, tape, self.candidate.rule)
        flat = (
            where[left] if isinstance(where, np.ndarray) else flat_indices(where, self.candidate.shape, left)
        )
        return flat, estimate.take(left), noisy[left]

    def _tape(self, where: Slices | Array) -> Array:
        tape = self.candidate.tape
        if isinstance(where, np.ndarray):
            return tape[:, where]
        return tape.reshape(-1, *self.candidate.shape)[..., *where].reshape(len(tape), -1)


def _picked(values: Array, where: Slices | Array) -> Array:
    if isinstance(where, np.ndarray):
        return np.asarray(values.reshape(-1)[where])
    return np.asarray(values[..., *where].reshape(-1))
