"""What is found of the elements of one variable: verdicts and the numbers behind them."""

from __future__ import annotations

import math

import numpy as np

from gradcheck.arrays.parallel import each, spans
from gradcheck.arrays.scale import typical
from gradcheck.arrays.types import Array
from gradcheck.sparsity.probing import Slices
from gradcheck.verdicts.rule import Judgement
from gradcheck.verdicts.verdict import ElementVerdict

KEPT = ("verdicts", "difference", "tolerance", "share", "bound", "size", "corner", "one_sided")
"""What is kept of each judgement."""


class Findings:
    """The judgements of all elements, flat; see `Judgement` for what they are."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Nothing is known yet of a variable of `shape`."""
        self.shape, count = shape, math.prod(shape)
        self.verdicts = np.full(count, ElementVerdict.UNCHECKED, np.uint8)
        self.difference, self.tolerance, self.bound, self.size = (np.zeros(count) for _ in range(4))
        # Only ever compared with one another.
        self.share = np.zeros(count, np.float32)
        self.corner, self.one_sided = np.zeros(count, bool), np.zeros(count, bool)

    def write(self, where: Slices | Array, judged: Judgement) -> None:
        """Keep the judgement of some elements, a strided view of the variable or flat indices."""
        for name in KEPT:
            kept, found = getattr(self, name), getattr(judged, name)
            if isinstance(where, np.ndarray):
                kept[where] = found
            else:
                view = kept.reshape(self.shape)[..., *where]
                view[...] = found.reshape(view.shape)

    def copy(self, other: Findings, chosen: Array) -> None:
        """Take over what another look has found of the elements at `chosen`."""
        for name in KEPT:
            getattr(self, name)[chosen] = getattr(other, name)[chosen]

    def where(self, verdict: ElementVerdict) -> Array:
        """Flat indices of the elements with a verdict."""
        return np.flatnonzero(self.verdicts == verdict)

    def worst_first(self) -> Array:
        """Flat indices of the mismatches, those that are off by most of their tolerances first."""
        wrong = self.where(ElementVerdict.MISMATCH)
        return np.asarray(wrong[np.argsort(-self.share[wrong], kind="stable")])

    def scale(self) -> float:
        """Typical S of the elements that were judged."""
        known = np.isfinite(self.size) & (self.verdicts != ElementVerdict.UNCHECKED)
        return typical(self.size, known) if (known & (self.size != 0)).any() else 0.0

    def faint(self, limit: float) -> Array:
        """Elements that agree only because their derivative is too small for differences to resolve: those
        with a bound above a share `limit` of S."""

        def found(part: slice) -> Array:
            bound = self.bound[part]
            agrees = (self.verdicts[part] == ElementVerdict.MATCH) & (bound > 0)
            return np.asarray(part.start + np.flatnonzero(agrees & (bound > limit * self.size[part])))

        return np.concatenate(each(found, spans(self.verdicts.size)))
