"""A forward and a backward function in NumPy as one target, in float64."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array, is_floating
from gradcheck.targets import function
from gradcheck.targets.backward import Backward, name_of
from gradcheck.targets.function import Target
from gradcheck.targets.gradients import Gradients
from gradcheck.targets.pair import Pair
from gradcheck.targets.structure import Template, copied

GRADIENT = (
    "The backward pass in NumPy of a `function` in NumPy, which gets copies of the arrays, in float64. Its "
    "parameters take what has their name: inputs, constants, the upstream gradient in the structure of the "
    "output (`upstream`, `dout`, `dy` or `grad_output`), and `cache`, which is what `function` then returns "
    "after its output. Those of other names take the arguments of `function` in their order, and one more at "
    "the end takes the upstream gradient; without one `gradient` is that of a scalar loss. It returns a dict "
    "of gradients by name (`W1` or `dW1`), a tuple or list in the order of the variables, or an array for "
    "the only one."
)
"""The parameter `gradient` of `gradcheck.check`."""
UNDEFINED = (ArithmeticError, ValueError)
"""What NumPy and `math` raise outside of a domain: LinAlgError, FloatingPointError, OverflowError."""


def target(
    forward: Callable[..., Any],
    gradient: Callable[..., Any],
    inputs: Mapping[str, Array],
    constants: Mapping[str, Any] | None = None,
    *,
    nested: Mapping[str, Template] | None = None,
    wrt: Sequence[str] | None = None,
    name: str | None = None,
    names_must_match: bool = False,
) -> Target:
    """The target of `forward` with its `gradient`; floating inputs become float64.

    `wrt` are the inputs that the gradient is for, by default all floating ones; the rest is as for
    `function.target`. Raises `TargetError` also if a parameter of `gradient` gets nothing.
    """
    given = {key: key for key in inputs} if nested is None else nested
    placed = function.place(
        _on_copies(forward),
        given,
        constants,
        name=name or name_of(forward),
        names_must_match=names_must_match,
        may_default=True,
    )
    exact = {
        key: array.astype(np.float64) if is_floating(array.dtype) else array for key, array in inputs.items()
    }
    alone = placed.target(exact)
    wanted = [key for key, array in alone.inputs.items() if is_floating(array.dtype)]
    shapes = {key: alone.inputs[key].shape for key in wanted if wrt is None or key in wrt}
    parameters = placed.parameters if len(placed.parameters) == len(placed.parts) else placed.parts
    parts = dict(zip(parameters, placed.parts.values(), strict=True))
    backward = Backward.of(gradient, parts, given, constants or {})
    gradients = Gradients(backward.name, placed.parts, shapes)
    pair = Pair(placed.name, alone.function, backward, gradients, tuple(alone.inputs))
    reason = f"{backward.name} returned no gradient for it (None, or no entry of that name)"
    return replace(alone, function=pair, traceable=False, undefined=UNDEFINED, no_gradient=reason)


def _on_copies(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which cannot write into what it is given, constants included."""

    @wraps(forward)
    def called(*arguments: Any, **keywords: Any) -> Any:
        return forward(*map(copied, arguments), **{key: copied(value) for key, value in keywords.items()})

    return called
