"""Calls inside a function whose gradients somebody wrote: each with its inputs and its upstream gradient.

Those are the calls of functions under `tf.custom_gradient` and of layers of the user's own. They are noted
while the tape is recorded once more at the point; what TensorFlow and Keras define themselves is left out.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.call import Call, array, enclosed, names, source, tapped, theirs
from gradcheck.function.primal import Primal
from gradcheck.targets.function import Target


def calls(primal: Primal, cotangent: Array) -> list[Call]:
    """The calls at the point, in their order, but for that of the function itself; what the function raises
    is raised."""
    recorder = _Recorder(primal.values)
    eagerly = tf.config.functions_run_eagerly()
    with recorder.listening(), tf.GradientTape() as tape:
        tf.config.run_functions_eagerly(run_eagerly=True)
        try:
            for value in primal.values:
                tape.watch(value)
            outputs = primal.at_point()
        finally:
            tf.config.run_functions_eagerly(run_eagerly=eagerly)
    with contextlib.suppress(Exception):  # a gradient that is refused leaves upstream gradients unknown
        tape.gradient(outputs, primal.values, output_gradients=tf.constant(cotangent, tf.float64))
    return [call for call in recorder.found if not _is_whole(call, outputs)]


def _is_whole(call: Call, outputs: Any) -> bool:
    """Whether a call is the function of the check itself, which returned `outputs`."""
    if not call.everything or not call.results:
        return False
    flat = [tf.cast(tf.reshape(leaf, [-1]), tf.float64) for leaf in tf.nest.flatten(call.results)]
    return bool(np.array_equal(tf.concat(flat, 0), outputs))


class _Recorder:
    """Notes calls as long as it listens."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.found: list[Call] = []
        self._values = {id(value) for value in values}
        self._open: list[Call] = []
        self._path: list[str] = []
        """Names of the layers that are being called, the model first."""
        self._training = [False]
        """Whether each of them is in training mode, which the ones inside take on."""

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """TensorFlow and Keras tell of their calls."""
        from tensorflow.python.ops import custom_gradient as module

        with contextlib.ExitStack() as patches:
            original = getattr(module, "_eager_mode_decorator", None)
            if original is not None:  # a private name: another TensorFlow may not have it

                def decorated(f: Any, args: Any, kwargs: Any) -> Any:
                    return self._custom(original, f, args, kwargs)

                patches.enter_context(mock.patch.object(module, "_eager_mode_decorator", decorated))
            keras = sys.modules.get("keras")
            if keras is not None:
                called, recorder = keras.layers.Layer.__call__, self

                def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
                    return recorder._layer(called, layer, args, kwargs)

                patches.enter_context(mock.patch.object(keras.layers.Layer, "__call__", call))
            yield

    def _custom(self, original: Any, f: Any, args: Any, kwargs: Any) -> Any:
        """A call of a function under `tf.custom_gradient`."""
        from tensorflow.python.eager import record

        code = getattr(inspect.unwrap(f), "__code__", None)
        tensors = [leaf for leaf in tf.nest.flatten(args) if tf.is_tensor(leaf)]
        if code is None or not tensors or theirs(f):
            return original(f, args, kwargs)

        def again(*values: Any) -> Any:
            # Of the names of kwargs TensorFlow takes no gradient.
            given = iter(values)
            flat = [next(given) if tf.is_tensor(leaf) else leaf for leaf in tf.nest.flatten(args)]
            return original(f, tf.nest.pack_sequence_as(args, flat), kwargs)

        inputs = dict(zip(names(f, args, len(tensors)), map(array, tensors), strict=True))
        where = f.__name__, code.co_filename, code.co_firstlineno
        target = Target(f.__name__, again, inputs)
        call = self._noted(where, lambda: target, enclosed(f), tensors)

        def watched() -> Any:
            with record.VariableWatcher() as watcher:
                result = original(f, args, kwargs)
            call.variables.extend(watcher.watched_variables())
            return result

        return self._made(call, watched)

    def _layer(self, called: Any, layer: Any, args: Any, kwargs: Any) -> Any:
        """A call of a Keras layer."""
        self._path.append(layer.name)
        given = kwargs.get("training")
        self._training.append(self._training[-1] if given is None else bool(given))
        try:
            # With arguments of its own a layer is another function than it is by itself.
            plain = len(args) == 1 and tf.is_tensor(args[0]) and not kwargs.keys() - {"training"}
            if theirs(type(layer)) or not plain or len(self._path) == 1:
                return called(layer, *args, **kwargs)
            inputs, training = {"inputs": array(args[0])}, self._training[-1]

            def target() -> Target:
                from gradcheck.targets.keras import target as layer_target

                return layer_target(layer, inputs, training=training)

            call = self._noted((layer.name, *source(type(layer))), target, (), args)
            return self._made(call, lambda: called(layer, *args, **kwargs))
        finally:
            self._path.pop()
            self._training.pop()

    def _noted(
        self,
        where: tuple[str, str, int],
        target: Callable[[], Target],
        enclosed: tuple[Any, ...],
        tensors: Sequence[Any],
    ) -> Call:
        within, inside = self._open[-1] if self._open else None, "/".join(self._path[1:])
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        everything = {id(tensor) for tensor in tensors} == self._values
        call = Call(*where, inside, within, target, (*where, inside, enclosed, shapes), everything)
        self.found.append(call)
        return call

    def _made(self, call: Call, make: Callable[[], Any]) -> Any:
        """What the call returns, with an ear to its upstream gradient."""
        self._open.append(call)
        try:
            result = make()
        finally:
            self._open.pop()
        call.results.append(result)
        flat = [tapped(call, number, leaf) for number, leaf in enumerate(tf.nest.flatten(result))]
        return tf.nest.pack_sequence_as(result, flat)
