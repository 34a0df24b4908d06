"""What a backward function returned → the gradient of each variable: by name in a dict, by order in a tuple
or list, or an array for the only one."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import TargetError
from gradcheck.targets.structure import Fixed, Template, is_nested, paths

PREFIXES = ("d", "grad_", "d_")
"""Before the name of a variable in the name of its gradient."""


@dataclass(frozen=True)
class Gradients:
    """Finds the gradients of variables in what the function `name` returned."""

    name: str
    parts: Mapping[str, Template]
    """The arguments of the forward function."""
    shapes: Mapping[str, tuple[int, ...]]
    """The shape of each variable by path."""

    def find(self, result: Any) -> dict[str, Array]:
        """The gradients by path, but for those that are None or not there.

        Raises `TargetError` where nothing tells which gradient is whose.
        """
        if isinstance(result, Mapping):
            found = self._by_name(result)
        else:
            found = {} if result is None else self._by_order(result)
        known = {path: found[path] for path in self.shapes if found.get(path) is not None}
        return {path: self._array(path, value) for path, value in known.items()}

    def _by_name(self, result: Mapping[Any, Any]) -> dict[str, Any]:
        """Gradients named as the inputs are, with or without a d before: by argument, by path, or, inside of
        a dict that is an argument, by key."""
        found: dict[str, Any] = {}
        names: list[str] = []
        inputs = {*self.parts, *self.shapes}
        for name, part in self.parts.items():
            value = _entry(result, name, inputs)
            inside = value is None and isinstance(part, Mapping)
            names += [key for key in part if _entry(result, key, part) is not None] if inside else [name]
            if not _fits(part, result if inside else value):
                raise self._untold(f"for {name} a {type(value).__name__}")
            found |= _taken(part, result if inside else value)
        if len(names) > len({*names}):
            twice = next(name for name in names if names.count(name) > 1)
            raise self._untold(f"one gradient for several variables named {twice}")
        found |= {path: _entry(result, path, inputs) for path in self.shapes if found.get(path) is None}
        if result and all(value is None for value in found.values()) and not _names(result, inputs):
            raise self._untold(f"gradients named {', '.join(map(str, result))}")
        return found

    def _by_order(self, result: Any) -> dict[str, Any]:
        """Gradients in the order of the arguments or variables; of an only one, an array or structure."""
        wanted, every = list(self.shapes), list(self.parts.values())
        alone = len(wanted) == 1 and _shape(result) == self.shapes[wanted[0]]
        if alone and not is_nested(result):
            return {wanted[0]: result}
        parts = [part for part in every if not self.shapes.keys().isdisjoint(paths(part))]
        only = parts[0] if len(parts) == 1 else None
        for places in (parts, only, wanted, every):
            if places is not None and not isinstance(places, str) and _fits(places, result):
                return _taken(places, result)
        if alone or (len(wanted) == 1 and not is_nested(result)):
            return {wanted[0]: result}
        several = isinstance(result, list | tuple)
        raise self._untold(f"{len(result)} gradients" if several else f"one {type(result).__name__}")

    def _untold(self, returned: str) -> TargetError:
        count = len(self.shapes)
        variables = "the variable is" if count == 1 else f"the {count} variables are"
        return TargetError(
            f"{self.name} returned {returned}, and {variables} {', '.join(self.shapes)}.",
            "Return a dict by these names, or one gradient for each in this order, as the inputs are nested; "
            "or name in wrt (--wrt) the inputs that it is for.",
        )

    def _array(self, path: str, value: Any) -> Array:
        try:
            return np.asarray(value).astype(np.float64, casting="same_kind")
        except (TypeError, ValueError) as error:
            raise TargetError(
                f"{self.name} returned for {path} no array of real numbers but {type(value).__name__}.",
                "Return an array of the variable's shape.",
            ) from error


def _fits(part: Template, value: Any) -> bool:
    """Whether gradients have the structure of an argument."""
    if value is None or isinstance(part, Fixed):
        return True
    if isinstance(part, str):
        return not is_nested(value)
    if isinstance(part, Mapping):
        return isinstance(value, Mapping) and all(
            _fits(inner, _entry(value, key, part)) for key, inner in part.items()
        )
    same = isinstance(value, list | tuple) and len(value) == len(part)
    return same and all(_fits(inner, each) for inner, each in zip(part, value, strict=True))


def _taken(part: Template, value: Any) -> dict[str, Any]:
    """The gradients of an argument by path, of the structure that it has."""
    if value is None or isinstance(part, Fixed):
        return {}
    if isinstance(part, str):
        return {part: value}
    if isinstance(part, Mapping):
        pairs = [(inner, _entry(value, key, part)) for key, inner in part.items()]
    else:
        pairs = list(zip(part, value, strict=True))
    return {path: found for inner, each in pairs for path, found in _taken(inner, each).items()}


def _entry(result: Mapping[Any, Any], key: Any, inputs: Container[Any]) -> Any:
    """What is named for the gradient of one of the `inputs`, as dW, or else as it is; None where nothing is.

    Where both are there, as where weights are returned beside their gradients, dW is the gradient of W unless
    it is an input itself.
    """
    named = (f"{prefix}{key}" for prefix in PREFIXES)
    return result.get(next((name for name in named if name in result and name not in inputs), key))


def _names(result: Mapping[Any, Any], inputs: Container[str]) -> bool:
    """Whether a dict holds something under the name of an input."""
    plain = (str(key).removeprefix(prefix) for key in result for prefix in ("", *PREFIXES))
    return any(key in inputs for key in plain)


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape that NumPy gives it; None where it gives none."""
    try:
        return np.asarray(value).shape
    except ValueError:  # rows of different lengths
        return None
