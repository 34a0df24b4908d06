"""Calls inside a function whose gradients somebody wrote: each with its inputs and its upstream gradient.

Those are the calls of functions under `tf.custom_gradient` and of layers of the user's own. They are noted
while the tape is recorded once more at the point; what TensorFlow and Keras define themselves is left out.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.primal import Primal
from gradcheck.targets.function import Target

THEIRS = ("tensorflow", "keras", "tf_keras", "gradcheck")
"""Packages whose own custom gradients and layers are not looked at."""


@dataclass(eq=False)
class Call:
    """One call at the point."""

    name: str
    file: str
    line: int
    """Where the function begins in the file, 0 where that is not known."""
    inside: str
    """Path of the layers that it is called in, such as `block_2/ffn`."""
    within: Call | None
    """The call that encloses it."""
    target: Callable[[], Target]
    """Makes what was called a target at its inputs."""
    same: tuple[Any, ...]
    """Equal for repeated calls of one function at the same shapes."""
    everything: bool
    """Whether it was called with all variables of the check and nothing else."""
    results: list[Any] = field(default_factory=list)
    """What it returned, once it has."""
    upstream: dict[int, Array] = field(default_factory=dict)
    """The upstream gradient of each output by number, as far as the tape came by."""


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
        code = getattr(inspect.unwrap(f), "__code__", None)
        tensors = [leaf for leaf in tf.nest.flatten(args) if tf.is_tensor(leaf)]
        if code is None or not tensors or _theirs(f):
            return original(f, args, kwargs)

        def again(*values: Any) -> Any:
            # Of the names of kwargs TensorFlow takes no gradient.
            given = iter(values)
            flat = [next(given) if tf.is_tensor(leaf) else leaf for leaf in tf.nest.flatten(args)]
            return original(f, tf.nest.pack_sequence_as(args, flat), kwargs)

        inputs = dict(zip(_names(f, args, len(tensors)), map(_array, tensors), strict=True))
        where = f.__name__, code.co_filename, code.co_firstlineno
        target = Target(f.__name__, again, inputs)
        call = self._noted(where, lambda: target, _enclosed(f), tensors)
        return self._made(call, lambda: original(f, args, kwargs))

    def _layer(self, called: Any, layer: Any, args: Any, kwargs: Any) -> Any:
        """A call of a Keras layer."""
        self._path.append(layer.name)
        try:
            plain = len(args) == 1 and tf.is_tensor(args[0])
            if _theirs(type(layer)) or not plain or len(self._path) == 1:
                return called(layer, *args, **kwargs)
            inputs = {"inputs": _array(args[0])}

            def target() -> Target:
                from gradcheck.targets.keras import target as layer_target

                return layer_target(layer, inputs, training=bool(kwargs.get("training")))

            call = self._noted((layer.name, *_source(type(layer))), target, (), args)
            return self._made(call, lambda: called(layer, *args, **kwargs))
        finally:
            self._path.pop()

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
        flat = [_tapped(call, number, leaf) for number, leaf in enumerate(tf.nest.flatten(result))]
        return tf.nest.pack_sequence_as(result, flat)


def _tapped(call: Call, number: int, output: Any) -> Any:
    """An output whose upstream gradient is noted when the tape comes by."""
    if not tf.is_tensor(output) or not output.dtype.is_floating:
        return output

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def tap(y: Any) -> Any:
        def backward(upstream: Any) -> Any:
            call.upstream[number] = _array(upstream)
            return upstream

        return tf.identity(y), backward

    return tap(output)


def _theirs(made: Any) -> bool:
    """Whether a function or class is TensorFlow's, Keras' or this package's own."""
    module = str(getattr(made, "__module__", ""))
    return module.partition(".")[0] in THEIRS


def _array(tensor: Any) -> Array:
    return np.asarray(tf.convert_to_tensor(tensor))


def _names(f: Any, args: Sequence[Any], count: int) -> list[str]:
    """Names of the tensors among the arguments: those of the parameters where each is one tensor."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a callable without a signature
        parameters = []
    single = len(args) == count and all(map(tf.is_tensor, args))
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return named[:count] if single and len(named) >= count else [f"x{n}" for n in range(1, count + 1)]


def _source(cls: type) -> tuple[str, int]:
    """File and line of a class; none where there is no file."""
    try:
        return str(inspect.getsourcefile(cls)), inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return "", 0


def _enclosed(f: Any) -> tuple[Any, ...]:
    """What tells functions of one place in the code apart: numbers and text that they enclose."""
    cells = getattr(inspect.unwrap(f), "__closure__", None) or ()
    contents = (cell.cell_contents for cell in cells)
    return tuple(found for found in contents if isinstance(found, (int, float, str, type(None))))
