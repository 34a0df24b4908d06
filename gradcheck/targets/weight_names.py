"""Names for the weights of a Keras layer, and weights set by name."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import ShapeError, TargetError, did_you_mean


def names_of_weights(layer: Any, variables: Sequence[Any], taken: Collection[str] = ()) -> dict[str, Any]:
    """Variables of a Keras layer or model by the shortest end of their path that no other of them shares.

    A lone kernel of a layer is `kernel`, two of them are `query/kernel` and `key/kernel`; a weight of a model
    has at least its layer's name before its own. Names in `taken` are used by something else. Variables with
    one and the same path are numbered.
    """
    shortest = 2 if isinstance(layer, keras.Model) else 1
    paths = _distinct([variable.path for variable in variables])
    ends = Counter(end for path in paths for end in _ends(path, shortest))
    names = {}
    for path, variable in zip(paths, variables, strict=True):
        free = (end for end in _ends(path, shortest) if ends[end] == 1 and end not in taken)
        names[next(free, f"weight:{path}")] = variable
    return names


def _ends(path: str, shortest: int) -> list[str]:
    """b/c and a/b/c of a/b/c, where the shortest has two parts."""
    parts = path.split("/")
    shortest = min(shortest, len(parts))
    return ["/".join(parts[-length:]) for length in range(shortest, len(parts) + 1)]


def _distinct(paths: list[str]) -> list[str]:
    count: Counter[str] = Counter()
    distinct = []
    for path in paths:
        count[path] += 1
        distinct.append(path if count[path] == 1 else f"{path}_{count[path]}")
    return distinct


def assign(layer: Any, name: str, given: Mapping[str, Array]) -> list[str]:
    """Set the weights of a built layer by name; the names of those that were not given come back.

    Raises `TargetError` if the layer has no weight of a given name, `ShapeError` if a weight has another
    shape.
    """
    weights = names_of_weights(layer, layer.weights)
    listed = ", ".join(f"{key} {tuple(weight.shape)}" for key, weight in weights.items()) or "none"
    for key, array in given.items():
        if key not in weights:
            near = did_you_mean(key, weights)
            raise TargetError(f"{name} has no weight named {key!r}.", f"{near}Its weights are: {listed}.")
        shape = tuple(weights[key].shape)
        if shape != array.shape:
            raise ShapeError(
                f"The weight {key!r} has shape {array.shape}; {name} needs {shape}.",
                f"Its weights are: {listed}.",
            )
    for key, array in given.items():
        weights[key].assign(array.astype(np.float64))
    return [key for key in weights if key not in given]
