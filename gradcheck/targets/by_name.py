"""What Keras knows by name: its activations and its losses."""

from __future__ import annotations

import inspect
from typing import Any

# What keras.activations and keras.losses export beside those.
_BESIDE = {"get", "serialize", "deserialize"}


def functions(module: Any) -> dict[str, Any]:
    """The activations of `keras.activations`, or the losses of `keras.losses` that are functions."""
    found = {name: value for name, value in vars(module).items() if inspect.isfunction(value)}
    return {name: value for name, value in found.items() if name not in _BESIDE}
