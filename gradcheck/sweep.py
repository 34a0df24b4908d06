"""The step sweep: from slopes at many steps to the best one, with an error that can be believed.

Rounding noise in a difference grows as 1/h and truncation shrinks with h, but where they meet depends on the
function: a pole, a corner or a fast oscillation may lie nearer than any fixed step. So every level is
compared with all finer ones. Two numbers that agree by chance prove nothing; a level that agrees, within
noise, with *every* finer level does.
"""

from __future__ import annotations

import numpy as np

from gradcheck.slopes import Level, Slopes
from gradcheck.targets import Array

# Enough levels for the finest ones to be pure noise, which can then be measured.
LONG = 12
FINEST = 6
# A gap must stay the same while the step shrinks this much to be a corner: elsewhere it changes as much.
SPAN = 50


def settle(levels: list[Level], roughness: float) -> Slopes:
    """The slopes of U elements from levels ordered coarse to fine, taken with equal steps up and down.

    One-sided slopes that differ by less than `roughness` · S are not called a corner.
    """
    noise = _noise(levels)
    central = np.stack([level.central for level in levels])
    widest = _widest(levels)
    steps = np.stack([level.step_up for level in levels])
    value, bound, size = _best(central, noise, np.stack([level.size for level in levels]), widest, steps)
    corner = _corners(levels, noise, widest, roughness)
    value = np.where(corner.found, corner.value, value)
    bound = np.where(corner.found, corner.bound, bound)
    half = np.where(corner.found, corner.half, 0.0)
    size = np.where(corner.found, corner.size, size)
    smooth = Slopes(value, bound, half, size, np.zeros(value.shape[1], bool))
    return _at_the_edge(levels, noise, smooth)


def _noise(levels: list[Level]) -> Array:
    """Noise of a slope at each level, [L, U]: predicted from rounding, and measured where it can be."""
    steps = np.stack([level.step_up for level in levels])
    with np.errstate(invalid="ignore"):
        predicted = np.stack([level.noise for level in levels]) * steps
        # An output that moved at a coarser level still holds its rounding where it seems to stand still.
        predicted = np.fmax.accumulate(np.where(np.isfinite(predicted), predicted, 0.0), axis=0)
    if len(levels) >= LONG:
        central = np.stack([level.central for level in levels[-FINEST:]])
        with np.errstate(invalid="ignore"):
            moves = np.abs(np.diff(central, axis=0)).max(axis=1) * steps[-FINEST:-1]
        measured = np.median(np.where(np.isfinite(moves), moves, 0.0), axis=0)
        predicted = np.maximum(predicted, 2 * measured)
    with np.errstate(divide="ignore", invalid="ignore"):
        noise: Array = predicted / steps
    return np.where(predicted == 0, 0.0, noise)


def _widest(levels: list[Level]) -> Array:
    """Largest gap between one-sided slopes over the cotangents, [L, U]; infinite where not finite."""
    widest = np.stack([level.gap for level in levels]).max(axis=1)
    return np.where(np.isfinite(widest), widest, np.inf)


def _best(
    central: Array, noise: Array, sizes: Array, widest: Array, steps: Array
) -> tuple[Array, Array, Array]:
    """Value, bound [K, U] and size [U] at the trusted level [L, K, U] with the smallest error."""
    count = len(central)
    error = np.full(central.shape, np.inf)
    trusted = np.isfinite(central).all(axis=1)
    trusted[-1] = False  # the finest level has nothing to be compared with
    for level in range(count - 1):
        for finer in range(level + 1, count):
            with np.errstate(invalid="ignore"):
                apart = np.abs(central[level] - central[finer])
            known = np.isfinite(apart)
            trusted[level] &= (~known | (apart <= 2 * (noise[level] + noise[finer]))).all(axis=0)
            # Slopes that part as the step shrinks tell of a pole or a jump that this level steps over.
            trusted[level] &= ~known.all(axis=0) | (
                widest[finer] <= 1.5 * widest[level] + 4 * (noise[level] + noise[finer])
            )
            # Truncation goes with h²: |c_l − D| = |c_l − c_m| / (1 − (h_m / h_l)²), and c_m has its noise.
            shrunk = np.minimum((steps[finer] / steps[level]) ** 2, 0.9)
            reach = np.where(known, 1.2 * apart / (1 - shrunk) + noise[finer], np.inf)
            error[level] = np.minimum(error[level], reach)
        error[level] += noise[level]
    worst = np.where(trusted, error.max(axis=1), np.inf)
    chosen = worst.argmin(axis=0)
    bound = np.where(trusted.any(axis=0), _pick(error, chosen), np.inf)
    return _pick(central, chosen), bound, _pick(sizes, chosen)


def _pick(stacked: Array, chosen: Array) -> Array:
    """Entry [level, …, u] for level = chosen[u]."""
    index = chosen.reshape((1,) * (stacked.ndim - 1) + (-1,))
    return np.take_along_axis(stacked, np.broadcast_to(index, (1, *stacked.shape[1:])), axis=0)[0]


class _Corner:
    """Where one-sided slopes stay apart as the step shrinks, and their interval there."""

    def __init__(self, found: Array, value: Array, bound: Array, half: Array, size: Array) -> None:
        self.found, self.value, self.bound, self.half, self.size = found, value, bound, half, size


def _corners(levels: list[Level], noise: Array, widest: Array, roughness: float) -> _Corner:
    """The interval at the steadiest level whose gap all finer levels share, where there is one.

    For a smooth function the gap shrinks with h, at a pole or a jump it grows.
    """
    sizes = np.stack([level.size for level in levels])
    up, down = np.stack([level.up for level in levels]), np.stack([level.down for level in levels])
    steady = np.isfinite(widest) & (widest > 4 * noise) & (widest > roughness * sizes)
    steady[-1] = False
    steps = np.stack([level.step_up for level in levels])
    drift = np.full(up.shape, np.inf)
    for level in range(len(levels) - 1):
        spans = np.zeros(steps.shape[1], bool)
        for finer in range(level + 1, len(levels)):
            with np.errstate(invalid="ignore"):
                apart = np.abs(widest[finer] - widest[level])
            steady[level] &= ~(apart > 0.5 * widest[level] + 4 * noise[finer])
            spans |= (widest[level] > 8 * noise[finer]) & (steps[level] >= SPAN * steps[finer])
        steady[level] &= spans
        with np.errstate(invalid="ignore"):
            moved = np.maximum(np.abs(up[level] - up[level + 1]), np.abs(down[level] - down[level + 1]))
        drift[level] = np.where(np.isnan(moved), np.inf, moved) + noise[level]
    chosen = np.where(steady, drift.max(axis=1), np.inf).argmin(axis=0)
    gaps = np.stack([level.gap for level in levels])
    return _Corner(
        steady.any(axis=0),
        (_pick(up, chosen) + _pick(down, chosen)) / 2,
        _pick(drift, chosen),
        _pick(gaps, chosen) / 2,
        _pick(sizes, chosen),
    )


def _at_the_edge(levels: list[Level], noise: Array, smooth: Slopes) -> Slopes:
    """Where one side is not finite, extrapolate the other: (q D(h/q) − D(h)) / (q − 1), second order."""
    ups, downs = np.stack([level.up for level in levels]), np.stack([level.down for level in levels])
    above, below = np.isfinite(ups).all(axis=1).sum(axis=0), np.isfinite(downs).all(axis=1).sum(axis=0)
    enough = min(4, len(levels))
    edge = (np.minimum(above, below) < enough) & (np.maximum(above, below) >= enough)
    if not edge.any():
        return smooth
    side = np.where(above >= below, ups, downs)[:, :, edge]
    steps = np.stack([level.step_up for level in levels])[:, edge]
    q = steps[:-1] / steps[1:]
    with np.errstate(invalid="ignore"):
        slopes = (q[:, None] * side[1:] - side[:-1]) / (q - 1)[:, None]
    rough = (q * noise[1:, edge] + noise[:-1, edge]) / (q - 1)
    sizes = np.abs(slopes).max(axis=1)
    value, bound, size = _best(slopes, rough, sizes, np.zeros_like(rough), steps[:-1])
    for whole, part in ((smooth.value, value), (smooth.bound, bound), (smooth.size, size)):
        whole[..., edge] = part
    smooth.half[:, edge] = 0.0
    smooth.one_sided[edge] = True
    return smooth
