"""Points at which differences are hard: edges, poles, oscillation, scales, half precision, cancellation."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from tests.corpus.case import Broken, Function, distorted, one_element, scaled
from tests.parameters import among, every, named
from tests.saying import fails, lines, normal, passes


def test_a_wrong_gradient_at_a_domain_edge_fails() -> None:
    fails(distorted(lambda x: tf.where(x < 2.0, np.nan, x**2), scaled(1.001)), x=np.array([2.0, 3.0]))


@pytest.mark.parametrize("distance", named([1e-12, 1e-9, 1e-6, 1e-2], str, every(4)))
def test_near_a_pole(distance: float) -> None:
    x = np.array([distance, -distance, 1.0])

    passes(lambda x: 1 / x, x=x)
    fails(distorted(lambda x: 1 / x, one_element(1.01)), x=x)


@pytest.mark.parametrize("frequency", named([1e6, 1e4, 1e2], str, every(3)))
def test_fast_oscillation(frequency: float) -> None:
    passes(lambda x: tf.sin(frequency * x), x=normal(4))
    fails(distorted(lambda x: tf.sin(frequency * x), scaled(1.001)), x=normal(4))


@pytest.mark.parametrize("constant", named([1e6, 1e3], str, every(2)))
def test_a_large_constant_over_a_small_signal(constant: float) -> None:
    """At 1e6 the signal has five digits left."""
    passes(lambda x: constant + tf.sin(x) / 10, x=normal(4))
    fails(distorted(lambda x: constant + tf.sin(x) / 10, scaled(1.01)), x=normal(4))


@pytest.mark.parametrize(
    "scales",
    named(
        itertools.product([1e-12, 1.0, 1e12], [1e-12, 1e-6, 1.0, 1e6, 1e12]),
        lambda scales: f"{scales[0]}-{scales[1]}",
        among({(1e12, 1e12), (1e-12, 1e12), (1e12, 1e-12)}),
    ),
)
def test_scale_of_inputs_and_outputs(scales: tuple[float, float]) -> None:
    height, scale = scales

    def function(x: Any) -> Any:
        return height * tf.tanh(x / scale)

    passes(function, x=scale * normal(4))
    fails(distorted(function, one_element(1.0001)), x=scale * normal(4))


def test_both_scales_in_one_tensor() -> None:
    scales = np.array([1e-12, 1e12, 1.0, 1e-6])

    passes(lambda x: tf.sin(x / scales), x=scales * normal(4))
    fails(distorted(lambda x: tf.sin(x / scales), one_element(1.0001)), x=scales * normal(4))


HALVED: dict[str, Function] = {
    "tanh": lambda x: tf.tanh(x) * x,
    "sum": lambda x: tf.reduce_sum(tf.exp(x)),
    "softmax": lambda x: tf.nn.softmax(x),
    "corner": lambda x: tf.nn.relu(x) ** 2,
}


@pytest.mark.parametrize(
    "tried",
    named(
        itertools.product(HALVED, ["float16", "bfloat16"]),
        "-".join,
        # Each function once, each dtype twice.
        among({("tanh", "float16"), ("sum", "bfloat16"), ("softmax", "bfloat16"), ("corner", "float16")}),
    ),
)
def test_half_precision(tried: tuple[str, str]) -> None:
    function, dtype = HALVED[tried[0]], tf.as_dtype(tried[1]).as_numpy_dtype

    passes(function, x=normal(6, dtype=dtype))
    fails(distorted(function, scaled(1.001)), x=normal(6, dtype=dtype))


def test_a_mistake_at_half_precision_only() -> None:
    """Right in float64, twice too large in float16: the tape that the user runs is the one that counts."""

    def backward(dy: Any, x: Any) -> Any:
        return dy * tf.cos(x) * (2 if x.dtype == tf.float16 else 1)

    report = fails(Broken(lambda x: tf.sin(x), backward), x=normal(4, dtype=np.float16))

    assert "float16" in lines(report)


def test_sums_that_cancel() -> None:
    """The parts are 1e8 times larger than what is left of them."""

    def function(x: Any) -> Any:
        return 1e8 * tf.reduce_sum(x) - 1e8 * tf.reduce_sum(x[::-1]) + tf.reduce_sum(tf.sin(x))

    assert check(function, {"x": normal(5)}).verdict is not Verdict.FAIL
    fails(distorted(function, scaled(-1.0)), x=normal(5))


def test_upstream_gradient_that_cancels() -> None:
    """Σ r_i f_i is nearly 0, its parts are not: the tolerance follows the parts."""

    def function(x: Any) -> Any:
        return tf.stack([tf.sin(x), -tf.sin(x) * (1 + 1e-9)])

    passes(function, x=normal(4))
