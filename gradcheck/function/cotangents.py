"""Cotangents: the upstream gradients r that a check multiplies the outputs by, L = <r, f(x)>."""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array


def draw_cotangents(
    outputs: int, shown: Array | None, seed: int, count: int = 2, stream: Stream = Stream.COTANGENTS
) -> Array:
    """Cotangents [1 + count, outputs]: ones or the upstream gradient to show, then seeded random ones.

    A backward pass that ignores, squares or averages its upstream gradient is right for ones. The random ones
    are ± (½ … 1) times the one that is shown, entry by entry, so that one tolerance serves them all; float32
    holds them where it can, for they are the largest arrays of a check.
    """
    random = generator(stream, seed)
    drawn = np.empty((1 + count, outputs), np.float32 if shown is None else np.float64)
    drawn[0] = 1.0 if shown is None else shown.reshape(-1)
    for row in drawn[1:]:
        row[:] = half_to_whole(2 * random.random(outputs, np.float32) - 1)
        if shown is not None:
            row *= sizes(drawn[0])
    return drawn


def sizes(cotangent: Array) -> Array:
    """|r|, and where r is 0 the mean of |r|, for an upstream gradient of 0 must not make a tolerance 0."""
    if (cotangent > 0).all():
        return cotangent
    found = np.abs(cotangent)
    return found if found.all() else np.where(found == 0, found.mean(dtype=np.float64) or 1.0, found)
