"""A Keras layer from its class and a config, and the list of the classes there are."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from gradcheck.errors import TargetError
from gradcheck.targets.rebuild import changed, widened
from gradcheck.targets.source import is_source, load
from gradcheck.targets.stateless import precision
from gradcheck.targets.user_frames import message, where

_NOTHING_TO_CHECK = {
    *("Layer", "Wrapper", "InputLayer", "LSTMCell", "StackedRNNCells"),
    *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
    *("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup"),
    *("MaxNumBoundingBoxes", "StringLookup", "TextVectorization"),
}


def layer_classes() -> dict[str, str]:
    """The layers of keras.layers that can be checked, by name, each with the first line of its docstring.

    Left out are aliases, base classes, layers whose input or output is text or integers only, and cells that
    take a list of states: RNN checks them.
    """
    classes = {name: value for name, value in sorted(vars(keras.layers).items()) if _is_layer_class(value)}
    return {
        name: " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split()).rstrip(".")
        for name, cls in classes.items()
        if name not in _NOTHING_TO_CHECK and (cls.__name__ == name or cls.__name__ not in classes)
    }


def _is_layer_class(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, keras.layers.Layer)


def find(text: str) -> Any:
    """The layer class, or the layer, that a name in keras.layers or FILE.py:NAME means.

    Raises `TargetError` if it is no Keras layer.
    """
    if not is_source(text):
        found = getattr(keras.layers, text, None)
        if not _is_layer_class(found):
            names = {name.lower(): name for name in layer_classes()}
            near = [names[low] for low in difflib.get_close_matches(text.lower(), names, n=3)]
            hint = f"Did you mean {' or '.join(near)}? " if near else ""
            raise TargetError(
                f"Keras {keras.__version__} has no layer named {text!r}.",
                f"{hint}`gradcheck layers` lists them; your own is FILE.py:NAME.",
            )
        return found
    found = load(text)
    if not _is_layer_class(found) and not isinstance(found, keras.layers.Layer):
        raise TargetError(f"{text} is no Keras layer.", "`gradcheck function` checks other callables.")
    return found


def default_dtype(dtype: str) -> AbstractContextManager[None]:
    """Make layers at `dtype`, or as Keras does by itself for `auto`."""
    return nullcontext() if dtype == "auto" else precision(dtype)


def made(found: Any, config: Mapping[str, Any] | None, seed: int) -> tuple[Any, Callable[[], Any] | None]:
    """A layer with weights that follow from the seed, and what makes it at float64.

    Raises `TargetError` if the class does not take the config, or a layer that is made already is given one.
    """
    if not inspect.isclass(found):
        if config is not None:
            raise TargetError(
                f"The layer {found.name!r} is made already, so it takes no config.", "Name its class."
            )
        return found, None
    keras.utils.set_random_seed(seed % 2**32)
    return make(found, config or {}), lambda: make(found, widened(config or {}))


def make(cls: type, config: Mapping[str, Any]) -> Any:
    """A layer of a class with a config, which may hold other layers as {"class_name": …, "config": …}.

    Raises `TargetError` if the class does not take the config.
    """
    try:
        if any(_is_layer(value) for value in config.values()):
            return cls.from_config(_located(config))  # type: ignore[attr-defined]  # Keras has no types
        return cls(**config)
    except Exception as error:  # whatever the __init__ of a user's layer does
        signature = inspect.signature(cls).parameters
        parameters = [name for name, p in signature.items() if p.kind is not p.VAR_KEYWORD]
        raise TargetError(
            f"{cls.__name__} does not take the config {dict(config)}: "
            f"{message(error).rpartition('Exception encountered: ')[2]}",
            where(error, f"Its parameters are: {', '.join(parameters) or 'none'}."),
        ) from error


def _is_layer(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_layer(part) for part in value)
    return isinstance(value, Mapping) and "class_name" in value


def _located(config: Any) -> Any:
    """A config where layers of Keras may be named by their class alone."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        named = hasattr(keras.layers, str(found.get("class_name")))
        return {"module": "keras.layers", "registered_name": None, "config": {}} | found if named else found

    return changed(config, change)
