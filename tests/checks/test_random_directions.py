"""Random directions: what they find of what a budget leaves out, and that right gradients pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, Report, Verdict, check
from tests.parameters import among, named
from tests.saying import normal

SHAPE = 30, 40


def doubled_at(row: int, column: int) -> Any:
    """x @ w, with one element of the gradient of w twice what it should be"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def product(x: Any, w: Any) -> Any:
        def gradient(r: Any) -> Any:
            twice = tf.ones_like(w) + tf.scatter_nd([[row, column]], tf.ones(1, w.dtype), w.shape)
            return tf.matmul(r, w, transpose_b=True), twice * tf.matmul(x, r, transpose_a=True)

        return x @ w, gradient

    return product


def within(function: Callable[..., Any], budget: int = 2) -> Report:
    return check(function, {"x": normal(4, SHAPE[0]), "w": normal(*SHAPE, seed=1)}, wrt="w", budget=budget)


@pytest.mark.parametrize("place", named([(0, 0), (17, 23), (29, 39)], str, among({(17, 23)})))
def test_one_wrong_element_outside_the_sample_is_found_and_named(place: tuple[int, int]) -> None:
    sample = within(tf.matmul).variables[0].verdicts
    # The sample follows from the seed and the shapes alone.
    assert sample[place] == ElementVerdict.UNCHECKED
    report = within(doubled_at(*place))
    (variable,) = report.variables
    assert report.verdict is Verdict.FAIL
    assert [tuple(i) for i in np.argwhere(variable.verdicts == ElementVerdict.MISMATCH)] == [place]
    np.testing.assert_allclose(variable.tape[place], 2 * variable.difference[place], rtol=1e-6)
    count = int(variable.checked.sum())
    assert count < variable.verdicts.size / 10
    line = f"w: only one of the elements checked is wrong, {list(place)} (1 of {count} checked elements fail)"
    assert report.diagnosis == (line,)
    assert report.comparisons[0].verdict is ElementVerdict.MISMATCH


def test_a_right_gradient_agrees_along_every_direction() -> None:
    report = within(tf.matmul)
    assert report.verdict is Verdict.PASS
    assert report.comparisons[0].verdict is ElementVerdict.MATCH
    assert 0 < report.variables[0].coverage < 0.1
    # A pair of evaluations for each of eight directions at five steps, at least.
    assert report.evaluations > 80


@pytest.mark.parametrize("function", [tf.nn.relu, tf.abs], ids=["relu", "abs"])
def test_corners_at_the_point_are_no_mistake(function: Callable[..., Any]) -> None:
    """Half of the elements are 0, so that every direction runs into their corners."""
    x = np.where(normal(30, 30) > 0, normal(30, 30, seed=1), 0.0)
    report = check(lambda x: function(x) @ tf.ones_like(x), {"x": x}, budget=4)
    assert 0 < report.variables[0].coverage < 0.5
    assert report.verdict is Verdict.PASS, str(report)


def test_an_error_in_every_element_is_seen_however_small_the_sample() -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def softplus(x: Any) -> Any:
        return tf.nn.softplus(x) @ tf.ones_like(x), lambda r: 1.0001 * (r @ tf.ones_like(x)) * tf.sigmoid(x)

    report = check(softplus, {"x": normal(30, 30)}, budget=2)
    assert report.verdict is Verdict.FAIL
    assert report.comparisons[0].verdict is ElementVerdict.MISMATCH
