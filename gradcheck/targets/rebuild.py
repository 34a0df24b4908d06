"""A Keras layer made once more from its config, with float64 as the dtype of every layer in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

_FLOATING = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")


def at_float64(layer: Any) -> Any:
    """A copy of a layer or model, with weights of its own, not yet built unless its config says how.

    Nothing that is not already in this process is run: a Lambda in the config comes from the layer itself.
    Raises what the layer's get_config, from_config and __init__ raise.
    """
    config = keras.saving.serialize_keras_object(layer)
    config.pop("compile_config", None)
    return keras.saving.deserialize_keras_object(
        widened(config), custom_objects=_classes(layer), safe_mode=False
    )


def widened(config: Any) -> Any:
    """A config with every floating dtype in it, nested ones too, replaced by float64."""
    if isinstance(config, (list, tuple)):
        return type(config)(widened(part) for part in config)
    if not isinstance(config, Mapping):
        return config
    return {
        key: "float64" if key == "dtype" and _policy(value) in _FLOATING else widened(value)
        for key, value in config.items()
    }


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
