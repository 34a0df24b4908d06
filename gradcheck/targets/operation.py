"""An operation of TensorFlow as a target: executed again with other tensors for its inputs.

`tf.raw_ops` has a function for each operation; its arguments are those of the operation's definition, and the
attributes that do not follow from the tensors.
"""

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.targets.function import Target


def repeatable(kind: str, inputs: Sequence[Any]) -> bool:
    """Whether an operation with these inputs is a function of numbers alone, some of them floating, which
    neither draws them nor reads variables."""
    definition = _definition(kind)
    numbers = all(map(_is_number, inputs)) and any(tensor.dtype.is_floating for tensor in inputs)
    return definition is not None and not definition.is_stateful and numbers


@cache
def is_public(name: str) -> bool:
    """Whether TensorFlow has a function of this name that people call, such as `moments`."""
    return any(hasattr(module, name) for module in (tf, tf.nn, tf.math, tf.linalg, tf.image, tf.signal))


def target(kind: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Target:
    """An operation that is `repeatable`, by TensorFlow's name of it, at its inputs."""
    function = getattr(tf.raw_ops, kind)
    known = inspect.signature(function).parameters
    options = {key: value for key, value in attributes.items() if key in known}
    places = _places(kind, attributes)
    # The function calls some arguments otherwise than the definition, in the same order: `axis` for
    # `reduction_indices`.
    defined = list(dict.fromkeys(name for name, _ in places))
    others = iter(key for key in known if key not in {*defined, *options, "name"})
    called = {name: name if name in known else next(others) for name in defined}

    def again(*tensors: Any) -> Any:
        arguments: dict[str, Any] = {}
        for (name, number), tensor in zip(places, tensors, strict=True):
            key = called[name]
            arguments[key] = tensor if number is None else [*arguments.get(key, []), tensor]
        return function(**arguments, **options)

    names = [name if number is None else f"{name}/{number}" for name, number in places]
    return Target(kind, again, dict(zip(names, map(np.asarray, inputs), strict=True)))


def _is_number(tensor: Any) -> bool:
    dtype = tensor.dtype
    return bool(dtype.is_floating or dtype.is_integer or dtype.is_complex or dtype.is_bool)


def _definition(kind: str) -> Any:
    """TensorFlow's definition of an operation that `tf.raw_ops` has; None for all others."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(kind) if hasattr(tf.raw_ops, kind) else None


def _places(kind: str, attributes: Mapping[str, Any]) -> list[tuple[str, int | None]]:
    """For each input the argument that it belongs to, and its place in the list that this one takes, None
    where it takes no list."""
    found: list[tuple[str, int | None]] = []
    for argument in _definition(kind).input_arg:
        if argument.number_attr:
            found += [(argument.name, place) for place in range(attributes[argument.number_attr])]
        elif argument.type_list_attr:
            found += [(argument.name, place) for place in range(len(attributes[argument.type_list_attr]))]
        else:
            found.append((argument.name, None))
    return found
