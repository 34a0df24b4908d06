"""Corners at which the right values of a gradient are known: any value between the slopes of the two sides.

Where several corners meet in one output, the slopes at points around the point widen the interval
(subgradients.py). At a corner along directions, and where a gradient jumps, no interval is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.verdicts.judgement import Judgement, Opinion
from gradcheck.verdicts.verdict import ElementVerdict


@dataclass(frozen=True)
class Intervals:
    """The right values of U elements at corners, for the upstream gradient that is shown; arrays are [U]."""

    where: Array
    """Flat indices."""
    low: Array
    high: Array
    slack: Array
    """How far beyond the interval still counts as agreement."""

    @staticmethod
    def of(differences: Judgement, opinions: Iterable[Opinion], verdicts: Array) -> Intervals | None:
        """The intervals of what is judged a kink or a mismatch, by the differences and the opinions;
        None where there are none."""
        judged = (verdicts == ElementVerdict.KINK) | (verdicts == ElementVerdict.MISMATCH)
        known = judged & (differences.half > 0) & ~differences.along
        where = np.flatnonzero(known & np.isfinite(differences.difference))
        if not where.size:
            return None
        middle, half = differences.difference[where], differences.half[where]
        found = Intervals(where, middle - half, middle + half, differences.tolerance[where] - half)
        for opinion in opinions:
            if opinion.interval is not None:
                found = found.widened(opinion.where, *opinion.interval)
        return found

    def widened(self, where: Array, low: Array, high: Array, slack: Array) -> Intervals:
        """The intervals stretched to those at `where`, of the elements that have one."""
        _, mine, other = np.intersect1d(self.where, where, assume_unique=True, return_indices=True)
        lowest, highest, beyond = self.low.copy(), self.high.copy(), self.slack.copy()
        lowest[mine] = np.fmin(lowest[mine], low[other])
        highest[mine] = np.fmax(highest[mine], high[other])
        beyond[mine] = np.maximum(beyond[mine], slack[other])
        return Intervals(self.where, lowest, highest, beyond)
