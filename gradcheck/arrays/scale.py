"""The scale of a tensor, and of its elements: what steps and tolerances are relative to."""

import math

import numpy as np

from gradcheck.arrays.large import each, spans
from gradcheck.arrays.types import Array

ALIKE = 1e-6
"""Share of the largest number by which two ways of computing the same may differ in rounding."""


def typical(point: Array, known: Array | None = None) -> float:
    """Root mean square of a tensor, or of its elements that are `known`, without overflow; 1 for a tensor of
    zeros, which has no scale."""
    flat, parts = point.reshape(-1), spans(point.size)

    def magnitude(part: slice) -> Array:
        values = flat[part] if known is None or known[part].all() else flat[part][known[part]]
        return np.abs(values.astype(np.float64, copy=False))

    largest = max(each(lambda part: float(magnitude(part).max(initial=0.0)), parts), default=0.0) or 1.0
    squares = each(lambda part: float(np.sum((magnitude(part) / largest) ** 2)), parts)
    count = flat.size if known is None else np.count_nonzero(known)
    return math.sqrt(math.fsum(squares) / max(count, 1)) * largest or 1.0


def magnitude(point: Array) -> Array:
    """max(|x_j|, rms(x)) of every element, float64 in the shape of the point."""
    return np.maximum(np.abs(point.astype(np.float64)), typical(point))


def alike(found: Array, wanted: Array) -> bool:
    """Whether two arrays differ by no more than rounding; NaN is like NaN."""
    with np.errstate(invalid="ignore"):
        close = np.abs(found - wanted) <= ALIKE * float(np.abs(wanted).max(initial=0.0))
    if close.all():
        return True
    scale = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
    return bool(np.allclose(found, wanted, rtol=0.0, atol=ALIKE * scale, equal_nan=True))
