"""Vectorised Jacobians against those by a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck import ElementVerdict, Verdict, check
from tests.saying import normal


def test_dense_and_convolution() -> None:
    x, w, k = normal(2, 4), normal(4, 3, seed=1), normal(2, 5, 4, seed=2)

    dense = check(lambda x, w: tf.tanh(x @ w), {"x": x, "w": w}, check_pfor=True)
    convolution = check(
        lambda x, w: tf.nn.conv1d(x, w, 1, "SAME"),
        {"x": k.astype(np.float32), "w": normal(3, 4, 2).astype(np.float32)},
        check_pfor=True,
    )

    assert dense.verdict is convolution.verdict is Verdict.PASS
    assert [(c.what, c.variable) for c in dense.comparisons] == [
        ("jacobian by pfor", "x"),
        ("batch_jacobian by pfor", "x"),
        ("jacobian by pfor", "w"),
    ]


def test_a_gradient_that_is_none_agrees_with_itself() -> None:
    report = check(lambda x: tf.ones_like(x), {"x": normal(2, 3)}, check_pfor=True)

    assert report.verdict is Verdict.PASS
    assert {c.verdict for c in report.comparisons} == {ElementVerdict.MATCH}


def test_several_outputs_are_one_vector() -> None:
    report = check(lambda x: (tf.sin(x), tf.reduce_sum(x**2)), {"x": normal(2, 3)}, check_pfor=True)

    assert report.verdict is Verdict.PASS
    assert [c.what for c in report.comparisons] == ["jacobian by pfor"]


def test_a_backward_pass_that_changes_when_it_is_vectorised_is_found() -> None:
    """pfor traces the backward pass, the loop runs it eagerly."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(x: Any) -> Any:
        return tf.sin(x), lambda dy: dy * tf.cos(x) * (1.0 if tf.executing_eagerly() else 1.001)

    report = check(function, {"x": normal(4)}, check_pfor=True)

    assert report.variables[0].verdict is ElementVerdict.MATCH
    assert report.verdict is Verdict.FAIL
    assert report.comparisons[0].verdict is ElementVerdict.MISMATCH


def test_what_is_too_large_is_skipped_and_said() -> None:
    report = check(lambda x: tf.sin(x), {"x": normal(600)}, check_pfor=True)

    assert report.verdict is Verdict.PASS
    assert report.comparisons[0].verdict is ElementVerdict.UNCHECKED
    (line,) = report.warnings
    assert "x: jacobian has 600 rows and 360,000 entries" in line
    assert "skipped" in line


def test_sums_that_cancel_are_not_held_to_themselves() -> None:
    """A shift of the batch moves nothing: the rows of batch_jacobian add up to 0 but for rounding."""
    report = check(lambda x: x - tf.reduce_mean(x, axis=0), {"x": normal(5, 3)}, check_pfor=True)

    assert report.verdict is Verdict.PASS
