"""Graph and XLA against eager: agreement, functions that change when they are traced, ties and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, ExitCode, Report, Verdict, check
from gradcheck.arrays.types import Array

BOTH = ("graph", "xla")


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def verdicts(report: Report) -> dict[tuple[str, str], ElementVerdict]:
    """Verdicts by what was compared and variable, against eager only."""
    return {(c.what, c.variable): c.verdict for c in report.comparisons if c.against.startswith("eager")}


def dense(x: Any, w: Any, b: Any) -> Any:
    return tf.tanh(x @ w + b)


def test_dense() -> None:
    report = check(dense, {"x": normal(3, 4), "w": normal(4, 5), "b": normal(5)}, execution=BOTH)

    assert report.verdict is Verdict.PASS
    assert [(c.what, c.against) for c in report.comparisons[::4]] == [
        ("graph tape", "eager tape"),
        ("XLA tape", "eager tape"),
        ("XLA tape", "graph tape"),
    ]
    assert [c.variable for c in report.comparisons[:4]] == ["x", "w", "b", "output"]


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.full)])
def test_conv1d_and_softmax(dtype: Any) -> None:
    x, w = normal(2, 6, 3).astype(dtype), normal(3, 3, 2, seed=1).astype(dtype)

    convolution = check(lambda x, w: tf.nn.conv1d(x, w, 1, "SAME"), {"x": x, "w": w}, execution=BOTH)
    softmax = check(tf.nn.softmax, {"x": x}, execution=BOTH)

    assert convolution.verdict is softmax.verdict is Verdict.PASS
    for report in (convolution, softmax):
        assert {c.verdict for c in report.comparisons} == {ElementVerdict.MATCH}


def test_eager_alone_is_the_check_itself() -> None:
    assert check(tf.sin, {"x": normal(3)}, execution="eager").comparisons == ()


# Functions that are something else when they are traced.


def test_a_gradient_that_changes_in_a_graph_is_found() -> None:
    """The values stay the same, so that only the gradient tells."""

    def function(x: Any) -> Any:
        return x * x if tf.executing_eagerly() else x * tf.stop_gradient(x)

    report = check(function, {"x": normal(4)}, execution=BOTH)

    assert report.verdict is Verdict.FAIL
    assert report.variables[0].verdict is ElementVerdict.MATCH
    found = verdicts(report)
    assert found["graph tape", "x"] is found["XLA tape", "x"] is ElementVerdict.MISMATCH
    assert found["graph output", "output"] is ElementVerdict.MATCH


def test_a_python_side_effect_while_tracing_is_found() -> None:
    """A global that is changed when the function is traced, which happens after the eager run."""
    state = {"scale": 2.0}

    def function(x: Any) -> Any:
        if not tf.executing_eagerly():
            state["scale"] = 3.0
        result = state["scale"] * tf.sin(x)
        state["scale"] = 2.0
        return result

    report = check(function, {"x": normal(4)}, execution="graph")

    assert report.exit_code is ExitCode.FAIL
    assert verdicts(report) == {
        ("graph tape", "x"): ElementVerdict.MISMATCH,
        ("graph output", "output"): ElementVerdict.MISMATCH,
    }


def test_small_differences_are_found() -> None:
    def function(x: Any) -> Any:
        return tf.sin(x) * (1.0 if tf.executing_eagerly() else 1.0001)

    assert check(function, {"x": normal(4)}, execution="graph").verdict is Verdict.FAIL


def test_nan_in_a_graph_never_passes() -> None:
    def function(x: Any) -> Any:
        return tf.sin(x) if tf.executing_eagerly() else tf.sin(x) * np.nan

    report = check(function, {"x": normal(4)}, execution="graph")

    assert report.verdict is Verdict.FAIL
    assert verdicts(report)["graph tape", "x"] is ElementVerdict.MISMATCH


def test_a_lost_gradient_is_found() -> None:
    def function(x: Any) -> Any:
        return tf.sin(x) if tf.executing_eagerly() else tf.stop_gradient(tf.sin(x))

    assert check(function, {"x": normal(4)}, execution="graph").verdict is Verdict.FAIL


# Ties.


def centred_relu(x: Any) -> Any:
    """One column of each row is the mean of the row, up to rounding (tensorflow/tensorflow#118713)."""
    return tf.nn.relu(x - tf.reduce_mean(x, axis=-1, keepdims=True))


def tied_with_the_mean(seed: int) -> Array:
    x = normal(4, 7, seed=seed)
    x[:, 0] = x[:, 1:].mean(axis=-1)
    return x


@pytest.mark.full
def test_a_tie_that_eager_and_xla_break_differently_is_no_failure() -> None:
    reports = [check(centred_relu, {"x": tied_with_the_mean(seed)}, execution=BOTH) for seed in range(6)]

    assert Verdict.FAIL not in {report.verdict for report in reports}
    assert max(c.verdict for report in reports for c in report.comparisons) is ElementVerdict.KINK
    # XLA adds up in another order, so some rows take the other branch: the gradients are far apart.
    apart = [c for r in reports for c in r.comparisons if c.what == "XLA tape" and c.error > 0.1]
    assert apart
    assert {c.verdict for c in apart} == {ElementVerdict.KINK}


def test_a_value_that_no_side_of_a_tie_has_is_a_failure() -> None:
    def function(x: Any) -> Any:
        wrong = 1.0 if tf.executing_eagerly() else 3.0
        y = centred_relu(x)
        return y + (wrong - 1) * (y - tf.stop_gradient(y))

    report = check(function, {"x": tied_with_the_mean(0)}, execution="graph")

    assert verdicts(report)["graph output", "output"] is ElementVerdict.MATCH
    assert verdicts(report)["graph tape", "x"] is ElementVerdict.MISMATCH


def test_a_value_beyond_all_sides_of_an_exact_tie_is_a_failure() -> None:
    """Everywhere else the two gradients are the same."""

    def function(x: Any) -> Any:
        y = tf.reduce_max(x)
        return y if tf.executing_eagerly() else y + 2 * (x[0] - tf.stop_gradient(x[0]))

    report = check(function, {"x": np.array([1.0, 1.0, 0.0], np.float32)}, execution="graph")

    assert report.variables[0].verdict is ElementVerdict.KINK
    assert verdicts(report)["graph tape", "x"] is ElementVerdict.MISMATCH


def test_another_subgradient_at_an_exact_tie_is_valid() -> None:
    def function(x: Any) -> Any:
        if tf.executing_eagerly():
            return tf.reduce_max(x)
        return tf.nn.max_pool1d(x[None, :, None], 3, 3, "VALID")[0, 0, 0]

    x = np.array([1.0, 1.0, 0.0], np.float32)
    report = check(function, {"x": x}, execution="graph")

    assert report.verdict is Verdict.PASS
    assert verdicts(report)["graph tape", "x"] is ElementVerdict.KINK


def test_an_ill_conditioned_function_is_no_failure() -> None:
    """Rounding moves the sine of 1e5 x, and its gradient, by per cents in float32."""
    report = check(lambda x: tf.sin(1e5 * x * 1.1), {"x": normal(6)}, execution=BOTH)

    assert report.verdict is Verdict.PASS


def test_terms_that_cancel_are_no_failure() -> None:
    """In float32 1 + erf(x) is rounded to 6e-8, however small the gradient of gelu that is left."""
    assert check(tf.nn.gelu, {"x": normal(100_000)}, execution=BOTH).verdict is Verdict.PASS


# What cannot be run.


def test_an_operation_that_xla_cannot_compile_is_named_in_a_warning() -> None:
    def function(x: Any) -> Any:
        return x * tf.reshape(tf.numpy_function(lambda a: 0 * a + 2, [x], x.dtype), x.shape)

    report = check(function, {"x": normal(4)}, execution=BOTH)

    assert report.verdict is Verdict.PASS
    assert "XLA cannot compile the operation PyFunc; its gradient was not compared." in report.warnings
    found = verdicts(report)
    assert found["XLA tape", "x"] is ElementVerdict.UNCHECKED
    assert found["graph tape", "x"] is ElementVerdict.MATCH


def test_a_function_that_is_no_graph_could_not_be_judged() -> None:
    """A graph has no numbers yet while it is traced."""
    report = check(lambda x: x * float(np.sum(x.numpy() > 9) + 2), {"x": normal(4)}, execution="graph")

    assert report.exit_code is ExitCode.INCONCLUSIVE
    assert any("does not run as a graph" in line for line in report.warnings)


def test_shapes_that_a_graph_does_not_know() -> None:
    def function(x: Any) -> Any:
        return tf.boolean_mask(x, tf.constant([True, False, True])) ** 2

    report = check(function, {"x": np.array([1.0, -2.0, 3.0])}, execution="graph")

    assert report.verdict is Verdict.PASS
