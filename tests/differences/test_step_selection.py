"""From slopes at many steps to one, against closed forms: smooth points, corners, poles, edges, noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Sums
from gradcheck.differences.stencils import Estimate, Level, central, richardson
from gradcheck.differences.step_selection import best_step, settle
from gradcheck.differences.steps import Steps
from tests.differences.settled_by_loops import Ladder, Slope, best

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


@pytest.mark.parametrize("hill", [40.0, 100.0, 1000.0])
@pytest.mark.parametrize("points", [[1e-5], [1e-8], [1e-6, 1e-7, 1e-6]], ids=str)
def test_steps_that_a_rounding_inside_the_function_swallows_say_nothing(
    hill: float, points: list[float]
) -> None:
    """(a + sin 3x) − (a − 1) stands still at fine steps, for a has coarser digits than what comes out."""
    slopes = settled(lambda x: (hill + np.sin(3 * x)) - (hill - 1), *points)

    truth = 3 * np.cos(3 * np.array(points))
    assert (np.abs(slopes.value[0] - truth) <= slopes.bound[0]).all()
    assert (slopes.bound[0] <= 3e-3).all()
    np.testing.assert_allclose(slopes.size, 3, rtol=1e-3)


def test_a_corner_stays_one_where_fine_steps_are_swallowed() -> None:
    slopes = settled(lambda x: (40 + np.abs(x)) - 39, 0.0, 1e-6)

    np.testing.assert_allclose([slopes.value[0, 0], slopes.half[0, 0]], [0, 1], atol=1e-3)


def swallowed(centre: Callable[[float], Sequence[float]], gap: Sequence[float]) -> Estimate:
    """One element by steps from 1 to 1e-8, which from 1e-3 on are lost in a rounding of 5e-4; D⁺ and D⁻ of
    two cotangents lie half a gap to either side of the centre, and S is 40"""
    made = []
    for step in np.geomspace(1, 1e-8, 24):
        seen = np.array([float(step > 1e-3)])
        c, g, h = np.array(centre(step))[:, None] * seen, np.array(gap)[:, None] * seen, np.array([step])
        sums = Sums((c + g / 2) * h, (c - g / 2) * h, g * h, 40 * seen * h, 5e-4 * seen, 0 * seen)
        made.append(Level(sums, h, h))
    return settle(made, np.ones(1))


def test_what_is_left_without_lost_steps_has_to_be_known_for_all_cotangents() -> None:
    """Known to a thousandth of 40, or as much for one as for the other: neither is believed by itself."""
    known = swallowed(lambda h: [39, 20], [0, 0])
    np.testing.assert_allclose(known.value[:, 0], [39, 20], rtol=1e-9)
    assert (known.bound <= 0.04).all()

    # The bound is 0.032 where only noise counts, and 0.056 where a bend does.
    both = swallowed(lambda h: [39 + h**2 / 2, 39 + h**2 / 2], [0, 0])
    first = swallowed(lambda h: [39 + h**2 / 2, 39], [0, 0])
    second = swallowed(lambda h: [39, 39 + h**2 / 2], [0, 0])
    assert first.size == second.size == both.size != 40
    np.testing.assert_array_equal(first.bound, both.bound)
    np.testing.assert_array_equal(second.bound, both.bound)


def test_what_is_left_without_lost_steps_may_have_no_corner_for_any_cotangent() -> None:
    """Neither is it believed where only one of them has one."""
    both, first, second = (swallowed(lambda h: [25, 12], gap) for gap in ([30, 30], [30, 0], [0, 30]))

    assert first.size == second.size == both.size != 40
    assert (first.bound == both.bound).all()
    assert (second.bound == both.bound).all()


@pytest.mark.parametrize("gap", [(1.0, 0.5), (1.0, 0.0), (0.0, 1.0)])
def test_a_small_corner_that_is_seen_with_lost_steps_stays_one(gap: tuple[float, float]) -> None:
    """Without the lost steps the noise of the others, 0.002 over the step, hides a gap of 1."""
    slopes = swallowed(lambda h: [39 + jitter(h), 19 + jitter(h)], gap)

    np.testing.assert_allclose(slopes.half[:, 0], np.array(gap) / 2)
    np.testing.assert_allclose(slopes.value[:, 0], [39, 19], atol=0.002)


def jitter(step: float) -> float:
    """Of one sign at every other of `swallowed`'s steps"""
    return 0.001 / step * (-1.0 if round(-np.log10(step) * 23 / 8) % 2 else 1.0)


def test_nothing_finite_is_nothing_known() -> None:
    slopes = settled(lambda x: np.where(x == 2.0, x, np.nan), 2.0)

    assert not np.isfinite(slopes.bound).any()


@pytest.mark.parametrize("frequency", [100.0, 300.0])
def test_a_level_with_nothing_finer_to_be_held_against_says_nothing(frequency: float) -> None:
    """A step of 0 gives no slope: the level before it has nothing to be held against."""
    point = np.array([0.3, 1.0])
    ladder = [np.full(2, step) for step in (0.1, 0.0125, 0.0016, 0.0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = settle([level(lambda x: np.sin(frequency * x), point, step) for step in ladder], np.ones(2))

    truth = np.array([[1.0], [-0.5]]) * frequency * np.cos(frequency * point)
    assert (np.abs(found.value - truth) <= found.bound).all()


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


def made_up(count: int, levels: int, finest: float, seed: int) -> tuple[list[Level], Array]:
    """Levels of elements with truncation, a corner and noise of all sizes; some are not finite, some lost in
    a rounding from a step on, and of some one side lies outside the domain, but for up to five steps"""
    random = np.random.default_rng(seed)

    def sizes(low: float, high: float, *shape: int) -> Array:
        return 10.0 ** random.uniform(low, high, (*shape, count))

    def some(share: float) -> Array:
        return np.asarray(random.random(count) < share)

    slope, bend, corner = random.normal(size=(2, count)), sizes(-3, 3, 2), sizes(-9, 0, 1) * [[1.0], [0.5]]
    corner = np.where(some(0.5), corner, 0.0) * np.where(some(0.2), [[1.0], [0.0]], 1.0)
    held, grain = sizes(-18, -10), sizes(-17, -10)
    stands, edge, quiet = some(0.3), some(0.2), some(0.3)
    last, bend = random.uniform(np.log10(finest), 0, count), np.where(quiet, 1e-6 * bend, bend)
    held = np.where(stands, 10.0 ** (last - 1.7), held)
    outside, until = random.random(count) < 0.5, random.integers(0, 6, count)
    made = []
    for number, share in enumerate(np.geomspace(1.0, finest, levels)):
        step = share * random.uniform(0.8, 1.2, count)
        noise = (np.where(stands, 0, held) / step + grain) * random.uniform(0, 6, count) * some(0.95)
        bent = slope + bend * step**2
        up, down = (bent + side * corner + noise * random.normal(size=(2, count)) for side in (1, -1))
        seen = np.where(stands & (np.log10(step) < last), 0.0, 1.0)
        lost = np.where((random.random((2, count)) < 0.02) & ~edge & ~stands, np.nan, seen)
        above, below = (
            np.where(edge & here & (number >= until), np.nan, lost) for here in (outside, ~outside)
        )
        up, down = up * above, down * below
        gap, size = np.abs(up - down), (np.abs(up[0]) + np.abs(down[0])) / 2
        coarse = np.where(np.isnan(size) & edge, np.inf, grain * step)
        made.append(Level(Sums(up * step, down * step, gap * step, size * step, held, coarse), step, step))
    return made, sizes(-6, 1)


# Noise is measured from twelve levels on; 28 of half precision span two decades, and are not in order.
@pytest.mark.parametrize(
    ("levels", "finest"), [(3, 1e-6), (4, 1e-4), (11, 1e-6), (12, 1e-6), (16, 1e-8), (28, 8e-3)]
)
def test_the_best_level_is_the_one_by_definition(levels: int, finest: float) -> None:
    made, scale = made_up(150 if levels < 28 else 60, levels, finest, levels)

    found, (taken, noise) = settle(made, scale), best_step(made, scale)

    kinds, without_lost = [], 0
    for u in range(scale.size):
        rows = {
            name: [np.asarray(getattr(at, name))[..., u].tolist() for at in made]
            for name in ("up", "down", "gap", "size", "rounding")
        }
        steps, held = [float(at.step_up[u]) for at in made], [float(at.sums.noise[u]) for at in made]
        ladder = Ladder(float(scale[u]), steps, held=held, **rows)
        truth, (level, _) = ladder.settled(), best(ladder.central, ladder.noise, ladder.widest, steps)
        assert taken[u] == steps[level]
        assert noise[u] == pytest.approx(ladder.noise[level] * steps[level] / 4, rel=1e-9)
        known = Slope(*(np.asarray(getattr(found, name))[..., u].tolist() for name in Slope._fields))
        for name, one, other in zip(Slope._fields, known, truth, strict=True):
            pair = np.asarray(one), np.asarray(other)
            np.testing.assert_allclose(*pair, rtol=1e-9, atol=1e-30, err_msg=f"{name} of {u}")
        without_lost += not truth.one_sided and truth.step != ladder.slope().step
        kinds.append((truth.one_sided, max(truth.half) > 0, bool(np.isfinite(truth.bound).all())))
    assert {(False, False, True), (False, True, True), (True, False, True)} <= set(kinds)
    if levels < 28:
        assert (without_lost > 0) == (levels >= 12)


def test_steps_that_x_cannot_take_say_nothing() -> None:
    """In half precision the finest are 0: neither a line nor a corner is lost by them, even without noise."""
    made = []
    for step in [*np.geomspace(1, 1e-3, 8), 0.0, 0.0]:
        h, nothing = np.full(2, step), np.zeros(2)
        sums = Sums(h[None], h[None] * [-1.0, 1.0], h[None] * [2.0, 0.0], h, nothing, nothing)
        made.append(Level(sums, h, h))

    slopes = settle(made, np.ones(2))

    assert slopes.value.tolist() == [[0.0, 1.0]]
    assert slopes.half.tolist() == [[1.0, 0.0]]
    assert slopes.bound.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_corner_is_taken_at_the_steadiest_level_whatever_the_gap_before_it(before: int) -> None:
    """D⁺ drifts by 0.001, 0.002, 0.003 … from ½ on and D⁻ is −½; at coarser steps they are 10 apart."""
    made, steps = [], np.geomspace(1, 1e-6, 10)
    for number, step in enumerate(steps):
        past = number - before
        up = 9.5 if past < 0 else 0.5 + 0.0005 * past * (past + 1)
        h, none = np.array([step]), np.zeros(1)
        sums = Sums(up * h[None], -0.5 * h[None], (up + 0.5) * h[None], h, none, none)
        made.append(Level(sums, h, h))

    slopes = settle(made, np.ones(1))

    assert slopes.step.tolist() == [steps[before]]
    np.testing.assert_allclose([slopes.value[0, 0], slopes.half[0, 0]], [0, 0.5], atol=1e-12)
    np.testing.assert_allclose(slopes.bound, [[0.001]], rtol=1e-9)
