"""The evidence of a diagnosis: a failing variable, its tapes, and its differences for every cotangent.

The report keeps the differences for the upstream gradient that is shown, and no pattern is named on those
alone: for one upstream gradient many mistakes look alike. For the other cotangents differences of some
elements are taken when they are first asked for, `MOST` at most. All arrays are flat over the elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.answers import FINE, Answers
from gradcheck.report.probe import Probe
from gradcheck.report.telling import ENOUGH, SAME, TELLING
from gradcheck.report.variable import Variable
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.verdict import ElementVerdict

MOST = 48
"""Elements whose differences are taken for the other cotangents, at four evaluations each: all of a small
variable, the worst of a large one."""


class Slopes:
    """Differences for all cotangents, [K, n]: NaN where they were not taken."""

    def __init__(self, variable: Variable, cotangents: Array, probe: Probe) -> None:
        size = variable.verdicts.size
        self._probe, self._cotangents = probe, cotangents
        self.value = np.full((len(cotangents), size), np.nan)
        self.value[0] = np.where(variable.moved, variable.difference, np.nan).reshape(-1)
        self.bound = np.zeros(size)
        """How far those for the other cotangents can be off, [n]."""
        self._asked = np.zeros(size, bool)
        if cotangents.shape[1] == 1 and cotangents[0, 0] != 0:
            # Of one number of output all upstream gradients are multiples of one, and nothing is to be taken.
            self.value[:] = self.value[0] * (cotangents / cotangents[0])
            self._asked[:] = True

    def take(self, flat: Array) -> None:
        """Take the differences of the elements at `flat` that were not, as far as there may be more."""
        fresh = np.unique(flat[~self._asked[flat]])[: max(0, MOST - int(self._asked.sum()))]
        if not fresh.size:
            return
        self._asked[fresh] = True
        value, bound = self._probe.slopes(fresh, self._cotangents)
        self.value[1:, fresh] = np.where(np.isfinite(bound), value, np.nan)[1:]
        self.bound[fresh] = np.max(bound[1:], axis=0, where=np.isfinite(bound[1:]), initial=0.0)


@dataclass(frozen=True)
class Evidence:
    """A failing variable of n elements and what is known around it."""

    variable: Variable
    tapes: Array
    """Tape gradients for every upstream gradient tried, [K, n]."""
    point: Array
    """The variable's values, [n]."""
    judgement: Judgement
    cotangents: Array
    """The upstream gradients tried, [K, outputs]."""
    outputs: tuple[int, ...]
    """Shape of the first output."""
    probe: Probe

    @cached_property
    def failing(self) -> Array:
        """Mask of the elements that fail."""
        return np.asarray(self.variable.verdicts.reshape(-1) >= ElementVerdict.MISMATCH)

    @cached_property
    def moved(self) -> Array:
        """Mask of the elements with a difference of their own, which is the derivative unless they fail."""
        match = self.variable.verdicts.reshape(-1) == ElementVerdict.MATCH
        known = self.variable.moved.reshape(-1) & np.isfinite(self.difference)
        return np.asarray(known & (match | self.failing))

    @cached_property
    def difference(self) -> Array:
        """The difference for the upstream gradient that is shown."""
        return self.variable.difference.reshape(-1)

    @cached_property
    def tolerance(self) -> Array:
        """The error that counts as agreement."""
        return np.nan_to_num(self.variable.tolerance.reshape(-1), posinf=0.0)

    @cached_property
    def everything(self) -> bool:
        """Whether all elements were checked."""
        return bool(self.variable.checked.all())

    @cached_property
    def scalar(self) -> bool:
        """Whether there is one number of output, so that all upstream gradients are multiples of one."""
        return bool(self.cotangents.shape[1] == 1)

    @cached_property
    def slopes(self) -> Slopes:
        """Differences for all cotangents, of all elements or of the worst that fail and some that do not."""
        found = Slopes(self.variable, self.cotangents, self.probe)
        failing = self.judgement.worst_first()
        failing = failing[self.moved[failing]]
        right = np.flatnonzero(self.right & (self.tapes != 0).any(axis=0) & self.moved)
        few = self.failing.size <= MOST
        chosen = np.flatnonzero(self.moved) if few else np.concatenate([failing[: MOST // 3], right[:4]])
        found.take(chosen)
        return found

    @cached_property
    def answers(self) -> Answers:
        """How the backward pass answers to other upstream gradients."""
        problem, slopes = self.probe.problem, self.slopes.value
        return Answers.of(
            self.probe.backward,
            self.failing,
            (self.cotangents, self.tapes, slopes, self.tolerance),
            problem.settings.seed,
            FINE if problem.backward.in_float64 else SAME,
        )

    @cached_property
    def right(self) -> Array:
        """Mask of the elements that were checked and do not fail."""
        return self.variable.checked.reshape(-1) & ~self.failing

    @cached_property
    def shown_wrong(self) -> Array:
        """Mask of the elements whose tape is wrong for the upstream gradient that is shown; others fail for
        another one."""
        with np.errstate(invalid="ignore"):
            right = np.abs(self.tapes[0] - self.difference) <= self.tolerance
        return np.asarray(self.failing & self.moved & ~right)

    @cached_property
    def telling(self) -> Array:
        """Mask of the elements that do not fail, and whose gradient is more than rounding."""
        return np.asarray(self.right & (np.abs(self.tapes).max(axis=0) > TELLING * self.tolerance))

    def explains(self, predicted: Array, where: Array | None = None) -> bool:
        """Whether the tape is as predicted [K, n], for every cotangent and element known, there or
        everywhere.

        NaN is no prediction, but all failing elements need one for the upstream gradient that is shown, and
        `ENOUGH` of them one that is more than rounding, for another one too where there are several outputs.
        """
        where = self.moved if where is None else where
        known = np.isfinite(predicted) & where
        if not (self.failing & where).any() or not known[0, self.failing & where].all():
            return False
        size, bound = np.abs(predicted), self.tolerance + self.slopes.bound
        with np.errstate(invalid="ignore"):
            near = np.abs(self.tapes - predicted) <= SAME * np.maximum(np.abs(self.tapes), size) + 2 * bound
            told = known & self.failing & (np.maximum(size, np.abs(self.tapes)) > TELLING * bound)
        if not near[known].all():
            return False
        seen = told if self.scalar else told[1:]
        return bool(seen.any(axis=0).sum() >= ENOUGH)

    @property
    def index(self) -> Array:
        """Flat indices in the variable's shape."""
        return np.arange(self.failing.size).reshape(self.variable.shape)
