"""One variable from grouping to verdicts: the first pass, then ever closer looks at what it leaves open."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial

import numpy as np

from gradcheck.arrays.parallel import each, spans
from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Differences, Moved
from gradcheck.differences.contraction import Part
from gradcheck.differences.stencils import Level, Slopes, one_level, two_levels
from gradcheck.differences.step_selection import settle
from gradcheck.differences.steps import Steps
from gradcheck.differences.weights import Sums
from gradcheck.render.progress import Progress
from gradcheck.sparsity.probing import Grouping, Slices, elementwise, flat_indices
from gradcheck.sparsity.rows import Touched
from gradcheck.sparsity.verification import stands
from gradcheck.verdicts import saturation
from gradcheck.verdicts.findings import Findings
from gradcheck.verdicts.own_dtype import Scatter
from gradcheck.verdicts.rule import ROUNDED, Judgement, Rule, judge, judge_most
from gradcheck.verdicts.verdict import ElementVerdict

LEVELS = 28
"""Steps of the full sweep."""
BEYOND = 8
"""Steps above the scale in a thorough look, up to 10⁸ times it."""
CONFIRMED = 64
"""Mismatches of a variable that are looked at alone; the others follow from their group."""
CLOSELY = 8
"""Of those, the ones that get a thorough look."""
CHUNK = 2**16
"""Elements swept at once: bounds the memory of a sweep."""
PRECISE = 1e-15
"""Working precision from which four fine steps can settle an element."""
FAINT = 1e-9
"""Bound, as a share of the tensor's scale, that is good enough for an element far below that scale."""
CURVED = 0.02
"""Share of a group that must be open for a second pair of evaluations to be worth more than a sweep."""


class Examination(Findings):
    """Verdicts of one variable and the numbers behind them, all flat over its elements."""

    def __init__(
        self,
        differences: Differences,
        steps: Steps,
        tape: Array,
        rule: Rule,
        moves: Scatter,
        progress: Progress,
    ) -> None:
        """`tape` is [K, elements]; `moves` says how far tiny moves of the inputs change it."""
        self.progress, self.moves = progress, moves
        self.differences = differences
        self.precision = differences.weights.precision
        self.steps = steps
        self.tape = tape
        self.rule = rule
        super().__init__(steps.point.shape)
        self.width = 0

    def run(self, grouping: Grouping, chosen: Array | None = None) -> None:
        """Fill in the verdict of every element, or of those in the groups that are `chosen`."""
        alone = elementwise(grouping.shape, len(grouping.windows))
        self.width = Touched(grouping, self.differences.forward.outputs).width
        left = self._first_pass(grouping, chosen)
        self.differences.evaluation.forget()
        if left is None or not self._stands(grouping, left):
            # For the cost of a group, its first element.
            first = None if chosen is None else np.array([self._first_of(grouping, int(g)) for g in chosen])
            grouping = alone
            left = self._first_pass(grouping, first)
        assert left is not None  # an element alone has no group to leak from
        self.grouping = grouping
        self.rule = replace(self.rule, scale=self.scale())
        self._sweep(grouping, self._unclear(left))
        if grouping != alone:
            self._sweep(alone, self.where(ElementVerdict.INCONCLUSIVE))
        self._confirm(grouping, alone)
        self._saturated(alone)
        self.verdicts[~np.isfinite(self.tape).all(axis=0)] = ElementVerdict.NONFINITE

    def _stands(self, grouping: Grouping, left: Array) -> bool:
        """Whether no other element moves the outputs of those that the first pass did not settle."""
        unsettled = np.union1d(left, self.where(ElementVerdict.MISMATCH))
        if grouping.members == 1 or unsettled.size == 0:
            return True
        (near,) = self.differences.changed(self.steps.near())
        return stands(grouping, self.differences.forward.outputs, unsettled, near)

    def _first_of(self, grouping: Grouping, group: int) -> int:
        return int(flat_indices(grouping.slices(group), self.shape, np.zeros(1, np.int64))[0])

    def look_at(self, flat: Array) -> None:
        """Look closely at the elements at `flat`, each by itself."""
        alone = elementwise(self.grouping.shape, len(self.grouping.windows))
        self._sweep(alone, flat, thorough=True)

    def _saturated(self, alone: Grouping) -> None:
        """Give a bound to elements that seem to move nothing because the function has saturated."""
        matched = (self.verdicts == ElementVerdict.MATCH) & (self.size == 0) & (self.bound == 0)
        still = np.flatnonzero(matched)
        if 0 < still.size <= saturation.FEW:
            self.bound[still] = saturation.resolution(self.differences, self.steps, alone, still)

    def _confirm(self, grouping: Grouping, alone: Grouping) -> None:
        """Look at the worst mismatches by themselves; if one of them falls, from nearer at all of them."""
        wrong = self.worst_first()
        if self._stand(alone, wrong):
            return
        if grouping != alone:
            self._sweep(grouping, wrong, thorough=True)
            unclear = np.intersect1d(wrong, self.where(ElementVerdict.INCONCLUSIVE))
            self._sweep(alone, unclear, thorough=True)
            wrong = self.worst_first()
            if self._stand(alone, wrong):
                return
        self._sweep(alone, wrong, thorough=True)

    def _stand(self, alone: Grouping, wrong: Array) -> bool:
        """Whether the worst mismatches stay what they are when each is moved by itself."""
        self._sweep(alone, wrong[:CLOSELY], thorough=True)
        self._sweep(alone, wrong[CLOSELY:CONFIRMED])
        return bool((self.verdicts[wrong[:CONFIRMED]] == ElementVerdict.MISMATCH).all())

    def _sweep(self, grouping: Grouping, flat: Array, thorough: bool = False) -> None:
        """Judge elements by slopes at many steps: a short ladder, then the full one for what that leaves.

        A `thorough` look starts farther out, to see outputs that move at no ordinary step, evaluates nothing
        in batches, and measures the rounding of the tape itself.
        """
        for start in range(0, flat.size, CHUNK):
            self._sweep_chunk(grouping, flat[start : start + CHUNK], thorough)

    def _sweep_chunk(self, grouping: Grouping, flat: Array, thorough: bool) -> None:
        if self.precision.coarsest <= PRECISE and not thorough:
            flat = self._short(grouping, flat)
        if flat.size:
            ladder = self.steps.ladder(flat, LEVELS, BEYOND if thorough else 0)
            slopes = self._settle(grouping, flat, ladder, thorough)
            if not thorough:
                self.write(flat, judge(slopes, self.tape[:, flat], self.rule))
                return
            self.write(flat, self._judge_closely(flat, slopes))

    def _judge_closely(self, flat: Array, slopes: Slopes) -> Judgement:
        """Judge with the rounding of the tape itself allowed for.

        Where no step moved any output, the rounding of all of them counts: sums may cancel in the tape, as
        softmax's do for a change of all logits, and leave a gradient that is not 0.
        """
        unmoved = slopes.held == 0
        held = np.where(unmoved, self.precision.finest * self.natural(flat), slopes.held)
        # At a corner the tape may jump when the inputs move, and has the interval.
        scatter = np.where(slopes.half > 0, 0.0, self.moves.rounding(flat))
        wobble = np.where(unmoved, held, np.maximum(self.moves.wobble(flat), held / ROUNDED))
        slopes = replace(slopes, held=held)
        return judge(slopes, self.tape[:, flat], self.rule, scatter + ROUNDED * held, wobble)

    def _short(self, grouping: Grouping, flat: Array) -> Array:
        """Judge elements by the short ladder; return what it leaves open."""
        slopes = self._settle(grouping, flat, self.steps.short_ladder(flat), thorough=False)
        left = self._record(flat, slopes)
        # At steps far above an element's own size a smooth bend looks like a corner.
        corners = (slopes.half > 0).any(axis=0) & self.steps.tiny(flat)
        return np.union1d(left, flat[corners])

    def _settle(self, grouping: Grouping, flat: Array, ladder: Iterator[Array], thorough: bool) -> Slopes:
        levels = []
        for steps in ladder:
            sums = self.differences.sweep(grouping, flat, steps, plain=thorough)
            levels.append(Level(sums, steps, steps))
        return settle(levels, self.steps.scale(flat))

    def _unclear(self, left: Array) -> Array:
        """Those of the open elements that are not known to agree as well as the tensor's scale asks for."""
        good = self.bound[left] <= np.minimum(self.rule.limit * self.size[left], FAINT * self.rule.scale)
        unclear: Array = left[~(good & (self.verdicts[left] == ElementVerdict.MATCH))]
        return unclear

    def _first_pass(self, grouping: Grouping, chosen: Array | None) -> Array | None:
        """Judge what two or four evaluations a group settle; the rest, by index, or None on a leak."""
        left: list[Array] = []
        ends, nearer = self.steps.moved(1.0), None
        for groups in self.differences.batches(grouping, chosen):
            coarse = self.differences.first(grouping, groups, *ends)
            if any(moved.leak for moved in coarse):
                return None
            self.progress.advance(len(groups) * grouping.members, self.differences.evaluations)
            curved = [moved for moved in coarse if not self._straight(moved, ends, left, grouping.groups)]
            if curved:
                nearer = nearer or self.steps.moved(0.5)
                again = [group for moved in curved for group in moved.groups]
                fine = self.differences.first(grouping, again, *nearer)
                for far, near in zip(curved, fine, strict=True):
                    pairs = list(zip(far.parts, near.parts, strict=True))
                    left += each(partial(self._twice, ends, nearer), pairs)
        return np.concatenate(left) if left else np.zeros(0, np.int64)

    def _straight(self, moved: Moved, ends: tuple[Array, Array], left: list[Array], groups: int) -> bool:
        """Judge by one pair of evaluations; False where that leaves too many of the elements open."""
        allowed = CURVED * self.verdicts.size * len(moved.groups) / groups
        first, *others = moved.parts
        found = [self._once(ends, first)]
        # Most functions are as curved in one place as in another.
        if found[0].size > allowed / len(moved.parts):
            return False
        found += each(partial(self._once, ends), others)
        if sum(part.size for part in found) > allowed:
            return False
        left += found
        return True

    def _once(self, ends: tuple[Array, Array], part: Part) -> Array:
        """Judge a piece by one pair of evaluations."""
        return self._record(part.where, one_level(self._level(part, ends)))

    def _twice(
        self, ends: tuple[Array, Array], nearer: tuple[Array, Array], parts: tuple[Part, Part]
    ) -> Array:
        """Judge a piece by two pairs of evaluations."""
        far, near = parts
        coarse = self._level(far, ends)
        slopes = two_levels(coarse, self._level(near, nearer))
        if isinstance(far.where, np.ndarray):
            # Of several groups some may be straight, and finer steps tell less of them.
            once = one_level(coarse)
            slopes = slopes.where(once.resolved(self.rule.rtol, self.rule.atol), once)
        return self._record(far.where, slopes)

    def _level(self, part: Part, ends: tuple[Array, Array]) -> Level:
        higher, lower, point = (_picked(values, part.where) for values in (*ends, self.steps.point))
        sums = Sums.of(part.rows(), self.differences.weights.count)
        return Level(sums, higher - point, point - lower)

    def _record(self, where: Slices | Array, slopes: Slopes) -> Array:
        """Judge the elements; return the indices of those whose slope is not settled."""
        tape = self._at(self.tape, where)
        judged = judge_most(slopes, tape, self.rule)
        self.write(where, judged)
        open_ = np.flatnonzero(~slopes.resolved(self.rule.rtol, self.rule.atol))
        if open_.size:
            few, own = slopes.take(open_), tape[:, open_]
            # Nothing moved, and the tape says so too.
            still = (few.value == 0).all(axis=0) & (few.size == 0) & (own == 0).all(axis=0)
            open_ = open_[~(still & (judged.verdicts[open_] != ElementVerdict.INCONCLUSIVE))]
        if isinstance(where, np.ndarray):
            return np.asarray(where[open_])
        return flat_indices(where, self.shape, open_)

    def _at(self, values: Array, where: Slices | Array) -> Array:
        """Some elements of an array [K, elements]."""
        if isinstance(where, np.ndarray):
            return values[:, where]
        return values.reshape(-1, *self.shape)[..., *where].reshape(len(values), -1)

    def natural(self, flat: Array) -> Array:
        """Σ w |f| / max(|x_j|, rms(x)) over as many outputs as an element moves: a slope's natural size."""
        return self.width * self._mean_output / self.steps.scale(flat)

    @cached_property
    def _mean_output(self) -> float:
        """Mean of w |f| over all outputs."""
        shown, base = self.differences.weights.shown, self.differences.base
        return math.fsum(float(np.sum(shown[p] * np.abs(base[p]))) for p in spans(base.size)) / base.size


def _picked(values: Array, where: Slices | Array) -> Array:
    """Some elements of an array of the variable's shape, flat."""
    if isinstance(where, np.ndarray):
        return np.asarray(values.reshape(-1)[where])
    return np.asarray(values[..., *where].reshape(-1))
