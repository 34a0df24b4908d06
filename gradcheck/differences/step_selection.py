"""Step selection: from slopes at many steps to the best one, with an error that can be believed.

Rounding noise in a difference grows as 1/h and truncation shrinks with h, but where they meet depends on the
function: a pole, a corner or a fast oscillation may lie nearer than any fixed step. So every level is
compared with all finer ones. Two numbers that agree by chance prove nothing; a level that agrees, within
noise, with *every* finer level does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.stencils import ROUNDINGS, Estimate, Level, contributions

LONG = 12
"""Levels from which on the finest are pure noise, which can then be measured."""
FINEST = 6
"""Levels that noise is measured at."""
LOST = 64
"""Roundings of the outputs that a step may be lost in."""
SHRINKING = 50
"""A gap that stays the same while the step shrinks by this factor is a corner: elsewhere it shrinks too."""


@dataclass(frozen=True)
class Table:
    """Estimate of U elements for K cotangents at L levels, coarse to fine."""

    scale: Array
    """Size of x that the steps are relative to, [U]."""
    steps: Array
    """[L, U]."""
    up: Array
    """D⁺, [L, K, U]."""
    down: Array
    """D⁻, [L, K, U]."""
    gap: Array
    """Σ |r| |D⁺ − D⁻|, [L, K, U]."""
    size: Array
    """S, [L, U]."""
    held: Array
    """Σ w σ over the outputs that moved, [L, U]: noise of f, not yet divided by a step."""
    rounding: Array
    """A rounding of every contribution, [L, U]."""

    @staticmethod
    def of(levels: list[Level], scale: Array) -> Table:
        """Stack levels that were taken with equal steps up and down."""
        rows = ((at.step_up, at.up, at.down, at.gap, at.size, at.sums.noise, at.rounding) for at in levels)
        return Table(scale, *map(np.stack, zip(*rows, strict=True)))

    @property
    def central(self) -> Array:
        """(D⁺ + D⁻) / 2, [L, K, U]."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.up + self.down) / 2)

    @property
    def widest(self) -> Array:
        """Largest gap over the cotangents, [L, U]; infinite where not finite."""
        widest = self.gap.max(axis=1)
        return np.where(np.isfinite(widest), widest, np.inf)

    @property
    def unseen(self) -> Array:
        """Σ w σ / scale over the outputs that any step moved, [U]: their rounding as a slope."""
        return np.asarray(np.fmax.reduce(self.held, axis=0) / self.scale)

    def without(self, levels: Array) -> Table:
        """The table with some entries [L, U] left out, as if they were not finite."""
        gone = np.where(levels, np.nan, 1.0)[:, None]
        return replace(self, up=self.up * gone, down=self.down * gone, gap=self.gap * gone)

    def noise(self) -> Array:
        """Noise of a slope at each level, [L, U]: predicted from rounding, and measured where it can be."""
        # An output that moved at a coarser level still holds its rounding where it seems to stand still.
        held = np.fmax.accumulate(self.held, axis=0)
        moved = self.rounding * self.steps
        predicted = ROUNDINGS * (held + np.where(np.isfinite(moved), moved, 0.0))
        if len(self.steps) >= LONG:
            predicted = np.maximum(predicted, 2 * self._measured())
        with np.errstate(divide="ignore", invalid="ignore"):
            noise: Array = predicted / self.steps
        return np.where(predicted == 0, 0.0, noise)

    def _measured(self) -> Array:
        """Median of |c_l − c_{l+1}| h_l over the finest levels that are finite, [U]."""
        with np.errstate(invalid="ignore"):
            moves = np.abs(np.diff(self.central, axis=0)).max(axis=1) * self.steps[:-1]
        finite = np.isfinite(moves)
        rank = np.cumsum(finite[::-1], axis=0)[::-1]
        moves = np.where(finite & (rank <= FINEST), moves, np.nan)
        moves[:, ~finite.any(axis=0)] = 0.0
        return np.asarray(np.nanmedian(moves, axis=0))


def settle(levels: list[Level], scale: Array) -> Estimate:
    """The slopes of U elements from levels ordered coarse to fine, taken with equal steps up and down.

    `scale` [U] is the size of x that the steps are relative to.
    """
    table = Table.of(levels, scale)
    slopes = _slopes(table)
    # Fine steps may stand still because they are lost in a rounding inside the function: 1 + x at x = 1e-6.
    seen, held = np.fmax.accumulate(table.size, axis=0), np.fmax.accumulate(table.held, axis=0)
    lost = (table.size == 0) & (seen > 0) & (seen * table.steps <= LOST * held)
    if len(levels) >= LONG and lost.any():
        other = _slopes(table.without(lost))
        better = (other.half == 0).all(axis=0) & (other.bound <= 1e-3 * other.size).all(axis=0)
        slopes = slopes.where(better & lost.any(axis=0) & ~(slopes.half > 0).any(axis=0), other)
    return replace(_at_the_edge(table, slopes), output_noise=table.unseen)


def best_step(levels: list[Level], scale: Array) -> tuple[Array, Array]:
    """The step at which the slope of each element is known best, and the noise of f that the finest steps
    show, Σ w σ, which the rounding of x + h adds to; both [U]."""
    table = Table.of(levels, scale)
    noise = table.noise()
    _, _, chosen = _best(table.central, noise, table.widest, table.steps)
    return _pick(table.steps, chosen), _pick(noise * table.steps, chosen) / ROUNDINGS


def _slopes(table: Table) -> Estimate:
    noise = table.noise()
    value, bound, chosen = _best(table.central, noise, table.widest, table.steps)
    size = contributions(_pick(table.size, chosen), _pick(table.gap[:, 0], chosen), value[0])
    rounding, none = _pick(table.rounding, chosen), np.zeros(value.shape[1], bool)
    step = _pick(table.steps, chosen)
    smooth = Estimate(value, bound, np.zeros_like(value), size, rounding, none * 0.0, none, step)
    found, corner = _corners(table, noise)
    return smooth.where(found, corner)


def _best(central: Array, noise: Array, widest: Array, steps: Array) -> tuple[Array, Array, Array]:
    """Value and bound [K, U] at the trusted level [U] with the smallest error, and that level; an infinite
    bound where no trusted level has a finer one to be held against."""
    count = len(central)
    error = np.full(central.shape, np.inf)
    trusted: Array = np.asarray(np.isfinite(central).all(axis=1))
    trusted[-1] = False  # the finest level has nothing to be compared with
    for level in range(count - 1):
        for finer in range(level + 1, count):
            with np.errstate(invalid="ignore"):
                apart = np.abs(central[level] - central[finer])
            known = np.isfinite(apart)
            trusted[level] &= (~known | (apart <= 2 * (noise[level] + noise[finer]))).all(axis=0)
            # Estimate that part as the step shrinks tell of a pole or a jump that this level steps over.
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
    bound = np.where(np.isfinite(worst.min(axis=0)), _pick(error, chosen), np.inf)
    return _pick(central, chosen), bound, chosen


def _pick(stacked: Array, chosen: Array) -> Array:
    """Entry [level, …, u] for level = chosen[u]."""
    index = chosen.reshape((1,) * (stacked.ndim - 1) + (-1,))
    return np.asarray(np.take_along_axis(stacked, np.broadcast_to(index, (1, *stacked.shape[1:])), axis=0)[0])


def _corners(table: Table, noise: Array) -> tuple[Array, Estimate]:
    """Where there is a corner, [U], and the interval at the steadiest level whose gap all finer levels share.

    For a smooth function the gap shrinks with h, at a pole or a jump it grows. One-sided slopes that are no
    farther apart than differences at the working precision, ε^(2/3), are not called a corner.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        roughness = 10 * np.nan_to_num(table.rounding / table.size) ** (2 / 3)
        widest, steps, up, down = table.widest, table.steps, table.up, table.down
        steady = np.isfinite(widest) & (widest > 4 * noise) & (widest > roughness * table.size)
        # The rounding of x + h inside the function grows with h: a gap that is as steady as a corner's.
        steady &= widest > LOST * table.unseen
    steady[-1] = False
    drift = np.full(up.shape, np.inf)
    for level in range(len(steps) - 1):
        spans = np.zeros(steps.shape[1], bool)
        for finer in range(level + 1, len(steps)):
            with np.errstate(invalid="ignore"):
                apart = np.abs(widest[finer] - widest[level])
            apart = np.where(np.isfinite(widest[finer]), apart, 0.0)
            steady[level] &= apart <= 0.5 * widest[level] + 4 * noise[finer]
            far = steps[level] >= SHRINKING * steps[finer]
            spans |= np.isfinite(widest[finer]) & (widest[level] > 8 * noise[finer]) & far
        steady[level] &= spans
        with np.errstate(invalid="ignore"):
            moved = np.maximum(np.abs(up[level] - up[level + 1]), np.abs(down[level] - down[level + 1]))
        drift[level] = np.where(np.isnan(moved), np.inf, moved) + noise[level]
    chosen = np.where(steady, drift.max(axis=1), np.inf).argmin(axis=0)
    return np.asarray(steady.any(axis=0)), Estimate(
        _pick(table.central, chosen),
        _pick(drift, chosen),
        _pick(table.gap, chosen) / 2,
        _pick(table.size, chosen),
        _pick(table.rounding, chosen),
        np.zeros(steps.shape[1]),
        np.zeros(steps.shape[1], bool),
        _pick(steps, chosen),
    )


def _at_the_edge(table: Table, slopes: Estimate) -> Estimate:
    """Where one side is not finite, extrapolate the other: (q D(h/q) − D(h)) / (q − 1), second order."""
    above = np.isfinite(table.up).all(axis=1).sum(axis=0)
    below = np.isfinite(table.down).all(axis=1).sum(axis=0)
    enough = min(4, len(table.steps))
    edge = (np.minimum(above, below) < enough) & (np.maximum(above, below) >= enough)
    if not edge.any():
        return slopes
    side = np.where(above >= below, table.up, table.down)
    noise, steps = table.noise(), table.steps
    q = steps[:-1] / steps[1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        extrapolated = (q[:, None] * side[1:] - side[:-1]) / (q - 1)[:, None]
        rough = (q * noise[1:] + noise[:-1]) / (q - 1)
    value, bound, chosen = _best(extrapolated, rough, np.zeros_like(rough), steps[:-1])
    size = np.abs(value).max(axis=0)
    # Sums over both sides are not finite here: the share of a rounding is that of steps that were.
    rounding = np.nan_to_num(_pick(table.rounding, chosen), posinf=0.0)
    none, step = np.zeros_like(value), _pick(steps[:-1], chosen)
    return slopes.where(edge, Estimate(value, bound, none, size, rounding, edge * 0.0, edge, step))


def by_ladders(
    count: int,
    short: Callable[[Array], Estimate],
    full: Callable[[Array], Estimate],
    unsettled: Callable[[Estimate], Array],
) -> Estimate:
    """Estimates of `count` elements from a short ladder of steps, or the full one where that is not enough.

    `short` and `full` take indices of elements; `unsettled` gives those that the short ladder leaves open.
    """
    found = short(np.arange(count))
    left = unsettled(found)
    return found.put(left, full(left)) if left.size else found
