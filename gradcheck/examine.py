"""One variable from grouping to verdicts: the first pass, then ever closer looks at what it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from gradcheck.differences import Differences, Sums
from gradcheck.judge import Judgement, Rule, judge
from gradcheck.report import ElementVerdict
from gradcheck.slopes import Level, Slopes, one_level, two_levels
from gradcheck.steps import Steps
from gradcheck.structure import Grouping, elementwise
from gradcheck.sweep import settle
from gradcheck.targets import Array

LEVELS = 28
"""Steps of the full sweep."""
CONFIRMED = 64
"""Mismatches of a variable that are looked at alone; the others follow from their group."""
CHUNK = 2**16
"""Elements swept at once: bounds the memory of a sweep."""
BLOCK = 2**13
PRECISE = 1e-15
"""Working precision from which four fine steps can settle an element."""
FAINT = 1e-9
"""Bound, as a share of the tensor's scale, that is good enough for an element far below that scale."""
CURVED = 0.02
"""Share of a group that must be open for a second pair of evaluations to be worth more than a sweep."""


class Examination:
    """Verdicts of one variable and the numbers behind them, all flat over its elements."""

    def __init__(
        self, differences: Differences, steps: Steps, tape: Array, rule: Rule, rounding: Callable[[], Array]
    ) -> None:
        """`tape` is [K, elements]; `rounding` gives how far its own rounding can move it, likewise."""
        self.rounding = cache(rounding)
        self.differences = differences
        self.steps = steps
        self.tape = tape
        self.rule = rule
        count = tape.shape[1]
        self.verdicts = np.full(count, ElementVerdict.UNCHECKED, np.uint8)
        self.difference, self.error, self.tolerance, self.share, self.bound, self.size = (
            np.zeros(count) for _ in range(6)
        )
        self.corner = np.zeros(count, bool)
        self.one_sided = 0

    def run(self, grouping: Grouping) -> None:
        """Fill in every element's verdict."""
        alone = elementwise(grouping.shape, len(grouping.windows))
        left = self._first_pass(grouping)
        if left is None:
            grouping = alone
            left = self._first_pass(grouping)
        assert left is not None  # an element alone has no group to leak from
        self.rule = replace(self.rule, scale=self._scale())
        self._sweep(grouping, self._unclear(left))
        if grouping != alone:
            self._sweep(alone, self._where(ElementVerdict.INCONCLUSIVE))
        self._confirm(alone)

    def _confirm(self, alone: Grouping) -> None:
        """Look at the worst mismatches by themselves; if one of them falls, at all of them."""
        wrong = self._where(ElementVerdict.MISMATCH)
        worst = wrong[np.argsort(-self.share[wrong], kind="stable")]
        first, rest = worst[:CONFIRMED], worst[CONFIRMED:]
        self._sweep(alone, first, thorough=True)
        if (self.verdicts[first] != ElementVerdict.MISMATCH).any():
            self._sweep(alone, rest, thorough=True)

    def _sweep(self, grouping: Grouping, flat: Array, thorough: bool = False) -> None:
        """Judge elements by slopes at many steps: a short ladder, then the full one for what that leaves.

        Only the full one, for a `thorough` look, shows outputs that fine steps lose in their rounding; and
        only there the rounding of the tape itself is measured.
        """
        groups, members = grouping.place(flat)
        order = np.argsort(groups, kind="stable")
        flat, groups, members = flat[order], groups[order], members[order]
        for start in range(0, flat.size, CHUNK):
            part = slice(start, start + CHUNK)
            self._sweep_chunk(grouping, flat[part], groups[part], members[part], thorough)

    def _sweep_chunk(
        self, grouping: Grouping, flat: Array, groups: Array, members: Array, thorough: bool
    ) -> None:
        if self.differences.eps <= PRECISE and not thorough:
            slopes = self._settle(grouping, flat, groups, members, self.steps.short_ladder(flat))
            open_ = np.flatnonzero(np.isin(flat, self._record(flat, slopes)))
            flat, groups, members = flat[open_], groups[open_], members[open_]
        if flat.size:
            ladder = self.steps.ladder(flat, LEVELS)
            slopes = self._settle(grouping, flat, groups, members, ladder)
            self.one_sided += int(slopes.one_sided.sum())
            rounding = self.rounding()[:, flat] if thorough else 0.0
            self._write(flat, judge(slopes, self.tape[:, flat], self.rule, rounding))

    def _settle(
        self, grouping: Grouping, flat: Array, groups: Array, members: Array, ladder: Iterator[Array]
    ) -> Slopes:
        levels = list(self._levels(grouping, flat, groups, members, ladder))
        return settle(levels, 10 * self.differences.eps ** (2 / 3))

    def _levels(
        self, grouping: Grouping, flat: Array, groups: Array, members: Array, ladder: Iterator[Array]
    ) -> Iterator[Level]:
        """One level of U elements for each rung of the ladder."""
        for steps in ladder:
            sums = self.differences.sweep(grouping, groups, flat, members, steps)
            yield Level(sums, steps, steps, self.differences.eps)

    def _unclear(self, left: Array) -> Array:
        """Those of the open elements that are not known to agree as well as the tensor's scale asks for."""
        good = self.bound[left] <= np.minimum(self.rule.limit * self.size[left], FAINT * self.rule.scale)
        unclear: Array = left[~(good & (self.verdicts[left] == ElementVerdict.MATCH))]
        return unclear

    def _scale(self) -> float:
        known = self.size[np.isfinite(self.size)]
        return float(np.sqrt(np.mean(known**2))) if known.size else 0.0

    def _where(self, verdict: ElementVerdict) -> Array:
        return np.flatnonzero(self.verdicts == verdict)

    def _first_pass(self, grouping: Grouping) -> Array | None:
        """Judge what two or four evaluations a group settle; the rest, by index, or None on a leak."""
        indices = np.arange(self.verdicts.size).reshape(grouping.shape)
        steps = [self.steps.random(1.0), self.steps.random(1.0)]
        open_: list[Array] = []
        curved: dict[int, Level] = {}
        for group, sums in self.differences.first(grouping, range(grouping.groups), *steps):
            if sums is None:
                return None
            flat = indices[grouping.slices(group)].reshape(-1)
            level = self._level(grouping, group, sums, steps)
            left = [self._record(flat[block], one_level(level.take(block))) for block in _blocks(flat)]
            if sum(part.size for part in left) > CURVED * flat.size:
                curved[group] = level
            else:
                open_ += left
        if curved:
            steps = [self.steps.random(0.5), self.steps.random(0.5)]
            for group, sums in self.differences.first(grouping, list(curved), *steps):
                if sums is None:
                    return None
                flat = indices[grouping.slices(group)].reshape(-1)
                coarse, fine = curved.pop(group), self._level(grouping, group, sums, steps)
                for block in _blocks(flat):
                    open_.append(self._record(flat[block], two_levels(coarse.take(block), fine.take(block))))
        return np.concatenate(open_) if open_ else np.zeros(0, np.int64)

    def _level(self, grouping: Grouping, group: int, sums: Sums, steps: list[Array]) -> Level:
        up, down = (step[grouping.slices(group)].reshape(-1) for step in steps)
        return Level(sums.crop(grouping, group), up, down, self.differences.eps)

    def _record(self, flat: Array, slopes: Slopes) -> Array:
        """Judge the elements; return the indices of those whose slope is not settled."""
        tape = self.tape[:, flat]
        self._write(flat, judge(slopes, tape, self.rule))
        # Nothing moved, and the tape says so too.
        still = (slopes.value == 0).all(axis=0) & (slopes.size == 0) & (tape == 0).all(axis=0)
        left: Array = flat[~(slopes.resolved(self.rule.rtol, self.rule.atol) | still)]
        return left

    def _write(self, flat: Array, judged: Judgement) -> None:
        self.verdicts[flat] = judged.verdicts
        self.difference[flat] = judged.difference
        self.error[flat] = judged.error
        self.tolerance[flat] = judged.tolerance
        self.share[flat] = judged.share
        self.bound[flat] = judged.bound
        self.size[flat] = judged.size
        self.corner[flat] = judged.corner

    def faint(self) -> Array:
        """Elements that agree only because their derivative is too small for differences to resolve."""
        agrees = self.verdicts == ElementVerdict.MATCH
        return np.flatnonzero(agrees & (self.bound > self.rule.limit * self.size) & (self.bound > 0))


def _blocks(flat: Array) -> Iterator[slice]:
    """Pieces small enough for their temporary arrays to stay in the processor's cache."""
    return (slice(start, start + BLOCK) for start in range(0, flat.size, BLOCK))
