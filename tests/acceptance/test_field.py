"""Where other gradient checkers were measured to miss, to raise false alarms, or not to see at all.

Each test is one measured failing of torch, jax, TensorFlow, scipy, numdifftools, OpenMDAO, IPOPT, CmdStan or
chainer at their defaults; the right answer is known from the function, not from a checker.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, GradcheckError, Report, Verdict, check
from gradcheck.errors import NondeterministicError
from tests.corpus.case import Broken, distorted, scaled
from tests.parameters import every, named
from tests.saying import normal

BRAIN = tf.bfloat16.as_numpy_dtype


def diagnosis(report: Report) -> str:
    """All lines, in lower case"""
    return " ".join(report.diagnosis).lower()


def max_pool(x: Any) -> Any:
    """Windows of 3 with stride 1"""
    return tf.nn.max_pool1d(x, 3, strides=1, padding="VALID")


# Misses: wrong gradients that others accept.


@pytest.mark.parametrize("n", named([10, 100, 1000, 4000], str, every(3)))
@pytest.mark.parametrize("factor", named([1.0001, 1.01], str, every(2)))
def test_one_wrong_entry_among_many(n: int, factor: float) -> None:
    """torch's fast mode lets it pass when it is off by 2.8 % (n = 10) to 180 times its value (n = 4,000)."""
    wrong = tf.constant(np.where(np.arange(n) == n // 3, factor, 1.0))
    function = distorted(tf.identity, lambda g: g * tf.cast(wrong, g.dtype))

    report = check(function, {"x": normal(n)})

    assert report.verdict is Verdict.FAIL
    assert report.variables[0].counts["mismatch"] == 1
    assert report.variables[0].worst_index == (n // 3,)


def test_gradient_times_minus_five_of_a_layer_scaled_by_a_millionth() -> None:
    """torch's absolute tolerance of 1e-5 hides it."""
    function = distorted(lambda x: 1e-6 * tf.tanh(x), scaled(-5.0))

    assert check(function, {"x": normal(7)}).verdict is Verdict.FAIL


@pytest.mark.parametrize("factor", named([2.0, 0.0, -1.0], str, every(3)))
def test_large_float32_arrays(factor: float) -> None:
    """jax multiplies its tolerance by the size: at 1,000 elements any factor passes."""
    function = distorted(tf.sin, scaled(factor))

    assert check(function, {"x": normal(1000, dtype=np.float32)}).verdict is Verdict.FAIL


def test_wrong_sign_of_a_tiny_function() -> None:
    """scipy.optimize.check_grad prints 3.7e-8 and leaves the rest to the reader."""
    function = distorted(lambda x: 1e-8 * tf.reduce_sum(tf.sin(x)), scaled(-1.0))

    report = check(function, {"x": normal(5)})

    assert report.verdict is Verdict.FAIL
    assert "sign" in diagnosis(report)


def test_nan_gradient_never_passes() -> None:
    """In OpenMDAO, IPOPT and CmdStan every comparison with NaN is false, and so nothing is wrong."""
    function = distorted(tf.sin, lambda g: g * np.nan)

    report = check(function, {"x": normal(4)})

    assert report.verdict is Verdict.FAIL
    assert report.variables[0].verdict is ElementVerdict.NONFINITE


def test_nan_on_both_sides_never_passes() -> None:
    """jax takes NaN for equal to NaN; here the function itself is NaN, which is refused by name."""
    with pytest.raises(GradcheckError, match=r"(?i)nan|finite"):
        check(lambda x: tf.math.log(x), {"x": np.array([1.0, -1.0])})


def test_none_is_not_zero() -> None:
    """tf.test.compute_gradient turns None into zeros and gives no verdict."""
    report = check(lambda x: tf.stop_gradient(tf.sin(x)), {"x": normal(4)})

    assert report.verdict is Verdict.FAIL
    assert "no gradient" in diagnosis(report)


# False alarms: right gradients that others refuse.


def test_relu_at_zero() -> None:
    report = check(lambda x: tf.nn.relu(x), {"x": np.array([0.0, 1.0, -1.0])})

    assert report.verdict is Verdict.PASS
    assert report.variables[0].verdicts.tolist() == [
        ElementVerdict.KINK,
        ElementVerdict.MATCH,
        ElementVerdict.MATCH,
    ]


@pytest.mark.parametrize("gap", [0.0, 1e-9, 1e-7])
def test_max_pool_of_nearly_equal_elements(gap: float) -> None:
    x = np.array([1.0, 3.0, 3.0 + gap, 2.0, 0.0]).reshape(1, -1, 1)

    report = check(max_pool, {"x": x})

    assert report.verdict is Verdict.PASS
    assert bool(report.variables[0].counts["kink"]) is (gap == 0.0)


def test_logarithm_at_1e_5() -> None:
    assert check(lambda x: tf.math.log(x), {"x": np.array([1e-5, 1.0])}).verdict is Verdict.PASS


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [0.1, 1e4, 1e6, 1e10])
def test_square(size: float, dtype: Any) -> None:
    """torch refuses 1e10, TensorFlow is off by 18 % at 1e4 in float32, OpenMDAO refuses 0.1."""
    assert check(lambda x: x**2, {"x": np.array([size], dtype=dtype)}).verdict is Verdict.PASS


@pytest.mark.parametrize("dtype", [np.float32, np.float16, BRAIN])
def test_sine_in_low_precision(dtype: Any) -> None:
    """jax refuses float16 and bfloat16, torch all three; TensorFlow's bfloat16 difference is 0."""
    assert check(lambda x: tf.sin(x), {"x": np.array([0.5, 1.0, -2.0], dtype=dtype)}).verdict is Verdict.PASS


def test_rounding_is_no_mismatch() -> None:
    """A slope of 5.6e-17 by rounding, which OpenMDAO, with no absolute tolerance, compares with 0."""

    def function(x: Any) -> Any:
        return tf.stack([(0.1 + 0.2) * x[0] - 0.3 * x[0], x[1] ** 2])

    assert check(function, {"x": np.array([0.7, 1.3])}).verdict is Verdict.PASS


def test_dropout_is_called_random() -> None:
    """tf.test.compute_gradient reports gradients of ±1,024."""
    with pytest.raises(NondeterministicError):
        check(lambda x: tf.nn.dropout(x, 0.5), {"x": normal(50)})


def test_elements_tied_with_the_mean_of_their_row() -> None:
    """Eager and compiled gradients differ at the tie, and both are right."""
    x = np.array([[1.0, 2.0, 3.0], [4.0, 0.0, 2.0]])

    def function(x: Any) -> Any:
        return tf.maximum(x, tf.reduce_mean(x, axis=1, keepdims=True))

    assert check(function, {"x": x}).verdict is Verdict.PASS


# Blind spots: what a symmetric difference and its error estimate cannot see.


def test_half_is_no_slope_next_to_a_kink() -> None:
    """numdifftools gives 0.5 ± 8e-6 at relu(1e-6), where the slope is 1."""
    half = distorted(tf.nn.relu, scaled(0.5))

    assert check(lambda x: tf.nn.relu(x), {"x": np.array([1e-6])}).verdict is Verdict.PASS
    assert check(half, {"x": np.array([1e-6])}).verdict is Verdict.FAIL


def test_half_is_a_slope_at_a_kink() -> None:
    """numdifftools and scipy.differentiate give 0.5 with an error of 0 at relu(0): one of many answers."""
    half = Broken(tf.nn.relu, lambda dy, x: dy * (1 + tf.sign(x)) / 2)

    report = check(half, {"x": np.array([0.0])})

    assert report.verdict is Verdict.PASS
    assert report.variables[0].verdict is ElementVerdict.KINK


def test_kink_on_a_slope_fifty_times_larger() -> None:
    """chainer's test of residuals misses it."""

    def function(x: Any) -> Any:
        return 50 * x + tf.abs(x)

    outside = Broken(function, lambda dy, x: dy * (50 + tf.where(x == 0, 1.2 * tf.ones_like(x), tf.sign(x))))
    x = np.array([0.0, 1.0])

    report = check(function, {"x": x})

    assert report.verdict is Verdict.PASS
    assert report.variables[0].verdicts.tolist() == [ElementVerdict.KINK, ElementVerdict.MATCH]
    assert check(outside, {"x": x}).verdict is Verdict.FAIL


def test_parts_with_corners_that_cancel() -> None:
    """relu(-t) + t - relu(t) is 0 everywhere; the tape gives 1 at 0."""
    report = check(lambda t: tf.nn.relu(-t) + t - tf.nn.relu(t), {"t": np.array([0.0, 1.0, -1.0])})

    assert report.verdict is Verdict.FAIL
    assert "not at this very point" in diagnosis(report)


def test_tie_judged_by_its_sum() -> None:
    """Each tied element is between 0 and 1, but together they must get exactly 1."""
    every = Broken(
        lambda x: tf.reduce_max(x, keepdims=True), lambda dy, x: dy * tf.cast(x == tf.reduce_max(x), x.dtype)
    )
    x = np.array([2.0, 5.0, 5.0])

    assert check(lambda x: tf.reduce_max(x, keepdims=True), {"x": x}).verdict is Verdict.PASS
    assert check(every, {"x": x}).verdict is Verdict.FAIL


@pytest.mark.parametrize("x", named([-40.0, -36.0], str, every(2)))
def test_saturated_elu_is_not_verified(x: float) -> None:
    """elu(-40) is -1 in float64: its slope of 4e-18 is beyond any difference, and must not count as seen."""
    report = check(lambda x: tf.nn.elu(x), {"x": np.array([x, 1.0, -0.5])})

    assert report.verdict is not Verdict.FAIL
    assert "resol" in " ".join(report.warnings).lower()


# TensorFlow 2.21 and tf.custom_gradient.


def test_custom_gradient_is_called_with_positional_arguments() -> None:
    """Called with keywords only, TensorFlow ignores the custom gradient and differentiates the forward."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(x: Any) -> Any:
        return tf.sin(x), lambda dy: 3 * dy * tf.cos(x)

    report = check(function, {"x": normal(4)})

    assert report.verdict is Verdict.FAIL
    assert "constant factor" in diagnosis(report)


def test_scalar_gradient_for_a_vector() -> None:
    function = Broken(lambda x: tf.reduce_sum(x), lambda dy, x: dy)

    report = check(function, {"x": normal(2)})

    assert report.verdict is Verdict.FAIL
    assert "shape" in f"{report.variables[0].reason} {diagnosis(report)}"


def test_float64_gradient_for_a_float32_input() -> None:
    function = Broken(lambda x: tf.sin(x), lambda dy, x: tf.cast(dy * tf.cos(x), tf.float64))

    report = check(function, {"x": normal(3, dtype=np.float32)})

    assert report.verdict is Verdict.FAIL
    assert "float64" in f"{report.variables[0].reason} {diagnosis(report)}"


def test_ignored_upstream_gradient() -> None:
    """Right under a cotangent of ones."""
    report = check(Broken(lambda x: tf.sin(x), lambda dy, x: tf.cos(x)), {"x": normal(4)})

    assert report.verdict is Verdict.FAIL
    assert "upstream" in diagnosis(report)


@pytest.mark.parametrize("count", [1, 3])
def test_wrong_number_of_gradients(count: int) -> None:
    function = Broken(lambda x, y: x * y, lambda dy, x, y: [dy * y, dy * x, dy][:count])

    report = check(function, {"x": normal(3), "y": normal(3, seed=1)})

    assert report.verdict is Verdict.FAIL


def test_inputs_are_untouched() -> None:
    """In-place operations and aliased views have made other checkers compare with changed inputs."""
    inputs = {"x": normal(4, 3), "w": normal(3, 2, dtype=np.float32)}
    before = {name: array.tobytes() for name, array in inputs.items()}

    check(lambda x, w: tf.matmul(x, tf.cast(w, x.dtype)), inputs)

    assert {name: array.tobytes() for name, array in inputs.items()} == before
