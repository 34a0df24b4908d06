"""The device that a check runs on."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any

from gradcheck.errors import TargetError


def on(device: str | None) -> AbstractContextManager[Any]:
    """Run TensorFlow's operations on `device`, such as `CPU:0`, `gpu:0` or `/device:GPU:1`; None: anywhere.

    Raises `TargetError` that lists the devices there are, for TensorFlow itself would silently take another.
    """
    if device is None:
        return contextlib.nullcontext()
    import tensorflow as tf

    known = [_short(logical.name) for logical in tf.config.list_logical_devices()]
    wanted = _short(device)
    if wanted not in known:
        raise TargetError(f"There is no device {device!r} here.", f"Choose from: {', '.join(known)}.")
    manager: AbstractContextManager[Any] = tf.device(f"/device:{wanted}")
    return manager


def _short(name: str) -> str:
    """`/device:CPU:0`, `/CPU:0` and `cpu` are all CPU:0."""
    kind, _, number = name.removeprefix("/").removeprefix("device:").upper().partition(":")
    return f"{kind}:{number or 0}"
