"""A Target: the function, its inputs by name, and the gradient from a textbook where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from gradcheck.arrays.types import Array, is_floating

ClosedForm = Callable[[Mapping[str, Array], Array], dict[str, Array]]
"""(inputs as float64 by name, upstream gradient as float64 in the shape of the output) → gradient by name."""


@dataclass(frozen=True)
class Target:
    """A function to check at one point."""

    name: str
    """What the report calls it: `dense`, `maxpool1d`, a function's name."""
    function: Callable[..., Any]
    """Called with tensors as positional arguments, in the order of `inputs`."""
    inputs: Mapping[str, Array]
    """The arrays by name, in the order of the call; those that are not floating are passed through."""
    closed_form: ClosedForm | None = None
    """The gradient in NumPy, independent of tape and differences; None where no formula is known."""
    within: Callable[[], AbstractContextManager[None]] = nullcontext
    """What must hold while the target is checked, such as the default dtype of Keras."""

    def floating(self) -> tuple[str, ...]:
        """Names of the inputs that can be differentiated."""
        return tuple(name for name, array in self.inputs.items() if is_floating(array.dtype))
