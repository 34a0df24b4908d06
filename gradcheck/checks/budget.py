"""How a check is made: along directions or not, a forecast, and where a budget is small a seeded sample."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck.amounts import Budget
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.progress import Forecast
from gradcheck.sparsity.colouring import Colouring

USUAL = 4
"""Evaluations of a group where no pilot was made: two pairs."""
MANY = 4096
"""Evaluations from which a check goes along directions: twice what those take."""
SPARSE = 128
"""Groups in all up to which variables are moved group by group even then."""


@dataclass(frozen=True)
class Cost:
    """What one group of a variable costs."""

    evaluations: float = USUAL
    seconds: float = 0.0


def along_directions(
    colourings: Sequence[Colouring], costs: Sequence[Cost] | None = None, most: float = MANY
) -> tuple[int, ...]:
    """The variables, by number, that are checked along directions since all together would take more than
    `most` evaluations; without `costs` each group takes what it has to at least."""
    groups = [colouring.groups for colouring in colourings]
    if costs is None:
        # What has structure is mostly straight: a pair of evaluations for each group.
        costs = [Cost(USUAL if colouring.members == 1 else 2) for colouring in colourings]
    if sum(count * cost.evaluations for count, cost in zip(groups, costs, strict=True)) <= most:
        return ()
    ascending = np.argsort(groups, kind="stable")
    few = ascending[np.cumsum(np.asarray(groups)[ascending]) <= SPARSE]
    return tuple(number for number in range(len(groups)) if number not in few)


@dataclass(frozen=True)
class Plan:
    """What a look at all variables costs, and the groups that are looked at."""

    ahead: Forecast
    groups: tuple[Array | None, ...]
    """For each variable the groups to look at, in ascending order; None for all of them."""

    @property
    def sampled(self) -> bool:
        """Whether anything is left out."""
        return any(chosen is not None for chosen in self.groups)


def plan(colourings: Sequence[Colouring], costs: Sequence[Cost], budget: Budget | None, seed: int) -> Plan:
    """Decide what to look at, by the costs of a group of each variable."""
    counts = [colouring.groups for colouring in colourings]
    evaluations = math.fsum(n * cost.evaluations for n, cost in zip(counts, costs, strict=True))
    seconds = math.fsum(n * cost.seconds for n, cost in zip(counts, costs, strict=True))
    share = 1.0 if budget is None else min(1.0, budget.share(evaluations, seconds))
    groups: tuple[Array | None, ...] = (None,) * len(counts)
    if share < 1.0:
        random = generator(Stream.SAMPLE, seed)
        kept = [max(1, int(share * count)) for count in counts]
        groups = tuple(np.sort(random.choice(n, k, replace=False)) for n, k in zip(counts, kept, strict=True))
        evaluations = math.fsum(n * cost.evaluations for n, cost in zip(kept, costs, strict=True))
        seconds = math.fsum(n * cost.seconds for n, cost in zip(kept, costs, strict=True))
    elements = sum(
        colouring.members * (colouring.groups if chosen is None else chosen.size)
        for colouring, chosen in zip(colourings, groups, strict=True)
    )
    return Plan(Forecast(elements, math.ceil(evaluations), seconds), groups)
