"""The linearity of a backward pass in its upstream gradient, held against backward passes in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.checks.orders import backward_is_linear
from gradcheck.verdicts.verdict import ElementVerdict
from tests.posed import posed
from tests.saying import normal


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_backward_pass_that_is_no_function_of_its_upstream_gradient_is_found(name: str) -> None:
    """The gradient of one of two variables is computed outside of TensorFlow."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def product(x: Any, y: Any) -> Any:
        def backward(r: Any) -> Any:
            found = {"x": r * y, "y": r * x}
            outside = tf.numpy_function(lambda r, other: r * other, [r, x if name == "y" else y], r.dtype)
            found[name] = tf.reshape(outside, x.shape)
            return found["x"], found["y"]

        return x * y, backward

    found = {c.variable: c for c in backward_is_linear(posed(product, x=normal(4), y=normal(4, seed=1)))}

    for variable in ("x", "y"):
        wrong = found[variable].verdict is ElementVerdict.MISMATCH
        assert wrong == (variable == name)
        assert (found[variable].note != "") == (variable == name)


def test_right_backward_passes_are_linear() -> None:
    found = backward_is_linear(posed(lambda x, y: tf.tanh(x @ y), x=normal(3, 4), y=normal(4, 2)))

    assert [c.verdict for c in found] == [ElementVerdict.MATCH] * 2
    assert all(np.isfinite(c.error) and c.tolerance > 0 for c in found)
