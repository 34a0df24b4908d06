"""The measure of checks as they are: error ÷ tolerance, the intervals of kinks, and the tolerance applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Report, check
from gradcheck.checking import check_target
from gradcheck.render.numbers import scale
from gradcheck.settings import Settings
from gradcheck.targets.dense import dense
from gradcheck.targets.function import Target
from gradcheck.verdicts.widening import Widening
from tests.corpus.case import Broken, distorted, one_element, scaled
from tests.saying import normal

MIXING = normal(3, 4, seed=1)
MATCH, KINK, MISMATCH = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH


def in_float32(value: Any) -> Any:
    """Rounded to float32 and back"""
    return tf.cast(tf.cast(value, tf.float32), value.dtype)


def only_in_float32(x: Any) -> Any:
    """sin, whose backward pass was written for float32 and is off by 4e-6"""

    def backward(r: Any) -> Any:
        return r * tf.cos(x) * tf.constant(1 + 4e-6, tf.float32)

    return tf.custom_gradient(lambda x: (tf.sin(x), backward))(x)


def closed_form_wrong() -> Report:
    """A dense layer held against the formula of another one"""
    target = dense(normal(2, 3, dtype=np.float32), normal(3, 2, dtype=np.float32, seed=1))
    form = target.closed_form
    assert form is not None
    other = replace(target, closed_form=lambda *given: {name: 1.5 * g for name, g in form(*given).items()})
    return check_target(other, Settings())


def given(factor: float) -> Report:
    """A gradient that a user has worked out, of a maximum that is there twice"""
    target = Target("maximum", tf.reduce_max, {"x": np.array([2.0, 2.0, 1.0])})
    return check_target(replace(target, given={"x": factor * np.array([1.0, 1.0, 0.0])}), Settings())


REPORTS: dict[str, Callable[[], Report]] = {
    "right": lambda: check(tf.sin, {"x": normal(6)}),
    "linear": lambda: check(lambda x: x @ MIXING, {"x": normal(2, 3)}),
    "a factor": lambda: check(distorted(tf.sin, scaled(1 + 1e-5)), {"x": normal(6)}),
    "one element": lambda: check(distorted(tf.sin, one_element(1.1)), {"x": normal(6)}),
    "not finite": lambda: check(distorted(tf.sin, scaled(float("nan"))), {"x": normal(4)}),
    "corners": lambda: check(tf.nn.relu, {"x": np.array([0.0, 1.0, -1.0, 0.0])}),
    "wrong corners": lambda: check(distorted(tf.nn.relu, lambda g: g + 2), {"x": np.array([0.0, 1.0])}),
    "a tie counted twice": lambda: check(
        Broken(tf.reduce_max, lambda r, x: r * tf.cast(tf.equal(x, tf.reduce_max(x)), x.dtype)),
        {"x": np.array([2.0, 2.0, 1.0])},
    ),
    "for another upstream gradient": lambda: check(
        Broken(lambda x: 2 * x, lambda r, x: 2 * r * r), {"x": normal(4)}
    ),
    "own dtype": lambda: check(
        distorted(tf.sin, lambda g: g * (1.001 if g.dtype == tf.float32 else 1)),
        {"x": normal(4, dtype=np.float32)},
    ),
    "closed form": closed_form_wrong,
    "a given gradient": lambda: given(3.0),
    "a given tie": lambda: given(1.0),
    "rounded inside": lambda: check(lambda x: in_float32(tf.sin(x)), {"x": normal(4)}),
    "a jump": lambda: check(lambda x: tf.where(x > 0, x + 1, x), {"x": np.array([0.0, 1.0])}),
    "order 2": lambda: check(tf.nn.relu, {"x": np.array([0.0, 1.0])}, order=2),
    "tiny tolerance": lambda: check(tf.sin, {"x": normal(4)}, rtol=1e-20),
}


@pytest.mark.parametrize("name", REPORTS)
def test_the_measure_says_what_the_verdict_says(name: str) -> None:
    """At most 1 of what agrees, more of what does not, and as table and JSON have it, error ÷ tolerance."""
    for variable in REPORTS[name]().variables:
        ratio, verdicts = variable.error_ratio, variable.verdicts
        agrees = (verdicts == MATCH) | (verdicts == KINK)
        known = agrees & ~np.isnan(ratio)
        assert (ratio[known] <= 1).all()
        assert (verdicts[np.isnan(ratio)] != MATCH).all()
        assert (ratio[verdicts == MISMATCH] > 1).all()
        assert np.isinf(ratio[verdicts == ElementVerdict.NONFINITE]).all()
        with np.errstate(invalid="ignore"):
            plain = np.where(variable.error == 0, 0, variable.error / variable.tolerance)
        np.testing.assert_allclose(ratio[known], plain[known])


UPSTREAM = np.array([1.0, -0.3, 2.0])
INTERVALS: dict[str, tuple[Callable[[Any], Any], Any, list[tuple[float, float] | None]]] = {
    "relu": (tf.nn.relu, [0.0, 1.0, 0.0], [(0, 1), None, (0, 2)]),
    "abs": (tf.abs, [0.0, 0.0, -1.0], [(-1, 1), (-0.3, 0.3), None]),
    "leaky": (lambda x: tf.nn.leaky_relu(x, 0.25), [0.0, 0.0, 0.0], [(0.25, 1), (-0.3, -0.075), (0.5, 2)]),
}
"""Slopes of both sides times the upstream gradient, by hand."""


@pytest.mark.parametrize("name", INTERVALS)
def test_the_interval_of_a_kink_is_that_of_the_slopes_of_both_sides(name: str) -> None:
    function, x, expected = INTERVALS[name]
    (variable,) = check(function, {"x": np.array(x)}, upstream=UPSTREAM).variables

    for place, ends in enumerate(expected):
        found = variable.interval((place,))
        assert (found is None) == (ends is None)
        if ends is not None and found is not None:
            np.testing.assert_allclose(found, ends, atol=1e-8)
            assert variable.error[place] <= 1e-15


def test_where_corners_meet_the_interval_reaches_the_slopes_nearby() -> None:
    """||x_1 − x_2| − x_0| has corners along every axis at 0, and slopes from −1 to 1 around."""
    report = check(lambda x: tf.abs(x[0] - tf.abs(x[1] - x[2])), {"x": np.zeros(3)})
    (variable,) = report.variables

    for place in range(3):
        found = variable.interval((place,))
        assert found is not None and found[0] <= variable.tape[place] <= found[1]
        assert -1.001 <= found[0] <= found[1] <= 1.001


def test_no_interval_is_said_where_none_is_known() -> None:
    """Of a gradient that jumps, and of a tie that is counted twice."""
    jumps = REPORTS["order 2"]().variables[1]
    assert jumps.verdicts[0] == KINK
    assert jumps.interval((0,)) is None
    twice = REPORTS["a tie counted twice"]().variables[0]
    assert [twice.interval((place,)) for place in range(3)] == [None] * 3


@pytest.mark.parametrize("off", [2e-11, 1e-9, 3e-8])
def test_what_passes_is_within_the_tolerance_that_is_printed(off: float) -> None:
    """With 1e-20 the differences set it, whatever was asked for."""
    report = check(distorted(tf.sin, lambda g: g + off * g), {"x": normal(4)}, rtol=1e-20)
    found = report.tolerance
    assert found is not None
    assert 1e-20 < found.least <= found.most < 1e-7
    assert not report or off <= found.most * 1.01
    assert bool(report) == (off == 2e-11)
    shares = report.variables[0].tolerance / np.abs(np.cos(normal(4)))
    np.testing.assert_allclose((found.least, found.most), (shares.min(), shares.max()), rtol=1e-6)
    ends = f"{scale(found.least)}·S to {scale(found.most)}·S"
    assert f"{ends}, widened from 1e-20·S since the finite difference can be off by as much" in str(report)
    assert f"· tolerance {ends}\n" in str(report)


def test_a_tolerance_that_nothing_widened_is_the_one_asked_for() -> None:
    report = REPORTS["linear"]()
    assert report.tolerance is not None
    assert report.tolerance.widened == ()
    assert str(report).endswith("tolerance 1e-06·S\n")
    assert "tolerance    1e-06·S; S is the sum" in str(report)


def test_a_backward_pass_for_float32_alone_has_the_tolerance_of_float32() -> None:
    """An error of 4e-6 passes, and the report says that 64 roundings, 7.6e-6, are allowed."""
    report = check(only_in_float32, {"x": normal(4, dtype=np.float32)})
    assert report
    assert report.tolerance is not None
    assert report.tolerance.least >= 64 * np.finfo(np.float32).eps
    assert report.tolerance.widened == ((Widening.DTYPE.in_words, 4),)
    assert "7.6e-06·S to" in str(report).splitlines()[-1]


def test_the_tolerance_of_the_own_dtype_is_said() -> None:
    report = check(tf.sin, {"x": normal(4, dtype=np.float32)})
    assert report.tolerance is not None
    assert report.tolerance.own == ("float32", 64 * float(np.finfo(np.float32).eps))
    assert "the tape in float32 may be 7.6e-06·S off the one in float64" in str(report)
    assert "off the one in float64" not in str(REPORTS["linear"]())


def test_what_is_rounded_inside_says_that_differences_can_be_off() -> None:
    found = REPORTS["rounded inside"]().tolerance
    assert found is not None
    assert found.widened[0][0] == Widening.DIFFERENCE.in_words
    assert found.most > 1e-5


def test_the_sensitivity_says_one_thing_once() -> None:
    assert "an error of 0.0001 % of S in an element would have been seen\n" in str(REPORTS["linear"]())
    assert "of S would have been seen in half of the elements, of " in str(REPORTS["tiny tolerance"]())
    whole = str(check(lambda x: x @ MIXING, {"x": normal(2, 3)}, rtol=1.0))
    assert "an error of 100 % of S in an element" in whole
    assert "e+" not in whole
