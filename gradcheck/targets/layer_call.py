"""How a layer takes its data: as arguments by name or in order, as one list, or as one dict.

Data that have the name of a parameter of `call` are for that one, and those of other names for the others in
their order. Where these are too few, as in most of Keras, the layer takes a list, or else a dict.
"""

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import TargetError
from gradcheck.targets.stateless import Call
from gradcheck.targets.structure import Template, filled, is_nested
from gradcheck.targets.user_frames import message

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
# Parameters that take data only where these have their name.
_NO_DATA = ("training", "mask")


@dataclass(frozen=True)
class ByName(Call):
    """A call whose last arguments go by the names of their parameters."""

    named: Sequence[str] = ()

    def __call__(self, layer: Any, data: Sequence[Any]) -> Any:
        arguments = self.arrange(data)
        count = len(arguments) - len(self.named)
        others = dict(zip(self.named, arguments[count:], strict=True))
        return layer(*arguments[:count], **others, **self.keywords)


def call_of(
    layer: Any,
    data: Mapping[str, Array],
    constants: Mapping[str, Any] | None = None,
    *,
    nested: Mapping[str, Template] | None = None,
    named: bool = False,
) -> Call:
    """The call of a layer or model with data by name, and with `constants`, such as `training` and `mask`.

    `nested` is the template of the data where these are named by path. `named` refuses names that are none
    of the inputs of a functional model, which otherwise takes the data in their order.

    Raises `TargetError` if the layer cannot be called so.
    """
    parts = {key: key for key in data} if nested is None else nested
    keywords = _keywords(layer, constants or {}, parts)
    inputs = model_inputs(layer)
    if inputs:
        return _of_model(layer, inputs, parts, keywords, named=named)
    first, *others = _ways(layer, list(data), parts, keywords)
    if not others:
        return first
    tensors = [tf.constant(rounded(array, layer)) for array in data.values()]
    return next((call for call in (first, *others) if _works(call, layer, tensors)), first)


def model_inputs(layer: Any) -> list[Any]:
    """The inputs that a functional model names; none for every other layer."""
    return (getattr(layer, "inputs", None) or []) if isinstance(layer, keras.Model) else []


def title(layer: Any) -> str:
    """What a report calls a layer: its class, and a model by its name."""
    return str(layer.name) if isinstance(layer, keras.Model) else type(layer).__name__


def rounded(array: Array, layer: Any) -> Array:
    """A floating array at a layer's compute dtype, any other as it is."""
    if not is_floating(array.dtype):
        return array
    with np.errstate(over="ignore"):
        return np.asarray(array.astype(tf.as_dtype(layer.compute_dtype).as_numpy_dtype))


def _keywords(layer: Any, constants: Mapping[str, Any], parts: Mapping[str, Template]) -> dict[str, Any]:
    """The constants as keywords of the call."""
    parameters = inspect.signature(layer.call).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for key in constants:
        if key in parts:
            raise TargetError(f"{key!r} is given as an input and as a constant.", "Give it once.")
        if key not in (*_NO_DATA, *parameters) and not takes_any:
            raise TargetError(
                f"The call of {title(layer)} has no parameter named {key!r}.",
                f"Its parameters are: {', '.join(parameters)}.",
            )
    # Said even where it is False: some layers, such as RandomFlip, take True by themselves.
    keywords = {"training": False, **constants}
    mask = _mask(keywords.pop("mask", None), several=len(parts) > 1)
    return keywords if mask is None else {**keywords, "mask": mask}


def _mask(mask: Any, *, several: bool) -> Any:
    """A mask as a tensor; a list of them, or of None, where there are several inputs."""
    if several and isinstance(mask, list | tuple) and is_nested(mask):
        return [_mask(part, several=False) for part in mask]
    try:
        return None if mask is None else tf.constant(np.asarray(mask, bool))
    except (TypeError, ValueError) as error:
        raise TargetError(f"The mask is no array: {message(error)}", "Give one of true and false.") from error


def _of_model(
    model: Any,
    inputs: Sequence[Any],
    parts: Mapping[str, Template],
    keywords: Mapping[str, Any],
    *,
    named: bool,
) -> Call:
    """The call of a functional model: by name, or in order."""
    names, known = list(parts), [tensor.name for tensor in inputs]
    wanted = ", ".join(f"{tensor.name} {tuple(tensor.shape)}" for tensor in inputs)
    listed = f"Its inputs are, in order: {wanted}."
    if any(not isinstance(part, str) for part in parts.values()):
        raise TargetError(f"The inputs of the model {model.name} are not nested.", listed)
    if len(known) != len(names):
        raise TargetError(f"The model {model.name} takes {len(known)} inputs and got {len(names)}.", listed)
    unknown = [name for name in names if name not in known]
    if not unknown:
        return Call(_arranged(names, [dict(parts)]), keywords)
    if len(names) > 1 and (named or len(unknown) < len(names)):
        raise TargetError(f"The model {model.name} has no input named {unknown[0]!r}.", listed)
    return Call(_arranged(names, names if len(names) == 1 else [names]), keywords)


def _arranged(
    leaves: Sequence[str], arguments: Sequence[Template]
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Makes arguments from the data, which are the leaves in their order."""

    def arrange(data: Sequence[Any]) -> tuple[Any, ...]:
        values = dict(zip(leaves, data, strict=True))
        return tuple(filled(argument, values) for argument in arguments)

    return arrange


def _ways(
    layer: Any, leaves: Sequence[str], parts: Mapping[str, Template], keywords: Mapping[str, Any]
) -> list[Call]:
    """How a layer may take the parts, the likeliest way first."""
    as_dict = Call(_arranged(leaves, [dict(parts)]), keywords)
    places = _places(layer, list(parts), keywords)
    if places is not None:
        call = _placed(layer, leaves, {key: parts[part] for key, part in places.items()}, keywords)
        return [call, as_dict] if len(parts) == 1 and isinstance(layer, keras.Model) else [call]
    if any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(layer.call).parameters.values()):
        return [Call(_arranged(leaves, list(parts.values())), keywords)]
    return [Call(_arranged(leaves, [list(parts.values())]), keywords), as_dict]


def _places(layer: Any, names: Sequence[str], keywords: Mapping[str, Any]) -> dict[str, str] | None:
    """The parts by the parameters of `call` that take them, in the order of these; None if they are too few.

    Parameters that have a value other than None to start with are switches, and no data of other names.
    """
    parameters = _parameters(layer)
    others = [name for name in names if name not in parameters]
    free = [
        name
        for name, p in parameters.items()
        if name not in (*names, *keywords, *_NO_DATA) and (p.default is p.empty or p.default is None)
    ]
    if len(others) > len(free):
        return None
    found = {name: name for name in names} | dict(zip(free, others, strict=False))
    return {name: found[name] for name in parameters if name in found}


def _placed(
    layer: Any, leaves: Sequence[str], parts: Mapping[str, Template], keywords: Mapping[str, Any]
) -> Call:
    """The call with parts by parameter: in order, and by name after a parameter that gets none of them."""
    parameters = _parameters(layer)
    for name, p in parameters.items():
        if p.default is p.empty and name not in (*parts, *keywords):
            raise TargetError(
                f"The call of {title(layer)} needs a value for its parameter {name!r}.",
                "Give it as an input, or as a constant if it is not to be differentiated.",
            )
    count = sum(name == place for name, place in zip(parts, parameters, strict=False))
    return ByName(_arranged(leaves, list(parts.values())), keywords, list(parts)[count:])


def _parameters(layer: Any) -> dict[str, inspect.Parameter]:
    """The parameters of `call` that can be given by position."""
    parameters = inspect.signature(layer.call).parameters
    return {name: p for name, p in parameters.items() if p.kind in _POSITIONAL}


def _works(call: Call, layer: Any, tensors: Sequence[Any]) -> bool:
    """Whether a layer takes tensors in this way; it is built by the call if it was not."""
    try:
        with keras.StatelessScope() if layer.built else contextlib.nullcontext():
            call(layer, tensors)
    except Exception:  # whatever a user's layer does with a list that should be a dict
        return False
    return True
