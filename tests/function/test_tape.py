"""A custom gradient that TensorFlow passes over, since it was called with keyword arguments only, and one
that is right for upstream gradients of one sign only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from gradcheck.arrays.cotangents import draw_cotangents
from tests.saying import lines, normal


@tf.custom_gradient  # type: ignore[untyped-decorator]
def tripled(x: Any) -> Any:
    """x², with 3 x for its gradient"""
    return x * x, lambda r: 3.0 * r * x


@tf.custom_gradient  # type: ignore[untyped-decorator]
def square(x: Any) -> Any:
    return x * x, lambda r: 2.0 * r * x


def test_tensorflow_passes_it_over() -> None:
    """The fact behind the rule: the tape differentiates x · x and not what was written."""
    x = tf.constant(5.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = square(x=x)
    assert tape.gradient(y, x).numpy() == 10.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tripled(x=x)
    assert tape.gradient(y, x).numpy() == 10.0


def test_a_gradient_that_was_never_called_fails_with_its_reason() -> None:
    report = check(lambda x: tripled(x=x), {"x": normal(4)})
    assert report.verdict is Verdict.FAIL
    (variable,) = report.variables
    np.testing.assert_allclose(variable.tape, variable.difference, rtol=1e-6)
    assert "the custom gradient of `tripled` was never called" in lines(report)
    assert "pass the tensors by position" in lines(report)


def test_so_does_a_right_one() -> None:
    assert check(lambda x: square(x=x), {"x": normal(4)}).verdict is Verdict.FAIL


def test_called_by_position_it_is_checked_as_it_is() -> None:
    assert check(lambda x: square(x), {"x": normal(4)}).verdict is Verdict.PASS
    wrong = check(lambda x: tripled(x), {"x": normal(4)})
    assert wrong.verdict is Verdict.FAIL
    assert "never called" not in lines(wrong)
    assert "tape = 1.5 × difference" in lines(wrong)


def test_tensorflow_is_left_as_it_was() -> None:
    from tensorflow.python.ops import custom_gradient

    before = custom_gradient._eager_mode_decorator
    check(lambda x: square(x=x), {"x": normal(4)})
    assert custom_gradient._eager_mode_decorator is before


MISUSES = {
    "its size": tf.abs,
    "what is positive of it": tf.nn.relu,
    "what is negative of it": lambda r: -tf.nn.relu(-r),
    "clipped below": lambda r: tf.maximum(r, -0.4),
}


@pytest.mark.parametrize("outputs", [1, pytest.param(2, marks=pytest.mark.full)])
@pytest.mark.parametrize("misuse", MISUSES)
def test_what_is_right_for_one_sign_of_the_upstream_gradient_fails(misuse: str, outputs: int) -> None:
    """At every seed: two random upstream gradients of one output have one sign half of the time"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def sine(x: Any) -> Any:
        return tf.sin(x), lambda r: MISUSES[misuse](r) * tf.cos(x)

    function = (lambda x: sine(x)) if outputs == 2 else lambda x: tf.reduce_sum(sine(x))
    for seed in range(2):
        report = check(function, {"x": normal(2)}, seed=seed)
        assert report.variables[0].counts["mismatch"] == report.variables[0].verdicts.size, seed


def test_every_output_has_upstream_gradients_of_both_signs() -> None:
    for seed in range(20):
        ones, first, second = draw_cotangents(5, None, seed)
        assert (ones == 1).all()
        assert (first * second < 0).all()
        for drawn in np.abs([first, second]):
            assert ((drawn >= 0.5) & (drawn <= 1)).all()
            assert np.unique(drawn).size == 5
