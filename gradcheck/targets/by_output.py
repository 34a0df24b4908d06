"""Losses, true values and sample weights for each output of a model, as `keras.Model.compile` takes them.

A model with several outputs gives a list, whose parts `output_names` names where there is one, or a dict. A
dict belongs to the outputs by name, a list to those of a list in their order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gradcheck.errors import TargetError


def is_one(value: Any) -> bool:
    """Whether a value is none for each output, but one for all."""
    return not isinstance(value, Mapping | list | tuple)


def outputs_by_name(layer: Any, output: Any) -> dict[str, Any]:
    """The outputs of a layer or model by name, in the order in which it gives them."""
    if isinstance(output, Mapping):
        return dict(output)
    parts = [output] if is_one(output) else list(output)
    names = list(getattr(layer, "output_names", None) or [])
    usable = len({*names}) == len(names) == len(parts)
    return dict(zip(names if usable else map(str, range(len(parts))), parts, strict=True))


def for_each(value: Any, outputs: Mapping[str, Any], output: Any, what: str) -> dict[str, Any]:
    """What a value, `what`, gives for the outputs by name: one value is that of every output.

    Raises `TargetError` where it has other names or another length.
    """
    names = ", ".join(outputs)
    if isinstance(value, Mapping):
        for name in value:
            if name not in outputs:
                raise TargetError(f"{what} names {name!r}, which is no output.", f"The outputs are: {names}.")
        return dict(value)
    if is_one(value):
        return dict.fromkeys(outputs, value)
    if isinstance(output, Mapping):
        raise TargetError(f"{what} is a list, and the output is a dict.", f"Give a dict of {names}.")
    if len(value) != len(outputs):
        there = "is 1 output" if len(outputs) == 1 else f"are {len(outputs)} outputs: {names}"
        raise TargetError(f"{what} has length {len(value)}, and there {there}.", "Give one for each output.")
    return dict(zip(outputs, value, strict=True))


def truth_for_each(y: Any, outputs: Mapping[str, Any], output: Any, needed: Sequence[str]) -> dict[str, Any]:
    """The true values by output, for the outputs that are `needed`.

    Raises `TargetError` where one has none.
    """
    names = ", ".join(outputs)
    if is_one(y) and len(outputs) > 1:
        form = f"a dict of {names}" if isinstance(output, Mapping) else "a list of arrays in that order"
        raise TargetError(f"There are {len(outputs)} outputs, {names}, and y is one array.", f"Give {form}.")
    found = for_each(y, outputs, output, "y")
    for name in needed:
        if found.get(name) is None:
            raise TargetError(f"y has nothing for the output {name!r}, which has a loss.", "Give it as well.")
    return found
