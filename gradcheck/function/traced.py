"""Functions as graphs that leave nothing behind when they go."""

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

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
        known = {*ops.gradient_registry.list()}
        try:
            return function(*arguments)
        finally:
            # Others are the user's, and a user's graph may have been put into this one.
            names.update({*_custom_gradients(tf.compat.v1.get_default_graph())} - known)

    call = tf.function(noting, **settings)
    weakref.finalize(call, _forget, names)
    return call


def _custom_gradients(graph: Any) -> Iterator[str]:
    """Names by which operations of a graph, also in its loops and branches, find a gradient of their own."""
    for operation in graph.get_operations():
        if operation.type not in BRANCHING and operation.type != "IdentityN":
            continue
        attributes = operation.node_def.attr
        name = attributes["_gradient_op_type"].s.decode()
        if name.startswith("CustomGradient-"):
            yield name
        for attribute in attributes.values():
            for body in (attribute.func, *attribute.list.func):
                inner: Any = graph._get_function(body.name) if body.name else None
                if getattr(inner, "graph", None) is not None:  # an imported graph has none
                    yield from _custom_gradients(inner.graph)


def _forget(names: set[str]) -> None:
    for name in names:
        ops.gradient_registry._registry.pop(name, None)
