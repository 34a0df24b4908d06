"""A Keras layer or model as a target: every floating input and every trainable weight is a variable."""

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import GradcheckError, TargetError
from gradcheck.targets.binding import Binding, as_it_was
from gradcheck.targets.function import Target
from gradcheck.targets.layer_class import at_float64
from gradcheck.targets.loss import Last
from gradcheck.targets.stateless import Call, Stateless, refuse_random
from gradcheck.targets.user_frames import refusal
from gradcheck.targets.weight_names import names_of_weights

# Parameters of a layer's `call` that never take data.
_NO_DATA = ("self", "training", "mask")


def target(
    layer: Any,
    data: Mapping[str, Array],
    *,
    training: bool = False,
    mask: Array | None = None,
    rebuild: Callable[[], Any] | None = None,
    last: Last | None = None,
    name: str | None = None,
    call: Call | None = None,
) -> Target:
    """A Keras layer or model with its data by name, and its trainable weights named as Keras names them.

    The layer is left as it is: its variables, states and random seeds too, have their values after the check.
    Takes the data as `build` does; raises `TargetError` where the layer does not, or draws random numbers.

    `training` and `mask` are arguments of the call, or `call` makes it; `rebuild` makes the layer at float64,
    by default from its config; `last`, such as a loss, is applied to the output; `name` is for the report.
    """
    arrays = build(layer, data, training=training, mask=mask)
    weights = {
        key: _rounded(variable.numpy(), layer)
        for key, variable in names_of_weights(layer, layer.trainable_variables, data).items()
    }
    remake = rebuild or partial(at_float64, layer)
    call = call or _call(layer, data, training, mask)
    function = Stateless(name or title(layer), layer, call, list(arrays.values()), remake, last)
    with as_it_was(layer):
        _prepare(function)
    in_place = None if function.binding is Binding.SCOPE else function.in_place
    return Target(
        function.name,
        function,
        arrays | weights,
        within=partial(as_it_was, layer),
        variables=function.variables(),
        tape_only=in_place is not None,
        in_place=in_place,
        assigns=function.binding is Binding.ASSIGNMENT,
    )


def _prepare(function: Stateless) -> None:
    try:
        if function.last is not None:
            # A loss may make variables of its own, which it cannot in a stateless scope.
            with as_it_was(function.layer):
                function.finished(function.layer, [tf.constant(array) for array in function.data])
        refuse_random(function)
        function.prepare()
    except GradcheckError:
        raise
    except Exception as error:  # whatever the call of a user's layer does
        raise refusal(function.name, error, "when it was called") from error


def title(layer: Any) -> str:
    """What a report calls a layer: its class, and a model by its name."""
    return str(layer.name) if isinstance(layer, keras.Model) else type(layer).__name__


def build(
    layer: Any, data: Mapping[str, Array], *, training: bool = False, mask: Array | None = None
) -> dict[str, Array]:
    """The data as the layer takes it, after a first call if the layer has no weights yet.

    `data` are arrays by name in the order of the call. Floating ones are rounded to the layer's compute
    dtype, as Keras does itself; integers are passed as they are, and so are whole numbers for an embedding.
    """
    indices = _takes_indices(layer, list(data))
    whole = [key for key in indices if (data[key] == np.rint(data[key].astype(np.float64))).all()]
    arrays = {
        key: array.astype(np.int32) if key in whole else _rounded(array, layer) for key, array in data.items()
    }
    if not layer.built:
        try:
            _call(layer, data, training, mask)(layer, [tf.constant(array) for array in arrays.values()])
        except Exception as error:  # whatever the build and call of a user's layer do
            raise refusal(title(layer), error, "when it was built") from error
    return arrays


def _takes_indices(layer: Any, names: Sequence[str]) -> set[str]:
    """Names of the data that are indices: those of an embedding, also where it comes first in a model."""
    if isinstance(layer, keras.layers.Embedding):
        return set(names)
    inputs = _inputs(layer)
    parts = [part for part in layer._flatten_layers() if isinstance(part, keras.layers.Embedding)]
    embedded = {id(tensor) for part in parts for node in part._inbound_nodes for tensor in node.input_tensors}
    by_name = {tensor.name: tensor for tensor in inputs}
    ordered = [by_name[name] for name in names] if set(by_name) == set(names) else inputs
    return {
        name
        for name, tensor in zip(names, ordered, strict=False)
        if id(tensor) in embedded or not tf.as_dtype(tensor.dtype).is_floating
    }


def _inputs(layer: Any) -> list[Any]:
    """The inputs that a functional model names; none for every other layer."""
    return (getattr(layer, "inputs", None) or []) if isinstance(layer, keras.Model) else []


def _call(layer: Any, data: Mapping[str, Array], training: bool, mask: Array | None) -> Call:
    # Said even where it is False: some layers, such as RandomFlip, take True by themselves.
    keywords: dict[str, Any] = {"training": training}
    if mask is not None:
        keywords["mask"] = tf.constant(np.asarray(mask, bool))
    first, *others = (Call(way, keywords) for way in _arrangements(layer, list(data)))
    if not others:
        return first
    tensors = [tf.constant(_rounded(array, layer)) for array in data.values()]
    return next((call for call in (first, *others) if _works(call, layer, tensors)), first)


def _works(call: Call, layer: Any, tensors: Sequence[Any]) -> bool:
    """Whether a layer takes tensors in this way; it is built by the call if it was not."""
    try:
        with keras.StatelessScope() if layer.built else contextlib.nullcontext():
            call(layer, tensors)
    except Exception:  # whatever a user's layer does with a list that should be a dict
        return False
    return True


def _rounded(array: Array, layer: Any) -> Array:
    if not is_floating(array.dtype):
        return array
    with np.errstate(over="ignore"):
        return np.asarray(array.astype(tf.as_dtype(layer.compute_dtype).as_numpy_dtype))


def _arrangements(layer: Any, names: Sequence[str]) -> list[Callable[[Sequence[Any]], tuple[Any, ...]]]:
    """How a layer may take several tensors: as arguments of their own, as a list or as a dict."""
    inputs = _inputs(layer)
    if inputs and len(inputs) != len(names):
        wanted = ", ".join(f"{tensor.name} {tuple(tensor.shape)}" for tensor in inputs)
        raise TargetError(
            f"The model {layer.name} takes {len(inputs)} inputs and got {len(names)}.",
            f"Its inputs are, in order: {wanted}.",
        )

    def by_name(data: Sequence[Any]) -> tuple[Any, ...]:
        return (dict(zip(names, data, strict=True)),)

    if inputs and {tensor.name for tensor in inputs} == set(names):
        return [by_name]
    unknown = [] if inputs else [by_name]
    if len(names) == 1:
        return [tuple, *(unknown if isinstance(layer, keras.Model) else [])]
    if not inputs and _takes_arguments(layer, len(names)):
        return [tuple]
    return [lambda data: (list(data),), *unknown]


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
