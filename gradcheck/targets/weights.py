"""Names for the weights of a Keras layer, and weights set by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.errors import ShapeError, TargetError
from gradcheck.targets.target import Array


def named(variables: Sequence[Any], taken: Collection[str] = ()) -> dict[str, Any]:
    """Keras variables by the shortest end of their path that no other of them shares.

    A lone kernel is `kernel`; two of them are `dense/kernel` and `dense_1/kernel`. Names in `taken` are used
    by something else. Variables with one and the same path are numbered.
    """
    paths = _distinct([variable.path for variable in variables])
    ends = Counter(end for path in paths for end in _ends(path))
    names = {}
    for path, variable in zip(paths, variables, strict=True):
        free = (end for end in _ends(path) if ends[end] == 1 and end not in taken)
        names[next(free, f"weight:{path}")] = variable
    return names


def _ends(path: str) -> list[str]:
    """c, b/c and a/b/c of a/b/c."""
    parts = path.split("/")
    return ["/".join(parts[first:]) for first in reversed(range(len(parts)))]


def _distinct(paths: list[str]) -> list[str]:
    count: Counter[str] = Counter()
    distinct = []
    for path in paths:
        count[path] += 1
        distinct.append(path if count[path] == 1 else f"{path}_{count[path]}")
    return distinct


def assign(layer: Any, name: str, given: Mapping[str, Array]) -> list[str]:
    """Set the weights of a built layer by name; the names of those that were not given come back.

    Raises
    ------
    TargetError
        If the layer has no weight of a given name.
    ShapeError
        If a weight has another shape.
    """
    weights = named(layer.weights)
    listed = ", ".join(f"{key} {tuple(weight.shape)}" for key, weight in weights.items()) or "none"
    for key, array in given.items():
        if key not in weights:
            raise TargetError(f"{name} has no weight named {key!r}.", f"Its weights are: {listed}.")
        shape = tuple(weights[key].shape)
        if shape != array.shape:
            raise ShapeError(
                f"The weight {key!r} has shape {array.shape}; {name} needs {shape}.",
                f"Its weights are: {listed}.",
            )
    for key, array in given.items():
        weights[key].assign(array.astype(np.float64))
    return [key for key in weights if key not in given]
