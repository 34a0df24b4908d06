"""A custom gradient that TensorFlow passes over, since it was called with keyword arguments only."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck import Verdict, check
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
