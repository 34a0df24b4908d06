"""A Keras layer or model as a target: every floating input and every trainable weight is a variable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.errors import TargetError
from gradcheck.targets.rebuild import at_float64
from gradcheck.targets.stateless import Call, Stateless
from gradcheck.targets.target import Array, Target, is_floating
from gradcheck.targets.weights import named

# Parameters of a layer's `call` that never take data.
_NO_DATA = ("self", "training", "mask")


def target(
    layer: Any,
    data: Mapping[str, Array],
    *,
    training: bool = False,
    mask: Array | None = None,
    rebuild: Callable[[], Any] | None = None,
    last: Callable[[Any], Any] | None = None,
) -> Target:
    """A Keras layer or model with its data by name, and its trainable weights named as Keras names them.

    The layer is called in a stateless scope: neither its weights nor its state (moving averages, random
    seeds) change. A layer that is not built yet is built by calling it once.

    Parameters
    ----------
    layer
        A `keras.layers.Layer`; models are layers too.
    data
        Arrays by name in the order of the call. Floating ones are rounded to the layer's compute dtype, as
        Keras does itself; integer ones are passed as they are.
    training
        Whether it is called in training mode.
    mask
        Passed as `mask`, booleans.
    rebuild
        Makes the layer once more at float64; by default from its config.
    last
        Applied to the output, such as a loss.

    Raises
    ------
    TargetError
        If the layer does not take the data, or draws random numbers.
    """
    name = type(layer).__name__ if not isinstance(layer, keras.Model) else layer.name
    keywords: dict[str, Any] = {"training": True} if training else {}
    if mask is not None:
        keywords["mask"] = tf.constant(mask.astype(bool))
    call = Call(_arrangement(layer, list(data)), keywords)
    arrays = {key: _rounded(array, layer) for key, array in data.items()}
    if not layer.built:
        _build(layer, name, call, arrays)
    weights = {
        key: _rounded(variable.numpy(), layer)
        for key, variable in named(layer.trainable_variables, data).items()
    }
    function = Stateless(
        name, layer, call, list(arrays.values()), rebuild or (lambda: at_float64(layer)), last
    )
    function.refuse_random()
    return Target(name, function, arrays | weights)


def _rounded(array: Array, layer: Any) -> Array:
    if not is_floating(array.dtype):
        return array
    with np.errstate(over="ignore"):
        rounded: Array = array.astype(tf.as_dtype(layer.compute_dtype).as_numpy_dtype)
    return rounded


def _build(layer: Any, name: str, call: Call, arrays: Mapping[str, Array]) -> None:
    try:
        call(layer, [tf.constant(array) for array in arrays.values()])
    except Exception as error:  # whatever the build and call of a user's layer do
        from gradcheck.tape import refusal

        raise refusal(name, error, "when it was built") from error


def _arrangement(layer: Any, names: Sequence[str]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """How a layer takes several tensors: as arguments of their own, as a list or as a dict."""
    inputs = getattr(layer, "inputs", None) if isinstance(layer, keras.Model) else None
    if inputs and len(inputs) != len(names):
        wanted = ", ".join(f"{tensor.name} {tuple(tensor.shape)}" for tensor in inputs)
        raise TargetError(
            f"The model {layer.name} takes {len(inputs)} inputs and got {len(names)}.",
            f"Its inputs are, in order: {wanted}.",
        )
    if inputs and {tensor.name for tensor in inputs} == set(names):
        return lambda data: (dict(zip(names, data, strict=True)),)
    if len(names) == 1 or (not inputs and _takes_arguments(layer, len(names))):
        return tuple
    return lambda data: (list(data),)


def _takes_arguments(layer: Any, count: int) -> bool:
    """Whether `call` has a parameter of its own for each of `count` tensors; most of Keras takes a list.

    Parameters that have a value other than None to start with are switches, not data.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(layer.call).parameters.values()
    usable = [
        p for p in parameters if p.kind in kinds and p.name not in _NO_DATA and p.default in (p.empty, None)
    ]
    return len(usable) >= count or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
