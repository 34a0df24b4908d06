"""Gradients of gradients against closed forms, and mistakes that show only at a higher order.

The oracles are formulas, or derivatives of NumPy functions by a complex step, which is exact to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ElementVerdict, GradcheckError, Report, Variable, Verdict, check
from gradcheck.arrays.types import Array
from tests.corpus import RIGHT, Case
from tests.parameters import among, named
from tests.saying import normal


def at_order(report: Report, order: int, name: str = "x") -> Variable:
    (found,) = (v for v in report.variables if (v.name, v.order) == (name, order))
    return found


def complex_step(gradient: Callable[[Array], Array], x: Array) -> Array:
    """Σ_i ∂g_i/∂x_j by Im g(x + ih) / h, without any cancellation (Squire and Trapp 1998)."""
    found = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        moved = x.astype(np.complex128)
        moved[index] += 1e-30j
        found[index] = gradient(moved).imag.sum() / 1e-30
    return found


# Right ones.


def test_square_at_five() -> None:
    report = check(lambda x: x * x, {"x": 5.0}, order=2)

    assert report.verdict is Verdict.PASS
    assert [(v.label, float(v.tape)) for v in report.variables] == [("x", 10.0), ("x (order 2)", 2.0)]


@pytest.mark.parametrize("dtype", [pytest.param(np.float32, marks=pytest.mark.full), np.float64])
def test_four_orders_of_the_fourth_power(dtype: Any) -> None:
    x = normal(5).astype(dtype)

    report = check(lambda x: x**4, {"x": x}, order=4)

    assert report.verdict is Verdict.PASS
    wide = x.astype(np.float64)
    for order, expected in enumerate([4 * wide**3, 12 * wide**2, 24 * wide, np.full(5, 24.0)], start=1):
        np.testing.assert_allclose(at_order(report, order).tape, expected, rtol=1e-9)
        np.testing.assert_allclose(at_order(report, order).difference, expected, rtol=1e-5)


def test_second_order_of_gelu() -> None:
    x = normal(3, 4)

    report = check(lambda x: tf.nn.gelu(x), {"x": x}, order=2)

    # gelu = x Φ(x), so gelu'' = φ(x) (2 − x²).
    expected = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) * (2 - x**2)
    assert report.verdict is Verdict.PASS
    np.testing.assert_allclose(at_order(report, 2).tape, expected, rtol=1e-6)


def test_second_order_of_softmax_cross_entropy() -> None:
    x, c, labels = normal(3, 4), normal(4, seed=1), np.eye(4)[[0, 2, 3]]

    def loss(x: Any) -> Any:
        weights = tf.constant(c, x.dtype)
        return tf.nn.softmax_cross_entropy_with_logits(tf.constant(labels, x.dtype), weights * x)

    report = check(loss, {"x": x}, order=2)

    # The Hessian for logits z = c x is diag(p) − p pᵀ.
    p = np.exp(c * x) / np.exp(c * x).sum(axis=-1, keepdims=True)
    expected = c * p * (c - (p * c).sum(axis=-1, keepdims=True))
    assert report.verdict is Verdict.PASS
    np.testing.assert_allclose(at_order(report, 2).tape, expected, rtol=1e-9)


# A shift of x moves nothing, so that the sums Σ_i ∂²L/∂x_i∂x_j of a plain layer norm are all 0.
SCALES, WEIGHTS = normal(5, seed=4), normal(5, seed=3)
EPSILON = 1e-3


def slope_of_layer_norm(x: Array) -> Array:
    """Gradient of Σ c ŷ for ŷ = (z − m) / s, z = a x: a (c − mean c − ŷ mean(c ŷ)) / s; analytic in x."""
    centred = SCALES * x - (SCALES * x).mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    y = centred / scale
    projected = (WEIGHTS * y).mean(axis=-1, keepdims=True)
    slope: Array = SCALES * (WEIGHTS - WEIGHTS.mean() - y * projected) / scale
    return slope


def layer_norm(x: Any) -> Any:
    """Layer normalisation of weighted inputs by plain means, its outputs weighted too."""
    x = tf.constant(SCALES, x.dtype) * x
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(centred**2, -1, keepdims=True)
    return centred * tf.math.rsqrt(variance + tf.constant(EPSILON, x.dtype)) * tf.constant(WEIGHTS, x.dtype)


def layer_norm_by_moments(x: Any) -> Any:
    """The same by tf.nn.moments, whose variance takes the mean for a constant."""
    x = tf.constant(SCALES, x.dtype) * x
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    scale = tf.math.rsqrt(variance + tf.constant(EPSILON, x.dtype))
    return (x - mean) * scale * tf.constant(WEIGHTS, x.dtype)


def test_second_order_of_layer_normalisation() -> None:
    x = normal(2, 5)

    report = check(layer_norm, {"x": x}, order=2)

    assert report.verdict is Verdict.PASS
    np.testing.assert_allclose(at_order(report, 1).tape, slope_of_layer_norm(x), rtol=1e-9)
    np.testing.assert_allclose(at_order(report, 2).tape, complex_step(slope_of_layer_norm, x), rtol=1e-9)


def test_several_variables() -> None:
    x, w = normal(2, 3), normal(3, 4, seed=1)

    report = check(lambda x, w: tf.tanh(x @ w), {"x": x, "w": w}, order=2)

    assert report.verdict is Verdict.PASS
    labels = [v.label for v in report.variables]
    assert labels == ["x", "w", "x (order 2)", "w (order 2)"]

    def slopes(x: Array, w: Array) -> Array:
        r = 1 - np.tanh(x @ w) ** 2
        return np.asarray((r @ w.T).sum() + (x.T @ r).sum())

    np.testing.assert_allclose(at_order(report, 2).tape, complex_step(lambda z: slopes(z, w), x), rtol=1e-9)
    expected = complex_step(lambda z: slopes(x, z), w)
    np.testing.assert_allclose(at_order(report, 2, "w").tape, expected, rtol=1e-9)


def test_elu_has_a_second_derivative_below_zero_and_a_corner_at_it() -> None:
    x = np.array([-3.0, -0.5, 0.0, 2.0])

    report = check(lambda x: tf.nn.elu(x), {"x": x}, order=2)

    assert report.verdict is Verdict.PASS
    second = at_order(report, 2)
    np.testing.assert_allclose(second.tape[[0, 1, 3]], [np.exp(-3.0), np.exp(-0.5), 0.0], rtol=1e-9)
    assert second.verdicts.tolist() == [1, 1, ElementVerdict.KINK, 1]


def test_upstream_gradient_is_kept_at_higher_orders() -> None:
    x, r = np.array([1.0, 2.0]), np.array([3.0, -1.0])

    report = check(lambda x: x**3, {"x": x}, order=2, upstream=r)

    assert report.verdict is Verdict.PASS
    np.testing.assert_allclose(at_order(report, 2).tape, r * 6 * x)


# Zeros, None and corners.


@pytest.mark.parametrize(
    "function",
    [pytest.param(lambda x: 3 * x, marks=pytest.mark.full), lambda x: tf.reduce_sum(x), tf.ones_like],
)
def test_a_straight_function_has_no_second_derivative(function: Any) -> None:
    """The tape gives None there, and it is right."""
    report = check(function, {"x": normal(4)}, order=3)

    assert report.verdict is Verdict.PASS
    assert not at_order(report, 2).tape.any()
    assert [c.verdict for c in report.comparisons] == [ElementVerdict.MATCH]


@pytest.mark.parametrize(
    ("function", "x"),
    [
        pytest.param(tf.nn.relu, [0.0, 1.0, -1.0, 1e-9], id="relu"),
        pytest.param(tf.abs, [0.0, 1.0, -1.0, -1e-3], id="abs", marks=pytest.mark.full),
        pytest.param(
            lambda x: tf.clip_by_value(x, -1, 1),
            [1.0, -1.0, 0.5, 1.0 - 1e-5],
            id="clip",
            marks=pytest.mark.full,
        ),
        pytest.param(
            lambda x: tf.nn.max_pool1d(x[None, :, None], 3, 1, "VALID"),
            [4.0, 4.0, 5.0, 5.0, 5.0, 1.0],
            id="max pool",
            marks=pytest.mark.full,
        ),
        pytest.param(lambda x: tf.nn.relu(x) ** 2, [0.0, 1.0, -1.0], id="relu squared"),
    ],
)
def test_corners_pass_at_the_second_order(function: Any, x: list[float]) -> None:
    report = check(function, {"x": np.array(x)}, order=2)

    assert report.verdict is Verdict.PASS, str(report)


def second_derivative(second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """relu with a right gradient whose own gradient is `second` (x)."""

    def function(x: Any) -> Any:
        def backward(dy: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def slope(dy: Any, x: Any) -> Any:
                step = tf.cast(x > 0, x.dtype)
                return dy * step, lambda d: (d * step, d * dy * second(x))

            return slope(dy, x)

        return tf.nn.relu(x), backward

    custom: Callable[[Any], Any] = tf.custom_gradient(function)
    return custom


@pytest.mark.full
def test_a_wrong_value_at_a_jump_does_not_pass() -> None:
    x = np.array([0.0, 1.0, -1.0])

    right = check(second_derivative(tf.zeros_like), {"x": x}, order=2)
    at_zero = check(second_derivative(lambda x: 5 * tf.cast(x == 0, x.dtype)), {"x": x}, order=2)
    beside = check(second_derivative(lambda x: 5 * tf.cast(x > -0.5, x.dtype)), {"x": x}, order=2)

    assert right.verdict is Verdict.PASS
    assert at_zero.verdict is not Verdict.PASS
    assert beside.verdict is Verdict.FAIL


# Wrong ones.


def cube(wrong: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """x³ with a right first gradient, whose own gradient by x is wrong(dy, x) instead of 6 x dy."""

    def function(x: Any) -> Any:
        def backward(dy: Any) -> Any:
            @tf.custom_gradient  # type: ignore[untyped-decorator]
            def slope(dy: Any, x: Any) -> Any:
                return 3 * dy * x**2, lambda d: (3 * d * x**2, d * wrong(dy, x))

            return slope(dy, x)

        return x**3, backward

    custom: Callable[[Any], Any] = tf.custom_gradient(function)
    return custom


@pytest.mark.parametrize("factor", named([5.0, 6.001, -6.0, 0.0], str, among({6.001})))
def test_a_wrong_second_order_is_found(factor: float) -> None:
    function = cube(lambda dy, x: factor * dy * x)

    report = check(function, {"x": normal(5)}, order=3)

    assert check(function, {"x": normal(5)}).verdict is Verdict.PASS
    assert report.verdict is Verdict.FAIL
    assert at_order(report, 2).counts["mismatch"] == 5
    assert any(line.startswith("x (order 2): ") for line in report.diagnosis)


def test_outputs_that_cancel_hide_no_mistake() -> None:
    """As those of a softmax, which add up to 1: an upstream gradient of ones sees nothing of them, and is
    not the one that is shown."""
    function = cube(lambda dy, x: 5 * dy * x)

    report = check(lambda x: tf.stack([function(x), -function(x)]), {"x": normal(3)}, order=2)

    assert at_order(report, 2).tape.all()
    assert at_order(report, 2).counts["mismatch"] == 3
    assert "upstream gradient of ones the tape gradient by x is 0" in report.warnings[0]


def test_a_stopped_gradient_is_found_and_ends_the_climb() -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(x: Any) -> Any:
        return x**3, lambda dy: 3 * dy * tf.stop_gradient(x) ** 2

    report = check(function, {"x": normal(5)}, order=3)

    assert report.verdict is Verdict.FAIL
    assert {v.order for v in report.variables} == {1, 2}
    assert "Order 3 was not checked, since order 2 fails." in report.warnings
    (line,) = report.diagnosis
    assert line.startswith("x (order 2): the tape returned no gradient (None)")


def test_nothing_is_climbed_from_a_wrong_gradient() -> None:
    report = check(lambda x: tf.stop_gradient(x) * x, {"x": normal(3)}, order=4)

    assert {v.order for v in report.variables} == {1}
    assert "Order 2 and those above were not checked, since order 1 fails." in report.warnings


def test_what_fails_in_another_way_does_not_end_the_climb() -> None:
    report = check(
        lambda x: x**3 if tf.executing_eagerly() else 2 * x**3, {"x": normal(3)}, order=2, execution="graph"
    )

    assert report.verdict is Verdict.FAIL
    assert at_order(report, 2).counts["match"] == 3


@pytest.mark.full
def test_the_variance_of_tensorflow_is_wrong_at_the_second_order() -> None:
    """tf.nn.moments stops the gradient of the mean inside the variance: right once, wrong twice."""
    x = normal(2, 5)

    report = check(layer_norm_by_moments, {"x": x}, order=2)

    truth = complex_step(slope_of_layer_norm, x)
    assert at_order(report, 1).counts["match"] == x.size
    assert report.verdict is Verdict.FAIL
    np.testing.assert_allclose(at_order(report, 2).difference, truth, rtol=1e-6)
    assert np.abs(at_order(report, 2).tape - truth).max() > 0.01 * np.abs(truth).max()


def test_cross_entropy_of_tensorflow_forgets_the_labels_at_the_second_order() -> None:
    """∂²L/∂x∂p is softmax(x) − δ for Σ p = 1; TensorFlow leaves the −δ out of the gradient for p."""
    x, p = normal(1, 3), np.array([[0.2, 0.5, 0.3]])

    report = check(tf.nn.softmax_cross_entropy_with_logits, {"labels": p, "logits": x}, order=2)

    assert report.verdict is Verdict.FAIL
    assert at_order(report, 2, "labels").counts["mismatch"] == 3
    assert at_order(report, 2, "logits").counts["match"] == 3


def test_a_gradient_in_numpy_cannot_be_differentiated_by_its_upstream_gradient() -> None:
    """The function is straight, so that its own second derivative is rightly None."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def triple(x: Any) -> Any:
        def backward(dy: Any) -> Any:
            return tf.reshape(tf.numpy_function(lambda r: 3 * r, [dy], dy.dtype), x.shape)

        return 3 * x, backward

    report = check(triple, {"x": normal(4)}, order=2)

    (held,) = (c for c in report.comparisons if c.what == "tape by its upstream gradient")
    assert held.verdict is ElementVerdict.MISMATCH
    assert "no gradient" in held.note
    assert report.verdict is Verdict.FAIL
    assert check(lambda x: 3 * x, {"x": normal(4)}, order=2).comparisons[0].verdict is ElementVerdict.MATCH


# The corpus: TensorFlow's own second derivatives are wrong, missing or not finite in these cases.

WRONG_TWICE = {
    "reductions: product with a zero": "the gradient of a cumulative product divides by 0",
    "softmax and norms: cross entropy with probabilities": "the labels are forgotten",
    "softmax and norms: layer norm": "tf.nn.moments",
    "softmax and norms: batch norm": "tf.nn.moments",
    "low precision: float32 layer norm": "tf.nn.moments",
    "low precision: float32 layer norm far from 0": "tf.nn.moments",
    "low precision: float32 layer norm of pairs": "tf.nn.moments",
    "low precision: resized image": "the gradient of the backward pass is missing",
    "domain edges: logarithm at 1e-200": "1e400 is infinite",
}
UNKNOWN = {
    "softmax and norms: softmax at low temperature": "lost in the rounding of 1 − 1e-21",
}
REFUSED = {"custom gradients: recomputed": "tf.recompute_grad raises"}
EVERY_RUN = {*UNKNOWN, "low precision: resized image", "domain edges: logarithm at 1e-200"}
"""A derivative of which too little is known, one that is missing and one that is not finite."""


@pytest.mark.parametrize(
    "case",
    named(
        [case for case in RIGHT if case.label not in REFUSED],
        lambda case: case.label,
        lambda number, case: number == 0 or case.label in EVERY_RUN,
    ),
)
def test_the_corpus_at_the_second_order(case: Case) -> None:
    function, inputs = case.make(6, 0)

    report = check(function, inputs, order=2)

    if case.label in WRONG_TWICE:
        assert report.verdict is Verdict.FAIL, str(report)
        assert all(v.verdict <= ElementVerdict.KINK for v in report.variables if v.order == 1)
    elif case.label in UNKNOWN:
        assert report.verdict is Verdict.INCONCLUSIVE, str(report)
    else:
        # What the first order comes to is not the question here.
        second = [v.verdict for v in report.variables if v.order == 2]
        second += [c.verdict for c in report.comparisons]
        assert second
        assert ElementVerdict.UNCHECKED < max(second) <= ElementVerdict.KINK, str(report)


# Cost and refusals.


def test_cost_does_not_grow_with_the_size() -> None:
    small, large = (check(tf.tanh, {"x": normal(n)}, order=2) for n in (10, 10_000))

    assert small.verdict is large.verdict is Verdict.PASS
    assert large.evaluations <= 2 * small.evaluations


def test_a_gradient_that_cannot_be_differentiated_is_an_error() -> None:
    function = tf.recompute_grad(lambda x: tf.tanh(x) ** 2)

    with pytest.raises(GradcheckError, match=r"gradient of .* raised NotImplementedError"):
        check(function, {"x": normal(3)}, order=2)


@pytest.mark.parametrize("order", [0, -1, 9, 1.5, True, "2"])
def test_an_order_is_a_whole_number_from_one_to_eight(order: Any) -> None:
    with pytest.raises(GradcheckError, match="no whole number from 1 to 8"):
        check(tf.sin, {"x": 1.0}, order=order)


def test_same_seed_same_report() -> None:
    first, again = (check(tf.nn.softmax, {"x": normal(2, 3)}, order=2, seed=4) for _ in range(2))

    assert [v.difference.tolist() for v in first.variables] == [
        v.difference.tolist() for v in again.variables
    ]
