"""How exactly a function computes: measured, not assumed.

A function may accept float64 and still round to less inside (a cast, a kernel that sums in float32, a Keras
layer with a dtype policy of its own), in all of its outputs or in a term of some; sums that cancel lose
digits in float64. Rounding shows in the third differences of f along a line, where a smooth function
contributes t³ f‴ and rounding contributes about √20 σ whatever the spacing t (Moré and Wild, Estimating
computational noise, 2011: σ² = (k!)² / (2k)! · E[T_k²] for the k-th difference T_k).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.large import filled, spans, tensor, view
from gradcheck.arrays.scale import typical
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.primal import Meter, Primal

EPS = float(np.finfo(np.float64).eps)
FINE = 3.2e-6
"""Relative spacing at which rounding to float32 shows."""
NEARER = (1e-10, 1e-13)
"""Spacings from which an oscillation, or a corner next to the point, no longer looks like rounding."""
COARSE = 1.6e-2
"""Spacing at which rounding to float16 and bfloat16 shows; at finer ones such outputs stand still."""
SAMPLED = 2**16
"""From this many outputs on the noise is taken from a sample, as a share of each output."""
SUSPECT = 1e3
"""Multiple of float64's own rounding from which noise is looked into."""


@dataclass(frozen=True)
class NoiseLevel:
    """How the outputs are rounded."""

    noise: Array
    """Rounding of each output, absolute, [outputs]."""
    eps: Array
    """Relative rounding of the tensor that each output belongs to, [outputs], or one number for all [1]."""

    @property
    def finest(self) -> float:
        """The smallest relative rounding of an output tensor."""
        return float(self.eps.min())

    @property
    def coarsest(self) -> float:
        """The largest relative rounding of an output tensor."""
        return float(self.eps.max())

    @property
    def dtype(self) -> str:
        """The dtype that rounds as coarsely."""
        for name in ("float64", "float32", "float16"):
            # Accumulated roundings are those of their dtype still; float16 and bfloat16 lie close together.
            if self.coarsest <= (4 if name == "float16" else 64) * eps_of(name):
                return name
        return "bfloat16"

    def at_least(self, shares: Array, base: Array, sizes: list[int]) -> NoiseLevel:
        """A level no better than a share of each output tensor, [tensors]; `sizes` are those of the tensors,
        `base` the outputs [outputs]."""
        parts = np.split(np.abs(base), np.cumsum(sizes)[:-1])
        # The term that is rounded may be larger than what it is a part of.
        least = (
            share * np.maximum(part, typical(part))
            for share, part in zip(shares, parts, strict=True)
            if part.size
        )
        eps = np.maximum(self.eps, np.repeat(shares, sizes) if len(sizes) > 1 else shares)
        return NoiseLevel(np.maximum(self.noise, np.concatenate(list(least))), eps)


def known(eps: float, base: Array, noise: float = 0.0) -> NoiseLevel:
    """The level of outputs that are known to be rounded to a share `eps` of themselves, or to `noise`."""
    return NoiseLevel(np.maximum(eps * np.abs(base), noise), np.array([eps]))


def measure(primal: Primal, base: Array, seed: int, noise: float, meter: Meter) -> NoiseLevel:
    """The level of a function run in float64; `base` is f(x), flat, `noise` is known to be there."""
    line = _Line(primal, base, seed, meter)
    sigma, fine = line.rounding(FINE), line.steady(FINE, SUSPECT * EPS, 0.3)
    # More than float32 would show comes from sums that cancel, or from a function that turns faster than
    # the line is fine: not from how single numbers are rounded.
    share = line.share(fine)
    share = np.where(share <= 16 * eps_of("float32"), share, 0.0)
    for spacing in NEARER:
        suspect = (sigma > SUSPECT * EPS * np.abs(line.base)) & ((fine == 0) | (share[line.owner] == 0))
        if not suspect.any():
            break
        sigma = np.where(suspect, np.minimum(sigma, line.rounding(spacing)), sigma)
    coarse = line.steady(COARSE, 6e-5, 0.5)
    half = line.share(coarse)
    half = np.where(half <= eps_of("bfloat16"), half, 0.0)
    sigma = np.maximum(sigma, np.where(half[line.owner] > 0, coarse, 0.0))
    # Rounding that is uniform within ± ε / 2 has σ = ε / √12.
    return line.level(sigma, np.maximum(EPS, np.sqrt(12) * np.maximum(share, half)), noise)


class _Line:
    """f along a random line through the point, for a sample of the outputs where they are many."""

    def __init__(self, primal: Primal, base: Array, seed: int, meter: Meter) -> None:
        random = generator(Stream.NOISE_LINE, seed)
        self.primal, self.whole, self.meter = primal, base, meter
        self.moves = [_direction(value, random) for value in primal.values]
        self.sample = slice(None, None, max(1, base.size // SAMPLED))
        self.base = base[self.sample]
        sizes = [output.size for output in primal.outputs]
        self.owner = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[self.sample]
        self._found: dict[float, Array] = {}

    @property
    def count(self) -> int:
        """Points on the line: the fewer outputs there are, the more of them."""
        return 12 if self.base.size < 1000 else 6 if self.base.size == self.whole.size else 4

    def rounding(self, spacing: float) -> Array:
        """σ of each output, from third differences at a relative spacing."""
        if spacing not in self._found:
            # Not from the point itself: a corner may be there, or next to it.
            values = np.stack([self._at(k * spacing) for k in range(1, self.count + 1)])
            with np.errstate(invalid="ignore", over="ignore"):
                sigma = np.sqrt(np.mean(np.diff(values, n=3, axis=0) ** 2, axis=0) / 20)
            self._found[spacing] = np.where(np.isfinite(sigma), sigma, 0.0)
        return self._found[spacing]

    def steady(self, spacing: float, least: float, kept: float) -> Array:
        """σ where it is more than `least` · |f| and stays when the spacing becomes a 4th and a 16th, else 0.

        To stay is to keep a share of `kept`, and then half of that. t³ f‴ becomes 1/64 of itself and then
        1/64 again, a corner 1/4 or nothing; coarse roundings are met less often. A tensor is judged by the
        median of its outputs.
        """
        far = self.rounding(spacing)
        suspect = far > least * np.abs(self.base)
        for part, share in ((4, kept), (16, kept / 2)):
            if not suspect.any():
                return np.zeros_like(far)
            near = self.rounding(spacing / part)
            stays = self._quantiles(near / np.where(suspect, far, 1.0), suspect, 0.5) > share
            suspect = suspect & stays[self.owner]
        return np.where(suspect, np.maximum(far, self.rounding(spacing / 4)), 0.0)

    def _at(self, share: float) -> Array:
        self.meter.add()
        values = [_along(*pair, share) for pair in zip(self.primal.values, self.moves, strict=True)]
        return view(self.primal.evaluate(values, self.whole.size))[self.sample]

    def share(self, sigma: Array) -> Array:
        """A σ / |f| that most outputs of a tensor have, [tensors]: rounding to a dtype is common to all."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, where = sigma / np.abs(self.base), self.base != 0
        # The median is the better estimate, once three outputs in four are known to be rounded at all.
        common = self._quantiles(ratio, where, 0.25) > 0
        return np.where(common, self._quantiles(ratio, where, 0.5), 0.0)

    def _quantiles(self, values: Array, where: Array, share: float) -> Array:
        found = [values[where & (self.owner == number)] for number in range(len(self.primal.outputs))]
        return np.array([float(np.quantile(p, share, method="lower")) if p.size else 0.0 for p in found])

    def level(self, sigma: Array, eps: Array, noise: float) -> NoiseLevel:
        """What was found, for all outputs: noise as measured, and no less than a rounding of the output."""
        eps = np.maximum(eps, noise / (float(np.abs(self.whole).max(initial=0.0)) or 1.0))
        sizes = [output.size for output in self.primal.outputs]
        spread = eps[:1] if (eps == eps[0]).all() else np.repeat(eps, sizes)
        level = np.abs(self.whole)
        level *= spread
        if self.base.size == self.whole.size:
            np.maximum(level, sigma, out=level)
        return NoiseLevel(np.maximum(level, noise, out=level), spread)


def _direction(value: Any, random: np.random.Generator) -> Array:
    """A relative move of every element, in its own sign so that domains such as x > 0 are kept."""
    array = view(value).reshape(-1)
    scale, moves = typical(array), np.empty(array.size)
    for part in spans(array.size):
        own = array[part].astype(np.float64, copy=False)
        moves[part] = random.uniform(0.5, 1.0, own.size) * np.where(own == 0, scale, own)
    return moves.reshape(value.shape)


def _along(value: Any, move: Array, share: float) -> Any:
    point = view(value)

    def moved(part: slice) -> Array:
        size = (share * move.reshape(-1)[part]).astype(point.dtype)
        return np.asarray(point.reshape(-1)[part] + size)

    return tensor(filled(point.shape, point.dtype, moved))
