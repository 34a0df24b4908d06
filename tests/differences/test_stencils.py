"""Central differences, Richardson's and Romberg's by their formulas, one element and cotangent at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Sums
from gradcheck.differences.stencils import Estimate, Level, central, contributions, richardson, romberg

COUNT = 200
RTOL = 1e-6


def levels(seed: int) -> list[Level]:
    """Three levels of halved steps, unequal to both sides, with curvature, corners and noise of all sizes"""
    random = np.random.default_rng(seed)

    def sizes(low: float, high: float) -> Array:
        return np.asarray(10.0 ** random.uniform(low, high, (2, COUNT)))

    slope, bend, third = random.normal(size=(2, COUNT)), sizes(-9, 1), sizes(-9, 1)
    corner = np.where(random.random(COUNT) < 0.4, sizes(-8, 0), 0.0)
    held, grain = sizes(-18, -10)[0], sizes(-18, -8)[0]
    unit = 10.0 ** np.random.default_rng([seed, 1]).uniform(-2, 2, COUNT)
    made = []
    for share in (1.0, 0.5, 0.25):
        up, down = (0.01 * share * random.uniform(0.7, 1.3, COUNT) for _ in range(2))
        odd = np.where(random.random((2, COUNT)) < 0.03, random.choice([np.nan, np.inf], COUNT), 0.0)
        rise = unit * (slope + corner + bend * up + third * up**2) * up + odd
        fall = unit * (slope - corner - bend * down + third * down**2) * down
        size = (np.abs(rise[0]) + np.abs(fall[0])) / 2
        made.append(Level(Sums(rise, fall, np.abs(rise - fall), size, held, grain * size), up, down))
    return made


class Numbers:
    """One element at one level: D⁺, D⁻ and c for each cotangent, S, noise and mean step"""

    def __init__(self, level: Level, u: int) -> None:
        sums = level.sums
        self.h_up, self.h_down = float(level.step_up[u]), float(level.step_down[u])
        self.mean = (self.h_up + self.h_down) / 2
        self.up = [float(row[u]) / self.h_up for row in sums.up]
        self.down = [float(row[u]) / self.h_down for row in sums.down]
        self.c = [
            (self.h_down * a + self.h_up * b) / (self.h_up + self.h_down)
            for a, b in zip(self.up, self.down, strict=True)
        ]
        self.gap = [abs(a - b) for a, b in zip(self.up, self.down, strict=True)]
        self.size, self.rounding = float(sums.size[u]) / self.mean, float(sums.coarse[u]) / self.mean
        self.noise = 4 * (float(sums.noise[u]) / self.mean + self.rounding)

    def straight(self) -> float:
        """S; no more than |c| where the sides are apart by a thousandth of it"""
        most = max(abs(c) for c in self.c)
        return min(most, self.size) if max(self.gap) > 1e-3 * self.size else self.size

    def finite(self) -> bool:
        return all(map(math.isfinite, (*self.up, *self.down, self.size)))


def extrapolated(far: Numbers, near: Numbers) -> list[float]:
    """c less the term of the third derivative, h⁺h⁻ / 6, which two levels tell"""
    p, q = far.h_up * far.h_down, near.h_up * near.h_down
    return [(b * p - a * q) / (p - q) for a, b in zip(far.c, near.c, strict=True)]


def bounds(far: list[float], near: list[float], noise: float, corner: bool) -> list[float]:
    """How far two estimates are apart, and twice the noise; nothing is known at a corner"""
    return [math.inf if corner else abs(a - b) + 2 * noise for a, b in zip(far, near, strict=True)]


@pytest.mark.parametrize("seed", range(2))
def test_each_stencil_is_its_formula(seed: int) -> None:
    coarse, middle, fine = made = levels(seed)
    once, twice, thrice = central(coarse), richardson(coarse, middle), romberg(made, RTOL)
    seen = set()
    for u in range(COUNT):
        a, b, c = (Numbers(level, u) for level in (coarse, middle, fine))
        if not (a.finite() and b.finite() and c.finite()):
            assert not np.isfinite([*thrice.bound[:, u], *thrice.value[:, u]]).all()
            continue
        first, second = extrapolated(a, b), extrapolated(b, c)
        rough = max(b.gap) > 1e-3 * b.size and max(b.gap) / b.mean > 1.2 * max(a.gap) / a.mean
        corner = max(c.gap) > 4 * c.noise + RTOL * c.size and max(c.gap) > 0.5 * max(a.gap)
        for found, value, bound, last in (
            (once, a.c, [gap + a.noise for gap in a.gap], a),
            (twice, first, bounds(a.c, b.c, b.noise, rough), b),
            (thrice, second, bounds(first, second, c.noise, corner), c),
        ):
            np.testing.assert_allclose(found.value[:, u], value, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(found.bound[:, u], bound, rtol=1e-6, atol=1e-12)
            numbers = [found.size[u], found.rounding[u], found.step[u]]
            np.testing.assert_allclose(numbers, [last.straight(), last.rounding, a.mean], rtol=1e-9)
            assert not found.half[:, u].any()
            assert found.output_noise[u] == 0
            assert not found.one_sided[u]
        seen.add((rough, corner))
    assert len(seen) == 4


def test_curvature_is_no_contribution() -> None:
    """At the minimum of x² the sides contribute h each, are 2 h apart, and share nothing."""
    size, gap = np.array([0.1, 3.0, 1.0, 1.0]), np.array([0.2, 0.0, 1.0, 1.0])
    value = np.array([0.0, -3.0, 0.75, 0.25])

    assert contributions(size, gap, value).tolist() == [0.0, 3.0, 0.75, 0.5]


def test_the_estimate_of_no_elements_has_none() -> None:
    nothing = Estimate.none(3)

    for field in ("value", "bound", "half"):
        assert getattr(nothing, field).shape == (3, 0)
    for field in ("size", "rounding", "output_noise", "one_sided", "step"):
        assert getattr(nothing, field).shape == (0,)


@pytest.mark.parametrize(
    ("bounds", "resolved"),
    [((0.1, 0.1), True), ((0.1, 0.3), False), ((0.3, 0.1), False), ((0.1, math.inf), False)],
)
def test_a_slope_is_resolved_where_its_bound_is_within_the_tolerance_for_every_cotangent(
    bounds: tuple[float, float], resolved: bool
) -> None:
    """The tolerance is 0.1 + 0.01 · 10."""
    none, nothing = np.zeros((2, 1)), np.zeros(1)
    bound, size = np.array([bounds]).T, np.full(1, 10.0)
    estimate = Estimate(none, bound, none, size, nothing, nothing, np.zeros(1, bool), nothing)

    assert estimate.resolved(0.01, 0.1).tolist() == [resolved]
    assert not replace(estimate, bound=none + math.inf, size=size + math.inf).resolved(0.01, 0.1).any()
