"""How exactly a function computes, against functions that are rounded on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import check
from gradcheck.arrays.types import eps_of
from gradcheck.function.noise_level import NoiseLevel, known, measure
from gradcheck.function.primal import Meter, Primal
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.saying import normal


def measured(function: Function, x: Array) -> tuple[NoiseLevel, Array]:
    primal = Primal(Target("f", function, {"x": x}), ["x"], "float64")
    base = primal.at_point().numpy()
    return measure(primal, base, 0, 0.0, Meter()), base


def through(dtype: str) -> Function:
    return lambda x: tf.cast(tf.cast(x, dtype), x.dtype)


SMOOTH: dict[str, Function] = {
    "sine": lambda x: tf.sin(3 * x),
    "polynomial": lambda x: x**3 - 2 * x,
    "softmax": lambda x: tf.nn.softmax(x),
    "corners": lambda x: tf.nn.relu(x) + tf.abs(x - 0.5),
    "fast oscillation": lambda x: 2 + tf.sin(1e5 * x),
    "one number": lambda x: tf.reduce_sum(x**2)[None],
}


@pytest.mark.parametrize("name", SMOOTH)
def test_float64_is_seen_as_it_is(name: str) -> None:
    found, base = measured(SMOOTH[name], normal(40))

    assert found.dtype == "float64"
    assert found.coarsest <= 16 * eps_of("float64")
    # The sine of 1e5 · x is off by as much as 1e5 · x is.
    rounding = (1e6 if name == "fast oscillation" else 16) * eps_of("float64")
    assert np.median(found.noise / np.abs(base)) <= rounding


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["sine", "polynomial", "softmax"])
def test_outputs_rounded_as_a_whole(name: str, dtype: str) -> None:
    found, _ = measured(lambda x: through(dtype)(SMOOTH[name](x)), normal(40))

    assert 0.1 <= found.coarsest / eps_of(dtype) <= 4


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_one_term_that_is_rounded(dtype: str) -> None:
    """The rounding of the term stands in the noise of the sum: ε |term| / √12, and not much more."""
    found, _ = measured(lambda x: tf.sin(x) + through(dtype)(tf.cos(x) + 2), normal(40))
    truth = eps_of(dtype) * np.abs(np.cos(normal(40)) + 2) / np.sqrt(12)

    share = found.noise / truth
    assert 0.2 <= np.median(share) <= 6


def test_one_of_two_outputs_is_rounded() -> None:
    def function(x: Any) -> Any:
        return tf.sin(x), through("float32")(tf.exp(x))

    found, _ = measured(function, normal(40))

    assert found.finest <= 16 * eps_of("float64")
    assert 0.1 <= found.coarsest / eps_of("float32") <= 4
    assert (found.eps[:40] < 1e-12).all()
    assert (found.eps[40:] > 1e-9).all()


def test_sums_that_cancel_are_noise_and_no_coarser_dtype() -> None:
    """1e6 − 1e6 leaves ten digits."""
    found, _ = measured(lambda x: (1e6 + tf.sin(x)) - 1e6, normal(40))

    assert found.coarsest < 1e-2 * eps_of("float32")
    assert 1e-11 <= np.median(found.noise) <= 1e-9


def test_a_known_noise_level() -> None:
    found = known(1e-3, np.array([2.0, -4.0]))

    assert found.noise.tolist() == [2e-3, 4e-3]
    assert found.finest == found.coarsest == 1e-3


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_an_oscillation_finer_than_the_line_is_no_rounding(factor: float) -> None:
    """sin(10⁸ x) turns three hundred times between two points of the line"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def fast(x: Any) -> Any:
        return tf.sin(1e8 * x), lambda r: factor * 1e8 * r * tf.cos(1e8 * x)

    report = check(fast, {"x": normal(3, 4)})
    assert report.variables[0].counts["mismatch"] == (0 if factor == 1.0 else 12)
    assert report.passed == (factor == 1.0)
