"""Opinions on the verdicts of a variable, and the one table of which overrules which.

The differences say something of every element. What is known besides is an opinion of some elements: where,
which verdict, and why. A source further down in `Source` overrules those above it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum, unique

from gradcheck.arrays.types import Array
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.verdict import ElementVerdict


@unique
class Source(IntEnum):
    """Where an opinion comes from, the weakest first."""

    NEIGHBOURING_SLOPES = 1
    """Slopes around a corner reach the tape's value: a mismatch becomes a kink (subgradients.py)."""
    TIES_TOGETHER = 2
    """Moved together, the elements of corners contradict the tape: kinks become mismatches."""
    NONFINITE_TAPE = 3
    """The tape gradient is NaN or infinite."""
    OWN_DTYPE = 4
    """The tape at the tensors' own dtype is off the one in float64 (own_dtype.py)."""
    UNUSABLE_TAPE = 5
    """The gradient has another shape or dtype than its variable, or was never asked for."""
    REPEATABILITY = 6
    """Two runs of the backward pass differ (own_dtype.py)."""
    CLOSED_FORM = 7
    """The textbook's gradient is another one."""
    ORDER_ROUNDING = 8
    """At a higher order the rounding of the function explains a mismatch: inconclusive."""
    ORDER_KINK = 9
    """Where the order before has a corner, the tape lies among its values around the point: a kink."""


@dataclass(frozen=True)
class Opinion:
    """What one source says of some elements of a variable."""

    source: Source
    where: Array
    """Flat indices."""
    verdict: ElementVerdict
    reason: str | None = None
    """Why the variable as a whole fails, if it does."""
    tolerance: Array | None = None
    """The errors [where] that count as agreement after all, where the opinion is that they do."""


def combined(judgement: Judgement, opinions: Iterable[Opinion]) -> Judgement:
    """The judgement by the differences with all opinions on it."""
    ordered = sorted(opinions, key=lambda opinion: opinion.source)
    if not any(opinion.where.size for opinion in ordered):
        return judgement
    verdicts, tolerance = judgement.verdicts.copy(), judgement.tolerance
    for opinion in ordered:
        verdicts[opinion.where] = opinion.verdict
        if opinion.tolerance is not None:
            tolerance = tolerance.copy()
            tolerance[opinion.where] = opinion.tolerance
    return replace(judgement, verdicts=verdicts, tolerance=tolerance).read_only()


def reason(judgement: Judgement, opinions: Iterable[Opinion]) -> str | None:
    """Why the variable fails as a whole: what the strongest opinion says that gives a reason."""
    if not (judgement.verdicts >= ElementVerdict.MISMATCH).any():
        return None
    given = [opinion for opinion in opinions if opinion.reason is not None]
    return max(given, key=lambda opinion: opinion.source).reason if given else None
