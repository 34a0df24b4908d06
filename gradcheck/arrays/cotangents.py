"""Cotangents: the upstream gradients r of L = <r, f(x)> that every element is judged for."""

import numpy as np

from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array, sizes


def draw_cotangents(
    outputs: int, shown: Array | None, seed: int, count: int = 2, stream: Stream = Stream.COTANGENTS
) -> Array:
    """Cotangents [1 + count, outputs]: ones or the upstream gradient to show, then seeded random ones.

    A backward pass that ignores, squares or averages its upstream gradient is right for ones, and one that
    takes its size is right for all of one sign: every second random one has the other signs. They are
    ± (½ … 1) times the one that is shown, entry by entry, so that one tolerance serves them all; float32
    holds them where it can, for they are the largest arrays of a check.
    """
    random = generator(stream, seed)
    drawn = np.empty((1 + count, outputs), np.float32 if shown is None else np.float64)
    drawn[0] = 1.0 if shown is None else shown.reshape(-1)
    for number, row in enumerate(drawn[1:]):
        row[:] = half_to_whole(2 * random.random(outputs, np.float32) - 1)
        if number % 2:
            np.negative(np.copysign(row, drawn[number]), out=row)
        if shown is not None:
            row *= sizes(drawn[0])
    return drawn
