"""One element at many steps, against closed forms of its errors, and against what a check says."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import check
from gradcheck.checks.sweep import sweep
from gradcheck.differences.steps import LONGEST, Steps
from gradcheck.render.sweep import to_text
from gradcheck.verdicts.sweep import Sweep
from tests.corpus.case import Array, Function, distorted, scaled
from tests.parameters import among, named
from tests.posed import posed

EPS = float(np.finfo(np.float64).eps)


def swept(function: Function, *values: float, element: int = 0) -> Sweep:
    """The sweep of one element of a vector"""
    return sweep(posed(function, x=np.array(values)), 0, element)


def exponent(steps: Array, errors: Array) -> float:
    """Slope on log axes"""
    known = errors > 0
    return float(np.polyfit(np.log(steps[known]), np.log(errors[known]), 1)[0])


def test_errors_of_sine_are_those_of_the_textbook() -> None:
    """(sin(x + h) − sin(x − h)) / 2h = cos x · sin h / h, an error of h²/6 · |f'''|; rounding is ε |f| / h"""
    x = 0.7
    found = swept(tf.sin, x)
    coarse, fine = found.steps > 1e-4, found.steps < 1e-7
    h = found.steps[coarse]

    np.testing.assert_allclose(found.errors[coarse], np.cos(x) * (1 - np.sin(h) / h), rtol=1e-3)
    assert exponent(h[h < 0.1], found.errors[coarse][h < 0.1]) == pytest.approx(2, abs=0.01)
    assert exponent(found.steps[fine], found.errors[fine]) == pytest.approx(-1, abs=0.2)
    assert (found.errors[fine] <= found.noise[fine]).all()
    assert np.median((found.errors * found.steps)[fine]) == pytest.approx(EPS * np.sin(x) / 4, rel=3)
    # Where h²/6 · |f'''| + ε |f| / h is smallest.
    least = found.steps[np.argmin(found.errors)]
    assert 0.1 < least / (3 * EPS * np.tan(x)) ** (1 / 3) < 10


CHOSEN: dict[str, tuple[Function, list[float]]] = {
    "curved": (tf.sin, [0.7, 2.0]),
    "straight": (lambda x: 3 * x, [1.5, 2.0]),
    "wrong": (distorted(tf.sin, scaled(1.01)), [0.7, 2.0]),
    "a corner": (tf.nn.relu, [0.0, 1.0]),
    "a fast oscillation": (lambda x: tf.sin(1e4 * x), [0.3, 2.0]),
    "a slope lost in rounding": (lambda x: 1e8 + tf.tanh(x), [0.3, 2.0]),
    "rounded inside": (lambda x: tf.cast(tf.cast(tf.sin(x), tf.float32), x.dtype), [0.7, 2.0]),
}


@pytest.mark.parametrize("name", named(CHOSEN, str, among({"curved", "straight"})))
def test_the_difference_is_that_of_the_check(name: str) -> None:
    function, values = CHOSEN[name]
    found = swept(function, *values)
    checked = check(function, {"x": np.array(values)}).variables[0]

    assert found.difference == pytest.approx(checked.difference[0], abs=2 * found.bound)
    assert found.tape == checked.tape[0]
    # The step is one at which the slope is so: the curve is as near to the difference there as its error.
    nearest = int(np.argmin(np.abs(np.log(found.steps / found.step))))
    around = found.distances[max(0, nearest - 1) : nearest + 2]
    assert found.steps[-1] <= found.step <= 2 * found.steps[0]
    assert np.nanmin(around) <= max(found.noise[nearest], 1e-6 * abs(found.difference))


def test_the_first_step_is_taken_where_it_will_do() -> None:
    """Each side moves by a share of 0.7 to 1.3 of cbrt(ε) max(|x|, rms x)."""
    found = swept(tf.sin, 0.7, 2.0)

    assert found.scale == pytest.approx(np.sqrt((0.49 + 4) / 2))
    assert 0.7 <= found.step / (EPS ** (1 / 3) * found.scale) <= 1.3


def test_a_corner_has_the_slopes_of_both_sides() -> None:
    found = swept(lambda x: tf.maximum(3 * x, -2 * x), 0.0, 1.0)

    assert found.slopes == pytest.approx((-2, 3))
    np.testing.assert_allclose(found.up, 3)
    np.testing.assert_allclose(found.down, -2)
    assert swept(tf.sin, 0.7).slopes is None


@pytest.mark.parametrize(("factor", "error"), [(1.0, 0.0), (2.0, 3.0)])
def test_an_error_at_a_corner_is_the_distance_from_both_slopes(factor: float, error: float) -> None:
    """The tape takes the slope 3 of −2 and 3; twice that is 3 outside."""
    found = swept(distorted(lambda x: tf.where(x >= 0, 3 * x, -2 * x), scaled(factor)), 0.0, 1.0)

    assert found.tape == 3 * factor and found.slopes == pytest.approx((-2, 3))
    np.testing.assert_allclose(found.errors, error, atol=1e-9)
    assert found.error == pytest.approx(error, abs=1e-9)


def test_at_a_jump_the_element_is_not_judged() -> None:
    jump = swept(lambda x: tf.where(x >= 0.5, x + 3, x), 0.5, 1.0)

    assert not jump.judged and swept(tf.sin, 0.7).judged
    assert "not known well enough to judge the element" in to_text(jump)
    assert "error/tolerance" not in to_text(jump)


def test_steps_where_the_function_is_not_finite_are_gaps() -> None:
    found = swept(tf.math.log, 0.3, 5.0)
    outside = found.steps >= 0.3

    assert 0 < outside.sum() < 20
    np.testing.assert_array_equal(np.isnan(found.errors), outside)
    assert np.isfinite(found.up).all()


def test_at_the_edge_of_the_domain_one_side_is_shown() -> None:
    found = swept(lambda x: tf.sqrt(x) ** 3, 0.0, 1.0)

    assert found.one_sided
    np.testing.assert_allclose(found.differences, np.sqrt(found.steps))


def test_steps_follow_the_scale_and_are_no_more_than_a_curve_needs() -> None:
    small, large = swept(tf.tanh, 1e-6, 2e-6), swept(lambda x: tf.tanh(x / 1e12), 1e6, 2e6)

    np.testing.assert_allclose(small.steps * 1e12, large.steps, rtol=1e-4)
    ratios = small.steps[:-1] / small.steps[1:]
    np.testing.assert_allclose(ratios, np.sqrt(2), rtol=0.01)
    assert small.steps[0] == pytest.approx(small.scale, rel=1e-6)
    many = list(Steps(np.array([1e-100, 1.0]), EPS, None, 0).curve(0, 1.0))
    assert len(many) == LONGEST


def test_an_element_next_to_0_has_steps_too() -> None:
    found = swept(tf.sqrt, 1e-300, 1.0)
    assert 2 <= found.steps.size <= LONGEST
    assert (found.steps > 0).all()
    assert np.isfinite(found.steps).all()


def test_a_sweep_counts_its_evaluations() -> None:
    problem = posed(tf.sin, x=np.array([0.7]))
    before = problem.meter.count
    found = sweep(problem, 0, 0)

    # Two for each step; four for the check, of which the function is curved; the point with each of both.
    assert 0 <= found.evaluations - before - (2 * found.steps.size + 4) <= 6
    assert found.evaluations == problem.meter.count


def test_it_is_a_value() -> None:
    found = swept(tf.sin, 0.7, 2.0, element=1)

    assert (found.variable, found.index, found.value, found.element) == ("x", (1,), 2.0, "x[1]")
    again = pickle.loads(pickle.dumps(found))
    assert again.step == found.step
    np.testing.assert_array_equal(again.errors, found.errors)
