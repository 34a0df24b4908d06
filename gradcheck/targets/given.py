"""A gradient that somebody has worked out, as arrays: held against tape and differences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import ShapeError, TargetError
from gradcheck.targets.function import Target

GIVEN = (
    "Or arrays by name, for inputs and weights: a gradient that was worked out elsewhere, for the upstream "
    "gradient that is shown. It is a third opinion, which must agree with tape and differences too, within "
    "what its dtype can hold."
)
"""What `gradient` is besides a backward pass."""


def with_given(target: Target, gradients: Mapping[str, Array], wrt: Sequence[str] | None = None) -> Target:
    """The target with a gradient by name, each of its variable's shape; `wrt` are those that are checked.

    Raises `TargetError` for a name that is no variable, `ShapeError` for another shape.
    """
    checked = [name for name in target.floating() if wrt is None or name in wrt]
    for name, gradient in gradients.items():
        if name not in checked:
            raise TargetError(
                f"A gradient is given for {name!r}, which is not among the variables that are checked.",
                f"They are: {', '.join(checked)}.",
            )
        if not is_floating(gradient.dtype) and gradient.dtype.kind not in "biu":
            raise TargetError(
                f"The gradient given for {name} is {gradient.dtype.name}, not real numbers.",
                "Give floating numbers.",
            )
        shape = target.inputs[name].shape
        if gradient.shape != shape:
            hint = " Transposed, it would have that shape." if gradient.shape == shape[::-1] else ""
            raise ShapeError(
                f"The gradient given for {name} has shape {gradient.shape}, and {name} has shape {shape}: a "
                "gradient has one number for each of its variable's.",
                f"Give it the shape {shape}.{hint}",
            )
    exact = {name: g if is_floating(g.dtype) else g.astype(np.float64) for name, g in gradients.items()}
    return replace(target, given=exact)
