"""A forward function of the user in NumPy, and what it returned: outputs, and what it has kept besides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import TargetError
from gradcheck.targets.structure import Template, is_nested, named, paths


class Returns(Enum):
    """What a forward function returns."""

    OUTPUTS = "outputs"
    CACHE = "outputs, and last what its gradient needs"
    LOSS = "a loss, and then what is not differentiated"


@dataclass(frozen=True)
class Output:
    """What a forward function returned."""

    template: Template
    leaves: Mapping[str, Array]
    """The outputs by path."""
    kept: Any = None

    @property
    def places(self) -> list[int]:
        """Numbers of the floating outputs, each of which may be a structure; the only one is number 0."""
        several = self.template if isinstance(self.template, list | tuple) else [self.template]
        return [number for number, part in enumerate(several) if any(map(self.floats, paths(part)))]

    @property
    def is_number(self) -> bool:
        """Whether what is differentiated is one number, a loss."""
        sizes = [leaf.size for path, leaf in self.leaves.items() if self.floats(path)]
        return sizes == [1]

    def floats(self, path: str) -> bool:
        """Whether an output has an upstream gradient."""
        dtype = self.leaves[path].dtype
        return is_floating(dtype) or dtype.kind == "c"


@dataclass(frozen=True)
class Forward:
    """A function of arrays by position."""

    name: str
    function: Callable[..., Any]
    returns: Returns = Returns.OUTPUTS

    def run(self, arrays: Sequence[Array]) -> Any:
        """What the function returns, whatever that is."""
        with np.errstate(all="ignore"):
            return self.function(*arrays)

    def read(self, result: Any) -> Output:
        """What it returned as outputs, and what it has kept.

        Raises `TargetError` if there is no cache or no loss, or an output is no array of numbers.
        """
        kept = None
        if self.returns is Returns.CACHE:
            if not isinstance(result, tuple) or len(result) < 2:
                raise TargetError(
                    f"The gradient takes a `cache`, and {self.name} returned no tuple that ends with one.",
                    "Return (output, cache), or rename the parameter.",
                )
            *outputs, kept = result
            result = outputs[0] if len(outputs) == 1 else tuple(outputs)
        elif self.returns is Returns.LOSS:
            if not starts_with_loss(result):
                raise TargetError(
                    f"{self.name} is given as its own gradient, and did not return a loss, one number, and "
                    "then gradients.",
                    "Return (loss, gradients), or give the function that computes its gradient.",
                )
            result, *rest = result
            kept = rest[0] if len(rest) == 1 else tuple(rest)
        template, leaves = named(result, "output")
        return Output(template, {path: self._array(path, leaf) for path, leaf in leaves.items()}, kept)

    def _array(self, path: str, leaf: Any) -> Array:
        if leaf is None:
            raise TargetError(f"{self.name} returned None as its {path}.", "Return an array or a float.")
        array = np.asarray(leaf)
        if array.dtype == object or array.dtype.kind in "USMm":
            raise TargetError(
                f"{self.name} returned as its {path} no array of numbers but {type(leaf).__name__}.",
                "Return arrays or floats; what the gradient needs besides is for its parameter `cache`.",
            )
        return array


def starts_with_loss(result: Any) -> bool:
    """Whether the first of several results is one number, and no other one is."""
    return (
        isinstance(result, list | tuple)
        and len(result) > 1
        and _is_number(result[0])
        and not any(map(_is_number, result[1:]))
    )


def _is_number(value: Any) -> bool:
    if value is None or is_nested(value):
        return False
    array = np.asarray(value)
    return array.size == 1 and array.dtype.kind in "fiu"


def name_of(function: Callable[..., Any]) -> str:
    """What a function is called in sentences."""
    return str(getattr(function, "__name__", type(function).__name__))
