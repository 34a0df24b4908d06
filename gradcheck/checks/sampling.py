"""How much of a check to do: an estimate beforehand, and a seeded sample where a budget is too small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.settings import Budget
from gradcheck.sparsity.probing import Grouping

LEAST = 1
"""Groups of a variable that are examined however small the budget is."""


@dataclass(frozen=True)
class Plan:
    """What the first pass over all variables costs, and the groups that it will look at."""

    evaluations: int
    """Of the whole first pass, two for each group."""
    seconds: float
    """For those, at the pace of a first group of each variable."""
    groups: tuple[Array | None, ...]
    """For each variable the groups to examine, in ascending order; None for all of them."""

    @property
    def sampled(self) -> bool:
        """Whether anything is left out."""
        return any(chosen is not None for chosen in self.groups)

    @property
    def planned(self) -> int:
        """Evaluations of the first pass over the groups that are looked at, where some are left out."""
        return sum(2 * chosen.size for chosen in self.groups if chosen is not None)


def plan(groupings: Sequence[Grouping], paces: Sequence[float], budget: Budget | None, seed: int) -> Plan:
    """Decide what to look at; `paces` are seconds for a group of each variable."""
    counts = [grouping.groups for grouping in groupings]
    evaluations = 2 * sum(counts)
    seconds = math.fsum(count * pace for count, pace in zip(counts, paces, strict=True))
    share = 1.0 if budget is None else min(1.0, budget.share(evaluations, seconds))
    if share >= 1.0:
        return Plan(evaluations, seconds, (None,) * len(counts))
    generator = np.random.default_rng([seed, 7])
    chosen = []
    for count in counts:
        number = min(count, max(LEAST, int(share * count)))
        chosen.append(np.sort(generator.choice(count, number, replace=False)))
    return Plan(evaluations, seconds, tuple(chosen))
