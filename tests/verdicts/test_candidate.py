"""What is known of a variable before any of its elements is looked at."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.sparsity.bands import Band
from gradcheck.sparsity.colouring import Colouring, elementwise
from tests.corpus.case import Broken
from tests.posed import posed, variable

X = np.array([0.01, 3.0, -4.0])


def test_the_natural_size_of_a_slope() -> None:
    """Outputs that an element moves × mean of w |f| / max(|x|, rms)."""
    problem = posed(lambda x: tf.stack([x[0] + 5, 2 * x[1], 3 * x[2]]), x=X)
    mean = np.mean(np.abs(problem.cotangents[0]) * [5.01, 6, 12])
    scale = np.maximum(np.abs(X), np.sqrt(np.mean(X**2)))
    each = Colouring((3,), (1,), ((Band(0, Fraction(1), Fraction(0), Fraction(0)),),))

    one = variable(problem)

    np.testing.assert_allclose(one.natural(each, np.arange(3)), mean / scale, rtol=1e-6)
    np.testing.assert_allclose(one.natural(elementwise((3,), 1), np.array([2])), 3 * mean / 4, rtol=1e-6)


def test_the_rule_is_no_wider_than_asked_for_where_there_is_a_tape_in_float64() -> None:
    one = variable(posed(tf.sin, x=X))

    assert (one.rule.rtol, one.rule.asked, one.rule.scale) == (1e-6, 1e-6, 0.0)
    assert one.at_scale(2.5).rule.scale == 2.5
    assert (one.name, one.shape) == ("x", (3,))


def only_in_float32(tensor: Any) -> Any:
    if tensor.dtype != tf.float32:
        raise TypeError("float32 only")
    return tensor


def test_the_rule_is_wider_only_where_a_tape_in_float32_is_held_against_differences_in_float64() -> None:
    """By 64 · 2⁻²³ of S; in float32 on both sides the rounding of contributions is allowed for anyway."""
    x = X.astype(np.float32)
    exact = variable(posed(tf.sin, x=x))
    tape = variable(posed(Broken(tf.sin, lambda dy, x: dy * tf.cos(only_in_float32(x))), x=x))
    neither = variable(posed(lambda x: tf.sin(only_in_float32(x)), x=x))

    assert (exact.rule.rtol, exact.rule.asked) == (1e-6, 1e-6)
    assert (tape.rule.rtol, tape.rule.asked) == (64 * 2.0**-23, 1e-6)
    assert (neither.rule.rtol, neither.rule.asked) == (1e-6, 1e-6)
    assert exact.rule.limit == tape.rule.limit < neither.rule.limit
