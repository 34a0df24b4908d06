"""Mistakes that people make in a `tf.custom_gradient`: none may pass, at any size.

The forward is right in every case, so that TensorFlow's own gradient of it passes (the last tests), and only
the mistake in the backward pass can be what fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Report, Verdict, check
from gradcheck.arrays.types import Array
from gradcheck.checking import check_target
from gradcheck.settings import Settings
from gradcheck.targets.dense import dense
from gradcheck.targets.function import Target
from gradcheck.targets.pooling import avgpool1d, maxpool1d
from tests.parameters import among, every, named

SIZES = (1, 100, 10_000)
Backward = Callable[[Any, Any], Any]


def forward(x: Any) -> Any:
    """x² + sin x: its derivative differs from one element to the next, and is nowhere 0 for these inputs."""
    return x * x + tf.sin(x)


def slope(x: Any) -> Any:
    """The derivative of `forward`."""
    return 2 * x + tf.cos(x)


def with_backward(backward: Backward) -> Callable[[Any], Any]:
    """`forward` with a gradient of its own; `backward` is given x and the upstream gradient."""

    def function(x: Any) -> Any:
        return forward(x), lambda upstream: backward(x, upstream)

    graded: Callable[[Any], Any] = tf.custom_gradient(function)
    return graded


def point(size: int) -> Array:
    """Numbers between 1 and 2, in no order."""
    numbers: Array = np.random.default_rng(size).uniform(1.0, 2.0, size)
    return numbers


def one_wrong_element(x: Any, r: Any) -> Any:
    """Only the middle element is off, by a tenth of a percent."""
    flat = tf.range(tf.size(x)) == tf.size(x) // 2
    return r * slope(x) * tf.where(flat, tf.constant(1.001, x.dtype), tf.constant(1.0, x.dtype))


# The mistake, and the words that must say why (None where nothing in the gradient tells).
MISTAKES: dict[str, tuple[Backward, str | None]] = {
    "factor 1.001": (lambda x, r: 1.001 * r * slope(x), "constant factor: tape = 1.001"),
    "factor 2": (lambda x, r: 2 * r * slope(x), "constant factor: tape = 2"),
    "sign": (lambda x, r: -r * slope(x), "sign is wrong"),
    "one element": (one_wrong_element, "only one element is wrong"),
    "zero": (lambda x, r: tf.zeros_like(x), "zero where it should not be"),
    "None": (lambda x, r: None, "returned no gradient"),
    "NaN": (lambda x, r: r * slope(x) * tf.constant(np.nan, x.dtype), "not finite"),
    "infinity": (lambda x, r: r * slope(x) / tf.zeros_like(x), "not finite"),
    "upstream ignored": (lambda x, r: slope(x), "upstream gradient is ignored"),
    "upstream squared": (lambda x, r: r * r * slope(x), "used non-linearly"),
    "longer shape": (lambda x, r: tf.concat([r * slope(x), [x[0]]], axis=0), "gradient of shape"),
    "scalar shape": (lambda x, r: tf.reduce_sum(r * slope(x)), "gradient of shape ()"),
}
# What a single element cannot show: a factor, and a wrong element among right ones, are the same there.
ALONE = {"one element": "constant factor: tape = 1.001"}


def told(report: Report) -> str:
    """The diagnosis in lower case, and the counts, for the message of a failing assert."""
    return " ".join([*report.diagnosis, *(str(variable.counts) for variable in report.variables)])


REPEATED = [(10_000, "float64"), (10_000, "float32"), (1, "float32"), (1, "float64"), (100, "float64")]


@pytest.mark.parametrize(
    ("size", "dtype"),
    [
        (100, "float32"),
        *(pytest.param(*pair, marks=pytest.mark.full) for pair in REPEATED),
    ],
)
@pytest.mark.parametrize("mistake", named(MISTAKES, str, lambda number, mistake: number % 2 == 1))
def test_a_mistake_fails_and_is_named(mistake: str, size: int, dtype: str) -> None:
    backward, words = MISTAKES[mistake]
    report = check(with_backward(backward), {"x": point(size).astype(dtype)})

    assert report.verdict is Verdict.FAIL, told(report)
    words = ALONE.get(mistake, words) if size == 1 else words
    if words is not None:
        assert words in told(report)


@pytest.mark.parametrize("size", named(SIZES, str, among({100})))
def test_only_the_wrong_element_is_called_wrong(size: int) -> None:
    report = check(with_backward(one_wrong_element), {"x": point(size)})

    [variable] = report.variables
    assert variable.counts["mismatch"] == 1
    assert variable.worst_index == (size // 2,)


def test_both_shapes_are_named() -> None:
    report = check(with_backward(MISTAKES["longer shape"][0]), {"x": point(4)})

    assert "(5,)" in told(report)
    assert "(4,)" in told(report)
    assert not np.isfinite(report.variables[0].tape).any()


@pytest.mark.parametrize("side", named([2, 10, 100], str, among({10})))
def test_a_transposed_gradient_fails_and_is_named(side: int) -> None:
    """Of a square matrix, since the shape tells for any other."""
    function = with_backward(lambda x, r: tf.transpose(r * slope(x)))
    report = check(function, {"x": point(side * side).reshape(side, side)}, upstream=np.ones((side, side)))

    assert report.verdict is Verdict.FAIL
    assert "transpose" in told(report)


@pytest.mark.parametrize("rows", named([1, 10, 100], str, among({10})))
def test_transposed_weights_of_a_dense_layer_fail(rows: int) -> None:
    """w and its transpose have one shape where d_in = units."""

    def layer(x: Any, w: Any) -> Any:
        return x @ w, lambda r: (r @ w, tf.transpose(x) @ r)

    x, w = point(rows * 10).reshape(rows, 10), point(100).reshape(10, 10)
    report = check(tf.custom_gradient(layer), {"x": x, "w": w})

    assert report.verdict is Verdict.FAIL
    verdicts = {variable.name: variable.verdict.label for variable in report.variables}
    assert verdicts == {"x": "mismatch", "w": "match"}


# A closed form is a third opinion: where it alone is wrong, the check fails too.


def dense_of(size: int) -> Target:
    """A dense layer whose square weights have `size` elements."""
    side = round(size**0.5)
    return dense(point(side).reshape(1, side), point(size).reshape(side, side))


# Each with the variable that has `size` elements.
TARGETS: dict[str, tuple[Callable[[int], Target], str]] = {
    "dense": (dense_of, "w"),
    "maxpool1d": (lambda size: maxpool1d(point(size).reshape(1, size, 1), pool_size=1), "x"),
    "avgpool1d": (lambda size: avgpool1d(point(size).reshape(1, size, 1), pool_size=1), "x"),
}


def with_wrong_formula(target: Target, name: str, factor: float) -> Target:
    """The target with a closed form whose last element of one variable is off by `factor`."""
    right = target.closed_form
    assert right is not None

    def closed_form(inputs: Any, upstream: Array) -> dict[str, Array]:
        gradients = right(inputs, upstream)
        gradients[name].reshape(-1)[-1] *= factor
        return gradients

    return replace(target, closed_form=closed_form)


@pytest.mark.parametrize("factor", named([1.001, -1.0, 0.0, np.nan], str, every(3)))
@pytest.mark.parametrize("size", named(SIZES, str, among({100})))
@pytest.mark.parametrize("layer", TARGETS)
def test_a_wrong_closed_form_fails(layer: str, size: int, factor: float) -> None:
    make, name = TARGETS[layer]
    report = check_target(with_wrong_formula(make(size), name, factor), Settings())

    assert report.verdict is Verdict.FAIL
    assert "not with the closed form" in told(report)
    counts = {variable.name: variable.counts["mismatch"] for variable in report.variables}
    assert counts == {variable: int(variable == name) for variable in counts}
    wrong = next(variable for variable in report.variables if variable.name == name)
    assert wrong.worst_index == tuple(length - 1 for length in wrong.shape)


# The same functions with right gradients pass: it was the mistakes that failed.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_the_right_gradient_passes(size: int, dtype: str) -> None:
    array = point(size).astype(dtype)

    assert check(forward, {"x": array}).verdict is Verdict.PASS
    assert check(with_backward(lambda x, r: r * slope(x)), {"x": array}).verdict is Verdict.PASS


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layer", TARGETS)
def test_right_closed_forms_pass(layer: str, size: int) -> None:
    assert check_target(TARGETS[layer][0](size), Settings()).verdict is Verdict.PASS


def test_a_wrong_formula_is_told_where_the_tape_is_rightly_zero() -> None:
    wrong = Target("f", lambda x: 0 * x, {"x": point(3)}, lambda inputs, upstream: {"x": np.ones(3)})

    report = check_target(wrong, Settings())

    assert report.verdict is Verdict.FAIL
    assert "not with the closed form" in told(report)
