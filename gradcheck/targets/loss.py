"""A loss on top of the output of a layer or model: of Keras, of the user, or the model's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.errors import TargetError, did_you_mean
from gradcheck.targets.activations import functions
from gradcheck.targets.by_output import for_each, is_one, outputs_by_name, truth_for_each
from gradcheck.targets.source import is_source, load
from gradcheck.targets.structure import filled, named
from gradcheck.targets.user_frames import message

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
    what the callable takes as its first argument: a dict or list of arrays. A dict or list of losses is one
    for each output, and their sum is taken; Keras' own losses are for every output.

    Raises `TargetError` if there is no such loss, or it is none.
    """
    parts = [loss] if is_one(loss) else [*(loss.values() if isinstance(loss, Mapping) else loss)]
    found = _found(loss) if is_one(loss) else keras.tree.map_structure(_found, loss)
    name = "+".join(_name(part) for part in parts if part is not None)
    truth, weights = _tensors(y, "y"), _tensors(sample_weight, "The sample weights")

    def last(layer: Any, arguments: Sequence[Any], output: Any, training: bool) -> Any:
        given = _like(truth, output)
        whole = not _is_keras(found) or all(map(is_one, (given, output, weights)))
        if is_one(found) and whole:
            return _mean(found, given, output, weights)
        return _sum(found, given, layer, output, weights)

    return name, last


def _found(loss: Any) -> Any:
    """The loss that a text or a class means; Keras' own by name stays a name, and None is none."""
    found = _named(loss) if isinstance(loss, str) else loss
    if isinstance(found, type) and issubclass(found, keras.losses.Loss):
        found = found()
    if not callable(found) and not isinstance(found, str | None):
        raise TargetError(
            f"The loss is {type(found).__name__}, which cannot be called.",
            "Give a name in keras.losses, or a function of (y, output).",
        )
    return found


def _name(loss: Any) -> str:
    if isinstance(loss, str):
        return loss.rpartition(":")[2]
    return str(getattr(loss, "__name__", type(loss).__name__))


def _is_keras(loss: Any) -> bool:
    """Whether a loss is one of Keras' own, which take the output as one tensor."""
    home = loss if hasattr(loss, "__name__") else type(loss)
    return isinstance(loss, str) or str(home.__module__).startswith("keras.")


def _sum(losses: Any, truth: Any, layer: Any, output: Any, weights: Any) -> Any:
    """The sum of the losses of all outputs, as `keras.Model.compile` takes it."""
    outputs = outputs_by_name(layer, output)
    chosen = {
        key: loss for key, loss in for_each(losses, outputs, output, "loss").items() if loss is not None
    }
    given = truth_for_each(truth, outputs, output, list(chosen))
    weighted = for_each(weights, outputs, output, "sample_weight")
    return sum(_mean(loss, given[key], outputs[key], weighted.get(key)) for key, loss in chosen.items())


def own_loss(model: Any, y: Any, sample_weight: Any = None) -> tuple[str, Last]:
    """The loss that a model computes itself, with what its layers and regularisers add: its `compute_loss`.

    Raises `TargetError` if it has none of its own and was not compiled with a loss.
    """
    compute = getattr(type(model), "compute_loss", None)
    compiled = bool(getattr(model, "compiled", False) and getattr(model, "loss", None))
    if compute is None or (compute is keras.Model.compute_loss and not compiled):
        raise TargetError(
            f"There is a y, and {model.name} was not compiled with a loss and has no compute_loss of its own"
            f"{', only a train_step, of which no loss can be had' if _has_train_step(model) else ''}.",
            "Name a loss, such as mse, or a function of (y, output).",
        )
    truth, weights = _tensors(y, "y"), _tensors(sample_weight, "The sample weights")

    def last(layer: Any, arguments: Sequence[Any], output: Any, training: bool) -> Any:
        if compute is keras.Model.compute_loss and is_one(truth):
            truth_for_each(truth, outputs_by_name(layer, output), output, ())
        x = arguments[0] if len(arguments) == 1 else arguments
        weighted = _like(weights, output)
        return layer._compute_loss(x, _like(truth, output), output, weighted, training=training)

    return "compute_loss", last


def _has_train_step(model: Any) -> bool:
    return getattr(type(model), "train_step", None) not in (None, keras.Model.train_step)


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


def at_this_precision(loss: Any) -> Any:
    """A loss object as it is in Keras' default dtype, for it computes in the one that it was made in; what
    is none, as it is."""
    if not isinstance(loss, keras.losses.Loss) or loss.dtype == keras.config.floatx():
        return loss
    # Not from its config, which may leave an argument out.
    other = object.__new__(type(loss))
    vars(other).update(vars(loss), _dtype=keras.config.floatx())
    return other


def _mean(given: Any, truth: Any, output: Any, weights: Any) -> Any:
    loss = keras.losses.get(given) if isinstance(given, str) else at_this_precision(given)
    with warnings.catch_warnings():
        if _is_keras(loss):
            # Keras warns of a loss over one class, which is constant.
            warnings.simplefilter("error", SyntaxWarning)
        if isinstance(loss, keras.losses.Loss):
            # It takes the mean itself.
            return tf.reduce_mean(loss(truth, output, sample_weight=weights))
        each = tf.convert_to_tensor(loss(truth, output))
    return tf.reduce_mean(each if weights is None else each * _beside(weights, each))


def _beside(weights: Any, each: Any) -> Any:
    """Sample weights as they multiply what a loss gives for each sample, or for each number of it."""
    if not is_one(weights):
        raise TargetError("The loss is one for all outputs, and the sample weights are several arrays.")
    while weights.shape.rank > each.shape.rank and weights.shape[-1] == 1:
        weights = tf.squeeze(weights, -1)
    rank = weights.shape.rank
    if rank > each.shape.rank or weights.shape != each.shape[:rank] or not rank:
        raise TargetError(
            f"The sample weights have shape {tuple(weights.shape)}, and the loss gives {tuple(each.shape)}.",
            "Give one weight for each sample, and a loss that gives a number for each.",
        )
    return tf.reshape(tf.cast(weights, each.dtype), [*weights.shape, *[1] * (each.shape.rank - rank)])


def _tensors(value: Any, what: str) -> Any:
    """Arrays, nested or not, as tensors; None as it is. Lists of numbers are one array, as for NumPy."""
    template, leaves = named(value)
    return filled(template, {path: _tensor(leaf, what) for path, leaf in leaves.items()})


def _tensor(value: Any, what: str) -> Any:
    if value is None:
        return None
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise TargetError(f"{what} is no array: {message(error)}", "Give rows of one length.") from error
    if array.dtype.kind in "OUSMm":
        raise TargetError(
            f"{what} is no array of numbers ({array.dtype}).",
            "Give an array, or a dict or list of arrays.",
        )
    return tf.constant(array)


def _like(value: Any, output: Any) -> Any:
    """Floating tensors in the dtype of the output; integers, and None, as they are."""
    if value is None:
        return None
    dtypes = [leaf.dtype for leaf in tf.nest.flatten(output) if leaf.dtype.is_floating]

    def cast(leaf: Any) -> Any:
        kept = leaf is None or not dtypes or not leaf.dtype.is_floating
        return leaf if kept else tf.cast(leaf, dtypes[0])

    return keras.tree.map_structure(cast, value)
