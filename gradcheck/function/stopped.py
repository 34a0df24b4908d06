"""Where the gradient of a variable stops on its way back, if the tape returns none.

A function at its point → what lies on the paths from the variable to the outputs where a gradient comes to
the outputs of an operation, and none to its input. That an operation ran says nothing: it may lie on no such
path, or inside a function with a gradient of its own, which counts as one operation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.eagerly import functions_run_eagerly
from gradcheck.function.executed import Executed
from gradcheck.function.primal import Primal

CUSTOM = "custom gradient"
"""The kind of a function under `tf.custom_gradient`."""
NUMPY = "NumPy"
"""The kind of what is no operation: a tensor that was taken out of TensorFlow as an array."""
PY_FUNC = "tf.numpy_function"
ASSIGN = "AssignVariableOp"
"""TensorFlow's name of an assignment to a `tf.Variable`."""


@dataclass(frozen=True)
class Stop:
    """What lets no gradient through."""

    kind: str
    """TensorFlow's name of an operation, such as `StopGradient`, or one of the above."""
    function: str
    """The name of the function under `tf.custom_gradient`."""


def stops(primal: Primal, number: int, cotangent: Array) -> tuple[list[Stop], bool]:
    """What stops the gradient of a variable, none where that is not seen, and whether any operation takes the
    variable."""
    if primal.target.in_place is not None:
        return [], True  # what happens inside cannot be followed from the tensors that stand for variables
    found: list[Executed] = []
    taken_out: list[Any] = []
    with contextlib.suppress(Exception), tf.GradientTape() as tape:
        tape.watch(primal.values)
        with functions_run_eagerly(), _noted(found, taken_out, tape, primal.values):
            outputs = primal.at_point()
        made = _followed(found, primal.values[number])
        come = _come(tape, outputs, [*primal.values, *(t for one in found for t in one.outputs)], cotangent)
        taken = any(tensor is primal.values[number] for one in found for tensor in one.inputs)
        out = [] if id(outputs) in made else _exits(found, made, taken_out)
        return out or _switches(found, made, come), taken
    return [], True


def _followed(found: Sequence[Executed], value: Any) -> dict[int, Executed | None]:
    """What depends on a variable, by `id`, and the operation that made it so; None for the variable."""
    made: dict[int, Executed | None] = {id(value): None}
    for one in found:
        if any(id(tensor) in made for tensor in one.inputs):
            made |= {id(tensor): one for tensor in one.outputs if id(tensor) not in made}
    return made


def _exits(
    found: Sequence[Executed], made: dict[int, Executed | None], taken_out: Sequence[Any]
) -> list[Stop]:
    """Where numbers that depend on the variable leave for what is no tensor: the outputs, which no operation
    makes from it, are made from them. A `tf.Variable` is read without an operation that is noted."""
    assigned = (one for one in found if one.kind == ASSIGN and id(one.inputs[1]) in made)
    kinds = [*(NUMPY for tensor in taken_out if id(tensor) in made), *(one.kind for one in assigned)]
    return [Stop(kind, "") for kind in dict.fromkeys(kinds)]


def _come(tape: Any, outputs: Any, asked: Sequence[Any], cotangent: Array) -> set[int]:
    """`id` of the tensors to which a gradient comes."""
    tensors = [tensor for tensor in asked if tensor.dtype.is_floating]
    gradients = tape.gradient(outputs, tensors, output_gradients=tf.constant(cotangent, tf.float64))
    return {id(tensor) for tensor, one in zip(tensors, gradients, strict=True) if one is not None}


def _switches(found: Sequence[Executed], made: dict[int, Executed | None], come: set[int]) -> list[Stop]:
    """The operations with a gradient that comes to their outputs, and none to an input that depends on the
    variable: on each path from it there is one, if none comes to it."""
    stopped: list[Stop] = []
    for one in found:
        if not any(id(tensor) in come for tensor in one.outputs):
            continue
        for tensor in one.inputs:
            if id(tensor) in made and id(tensor) not in come:
                origin = _origin(one, tensor, made)
                stopped.append(Stop(origin.kind, origin.function if origin.kind == CUSTOM else ""))
    return list(dict.fromkeys(stopped))


def _origin(one: Executed, tensor: Any, made: dict[int, Executed | None]) -> Executed:
    """The operation that took floating numbers and gave others, where an input is not floating."""
    while not tensor.dtype.is_floating and (maker := made[id(tensor)]) is not None:
        one = maker
        tensor = next(t for t in one.inputs if id(t) in made and (t is not tensor))
    return one


@contextlib.contextmanager
def _noted(found: list[Executed], taken_out: list[Any], tape: Any, values: Sequence[Any]) -> Iterator[None]:
    """Note the operations that are executed while the context is open, and tensors that leave TensorFlow.

    All of it hangs on private names: another TensorFlow may not have them, and less is noted.
    """
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import custom_gradient, script_ops

    wholes = _Wholes(found, tape)

    def numpy(tensor: Any) -> Any:
        taken_out.append(tensor)
        return taken(tensor)

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(AttributeError):
            custom = wholes.noting(CUSTOM, custom_gradient._eager_mode_decorator)
            stack.enter_context(mock.patch.object(custom_gradient, "_eager_mode_decorator", custom))
        with contextlib.suppress(AttributeError):
            called = wholes.noting(PY_FUNC, script_ops.py_func_common)
            stack.enter_context(mock.patch.object(script_ops, "py_func_common", called))
        with contextlib.suppress(AttributeError):
            taken = ops.EagerTensor.numpy
            stack.enter_context(mock.patch.object(ops.EagerTensor, "numpy", numpy))
        stack.enter_context(Executed.noted(found, tape, values, lambda: "", stops.__code__))
        yield


class _Wholes:
    """Notes calls as one operation each, in the place of those that are executed inside."""

    def __init__(self, found: list[Executed], tape: Any) -> None:
        self._found, self._tape = found, tape
        self._kept: list[Executed] = []
        """What ran inside: while it is kept, no other tensor comes by an `id` of its."""

    def noting(self, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        """A function each call of which is noted, by the name of its first argument if that is a function."""

        def called(*arguments: Any, **options: Any) -> Any:
            start, result = len(self._found), original(*arguments, **options)
            self._kept += self._found[start:]
            inputs, outputs = _tensors((arguments, options)), _tensors(result)
            name = next((one.__name__ for one in arguments[:1] if hasattr(one, "__name__")), "a function")
            self._found[start:] = [Executed(kind, inputs, {}, outputs, "", 0, name, "")]
            if kind == PY_FUNC:
                self._tape.watch([output for output in outputs if output.dtype.is_floating])
            return result

        return called


def _tensors(nested: Any) -> tuple[Any, ...]:
    return tuple(filter(tf.is_tensor, tf.nest.flatten(nested)))
