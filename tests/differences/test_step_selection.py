"""From slopes at many steps to one, against closed forms: smooth points, corners, poles, edges, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Sums
from gradcheck.differences.stencils import Estimate, Level, central, richardson
from gradcheck.differences.step_selection import settle
from gradcheck.differences.steps import Steps

Scalar = Callable[[Array], Array]
EPS = float(np.finfo(np.float64).eps)


def level(function: Scalar, point: Array, step: Array) -> Level:
    """f elementwise: each output belongs to one element; the cotangents are 1 and −½"""
    with np.errstate(invalid="ignore", divide="ignore"):
        base, up, down = function(point), function(point + step), function(point - step)
    rise, fall = up - base, base - down
    cotangents = np.array([[1.0], [-0.5]])
    with np.errstate(invalid="ignore"):
        size = (np.abs(rise) + np.abs(fall)) / 2
        gap = np.abs(cotangents) * np.abs(rise - fall)
    noise = np.where(size != 0, EPS * np.abs(base), 0.0)
    return Level(Sums(cotangents * rise, cotangents * fall, gap, size, noise, EPS * size), step, step)


def settled(function: Scalar, *points: float) -> Estimate:
    """The slopes of a full ladder"""
    point = np.array(points)
    steps = Steps(point, EPS, None, 0)
    ladder = steps.ladder(np.arange(point.size))
    return settle([level(function, point, step) for step in ladder], steps.scale(np.arange(point.size)))


SMOOTH: dict[str, tuple[Scalar, Scalar, list[float]]] = {
    "sine": (np.sin, np.cos, [0.3, -2.0, 1.0]),
    "fast sine": (lambda x: np.sin(1e4 * x), lambda x: 1e4 * np.cos(1e4 * x), [0.3, 1.7]),
    "near a pole": (lambda x: 1 / x, lambda x: -1 / x**2, [1e-6, 1.0]),
    "cube": (lambda x: x**3, lambda x: 3 * x**2, [1e-3, 5.0]),
    "exponential": (np.exp, np.exp, [-5.0, 0.1, 3.0]),
    "beside a corner": (lambda x: np.abs(x - 1), lambda x: np.sign(x - 1), [1 + 1e-5, 1 - 1e-7]),
    "on a hill of 1e6": (lambda x: 1e6 + np.sin(x), np.cos, [0.3, 1.0]),
    "constant": (lambda x: 0 * x + 3, lambda x: 0 * x, [0.3, 1.0]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_derivative_lies_within_the_bound(name: str) -> None:
    function, derivative, points = SMOOTH[name]
    truth = derivative(np.array(points))

    slopes = settled(function, *points)

    for row, cotangent in zip(range(2), (1.0, -0.5), strict=True):
        assert (np.abs(slopes.value[row] - cotangent * truth) <= slopes.bound[row]).all()
    assert (slopes.bound[0] <= 1e-4 * np.maximum(np.abs(truth), 1e-9)).all()
    assert (slopes.half == 0).all()
    np.testing.assert_allclose(slopes.size, np.abs(truth), rtol=1e-3)


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        (np.abs, -1.0, 1.0),
        (lambda x: np.maximum(x, 0.0), 0.0, 1.0),
        (lambda x: np.minimum(3 * x, -2 * x), -2.0, 3.0),
        (lambda x: np.where(x > 0, 0.1 * x, x), 0.1, 1.0),
        (lambda x: np.abs(x) + np.sin(5 * x), 4.0, 6.0),
    ],
    ids=["abs", "relu", "roof", "leaky relu", "abs on a slope"],
)
@pytest.mark.parametrize("where", [0.0, 2.0])
def test_a_corner_is_the_interval_of_its_two_slopes(
    function: Scalar, low: float, high: float, where: float
) -> None:
    slopes = settled(lambda x: function(x - where), where, 1.0 if where == 0 else 3.0)

    np.testing.assert_allclose(slopes.value[0, 0] - slopes.half[0, 0], low, atol=1e-5)
    np.testing.assert_allclose(slopes.value[0, 0] + slopes.half[0, 0], high, atol=1e-5)
    # Half as long, and turned round, for a cotangent of −½.
    np.testing.assert_allclose(slopes.half[1, 0], (high - low) / 4, atol=1e-5)
    np.testing.assert_allclose(slopes.value[1, 0], -(low + high) / 4, atol=1e-5)


def test_one_side_only() -> None:
    """Where the other side is outside the domain, the slope of this one is extrapolated."""

    def function(x: Array) -> Array:
        return np.where(x < 2.0, np.nan, x**2)

    slopes = settled(function, 2.0, 5.0)

    assert slopes.one_sided.tolist() == [True, False]
    assert abs(slopes.value[0, 0] - 4.0) <= slopes.bound[0, 0] <= 1e-4


def test_nothing_finite_is_nothing_known() -> None:
    slopes = settled(lambda x: np.where(x == 2.0, x, np.nan), 2.0)

    assert not np.isfinite(slopes.bound).any()


def test_a_jump_is_not_known() -> None:
    """Neither a slope nor a corner: the difference grows as the step shrinks."""
    slopes = settled(lambda x: np.where(x > 1.0, 1.0, 0.0) + x, 1.0)

    assert (slopes.bound > 1e-3).all() or not np.isfinite(slopes.bound).all()
    assert (slopes.half == 0).all()


@pytest.mark.parametrize("noise", [1e-12, 1e-9, 1e-6])
def test_noise_that_nobody_told_of_is_in_the_bound(noise: float) -> None:
    generator = np.random.default_rng(0)

    def function(x: Array) -> Array:
        return np.sin(x) + noise * generator.uniform(-1, 1, x.shape)

    points = np.linspace(0.2, 1.2, 50)
    slopes = settled(function, *points)

    wrong = np.abs(slopes.value[0] - np.cos(points)) > slopes.bound[0]
    assert wrong.sum() == 0
    assert np.median(slopes.bound[0]) <= 100 * noise ** (2 / 3)


def test_richardson_extrapolates() -> None:
    """The error of a central difference of x⁵ is x³ · 10 h²; Richardson leaves one of order h⁴."""
    point, h = np.array([1.0]), np.array([1e-2])
    coarse, fine = (level(lambda x: x**5, point, step) for step in (h, h / 2))

    slopes = richardson(coarse, fine)

    assert abs(fine.central[0, 0] - 5) > 1e-4
    assert abs(slopes.value[0, 0] - 5) < 1e-7
    assert slopes.bound[0, 0] >= abs(slopes.value[0, 0] - 5)


def test_one_pair_of_steps_is_exact_for_a_line_and_open_for_a_corner() -> None:
    point, h = np.array([0.0]), np.array([1e-5])

    line, corner = (central(level(f, point, h)) for f in (lambda x: 3 * x, np.abs))

    assert line.value[0, 0] == pytest.approx(3)
    assert line.resolved(1e-6, 0.0).all()
    assert not corner.resolved(1e-6, 0.0).any()


def test_central_differences_of_unequal_steps_are_of_second_order() -> None:
    """x² is exact whatever the steps."""
    up, down = np.array([3e-3]), np.array([1e-3])
    rise, fall = (2.0 + up) ** 2 - 4.0, 4.0 - (2.0 - down) ** 2
    sums = Sums(rise[None], fall[None], np.zeros((0, 1)), (rise + fall) / 2, np.zeros(1), np.zeros(1))

    assert Level(sums, up, down).central[0, 0] == pytest.approx(4.0, rel=1e-12)
