"""Steps and sums → estimates: each element's slope and how far the slope can be off.

From one pair of steps the central difference (D⁺ + D⁻) / 2, from two Richardson's extrapolation of it. A
stencil assumes that f is smooth within its steps; corners and noise are left to step_selection.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from gradcheck.arrays.columns import Columns
from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Sums

ROUNDINGS = 4.0
"""Roundings in f(x ± h) − f(x): each evaluation is taken to be off by about two units in the last place."""


@dataclass(frozen=True)
class Estimate(Columns):
    """Difference gradients of U elements for K cotangents."""

    value: Array
    """Central difference, [K, U]."""
    bound: Array
    """How far the value can be from the derivative, [K, U]; infinite where nothing is known."""
    half: Array
    """Half-width of the interval of one-sided slopes, [K, U]; 0 where the function is smooth."""
    size: Array
    """S, the sum of the sizes of the contributions, [U]."""
    rounding: Array
    """Σ |r_i| ε_i |D_ij|, [U]: a rounding of every contribution, which the tape has to be allowed too."""
    output_noise: Array
    """Σ w σ / scale, [U]: the rounding of all outputs that a step moved, as a slope over the scale of x.
    0 where no ladder of steps was taken."""
    one_sided: Array
    """Where only one side of the point lies in the function's domain, [U]."""
    step: Array
    """The step that the slope was taken at, the largest where it is extrapolated from several, [U]."""

    @classmethod
    def none(cls, cotangents: int) -> Self:
        """The estimate of no elements."""
        nothing, each = np.zeros(0), np.zeros((cotangents, 0))
        return cls(each, each, each, nothing, nothing, nothing, np.zeros(0, bool), nothing)

    def resolved(self, rtol: float, atol: float) -> Array:
        """Where the bound is inside the tolerance for every cotangent, [U]."""
        known = np.isfinite(self.bound) & (self.bound <= atol + rtol * self.size)
        return np.asarray(known.all(axis=0))


@dataclass(frozen=True)
class Level:
    """One-sided slopes of U elements at one size of step."""

    sums: Sums
    step_up: Array
    step_down: Array

    @cached_property
    def mean(self) -> Array:
        """Mean of the steps up and down, [U]."""
        return (self.step_up.astype(np.float64) + self.step_down) / 2

    @cached_property
    def up(self) -> Array:
        """D⁺, [K, U]."""
        return _ratio(self.sums.up, self.step_up)

    @cached_property
    def down(self) -> Array:
        """D⁻, [K, U]."""
        return _ratio(self.sums.down, self.step_down)

    @cached_property
    def gap(self) -> Array:
        """Σ |r_k| |D⁺ − D⁻| for equal steps, [K, U]."""
        return _ratio(self.sums.gap, self.mean)

    @cached_property
    def size(self) -> Array:
        """S, [U]."""
        return _ratio(self.sums.size, self.mean)

    @cached_property
    def noise(self) -> Array:
        """What rounding alone can do to a slope, [U]."""
        return ROUNDINGS * (_ratio(self.sums.noise, self.mean) + self.rounding)

    @cached_property
    def rounding(self) -> Array:
        """A rounding of every contribution, [U]."""
        return _ratio(self.sums.coarse, self.mean)

    @cached_property
    def central(self) -> Array:
        """(h⁻ D⁺ + h⁺ D⁻) / (h⁺ + h⁻): second order for unequal steps too, [K, U]."""
        total = 2 * self.mean
        return np.asarray(self.up * (self.step_down / total) + self.down * (self.step_up / total))


def _ratio(sums: Array, step: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(sums / step)


def contributions(size: Array, gap: Array, value: Array) -> Array:
    """S without the part that only curvature puts in: at a minimum D⁺ and D⁻ have opposite signs.

    With contributions (|D⁺| + |D⁻|) / 2 and gaps |D⁺ − D⁻|, size − gap / 2 is what both sides share; S is at
    least |value|.
    """
    with np.errstate(invalid="ignore"):
        return np.maximum(size - gap / 2, np.abs(value))


def central(level: Level) -> Estimate:
    """The slope from one pair of steps, as good as the one-sided slopes are close: exact where linear."""
    gap = np.abs(level.up - level.down)
    return _smooth(level.central, gap + level.noise, _straight(level, gap), level.rounding, level.mean)


def richardson(coarse: Level, fine: Level) -> Estimate:
    """Richardson extrapolation: the error of a central difference is f''' h⁺h⁻ / 6."""
    p, q = coarse.step_up * coarse.step_down, fine.step_up * fine.step_down
    a, b = coarse.central, fine.central
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        value = (b * p - a * q) / (p - q)
        bound = np.abs(a - b) + 2 * fine.noise
        # A corner shows in the one-sided slopes only: the symmetric difference of relu at 0 is a steady 0.5.
        # Where the function is smooth their distance shrinks with the step.
        gap, before = np.abs(fine.up - fine.down), np.abs(coarse.up - coarse.down)
        apart = gap.max(axis=0)
        shrunk = apart / fine.mean <= 1.2 * before.max(axis=0) / coarse.mean
        rough = (apart > 1e-3 * fine.size) & ~shrunk
    return _smooth(value, np.where(rough, np.inf, bound), _straight(fine, gap), fine.rounding, coarse.mean)


def romberg(levels: Sequence[Level], rtol: float) -> Estimate:
    """Richardson extrapolation of Richardson's, from three levels at halved steps: an error of order h⁴.

    As good as the two extrapolations are close. A gap of the one-sided slopes that is no rounding, more than
    a share `rtol` of S and does not shrink with the step is a corner.
    """
    first, second = richardson(levels[0], levels[1]), richardson(levels[1], levels[2])
    fine = levels[2]
    gap, before = (np.abs(level.up - level.down).max(axis=0) for level in (fine, levels[0]))
    with np.errstate(invalid="ignore"):
        corner = (gap > 4 * fine.noise + rtol * fine.size) & ~(gap <= 0.5 * before)
        bound = np.abs(first.value - second.value) + 2 * fine.noise
    bound = np.where(corner, np.inf, bound)
    return _smooth(second.value, bound, second.size, second.rounding, levels[0].mean)


def _straight(level: Level, gap: Array) -> Array:
    """S where the function is nearly straight; else no more than |value|, for curvature would inflate it."""
    with np.errstate(invalid="ignore"):
        curved = gap.max(axis=0) > 1e-3 * level.size
        return np.where(curved, np.minimum(np.abs(level.central).max(axis=0), level.size), level.size)


def _smooth(value: Array, bound: Array, size: Array, rounding: Array, step: Array) -> Estimate:
    bound = np.where(np.isfinite(value), bound, np.inf)
    bound = np.where(np.isnan(bound), np.inf, bound)
    none = np.zeros(size.size, bool)
    return Estimate(value, bound, np.zeros_like(value), size, rounding, none * 0.0, none, step)
