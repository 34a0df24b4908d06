"""How many elements have which error ÷ tolerance, by decade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.render.numbers import power
from gradcheck.report.findings import Findings
from gradcheck.verdicts.verdict import ElementVerdict

FARTHEST = 9
"""Decades on either side of 1; what lies beyond is in the last."""
LEAST = 2
"""Decades on either side that are shown in any case."""


@dataclass(frozen=True)
class Histogram:
    """Elements of a check by error ÷ tolerance."""

    lowest: int
    """The first bin holds ratios up to 10 to this power, without 0; each following one a decade more."""
    counts: tuple[int, ...]
    zero: int
    """Elements without an error."""
    infinite: int
    """Elements whose error is no finite number."""
    left_out: int
    """Elements without a ratio, and those that could not be judged."""
    kinks: int
    """Kinks where they fail, whatever their ratio; 0 where they pass."""

    @staticmethod
    def of(report: Findings) -> Histogram:
        """Of all variables of a check."""
        kept, size, kinks = [np.empty(0)], 0, 0
        apart = [ElementVerdict.UNCHECKED, ElementVerdict.INCONCLUSIVE]
        apart += [ElementVerdict.KINK] * report.settings.strict
        for variable in report.variables:
            untold = np.isin(variable.verdicts, apart)
            kinks += variable.counts["kink"] * report.settings.strict
            ratio = np.where(untold, np.nan, variable.error_ratio)
            kept.append(ratio[~np.isnan(ratio)])
            size += ratio.size
        ratio = np.concatenate(kept)
        finite = ratio[(ratio > 0) & np.isfinite(ratio)]
        # Up to 1 is decade 0, above up to 10 is decade 1.
        decades = np.clip(np.ceil(np.log10(finite)), -FARTHEST, FARTHEST).astype(int)
        lowest = min(int(decades.min(initial=0)), 1 - LEAST)
        highest = max(int(decades.max(initial=0)), LEAST)
        counts = np.bincount(decades - lowest, minlength=highest - lowest + 1)
        return Histogram(
            lowest,
            tuple(counts.tolist()),
            int(np.count_nonzero(ratio == 0)),
            int(np.count_nonzero(np.isinf(ratio))),
            size - ratio.size - kinks,
            kinks,
        )

    @property
    def bars(self) -> tuple[tuple[str, int, bool], ...]:
        """A label, the number of elements, and whether they pass, from left to right."""
        between = [
            (f"≤ {power(decade)}", count, decade <= 0)
            for decade, count in enumerate(self.counts, self.lowest)
        ]
        fail = [("∞", self.infinite, False), ("kink", self.kinks, False)]
        return (("0", self.zero, True), *between, *(bar for bar in fail if bar[1]))
