"""A Keras layer made once more from its config, with float64 as the dtype of every layer in it."""

import warnings
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import keras

_FLOATING = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")


def at_float64(layer: Any) -> Any:
    """A copy of a layer or model, with weights of its own, not yet built unless its config says how.

    Nothing that is not already in this process is run: a Lambda in the config comes from the layer itself.
    Raises what the layer's get_config, from_config and __init__ raise.
    """
    with warnings.catch_warnings():
        # Keras warns of functions that it cannot keep; they are put in place below.
        warnings.simplefilter("ignore")
        config = keras.saving.serialize_keras_object(layer)
    config.pop("compile_config", None)
    parts = {part.name: part for part in layer._flatten_layers()}
    known = _classes(layer)
    config = widened(_with_functions(config, parts, known))
    return keras.saving.deserialize_keras_object(config, custom_objects=known, safe_mode=False)


def _with_functions(config: Any, parts: Mapping[Any, Any], known: dict[str, Any]) -> Any:
    """A config with the functions that the layers have, such as a user's activation, in place.

    Keras would look for a function by its name, or make one from its code without what that refers to. Lambda
    takes names only: its functions are added to `known`.
    """

    def change(found: dict[str, Any]) -> dict[str, Any]:
        inner = found.get("config")
        if not isinstance(inner, dict):
            return found
        part = parts.get(inner.get("name"))
        for key in inner:
            own = getattr(part, key, None)
            if isinstance(own, FunctionType) and not own.__module__.startswith("keras."):
                inner[key] = own
                if isinstance(part, keras.layers.Lambda):
                    inner[key] = f"{part.name}.{key}"
                    known[inner[key]] = own
        return found

    return changed(config, change)


def widened(config: Any) -> Any:
    """A config with every floating dtype in it, nested ones too, replaced by float64."""

    def change(found: dict[str, Any]) -> dict[str, Any]:
        return found | {"dtype": "float64"} if _policy(found.get("dtype")) in _FLOATING else found

    return changed(config, change)


def changed(config: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy of a config in which every dict, the innermost first, is what `change` makes of it."""
    if isinstance(config, (list, tuple)):
        return type(config)(changed(part, change) for part in config)
    if not isinstance(config, Mapping):
        return config
    return change({key: changed(value, change) for key, value in config.items()})


def _policy(dtype: Any) -> Any:
    """The name of a dtype policy, which a config holds as text or as an object of its own."""
    if isinstance(dtype, Mapping) and isinstance(dtype.get("config"), Mapping):
        return dtype["config"].get("name")
    return dtype


def _classes(layer: Any) -> dict[str, Any]:
    """The user's own classes among a layer's layers: Keras finds only those that are registered."""
    classes = {type(part) for part in layer._flatten_layers()}
    return {
        name: cls
        for cls in classes
        if not cls.__module__.startswith("keras.")
        for name in (cls.__name__, keras.saving.get_registered_name(cls))
    }
