"""How far to move an element: in proportion to its own size or its tensor's, never an absolute step.

A step h is one that x can really take, (x + h) − x in its own dtype, so that differences divide by just that.
"""

import math
import sys
from collections.abc import Iterator

import numpy as np

from gradcheck.arrays.large import SPAN, filled
from gradcheck.arrays.scale import typical
from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array, eps_of

TINY = 1e-3
"""Share of the tensor's scale below which an element is far smaller than its tensor."""
DEEPER = 9
"""Further steps from an element that is 0, each a hundredth of the one before."""
FAR = (1.0, 1 / 3, 1 / 9, 1 / 27)
"""Steps of the far ladder, relative to the scale."""
FARTHER = (1 / 40, 1 / 2560)
"""First of three halved steps, relative to the scale, where rounding hides a slope at ordinary ones."""
SHORT = (1.0, 1 / 8, 1 / 64, 1 / 256, 1 / 1024)
"""Steps of the short ladder, relative to the first step."""
LEVELS = 28
"""Steps of the full ladder: from the scale down to the finest, some three a decade."""
PER_OCTAVE = 2
"""Steps of a curve for each factor of 2: from one to the next a truncation error of h² halves, and 12 decades
are 80 steps, one for each column of a terminal."""
LONGEST = 160
"""Steps of a curve, of an element far smaller than its tensor, whose steps span more decades."""


class Steps:
    """Steps for one variable, exactly representable in its dtype and reproducible from a seed."""

    def __init__(self, point: Array, eps: float, step: float | None, seed: int) -> None:
        """`eps` is the working precision; `step` the first step relative to the scale, None for cbrt(eps)."""
        self.point = point
        self.typical = typical(point)
        self.first = eps ** (1 / 3) if step is None else step
        self.seed = seed
        self._generator = generator(Stream.STEPS, seed)

    def tiny(self, flat: Array) -> Array:
        """Whether an element is far smaller than its tensor, so that the first step is far from its own."""
        return np.asarray(np.abs(self.point.reshape(-1)[flat].astype(np.float64)) < TINY * self.typical)

    def scale(self, flat: Array) -> Array:
        """max(|x_j|, rms(x)) of the elements at `flat`, [U] float64."""
        return np.maximum(np.abs(self.point.reshape(-1)[flat].astype(np.float64)), self.typical)

    def moved(self, factor: float) -> tuple[Array, Array]:
        """The point with every element moved up, and moved down, by a step of its own.

        The step is `factor` × the first step × a random factor for each element and side. Two elements
        wrongly perturbed together cannot look like one: their joint effect changes with the ratio of their
        steps, which is different each time.
        """
        return self._moved(self.first * factor), self._moved(-self.first * factor)

    def _moved(self, factor: float) -> Array:
        # Spans that are worked on at once draw from generators of their own.
        seed = int(self._generator.integers(2**63)) if self.point.size > SPAN else None

        def end(part: slice) -> Array:
            random = self._generator if seed is None else generator(Stream.STEPS, seed, part.start)
            return self._end(part, factor, random.uniform(0.7, 1.3, part.stop - part.start))

        return filled(self.point.shape, self.point.dtype, end)

    def far(self) -> Array:
        """The point with every element moved by ¼ … ½ of itself, in its own sign or against it: far enough to
        meet a maximum's other candidates."""

        def end(part: slice) -> Array:
            own = self.point.reshape(-1)[part]
            uniform = generator(Stream.FAR_PROBES, self.seed, part.start).uniform(-1, 1, own.size)
            return np.asarray(own + half_to_whole(uniform) / 2 * np.where(own == 0, self.typical, own))

        return filled(self.point.shape, self.point.dtype, end)

    def near(self) -> Array:
        """The point with every element moved up by its first step."""
        return filled(self.point.shape, self.point.dtype, lambda part: self._end(part, self.first, 1.0))

    def _end(self, part: slice, factor: float, share: Array | float) -> Array:
        """Some elements of the flat point moved by a share of `factor` times the scale."""
        point = self.point.reshape(-1)[part]
        size = share * np.maximum(np.abs(point.astype(np.float64, copy=False)), self.typical)
        size *= factor
        with np.errstate(over="ignore"):
            return np.asarray(point + size.astype(point.dtype, copy=False))

    def ladder(self, flat: Array, beyond: int = 0) -> Iterator[Array]:
        """Steps [U] of the full ladder for the elements at `flat`, coarse to fine.

        From the scale down to the finest, geometric per element. `beyond` more levels, each ten times the
        next, come before: an output such as 1 + x² at x = 1e-9 moves at no smaller step.
        """
        scale, (magnitude, finest) = self.scale(flat), self._finest(flat)
        for power in range(beyond, 0, -1):
            yield self._realised(flat, scale * 10.0**power)
        for share in np.linspace(0.0, 1.0, LEVELS):
            yield self._realised(flat, scale * (finest / scale) ** share)
        # 0 has no scale of its own, and every step from it is exact: tanh(x / 1e-13) is smooth there too.
        if beyond and (magnitude == 0).any():
            for power in range(1, DEEPER + 1):
                size = np.where(magnitude == 0, finest * 100.0**-power, finest)
                yield self._realised(flat, size)

    def _finest(self, flat: Array) -> tuple[Array, Array]:
        """|x| and the finest steps, [U] each: those still leave a few bits of an element's digits to move."""
        magnitude = np.abs(self.point.reshape(-1)[flat].astype(np.float64))
        own = np.where(magnitude > 0, magnitude, self.scale(flat))
        return magnitude, own * max(1e-12, 8 * eps_of(self.point.dtype.name))

    def curve(self, flat: int, coarsest: float) -> Iterator[Array]:
        """Steps [1] of one element from `coarsest` down to the finest, evenly spaced on a log axis."""
        where = np.array([flat])
        # The finest of an element such as 1e-300 is 0, or too far from the coarsest to divide by.
        finest = max(float(self._finest(where)[1][0]), sys.float_info.min)
        count = 1 + math.ceil(PER_OCTAVE * max(0.0, math.log2(coarsest) - math.log2(finest)))
        for size in np.geomspace(coarsest, finest, min(count, LONGEST)):
            yield self._exact(where, np.array([size]))

    def far_ladder(self, flat: Array) -> Iterator[Array]:
        """A few large steps [U], at which a function that has saturated moves again."""
        for share in FAR:
            yield self._realised(flat, self.scale(flat) * share)

    def farther(self, flat: Array) -> Iterator[list[Array]]:
        """Three halved steps [U] each, all of them well beyond the first step."""
        for share in FARTHER:
            if share >= 16 * self.first:
                sizes = (self.scale(flat) * share / shrunk for shrunk in (1, 2, 4))
                yield [self._realised(flat, size) for size in sizes]

    def short_ladder(self, flat: Array) -> Iterator[Array]:
        """A few steps [U] from the first step down, for corners at the point or nearer than that."""
        scale = self.first * self.scale(flat)
        for share in SHORT:
            yield self._realised(flat, scale * share)

    def _realised(self, flat: Array, size: Array) -> Array:
        """Steps of about `size` that x can really take, (x + h) − x in its own dtype."""
        return self._exact(flat, size * self._generator.uniform(0.8, 1.2, flat.shape))

    def _exact(self, flat: Array, size: Array) -> Array:
        point = self.point.reshape(-1)[flat]
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray((point + size.astype(point.dtype)) - point)
