"""How an eager call of a function is listened to."""

import contextlib
from collections.abc import Callable, Iterator

import tensorflow as tf


@contextlib.contextmanager
def functions_run_eagerly() -> Iterator[None]:
    """What is under `tf.function` runs eagerly too, and as before afterwards."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(run_eagerly=True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(run_eagerly=before)


@contextlib.contextmanager
def operations_noted(note: Callable[..., None]) -> Iterator[None]:
    """`note` gets the kind, inputs, attributes and outputs of each operation that is executed eagerly.

    It hangs on a private name of TensorFlow: another one may not have it, and the import fails.
    """
    from tensorflow.python.framework import op_callbacks

    op_callbacks.add_op_callback(note)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(note)
