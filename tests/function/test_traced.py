"""A check leaves nothing behind in TensorFlow, and takes away nothing of the user's."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from gradcheck import Verdict, check

X = np.array([[0.5, -1.25, 2.0], [0.25, 1.5, -0.75]])


@tf.custom_gradient  # type: ignore[untyped-decorator]
def wrong_square(x: Any) -> Any:
    return x * x, lambda dy: dy * x


def in_a_loop(x: Any) -> Any:
    return tf.while_loop(lambda i, _: i < 2, lambda i, a: (i + 1, wrong_square(a)), (0, x))[1]


def in_a_branch(x: Any) -> Any:
    return tf.cond(tf.reduce_sum(x) > -100, lambda: wrong_square(x), lambda: x)


def in_a_long_function(x: Any) -> Any:
    for _ in range(60):
        x = tf.sin(x)
    return wrong_square(x)


@pytest.mark.parametrize("function", [wrong_square, in_a_loop, in_a_branch, in_a_long_function])
def test_no_gradient_stays_registered(function: Any) -> None:
    before = set(ops.gradient_registry.list())

    report = check(function, {"x": X}, execution=("eager", "graph"))
    gc.collect()

    assert report.verdict is Verdict.FAIL
    assert set(ops.gradient_registry.list()) <= before


def test_the_graph_of_the_user_keeps_its_gradients() -> None:
    function = tf.function(wrong_square)
    check(lambda x: tf.sin(function(x)), {"x": X})

    with tf.GradientTape() as tape:
        x = tf.constant(X)
        tape.watch(x)
        found = function(x)

    np.testing.assert_array_equal(tape.gradient(found, x), X)


def test_a_graph_of_the_user_that_is_put_into_another_keeps_its_gradients() -> None:
    own = tf.function(wrong_square).get_concrete_function(tf.TensorSpec(X.shape, tf.float64))
    definition, given, found = own.graph.as_graph_def(), own.inputs[0].name, own.outputs[0].name

    def imported(x: Any) -> Any:
        x = in_a_long_function(x)
        if tf.executing_eagerly():
            return wrong_square(x)
        return tf.graph_util.import_graph_def(definition, {given: x}, [found])[0]

    registered = set(ops.gradient_registry.list())
    check(imported, {"x": X}, execution=("eager", "graph"))
    gc.collect()

    assert own.graph.get_operations()[-2].get_attr("_gradient_op_type").decode() in registered
    assert registered <= set(ops.gradient_registry.list())
