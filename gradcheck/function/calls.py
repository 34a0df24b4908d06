"""Calls inside a function, each with its inputs and its upstream gradient at the point.

Calls whose gradients somebody wrote are those of functions under `tf.custom_gradient` and of layers of the
user's own; what TensorFlow and Keras define themselves is left out. Or, one floor below, the operations of
TensorFlow. Either is noted while the tape is recorded once more at the point.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.call import Call, array, enclosed, names, source, tapped, theirs
from gradcheck.function.call_kind import CallKind
from gradcheck.function.eagerly import functions_run_eagerly
from gradcheck.function.executed import Executed
from gradcheck.function.primal import Primal
from gradcheck.targets.binding import by_assignment
from gradcheck.targets.function import Target
from gradcheck.targets.stateless import Again, refilled


def calls(primal: Primal, cotangent: Array) -> list[Call]:
    """The calls at the point whose gradients somebody wrote, in their order, but for that of the function
    itself; what the function raises is raised."""
    recorder = _Recorder(primal.values)
    outputs = _record(primal, cotangent, lambda _: recorder.listening(), [])[0]
    return [call for call in recorder.found if not _is_whole(call, outputs)]


def operations(primal: Primal, cotangent: Array) -> list[Call]:
    """The operations of TensorFlow at the point through which a gradient comes back; as `calls`."""
    recorder, found = _Recorder(primal.values), list[Executed]()

    @contextlib.contextmanager
    def listening(tape: Any) -> Iterator[None]:
        noted = Executed.noted(found, tape, primal.values, recorder.inside, _record.__code__)
        with recorder.listening(), noted:
            yield

    upstream = iter(_record(primal, cotangent, listening, found)[1])
    called = [one.call([next(upstream, None) for _ in one.outputs]) for one in found]
    return [call for call in called if call is not None]


def _record(
    primal: Primal,
    cotangent: Array,
    listening: Callable[[Any], contextlib.AbstractContextManager[None]],
    executed: Sequence[Executed],
) -> tuple[Any, list[Any]]:
    """The outputs at the point, of a call that is listened to, and the upstream gradients of those of the
    operations `executed` in it; none where the tape is refused."""
    with contextlib.ExitStack() as stack:
        in_place = primal.target.in_place or _as_it_is(primal.target.function)
        run = stack.enter_context(in_place(*primal.arguments()))
        with tf.GradientTape() as tape, listening(tape), functions_run_eagerly():
            tape.watch(primal.values)
            outputs = primal.join(run())
        asked = [output for one in executed for output in one.outputs]
        sources = [*primal.values, *primal.target.variables, *asked]
        found: list[Any] = []
        with contextlib.suppress(Exception):  # a gradient that is refused leaves upstream gradients unknown
            found = tape.gradient(outputs, sources, output_gradients=tf.constant(cotangent, tf.float64))
    return outputs, found[len(found) - len(asked) :]


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *tensors: contextlib.nullcontext(partial(function, *tensors))


def _is_whole(call: Call, outputs: Any) -> bool:
    """Whether a call is the function of the check itself, which returned `outputs`."""
    if not call.everything or not call.results:
        return False
    flat = [tf.cast(tf.reshape(leaf, [-1]), tf.float64) for leaf in tf.nest.flatten(call.results)]
    return bool(np.array_equal(tf.concat(flat, 0), outputs))


def _reading(
    name: str, again: Callable[[Sequence[Any]], Any], inputs: Mapping[str, Array], variables: Sequence[Any]
) -> Target:
    """A function of tensors, and of the `tf.Variable`s that it reads."""
    if not variables:
        return Target(name, lambda *values: again(values), inputs)
    function = by_assignment(variables, again, len(inputs))
    read = {f"{variable.name}, {number}": array(variable) for number, variable in enumerate(variables)}
    whole, watched = {**inputs, **read}, tuple(variables)
    return Target(name, function, whole, variables=watched, tape_only=True, assigns=True)


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

    def inside(self) -> str:
        """Path of the layers that are being called, but for the model."""
        return "/".join(self._path[1:])

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
        inputs = dict(zip(names(f, args, len(tensors)), map(array, tensors), strict=True))
        variables: list[Any] = []

        def again(values: Sequence[Any]) -> Any:
            # Of the names of kwargs TensorFlow takes no gradient.
            return original(f, refilled(args, values), kwargs)

        def watched() -> Any:
            with record.VariableWatcher() as watcher:
                result = original(f, args, kwargs)
            variables.extend(watcher.watched_variables())
            return result

        where = f.__name__, code.co_filename, code.co_firstlineno
        target = partial(_reading, f.__name__, again, inputs, variables)
        call = self._noted(where, target, CallKind.FUNCTION, enclosed(f), tensors, self.inside())
        return self._made(call, watched)

    def _layer(self, called: Any, layer: Any, args: Any, kwargs: Any) -> Any:
        """A call of a Keras layer."""
        inside = self.inside()
        self._path.append(layer.name)
        training = kwargs.get("training")
        self._training.append(self._training[-1] if training is None else bool(training))
        try:
            given = args, kwargs
            tensors = [leaf for leaf in tf.nest.flatten(given) if tf.is_tensor(leaf)]
            if theirs(type(layer)) or not tensors or len(self._path) == 1:
                return called(layer, *args, **kwargs)
            named = ["inputs"] if len(tensors) == 1 else names(layer.call, args, len(tensors))
            inputs = dict(zip(named, map(array, tensors), strict=True))
            again = Again(tuple, {"training": self._training[-1]}, given)

            def target() -> Target:
                from gradcheck.targets.keras import target as layer_target

                return layer_target(layer, inputs, call=again)

            where = layer.name, *source(type(layer))
            call = self._noted(where, target, CallKind.LAYER, (), tensors, inside)
            return self._made(call, lambda: called(layer, *args, **kwargs))
        finally:
            self._path.pop()
            self._training.pop()

    def _noted(
        self,
        where: tuple[str, str, int],
        target: Callable[[], Target],
        kind: CallKind,
        enclosed: tuple[Any, ...],
        tensors: Sequence[Any],
        inside: str,
    ) -> Call:
        within = self._open[-1] if self._open else None
        shapes = tuple(tuple(tensor.shape) for tensor in tensors)
        everything = {id(tensor) for tensor in tensors} == self._values
        call = Call(*where, inside, within, target, (*where, inside, enclosed, shapes), kind, everything)
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
