"""Bands: what an output answers to along an axis, and how one is read off what moves when indices do.

Where output index o along some output axis answers to inputs j in [o·s + low, o·s + high], a comb of moved
indices tells, for a guess of the stride s, the offsets j − o·s that there are; the right stride explains all
combs by the shortest band.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gradcheck.arrays.types import Array

FARTHEST = 16
"""Ratio of an axis to an output's up to which other strides than the ratio itself are tried."""


@dataclass(frozen=True)
class Band:
    """Output index o along `axis` answers to input indices in [o·stride + low, o·stride + high]."""

    axis: int
    stride: Fraction
    low: Fraction
    high: Fraction

    @property
    def length(self) -> int:
        """Smallest period at which no output meets two indices."""
        return math.floor(self.high - self.low) + 1

    @property
    def whole(self) -> tuple[int, int, int, int]:
        """A unit in which low, high and stride are whole numbers, and those."""
        unit = math.lcm(self.low.denominator, self.high.denominator, self.stride.denominator)
        low, high, stride = (int(value * unit) for value in (self.low, self.high, self.stride))
        return unit, low, high, stride


EMPTY = Band(0, Fraction(1), Fraction(1), Fraction(0))
"""The band of an output that no index was seen to move."""


def period(bands: tuple[Band, ...]) -> int:
    """Smallest period at which no output meets two indices and every index has as many outputs."""
    unit = math.lcm(*(band.stride.numerator for band in bands))
    longest = max((1, *(band.length for band in bands)))
    return -(-longest // unit) * unit


def explained(size: int, probes: list[tuple[Array, list[Array]]]) -> tuple[Band, ...]:
    """The narrowest band for each output by all probes so far, or () where one has none."""
    bands = []
    for number in range(len(probes[0][1])):
        parts = [(teeth, moved[number]) for teeth, moved in probes]
        band = _narrowest(size, parts) if any(moved.any() for _, moved in parts) else EMPTY
        if band is None:
            return ()
        bands.append(band)
    # Where nothing at all moved, nothing is known.
    return () if all(band == EMPTY for band in bands) else tuple(bands)


def foreseen(bands: tuple[Band, ...], teeth: Array, moved: list[Array]) -> bool:
    """Whether no output moved but those that have a tooth in their band."""
    for band, part in zip(bands, moved, strict=True):
        if band == EMPTY:
            if part.any():
                return False
            continue
        hit = np.flatnonzero(part.any(axis=tuple(a for a in range(part.ndim) if a != band.axis)))
        unit, low, high, stride = band.whole
        marks, start = teeth * unit, hit * stride
        if not (np.searchsorted(marks, start + high, "right") > np.searchsorted(marks, start + low)).all():
            return False
    return True


def _narrowest(size: int, probes: list[tuple[Array, Array]]) -> Band | None:
    """The output axis and stride that explain the changed outputs of all probes by the shortest band."""
    best: Band | None = None
    for axis, count in enumerate(probes[0][1].shape):
        others = tuple(a for a in range(probes[0][1].ndim) if a != axis)
        hits = [(teeth, np.flatnonzero(moved.any(axis=others))) for teeth, moved in probes]
        # What moves everything by a single index tells of no band.
        if any(len(teeth) == 1 and hit.size == count for teeth, hit in hits):
            continue
        hits = [(teeth, hit) for teeth, hit in hits if hit.size]
        closest = min(int(np.diff(teeth).min(initial=2**62)) for teeth, _ in hits)
        every = np.concatenate([teeth for teeth, _ in hits])
        most = max(hit.size / len(teeth) for teeth, hit in hits)
        for stride in _strides(size, count):
            # A band shorter than half the distance of two teeth meets no more outputs than that of a tooth.
            if most > closest / (2 * stride) + 1:
                continue
            band = _fit(axis, size, stride, hits, every, closest)
            if band and band.length < size and (best is None or band.length < best.length):
                best = band
    return best


def _strides(size: int, count: int) -> list[Fraction]:
    """Inputs per output along an axis, or outputs per input, within a factor of 2 of the ratio of lengths.

    What padding adds or leaves out at the borders may be as long as the axis itself.
    """
    long, short = max(size, count), min(size, count)
    if long > FARTHEST * short:
        ratios = {long // short, -(-long // short)}
    else:
        ratios = set(range(max(1, long // (2 * short)), -(-2 * long // short) + 1))
    return sorted({Fraction(r) if size >= count else Fraction(1, r) for r in ratios})


def _unmet(step: int, teeth: Array, size: int) -> int:
    """Longest run of phases of a stride that no tooth met, but for those near a border, where outputs end."""
    inner = teeth[(teeth >= size // 8) & (teeth < size - size // 8)]
    met = np.unique(inner % max(step, 1))
    return int(np.diff(met, append=met[0] + step).max()) - 1 if met.size and step else max(step - 1, 0)


def _fit(
    axis: int, size: int, stride: Fraction, probes: list[tuple[Array, Array]], every: Array, closest: int
) -> Band | None:
    """The band around o·stride that holds a moved input for every changed output; `every` are the teeth of
    all probes, and no two of a probe are nearer than `closest`."""
    ends: list[int] = []
    for teeth, hit in probes:
        # In units of 1 / denominator everything is a whole number.
        scaled, marks = hit * stride.numerator, teeth * stride.denominator
        right = np.maximum(np.searchsorted(marks, scaled), 1)
        candidates = np.stack([marks[right - 1], marks[np.minimum(right, len(marks) - 1)]]) - scaled
        offsets = np.where(np.abs(candidates[0]) <= np.abs(candidates[1]), candidates[0], candidates[1])
        ends += [int(offsets.min()), int(offsets.max())]
    low, high = Fraction(min(ends), stride.denominator), Fraction(max(ends), stride.denominator)
    step = stride.numerator // stride.denominator
    # Between the phases of the stride that were met, the band may reach further on either side.
    unmet = _unmet(step, every, size)
    low, high = low - unmet, high + unmet
    # Wider than half the distance of two teeth, and it is not known which of them moved an output.
    return None if 2 * (high - low) >= closest else Band(axis, stride, low, high)
