"""Custom gradients that TensorFlow never calls: those of functions called with keyword arguments only.

TensorFlow 2.21 records the positional arguments of a `tf.custom_gradient` alone (`_eager_mode_decorator` in
ops/custom_gradient.py). Where there are none it differentiates the operations inside, without a word, and a
check would pass that never looked at the gradient it was asked about.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import tensorflow as tf


@contextlib.contextmanager
def noting_ignored() -> Iterator[list[str]]:
    """Names of the functions whose custom gradient is passed over while the context is open."""
    from tensorflow.python.ops import custom_gradient as module

    names: list[str] = []
    original = getattr(module, "_eager_mode_decorator", None)
    if original is None:  # a private name: another TensorFlow may not have it, and nothing is noted
        yield names
        return

    def noting(f: Any, args: Any, kwargs: Any) -> Any:
        if kwargs and not tf.nest.flatten(args):
            names.append(getattr(f, "__name__", "a function"))
        return original(f, args, kwargs)

    with mock.patch.object(module, "_eager_mode_decorator", noting):
        yield names


def in_words(names: list[str]) -> str:
    """Why a check that passed over these gradients cannot pass."""
    called = " and ".join(f"`{name}`" for name in sorted(set(names)))
    return (
        f"the custom gradient of {called} was never called: called with keyword arguments only, TensorFlow "
        "ignores it and differentiates the operations inside; pass the tensors by position"
    )
