"""Long functions in a graph: how long a call is, and that a graph is the function."""

from __future__ import annotations

import cProfile
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from gradcheck.function.graph import LONG, counted
from tests.posed import posed
from tests.saying import normal


def long(x: Any) -> Any:
    """150 operations"""
    for _ in range(50):
        x = x + 0.01 * tf.sin(x)
    return x


def test_operations_are_counted() -> None:
    x = tf.constant(normal(3))
    found, count = counted(lambda: tf.sin(tf.cos(x)))
    np.testing.assert_array_equal(found, np.sin(np.cos(x.numpy())))
    assert count == 2
    assert counted(lambda: long(x))[1] == 150


def test_a_long_function_is_evaluated_in_a_graph_and_a_short_one_is_not() -> None:
    assert LONG < 150
    assert posed(long, x=normal(3)).exact.graph is not None
    assert posed(lambda x: tf.sin(x), x=normal(3)).exact.graph is None


def test_a_long_function_that_is_another_in_a_graph_is_not() -> None:
    problem = posed(lambda x: long(x) * (1.0 if tf.executing_eagerly() else 2.0), x=normal(3))
    assert problem.exact.graph is None
    assert posed(lambda x: long(x) * float(tf.reduce_sum(x)), x=normal(3)).exact.graph is None


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_verdicts_are_those_of_the_function(factor: float) -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def scaled(x: Any) -> Any:
        return x, lambda upstream: factor * upstream

    report = check(lambda x: long(scaled(x)), {"x": normal(4)})
    assert report.verdict is (Verdict.PASS if factor == 1 else Verdict.FAIL)


def test_a_profiler_stays_as_it_is() -> None:
    """What sys.getprofile gives for one cannot be set again."""
    with cProfile.Profile() as profiler:
        assert check(tf.sin, {"x": normal(3)}).passed
    assert any("evaluator" in str(entry.code) for entry in profiler.getstats())
