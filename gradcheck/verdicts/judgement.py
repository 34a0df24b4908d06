"""Judgements, a verdict for each element and the numbers behind it, and opinions on them.

The differences say something of every element. What is known besides is an opinion of some elements: where,
which verdict, and why. A source further down in `Source` overrules those above it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum, unique

import numpy as np

from gradcheck.arrays.columns import Columns
from gradcheck.arrays.large import each, spans
from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array
from gradcheck.sparsity.colouring import Slices
from gradcheck.verdicts.verdict import ElementVerdict


@dataclass(frozen=True)
class Judgement(Columns):
    """Verdicts of U elements, and the numbers behind them for the cotangent that is shown; all are [U]."""

    verdicts: Array
    """`ElementVerdict` codes, uint8: the worst over all cotangents."""
    difference: Array
    tolerance: Array
    error_ratio: Array
    """Error as a share of the tolerance, the worst over all cotangents."""
    bound: Array
    """How far the difference can be off."""
    size: Array
    """S, the sum of the sizes of the contributions."""
    corner: Array
    """Where the one-sided slopes differ."""
    one_sided: Array
    """Where only one side of the point lies in the function's domain."""
    along: Array
    """Where the verdict comes from directions: there is no difference of the element's own."""
    half: Array
    """Half the distance of the slopes of the two sides, part of the tolerance; 0 where f is smooth."""
    widened: Array
    """`Widening` codes, uint8: what made the tolerance wider than atol + rtol·S."""
    step: Array
    """The step that the difference was taken at, float32; 0 where there is none of the element's own."""

    @staticmethod
    def none(count: int = 0) -> Judgement:
        """The judgement of elements that nothing is known of yet."""
        return Judgement(
            np.full(count, ElementVerdict.UNCHECKED, np.uint8),
            np.zeros(count),
            np.zeros(count),
            # Only ever compared with one another.
            np.zeros(count, np.float32),
            np.zeros(count),
            np.zeros(count),
            np.zeros(count, bool),
            np.zeros(count, bool),
            np.zeros(count, bool),
            np.zeros(count),
            np.zeros(count, np.uint8),
            # Only ever shown.
            np.zeros(count, np.float32),
        )

    def having(self, verdict: ElementVerdict) -> Array:
        """Flat indices of the elements with a verdict."""
        return np.flatnonzero(self.verdicts == verdict)

    @property
    def checked(self) -> Array:
        """Mask of the elements that were judged."""
        return np.asarray(self.verdicts != ElementVerdict.UNCHECKED)

    def worst_first(self) -> Array:
        """Flat indices of the mismatches, those that are off by most of their tolerances first."""
        wrong = self.having(ElementVerdict.MISMATCH)
        return np.asarray(wrong[np.argsort(-self.error_ratio[wrong], kind="stable")])

    def scale(self) -> float:
        """Typical S of the elements that were judged; 0 where all are 0."""
        known = np.isfinite(self.size) & self.checked
        return typical(self.size, known) if (known & (self.size != 0)).any() else 0.0

    def faint(self, limit: float) -> Array:
        """Flat indices of elements that agree only because their derivative is too small for differences to
        resolve: those with a bound above a share `limit` of S."""

        def found(part: slice) -> Array:
            bound = self.bound[part]
            agrees = self.verdicts[part] == ElementVerdict.MATCH
            return np.asarray(part.start + np.flatnonzero(agrees & (bound > limit * self.size[part])))

        return np.concatenate(each(found, spans(self.verdicts.size)))

    def seen(self, part: slice = slice(None)) -> Array:
        """Mask of the elements that match and move something."""
        moves = (self.size[part] > 0) | (self.bound[part] > 0)
        return np.asarray((self.verdicts[part] == ElementVerdict.MATCH) & moves)

    def sensitivity(self) -> Array:
        """For the elements that match and move something, the smallest error that would have been a mismatch
        as a share of S; infinite where nothing would have been seen."""

        def found(part: slice) -> Array:
            seen, size = self.seen(part), self.size[part]
            with np.errstate(divide="ignore"):
                return np.asarray(np.maximum(self.tolerance[part], self.bound[part])[seen] / size[seen])

        return np.concatenate(each(found, spans(self.verdicts.size)))


class Record:
    """The judgement of a whole variable while it is gathered; `finished` hands it on, read-only."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Nothing is known yet of a variable of `shape`."""
        self.shape = shape
        self.so_far = Judgement.none(math.prod(shape))

    def write(self, where: Slices | Array, judged: Judgement) -> None:
        """Keep the judgement of some elements: a strided view of the variable, or flat indices."""
        self.so_far.write(where, judged, self.shape)

    def bound_by(self, flat: Array, bounds: Array) -> None:
        """Widen what is known of the differences at `flat` to a bound."""
        self.so_far.bound[flat] = bounds

    def finished(self) -> Judgement:
        """The judgement, read-only."""
        return self.so_far.read_only()


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
    """The textbook's gradient is another one (third_opinion.py)."""
    GIVEN = 8
    """The gradient that a user gives is another one (third_opinion.py)."""
    ORDER_ROUNDING = 9
    """At a higher order the rounding of the function explains a mismatch: inconclusive."""
    ORDER_KINK = 10
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
    ratio: Array | None = None
    """Error ÷ tolerance [where] of what the opinion rests on, where it refutes; None where no number says
    so, as where the tape is NaN."""
    interval: tuple[Array, Array, Array] | None = None
    """The lowest and the highest right value at a corner, and how far beyond is near enough, [where]."""


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


def refuted_by(judgement: Judgement, opinions: Iterable[Opinion]) -> Array | None:
    """Error ÷ tolerance by which each element fails, the largest of all upstream gradients and opinions, [U],
    0 where it does not; None where none fails."""
    refuting = [one for one in opinions if one.verdict >= ElementVerdict.MISMATCH and one.where.size]
    failing = np.flatnonzero(judgement.verdicts >= ElementVerdict.MISMATCH)
    if not refuting and not failing.size:
        return None
    ratio = np.zeros(judgement.verdicts.size)
    ratio[failing] = judgement.error_ratio[failing]
    for opinion in refuting:
        given = np.inf if opinion.ratio is None else opinion.ratio
        ratio[opinion.where] = np.maximum(ratio[opinion.where], given)
    return ratio


def reason(judgement: Judgement, opinions: Iterable[Opinion]) -> str | None:
    """Why the variable fails as a whole: what the strongest opinion says that gives a reason."""
    if not (judgement.verdicts >= ElementVerdict.MISMATCH).any():
        return None
    given = [opinion for opinion in opinions if opinion.reason is not None]
    return max(given, key=lambda opinion: opinion.source).reason if given else None
