"""A Keras layer or model as a target: every floating input and every trainable weight is a variable."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.errors import GradcheckError
from gradcheck.targets.binding import Binding, as_it_was
from gradcheck.targets.function import Target
from gradcheck.targets.layer_call import call_of, model_inputs, rounded, title
from gradcheck.targets.layer_class import at_float64
from gradcheck.targets.loss import Last
from gradcheck.targets.stateless import Call, Stateless, refuse_random
from gradcheck.targets.user_frames import refusal
from gradcheck.targets.weight_names import names_of_weights


def target(
    layer: Any,
    data: Mapping[str, Array],
    *,
    rebuild: Callable[[], Any] | None = None,
    last: Last | None = None,
    name: str | None = None,
    call: Call | None = None,
) -> Target:
    """A Keras layer or model with its data by name, and its trainable weights named as Keras names them.

    The layer is left as it is: its variables, states and random seeds too, have their values after the check.
    Takes the data as `build` does; raises `TargetError` where the layer does not, or draws random numbers.

    `call` is how the layer is called, by default with the data alone; `rebuild` makes the layer at float64,
    by default from its config; `last`, such as a loss, is applied to the output; `name` is for the report.
    """
    call = call or call_of(layer, data)
    arrays = build(layer, data, call)
    weights = {
        key: rounded(variable.numpy(), layer)
        for key, variable in names_of_weights(layer, layer.trainable_variables, data).items()
    }
    remake = rebuild or partial(at_float64, layer)
    function = Stateless(name or title(layer), layer, call, list(arrays.values()), remake, last)
    with _untouched(layer):
        _prepare(function)
    in_place = None if function.binding is Binding.SCOPE else function.in_place
    return Target(
        function.name,
        function,
        arrays | weights,
        within=partial(_untouched, layer),
        variables=function.variables(),
        tape_only=in_place is not None,
        in_place=in_place,
        assigns=function.binding is Binding.ASSIGNMENT,
        origin=layer,
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


@contextlib.contextmanager
def _untouched(layer: Any) -> Iterator[None]:
    """The variables of a layer, and the losses that its last call added, are as before afterwards."""
    added = [(part, list(part._losses), set(part._loss_ids)) for part in layer._flatten_layers()]
    with as_it_was(layer):
        try:
            yield
        finally:
            for part, losses, ids in added:
                part._losses[:] = losses
                part._loss_ids.clear()
                part._loss_ids.update(ids)


def build(layer: Any, data: Mapping[str, Array], call: Call) -> dict[str, Array]:
    """The data as the layer takes it, after a first call if the layer has no weights yet.

    `data` are arrays by name in the order of `call`. Floating ones are rounded to the layer's compute
    dtype, as Keras does itself; integers are passed as they are, and so are whole numbers for an embedding.
    """
    indices = _takes_indices(layer, list(data))
    whole = [key for key in indices if (data[key] == np.rint(data[key].astype(np.float64))).all()]
    arrays = {
        key: array.astype(np.int32) if key in whole else rounded(array, layer) for key, array in data.items()
    }
    if not layer.built:
        try:
            call(layer, [tf.constant(array) for array in arrays.values()])
        except Exception as error:  # whatever the build and call of a user's layer do
            raise refusal(title(layer), error, "when it was built") from error
    return arrays


def _takes_indices(layer: Any, names: Sequence[str]) -> set[str]:
    """Names of the data that are indices: those of an embedding, also where it comes first in a model."""
    if isinstance(layer, keras.layers.Embedding):
        return set(names)
    inputs = model_inputs(layer)
    parts = [part for part in layer._flatten_layers() if isinstance(part, keras.layers.Embedding)]
    embedded = {id(tensor) for part in parts for node in part._inbound_nodes for tensor in node.input_tensors}
    by_name = {tensor.name: tensor for tensor in inputs}
    ordered = [by_name[name] for name in names] if set(by_name) == set(names) else inputs
    return {
        name
        for name, tensor in zip(names, ordered, strict=False)
        if id(tensor) in embedded or not tf.as_dtype(tensor.dtype).is_floating
    }
