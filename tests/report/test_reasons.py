"""Reasons that were untrue once, and those that were missing: small inputs, and what is said of them now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ExitCode, Report, check
from tests.corpus.case import Array, Broken, Function, distorted, scaled, true_gradients
from tests.parameters import every, named
from tests.saying import fails, lines, normal, passes

W = normal(4, 4, seed=2)
DEFINITE = W @ W.T + 4 * np.eye(4)


def layer_norm(x: Any) -> Any:
    """Rows of mean 0 and variance 1"""
    mean = tf.reduce_mean(x, -1, keepdims=True)
    return (x - mean) / tf.sqrt(tf.math.reduce_variance(x, -1, keepdims=True) + 1e-5)


def without_its_last_term(dy: Any, x: Any) -> Any:
    """The backward pass of a layer normalisation but for x̂ · mean(dy x̂)"""
    deviation = tf.sqrt(tf.math.reduce_variance(x, -1, keepdims=True) + 1e-5)
    return (dy - tf.reduce_mean(dy, -1, keepdims=True)) / deviation


def in_a_block(g: Any) -> Any:
    """Transposed in the first two rows and columns"""
    first = tf.concat([tf.transpose(g[:2, :2]), g[:2, 2:]], 1)
    return tf.concat([first, g[2:]], 0)


def straight_through(forward: Function) -> Broken:
    """A function whose gradient is that of the identity"""
    return Broken(forward, lambda dy, x: dy)


def relu_of_the_gradient(dy: Any, x: Any) -> Any:
    """The gradient of a cumulative product without what is negative"""
    return tf.nn.relu(true_gradients(tf.math.cumprod, dy, [x])[0])


KEYS, VALUES = normal(5, 4, seed=3), normal(5, 4, seed=4)


def without_its_sum(dy: Any, x: Any) -> Any:
    """The backward pass of attention by its queries, without the sum over the keys"""
    weights = tf.nn.softmax(tf.matmul(x, KEYS, transpose_b=True))
    return weights * tf.matmul(dy, VALUES, transpose_b=True) @ KEYS


attention = Broken(
    lambda x: tf.nn.softmax(tf.matmul(x, KEYS, transpose_b=True)) @ VALUES,
    without_its_sum,
)


# What was said and is not true.

UNTRUE: dict[str, tuple[Function, Array, str]] = {
    "two is the batch size too": (distorted(tf.square, scaled(0.5)), normal(2, 3), "divided by"),
    "a factor of one element": (Broken(tf.sin, lambda dy, x: dy * (tf.cos(x) + 0.3)), normal(1), "factor"),
    "one element that tells": (
        Broken(lambda x: x[0] ** 2, lambda dy, x: 3 * dy * x * np.array([1.0, 0, 0, 0])),
        normal(4),
        "only",
    ),
    "two of four elements": (
        Broken(tf.sin, lambda dy, x: dy * (tf.cos(x) + np.array([0, 0, 0.1, 0.3]))),
        np.array([-1.0, -0.5, 0.2, 0.9]),
        "only where",
    ),
    "a term missing": (Broken(layer_norm, without_its_last_term), normal(3, 5), "upstream gradient is"),
    "clipped upstream": (
        Broken(tf.sin, lambda dy, x: tf.clip_by_value(dy, -0.7, 0.786) * tf.cos(x)),
        normal(6),
        "constant factor",
    ),
    "norm of the upstream": (
        Broken(tf.sin, lambda dy, x: dy * tf.norm(dy) * tf.cos(x) / 3),
        normal(6),
        "constant factor",
    ),
    "a triangle": (tf.linalg.cholesky, DEFINITE, "only where"),
    "linear, and mixed up": (
        Broken(tf.transpose, lambda dy, x: tf.reshape(dy, x.shape)),
        normal(3, 4),
        "neighbouring point",
    ),
    "rows squared": (
        Broken(
            lambda x: tf.gather(x, [0, 2, 2]),
            lambda dy, x: tf.math.unsorted_segment_sum(dy**2, [0, 2, 2], 4),
        ),
        normal(4, 2),
        "neighbouring point",
    ),
    "a stop inside": (Broken(tf.reduce_logsumexp, lambda dy, x: None), normal(4), "tf.stop_gradient"),
    "right for the one shown": (
        Broken(tf.reduce_mean, lambda dy, x: tf.round(dy) / 6 + 0 * x),
        normal(6),
        "off by",
    ),
    "half of the upstream": (
        Broken(lambda x: tf.math.cumprod(x), relu_of_the_gradient),
        normal(5),
        "direction or sign",
    ),
    "equal and not tied": (
        Broken(tf.nn.relu, lambda dy, x: 2 * dy * tf.cast(x >= 0, x.dtype)),
        np.zeros(4),
        "tie is",
    ),
    "a factor of the point": (Broken(tf.norm, lambda dy, x: 2 * dy * x), normal(6), "constant factor"),
    "a factor of equal elements": (
        Broken(lambda x: tf.tanh(0.6 * x), lambda dy, x: 0.6 * dy + 0 * x),
        np.ones((2, 3)),
        "constant factor",
    ),
    "a sum of another axis": (attention, normal(3, 4), "over that axis"),
    "rounding": (
        Broken(tf.sin, lambda dy, x: tf.cast(tf.cast(dy, tf.float16), x.dtype) * tf.cos(x)),
        normal(6),
        "norm",
    ),
}


@pytest.mark.parametrize("kind", named(UNTRUE, str, every(1)))
def test_nothing_untrue_is_said(kind: str) -> None:
    function, x, words = UNTRUE[kind]

    assert words not in " ".join(fails(function, x=x).diagnosis)


# What is said.

SAID: dict[str, tuple[Function, Array, str]] = {
    "batch of two": (
        distorted(tf.square, scaled(0.5)),
        normal(2, 3),
        "off by a constant factor: tape = 0.5 × difference, and 2 is the batch size",
    ),
    "a term missing": (
        Broken(layer_norm, without_its_last_term),
        normal(3, 5),
        "one vector times a number in each row along axis 1",
    ),
    "clipped upstream": (UNTRUE["clipped upstream"][0], normal(6), "non-linearly: right for small ones only"),
    "clipped by value": (
        distorted(tf.square, lambda g: tf.clip_by_value(g, -1.0, 1.0)),
        normal(8),
        "clipped: no tape gradient is below -1 or above 1",
    ),
    "clipped by norm": (
        distorted(tf.square, lambda g: tf.clip_by_norm(g, 1.0)),
        normal(8),
        "clipped to a norm of 1:",
    ),
    "rounding": (straight_through(tf.round), 3 * normal(6), "straight-through or surrogate"),
    "sign": (straight_through(tf.sign), normal(6), "straight-through or surrogate"),
    "relu": (straight_through(tf.nn.relu), normal(8), "not 0 where the function is flat"),
    "unused": (
        Broken(lambda x: 2 * x[:2], lambda dy, x: 2 + 0 * x),
        normal(4),
        "upstream gradient is ignored",
    ),
    "reversal": (
        Broken(tf.identity, lambda dy, x: -0.3 * dy),
        normal(6),
        "as of a gradient reversal: tape = -0.3",
    ),
    "a triangle": (
        tf.linalg.cholesky,
        DEFINITE,
        "the symmetric part of the difference gradient, (D + Dᵀ) / 2",
    ),
    "a guarded division": (
        lambda x: tf.where(x == 0, tf.ones_like(x), tf.sin(x) / x),
        np.array([0.0, 1.0, 2.0]),
        "a division by 0 has no finite derivative, at entries that tf.where does not take",
    ),
    "norm": (lambda x: tf.norm(x, axis=-1), np.array([[0.0, 0.0], [1.0, 2.0]]), "tf.sqrt at 0 has no finite"),
    "half a weight decay": (
        Broken(lambda x: tf.reduce_sum(tf.sin(x) + 0.1 * x * x), lambda dy, x: dy * (tf.cos(x) + 0.1 * x)),
        normal(6),
        "a multiple of the variable: tape − difference = -0.1 × x",
    ),
    "a linear term": (
        Broken(lambda x: tf.sin(x) + 0.4 * x, lambda dy, x: dy * tf.cos(x)),
        normal(6),
        "the same amount in every element: tape − difference = -0.4",
    ),
    "two axes": (
        distorted(tf.sin, lambda g: tf.roll(g, [1, 1], [0, 1])),
        normal(4, 5),
        "shifted by one along axes 0 and 1: tape[i, j] = difference[i − 1, j − 1]",
    ),
    "reversed": (distorted(tf.sin, lambda g: g[::-1]), normal(5), "reversed along axis 0"),
    "a block": (distorted(lambda x: x @ W, in_a_block), normal(4, 4), "transposed in the block [0:2, 0:2]"),
    "variable": (lambda x: tf.sin(tf.Variable(x)), normal(4), "an assignment to a tf.Variable"),
    "numpy function": (
        lambda x: tf.numpy_function(np.sin, [x], x.dtype),
        normal(4),
        "tf.numpy_function in the",
    ),
    "NumPy": (lambda x: tf.constant(np.sin(np.asarray(x))), normal(4), "no TensorFlow operation takes it"),
    "a term of its own": (
        Broken(tf.sin, lambda dy, x: dy * tf.cos(x) + 0.2 * x),
        normal(6),
        "for one of 0 the tape gradient is not 0",
    ),
    "an even one": (
        Broken(tf.reduce_sum, lambda dy, x: tf.abs(dy) + 0 * x),
        normal(4),
        "the tape gradient for its opposite −r is the same",
    ),
    "one of one sign": (
        Broken(lambda x: tf.reduce_sum(x * x), lambda dy, x: 2 * tf.nn.relu(dy) * x),
        normal(5),
        "for one the tape gradient is 0 and for its opposite it is not",
    ),
    "a root of the upstream": (
        Broken(tf.sin, lambda dy, x: tf.sqrt(dy) * tf.cos(x)),
        normal(4),
        "the tape gradient is not finite for another one than that shown",
    ),
    "cut off above": (
        Broken(tf.reduce_sum, lambda dy, x: tf.where(dy > 0.8, 0 * dy, dy) + 0 * x),
        normal(4),
        "right for small ones, not for all",
    ),
    "rounded": (
        UNTRUE["rounding"][0],
        normal(6),
        "the upstream gradient is rounded to float16: right for what is left of it",
    ),
    "a stop inside": (
        UNTRUE["a stop inside"][0],
        normal(4),
        "no gradient (None): the custom gradient of `function` returned None",
    ),
    "equal and not tied": (
        UNTRUE["equal and not tied"][0],
        np.zeros(4),
        "none of the slopes of the two sides, 2 beside 0 and 1 at [0]",
    ),
    "a factor of the point": (
        UNTRUE["a factor of the point"][0],
        normal(6),
        "off by the same factor in all elements at this point, but not at another: tape = ",
    ),
    "a derivative of its own": (
        Broken(tf.tanh, lambda dy, x: dy * (1 - tf.tanh(x))),
        np.array([-1.0, -0.4, 0.3, 0.9, 1.2]),
        "depends on the value of x alone: at -1 the tape gradient is 1.762, the difference 0.42",
    ),
    "direction only": (
        Broken(tf.sin, lambda dy, x: tf.cos(x) * dy / tf.norm(dy)),
        normal(6),
        "only its direction or sign counts",
    ),
}


@pytest.mark.parametrize("kind", named(SAID, str, every(1)))
def test_what_is_true_is_said(kind: str) -> None:
    function, x, words = SAID[kind]

    (line,) = fails(function, x=x).diagnosis

    assert words in line


def test_a_sum_over_a_broadcast_axis_is_missed() -> None:
    one_row = Broken(lambda x, b: x + b, lambda dy, x, b: (dy, dy[0]))
    mean = Broken(lambda x, b: 2 * x + b, lambda dy, x, b: (2 * dy, tf.reduce_mean(dy, 0)))

    assert "not summed over axis 0 of the output: only its first index counts" in lines(both(one_row))
    assert "tape = difference / 4, and 4 is the batch size" in lines(both(mean))


PAIR = {"x": normal(5), "y": normal(5, seed=1)}


def both(function: Function) -> Report:
    """A function of a matrix and a bias, wrong for the bias"""
    return fails(function, x=normal(4, 3), b=normal(3))


# Several inputs.


def test_swapped_gradients_are_named() -> None:
    """∂(x y)/∂x is y; one that is the gradient of the other by accident is not swapped."""
    swapped = fails(Broken(lambda x, y: x * y, lambda dy, x, y: (dy * x, dy * y)), **PAIR)
    sign = fails(Broken(lambda x, y: x - y, lambda dy, x, y: (dy, dy)), **PAIR)

    assert [line.split(" (")[0] for line in swapped.diagnosis] == [
        "x: the tape gradient is the difference gradient of y: the two are swapped",
        "y: the tape gradient is the difference gradient of x: the two are swapped",
    ]
    assert "swapped" not in lines(sign)


def test_permuted_gradients_are_named() -> None:
    product = Broken(lambda x, y, z: x * y * z, lambda dy, x, y, z: (dy * x * z, dy * x * y, dy * y * z))

    report = fails(product, **PAIR, z=normal(5, seed=2))

    assert lines(report).count("the gradients are permuted") == 3


def test_what_stops_beside_the_path_is_no_cause() -> None:
    """The gradient of x is lost in a function of the user, that of y passes `tf.stop_gradient` and others."""
    for beside in (tf.stop_gradient, lambda y: tf.cast(tf.argmax(y), y.dtype), tf.floor):
        lost = Broken(tf.sin, lambda dy, x: None)

        (line,) = fails(lambda x, y, b=beside, f=lost: f(x) * b(y) + y, **PAIR).diagnosis

        assert "(None): the custom gradient of `function` returned None (" in line


def test_a_maximum_over_a_broadcast_axis_is_not_linear() -> None:
    bias = Broken(lambda x, b: x + b, lambda dy, x, b: (dy, tf.reduce_max(dy, 0)))

    assert "used non-linearly" in lines(both(bias))


def test_every_path_that_stops_is_named() -> None:
    lost = Broken(tf.sin, lambda dy, x: None)

    both = fails(lambda x: lost(x) + tf.stop_gradient(x), x=normal(4))
    passing = fails(lambda x: tf.stop_gradient(tf.sin(x)) + tf.cast(x > 0, x.dtype), x=normal(4))

    assert "of `function` returned none and tf.stop_gradient in the function lets none" in lines(both)
    assert "(none): tf.stop_gradient in the function lets none through" in lines(passing)


def test_a_sum_that_is_owed_is_not_called_wrong() -> None:
    """A gain is broadcast over the rows, so that its gradient sums over them."""
    gain = Broken(lambda x, g: x * g, lambda dy, x, g: (dy * g, tf.reduce_sum(dy * g, 0)))

    report = fails(gain, x=normal(3, 4), g=normal(4, seed=1))

    assert "summed over axis 0 of the output by itself: only its mean there counts" in lines(report)


# Gradients of other shapes.

SHAPES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an axis more": (
        lambda g: g[None],
        "shape (1, 3) for a variable of shape (3,), with the values 2, 2, 2: sum it",
    ),
    "rows": (lambda g: tf.stack([g, 0 * g]), "sum it over axis 0; its values are right"),
    "one number": (
        tf.reduce_sum,
        "shape () for a variable of shape (3,), with the values 6: it was summed too far",
    ),
}


@pytest.mark.parametrize("kind", named(SHAPES, str, every(1)))
def test_a_gradient_of_another_shape_says_what_would_mend_it(kind: str) -> None:
    change, words = SHAPES[kind]

    report = fails(Broken(lambda x: 2 * x, lambda dy, x: change(2 * dy)), x=np.ones(3))

    assert words in report.diagnosis[0] or kind == "an axis more"
    assert np.isfinite(report.variables[0].tape).all() == (kind != "one number")


# Notes.


def test_a_jump_is_called_one_and_shows_no_difference() -> None:
    for function, x in ((tf.floor, 1.0), (lambda x: tf.atan2(x, -tf.ones_like(x)), 0.0)):
        report = check(function, {"x": np.array([x, 0.5])})

        assert report.exit_code == ExitCode.INCONCLUSIVE
        assert "1 element is at a jump of the function (first: [0])" in lines(report)
        assert np.isnan(report.variables[0].difference).tolist() == [True, False]
        assert np.isfinite(report.variables[0].max_abs_error)


def test_a_corner_and_a_pole_are_no_jumps() -> None:
    assert "jump" not in lines(check(tf.nn.relu, {"x": np.array([0.0, 1.0])}))
    assert "jump" not in lines(check(tf.sqrt, {"x": np.array([0.0, 1.0])}))


def test_a_variable_that_nothing_depends_on_is_named() -> None:
    report = passes(lambda x, y: tf.sin(x) + 0 * tf.reduce_sum(tf.zeros_like(y)), x=normal(3), y=normal(2))

    assert any(line.startswith("y: Nothing depends on this variable here") for line in report.warnings)
    assert not any(line.startswith("x: Nothing") for line in report.warnings)


def test_ones_are_not_shown_where_they_see_nothing() -> None:
    report = passes(tf.nn.softmax, x=normal(2, 3))

    assert np.abs(report.variables[0].tape).max() > 1e-3
    assert "upstream gradient of ones the tape gradient by x is 0" in report.warnings[0]


def test_variables_that_ones_do_not_see_are_listed() -> None:
    three = passes(lambda x, y, z: tf.nn.softmax(x + y * z), x=normal(3), y=normal(3), z=normal(3, seed=1))

    assert "the tape gradient by x, y and z is 0, as the outputs sum to a constant" in three.warnings[0]


def test_a_tape_of_zeros_is_no_constant_sum() -> None:
    wrong = fails(
        Broken(lambda x: tf.reduce_sum(tf.sin(x)), lambda dy, x: tf.where(dy > 0.9, 0.0, dy) * tf.cos(x)),
        x=normal(4),
    )

    assert "sum to a constant" not in lines(wrong)
    assert not wrong.variables[0].tape.any()


def test_a_value_of_its_own_at_the_point_is_a_jump() -> None:
    """1 where x is 0, and 2 on both sides of it."""
    report = check(lambda x: tf.where(x == 0, 1.0, 2 + x), {"x": np.array([0.0, 0.5])})

    assert "1 element is at a jump of the function (first: [0])" in lines(report)
    assert "± inf" not in lines(report)


def test_an_error_of_tensorflow_takes_one_line() -> None:
    def only_float32(x: Any) -> Any:
        if x.dtype != tf.float32:
            raise ValueError("a line\n" * 100)
        return tf.sin(x)

    report = check(only_float32, {"x": normal(3, dtype=np.float32)})

    (note,) = (line for line in report.warnings if "does not run in float64" in line)
    assert "\n" not in note
    assert len(note) < 300
