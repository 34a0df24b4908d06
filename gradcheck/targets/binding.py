"""A Keras layer with its weights bound by assignment, for backward passes that touch them.

Weights are put in by a stateless scope, which lasts for the call alone and is invisible to tapes. A custom
gradient inside the layer may read the layer's own variables in its backward pass, which runs after the call,
or take them as `variables=`, which only a tape that watches real variables hands it; `tf.recompute_grad` does
both. For such layers the point is assigned to the variables while the backward pass runs, and taken back; in
the forward pass too where the call is traced, for a graph keeps the variables that it was traced with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array, eps_of
from gradcheck.targets.function import values_of

Run = Callable[[Sequence[Any]], Any]
"""A call of the layer with some tensors."""
SPREAD = 64.0
"""Roundings of an output by which two evaluations of it may differ."""
MOVED = 2.0**-6
"""Share by which weights are moved from what the variables hold, so that it shows where they are read."""


def unlisted(layer: Any) -> list[Any]:
    """Variables that the parts of a layer hold besides those that Keras lists: the states of a recurrence,
    and those of TensorFlow."""
    known = {id(variable) for variable in layer.variables}
    found: list[Any] = []
    for part in layer._flatten_layers():
        for leaf in _leaves(list(vars(part).values())):
            module = isinstance(leaf, tf.Module) and not isinstance(leaf, (keras.layers.Layer, tf.Variable))
            for variable in leaf.variables if module else [leaf]:
                if isinstance(variable, (keras.Variable, tf.Variable)) and id(variable) not in known:
                    known.add(id(variable))
                    found.append(variable)
    return found


def _leaves(value: Any) -> Iterator[Any]:
    """What lists, tuples and dicts hold, in order; keys may be anything."""
    if isinstance(value, (list, tuple, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(part)
    else:
        yield value


def carry_over(layer: Any, copy: Any) -> None:
    """Give a copy the values of all variables of a layer, states included."""
    others = zip(unlisted(layer), unlisted(copy), strict=False)
    for own, variable in (*zip(layer.variables, copy.variables, strict=True), *others):
        if own.shape == variable.shape:
            variable.assign(tf.cast(tf.convert_to_tensor(own), variable.dtype))


@contextlib.contextmanager
def _unchanged(variables: Sequence[Any]) -> Iterator[None]:
    """Variables are as before afterwards."""
    before = [tf.identity(tf.convert_to_tensor(variable)) for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def as_it_was(layer: Any) -> contextlib.AbstractContextManager[None]:
    """All variables of a layer, those that Keras does not list too, are as before afterwards."""
    return _unchanged([*layer.variables, *unlisted(layer)])


@contextlib.contextmanager
def assigned(variables: Sequence[Any], values: Sequence[Any], layer: Any = None) -> Iterator[None]:
    """Variables have these values, and are as before afterwards, as all others of their `layer` are."""
    with _unchanged(variables) if layer is None else as_it_was(layer):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(tf.cast(value, variable.dtype))
        yield


def by_assignment(
    variables: Sequence[Any], call: Run, count: int, layer: Any = None, forward: Run | None = None
) -> Callable[..., Any]:
    """`call`, of `count` data alone, as a function of the data and of variables, those of a `layer` or of
    nobody, which are assigned while its backward pass runs, and in the forward pass too unless there is
    another way to that, `forward`.

    A second derivative of it does not see the variables: `Target.tape_only` has such checks refused.
    """

    def assigned_run(tensors: Sequence[Any]) -> Any:
        with assigned(variables, tensors[count:], layer):
            return tf.nest.map_structure(tf.identity, call(tensors[:count]), expand_composites=True)

    run = forward or assigned_run

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def function(*tensors: Any) -> Any:
        def backward(*upstream: Any, **watched: Any) -> Any:
            data = tensors[:count]
            with assigned(variables, tensors[count:], layer):
                with tf.GradientTape() as tape:
                    tape.watch([tensor for tensor in data if tensor.dtype.is_floating])
                    output = tf.nest.flatten(call(data))
                found = tape.gradient(output, [*data, *variables], output_gradients=list(upstream))
            # A variable of a mixed policy is float32 where the tensor that stands for it is not.
            dense = [
                None if gradient is None else tf.cast(tf.convert_to_tensor(gradient), tensor.dtype)
                for gradient, tensor in zip(found, tensors, strict=True)
            ]
            return (dense, [None] * len(watched["variables"])) if watched else dense

        return run(tensors), backward

    found: Callable[..., Any] = function
    return found


def dense_outputs(result: Any) -> list[Any]:
    """All outputs as tensors: of sparse and ragged ones their values."""
    leaves = (leaf for leaf in tf.nest.flatten(result) if leaf is not None)
    return [tf.convert_to_tensor(values_of(leaf)) for leaf in leaves]


def joined(outputs: Any) -> Array:
    """Every real floating output, flat, as float64."""
    return np.asarray(_flat(outputs).numpy())


def _flat(outputs: Any) -> Any:
    parts = [part for part in dense_outputs(outputs) if part.dtype.is_floating]
    flat = [tf.cast(tf.reshape(part, [-1]), tf.float64) for part in parts]
    return tf.concat([*flat, tf.zeros(0, tf.float64)], 0)


def gradients(function: Callable[..., Any], tensors: Sequence[Any]) -> tuple[Array, list[Array | None]]:
    """All outputs, and the tape gradients of a weighted sum: plain sums are constant for a softmax."""
    floating = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floating)
        flat = _flat(function(*tensors))
        total = tf.reduce_sum(flat * tf.linspace(tf.constant(1.0, tf.float64), 2.0, tf.size(flat)))
    found = tape.gradient(total, floating)
    dense = [None if gradient is None else tf.convert_to_tensor(gradient).numpy() for gradient in found]
    return flat.numpy(), dense


def moved(weights: Sequence[Any]) -> list[Any]:
    """Weights a little off those given."""
    return [weight + MOVED * (tf.abs(weight) + tf.reduce_mean(tf.abs(weight)) + MOVED) for weight in weights]


class Binding(Enum):
    """How a layer comes by its weights."""

    SCOPE = "by a stateless scope"
    BACKWARD = "by assignment in the backward pass"
    ASSIGNMENT = "by assignment in both passes: a traced function keeps the variables it was traced with"


def binding_of(
    scoped: Callable[..., Any], bound: Callable[..., Any], data: Sequence[Any], weights: Sequence[Any]
) -> Binding:
    """The least that gives a layer the outputs and gradients of weights that are assigned to it, which is
    what `bound` does, at weights that its variables do not hold.

    Outputs are compared by how far the move of the weights moves them: a graph that keeps the old weights
    may be a small part of a large output.
    """
    still, tensors = [*data, *weights], [*data, *moved(weights)]
    try:
        outputs, real = gradients(bound, tensors)
        before = joined(bound(*still))
    except Exception:  # whatever a user's layer does outside a scope
        return Binding.SCOPE
    share = float(np.sqrt(max(eps_of(tensor.dtype.name) for tensor in tensors if tensor.dtype.is_floating)))
    rounding = SPREAD * share**2 * float(np.max(np.abs(outputs), initial=0.0))
    moves = joined(scoped(*tensors)) - joined(scoped(*still))
    if not _alike(moves, outputs - before, share, rounding):
        return Binding.ASSIGNMENT
    try:
        _, found = gradients(scoped, tensors)
    except Exception:  # a custom gradient with `variables=` is refused where no variable is read
        return Binding.BACKWARD
    alike = all(_alike(a, b, share) for a, b in zip(found, real, strict=True))
    return Binding.SCOPE if alike else Binding.BACKWARD


def _alike(a: Array | None, b: Array | None, share: float, rounding: float = 0.0) -> bool:
    if a is None or b is None:
        return a is b
    limit = share * float(np.max(np.abs(b), initial=0.0)) + rounding
    return bool(np.allclose(a, b, rtol=0, atol=limit, equal_nan=True))
