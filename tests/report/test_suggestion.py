"""What a report suggests where a check could not tell, and that it helps."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck import Verdict, check
from tests.saying import lines, normal, told

X = {"x": normal(30)}


def rounded(x: Any) -> Any:
    """Rounded to float32 beside a term that hides most of its digits"""
    return tf.cast(tf.cast(tf.reduce_sum(tf.sin(x)) + 300.0, tf.float32), x.dtype)


def hidden(x: Any, y: Any) -> Any:
    """Slopes of 1e-5 in a number of 1e5"""
    return tf.reduce_sum(1e-5 * tf.sin(x)) + 1e5 * tf.reduce_sum(y)


def test_the_tolerance_that_would_settle_it_does() -> None:
    inputs = X | {"y": normal(3)}
    report = check(hidden, inputs)
    assert report.verdict is Verdict.INCONCLUSIVE, told(report)
    (rtol,) = re.findall(r"pass rtol (\S+) \(--rtol\)", lines(report))
    assert check(hidden, inputs, rtol=float(rtol)).verdict is Verdict.PASS


def test_more_digits_inside() -> None:
    assert "something is rounded to float32" in lines(check(rounded, X))


def test_elements_one_by_one_where_they_went_along_directions() -> None:
    report = check(hidden, {"x": normal(400), "y": normal(3)}, method="directions")
    assert report.verdict is Verdict.INCONCLUSIVE, told(report)
    assert "move the elements of x one by one (--wrt x --method elementwise)" in lines(report)


def test_nothing_is_suggested_where_something_is_wrong_or_all_is_right() -> None:
    for function in (tf.sin, lambda x: tf.stop_gradient(x) * x):
        report = check(function, X)
        assert report.verdict is not Verdict.INCONCLUSIVE
        assert "To settle it" not in lines(report)


def test_no_tolerance_is_suggested_that_lets_everything_pass() -> None:
    report = check(lambda x: tf.cast(tf.cast(tf.sin(x) + 1e5, tf.bfloat16), x.dtype), {"x": np.ones(3)})
    assert "pass rtol" not in lines(report)
