"""A loss on top of the output of a layer or model: of Keras, of the user, or the model's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.errors import TargetError, did_you_mean
from gradcheck.targets.activations import functions
from gradcheck.targets.source import is_source, load
from gradcheck.targets.user_frames import SHOWN, message

Last = Callable[[Any, Sequence[Any], Any, bool], Any]
"""(layer, positional arguments of its call, output, whether in training mode) → what is differentiated."""


def loss_on_top(layer: Any, loss: Any, y: Any, sample_weight: Any) -> tuple[str | None, Last | None]:
    """What a target of a layer is called and what is applied to its output; None of both without a `y`.

    Raises `TargetError` where what is given does not go together.
    """
    if y is None:
        if loss is not None or sample_weight is not None:
            raise TargetError("A loss needs y, what the output should be.", "Give y as well.")
        return None, None
    name, last = own_loss(layer, y, sample_weight) if loss is None else loss_on(loss, y, sample_weight)
    return f"{name}({layer.name})", last


def loss_on(loss: Any, y: Any, sample_weight: Any = None) -> tuple[str, Last]:
    """A loss as a function of the output, and its name: the mean over the samples, as in training.

    `loss` is a name in keras.losses, FILE.py:NAME, an object or class of keras.losses, or any callable of
    (y, output); what is not a scalar is multiplied by the sample weights and averaged. `y` is an array, or
    what the callable takes as its first argument: a dict or list of arrays.

    Raises `TargetError` if there is no such loss, or it is none.
    """
    found = _named(loss) if isinstance(loss, str) else loss
    name = (
        loss.rpartition(":")[2] if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    )
    if isinstance(found, type) and issubclass(found, keras.losses.Loss):
        found = found()
    if not callable(found) and not isinstance(found, str):
        raise TargetError(
            f"The loss is {type(found).__name__}, which cannot be called.",
            "Give a name in keras.losses, or a function of (y, output).",
        )
    truth, weights = _tensors(y), _tensors(sample_weight)

    def last(layer: Any, arguments: Sequence[Any], output: Any, training: bool) -> Any:
        return _mean(_at_this_precision(found), _like(truth, output), output, weights)

    return name, last


def own_loss(model: Any, y: Any, sample_weight: Any = None) -> tuple[str, Last]:
    """The loss that a model computes itself, with what its layers and regularisers add: its `compute_loss`.

    Raises `TargetError` if it has none of its own and was not compiled with a loss.
    """
    compute = getattr(type(model), "compute_loss", None)
    compiled = bool(getattr(model, "compiled", False) and getattr(model, "loss", None))
    if compute is None or (compute is keras.Model.compute_loss and not compiled):
        raise TargetError(
            f"There is a y, and {model.name} has no compute_loss of its own.",
            "Name a loss, such as mse, or a function of (y, output); what a model was compiled with is not "
            "kept in its file.",
        )
    truth, weights = _tensors(y), _tensors(sample_weight)

    def last(layer: Any, arguments: Sequence[Any], output: Any, training: bool) -> Any:
        x = arguments[0] if len(arguments) == 1 else arguments
        weighted = _like(weights, output)
        return layer._compute_loss(x, _like(truth, output), output, weighted, training=training)

    return "compute_loss", last


def _named(name: str) -> Any:
    """The loss that a text means: Keras' own stays a name, to be made at the precision of the call."""
    if is_source(name):
        return load(name)
    try:
        keras.losses.get(name)
    except ValueError:
        known = sorted(functions(keras.losses))
        raise TargetError(
            f"Keras {keras.__version__} has no loss named {name!r}.",
            f"{did_you_mean(name, known)}Choose from: {', '.join(known)}; your own is FILE.py:NAME.",
        ) from None
    return name


def _at_this_precision(loss: Any) -> Any:
    """A loss as it is in Keras' default dtype: an object computes in the one that it was made in."""
    if isinstance(loss, str):
        return keras.losses.get(loss)
    if not isinstance(loss, keras.losses.Loss) or loss.dtype == keras.config.floatx():
        return loss
    # Not from its config, which may leave an argument out.
    other = object.__new__(type(loss))
    vars(other).update(vars(loss), _dtype=keras.config.floatx())
    return other


def _mean(loss: Any, truth: Any, output: Any, weights: Any) -> Any:
    if isinstance(loss, keras.losses.Loss):
        # It takes the mean itself.
        return tf.reduce_mean(loss(truth, output, sample_weight=weights))
    each = tf.convert_to_tensor(loss(truth, output))
    return tf.reduce_mean(each if weights is None else each * _beside(weights, each))


def _beside(weights: Any, each: Any) -> Any:
    """Sample weights as they multiply what a loss gives for each sample, or for each number of it."""
    while weights.shape.rank > each.shape.rank and weights.shape[-1] == 1:
        weights = tf.squeeze(weights, -1)
    rank = weights.shape.rank
    if rank > each.shape.rank or weights.shape != each.shape[:rank] or not rank:
        raise TargetError(
            f"The sample weights have shape {tuple(weights.shape)}, and the loss gives {tuple(each.shape)}.",
            "Give one weight for each sample, and a loss that gives a number for each.",
        )
    return tf.reshape(tf.cast(weights, each.dtype), [*weights.shape, *[1] * (each.shape.rank - rank)])


def _tensors(value: Any) -> Any:
    """Arrays, nested or not, as tensors; None as it is."""
    if value is None:
        return None
    try:
        return keras.tree.map_structure(lambda leaf: tf.constant(np.asarray(leaf)), value)
    except (TypeError, ValueError) as error:
        raise TargetError(
            f"y or the sample weights are no arrays: {message(error)[:SHOWN]}",
            "Give an array, or a dict or list of arrays.",
        ) from error


def _like(value: Any, output: Any) -> Any:
    """Floating tensors in the dtype of the output; integers, and None, as they are."""
    if value is None:
        return None
    dtypes = [leaf.dtype for leaf in tf.nest.flatten(output) if leaf.dtype.is_floating]

    def cast(leaf: Any) -> Any:
        return tf.cast(leaf, dtypes[0]) if dtypes and leaf.dtype.is_floating else leaf

    return keras.tree.map_structure(cast, value)
