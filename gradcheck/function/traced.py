"""Functions as graphs that leave nothing behind when they go."""

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

BRANCHING = {"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"}


def traced(function: Callable[..., Any], **settings: Any) -> Any:
    """`tf.function` of a function, with its settings.

    TensorFlow 2.21 keeps the gradient of each `tf.custom_gradient` that it traces for ever, and with it the
    graph, 0.5 MB a check (`_graph_mode_decorator` in ops/custom_gradient.py registers it by a new name). Here
    it goes with the function. What a `tf.function` of the user's own traces inside stays, as that does.
    """
    names: set[str] = set()

    @functools.wraps(function)
    def noting(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        finally:
            names.update(_custom_gradients(tf.compat.v1.get_default_graph()))

    call = tf.function(noting, **settings)
    weakref.finalize(call, _forget, names)
    return call


def _custom_gradients(graph: Any) -> Iterator[str]:
    """Names by which operations of a graph, also in its loops and branches, find a gradient of their own."""
    for operation in graph.get_operations():
        if operation.type not in BRANCHING and operation.type != "IdentityN":
            continue
        attributes = operation.node_def.attr
        if "_gradient_op_type" in attributes:
            yield attributes["_gradient_op_type"].s.decode()
        for attribute in attributes.values():
            for body in (attribute.func, *attribute.list.func):
                if body.name:
                    yield from _custom_gradients(graph._get_function(body.name).graph)


def _forget(names: set[str]) -> None:
    from tensorflow.python.framework import ops

    for name in names:
        ops.gradient_registry._registry.pop(name, None)
