"""The function at one precision, with its floating outputs joined to one flat float64 vector.

`Primal` is the function itself, `jvp` its forward mode; its tape is in tape.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import TargetError
from gradcheck.function.output import Output
from gradcheck.function.sharing import Sharing
from gradcheck.targets.function import Target, values_of

Call = Callable[[Sequence[Any]], Any]
"""f as a flat float64 tensor, from one tensor for each variable."""


class Meter:
    """Counts evaluations; a check has one, whatever evaluates."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, evaluations: int = 1) -> None:
        """Some more evaluations were made."""
        self.count += evaluations


class Primal:
    """A target with its floating inputs cast to `dtype` (None: each keeps its own)."""

    def __init__(self, target: Target, names: Sequence[str], dtype: str | None) -> None:
        """`names` are the variables; every other input is held fixed."""
        self.target = target
        self.names = tuple(names)
        self.dtype = dtype
        self.inputs = {name: self._tensor(array) for name, array in target.inputs.items()}
        self.values = [self.inputs[name] for name in self.names]
        self.outputs: tuple[Output, ...] = ()
        """Outputs of the first call, which is the one at the user's own point."""
        self.ignored: tuple[str, ...] = ()
        """Outputs of that call that are not floating, in words."""
        self.graph: Call | None = None
        """The function in a graph, where that is how it is evaluated."""
        self.operations = 0
        """How many one call takes, where it is evaluated in a graph."""
        self.sharing: Sharing | None = None
        """Other processes that evaluate the function too."""

    def share(self, sharing: Sharing, base: Array) -> None:
        """Have others evaluate the function too, which is `base` at the point, [outputs]."""
        sharing.open(self, base)
        self.sharing = sharing

    @property
    def in_float64(self) -> bool:
        """Whether every variable is float64."""
        return all(value.dtype.name == "float64" for value in self.values)

    def _tensor(self, array: Array) -> Any:
        # tf.constant copies: the user's array can never be reached through the tensor.
        tensor = tf.constant(array)
        return tf.cast(tensor, self.dtype) if self.dtype and is_floating(array.dtype) else tensor

    def __call__(self, values: Sequence[Any]) -> Any:
        """Evaluate at `values`, one tensor per variable → flat float64 tensor of all outputs."""
        arguments = self.inputs | dict(zip(self.names, values, strict=True))
        return self.join(_returned(self.target, arguments))

    def evaluate(self, values: Sequence[Any], outputs: int) -> Any:
        """f at `values`, flat [outputs]; NaN where f refuses them or returns another number of outputs.

        A matrix that is not positive definite is refused; a mask of its values changes their number.
        """
        refused = tf.fill([outputs], tf.constant(np.nan, tf.float64))
        try:
            found = self(values) if self.graph is None else self.graph(values)
        except refusals(self):
            return refused
        return found if not tf.executing_eagerly() or found.shape[0] == outputs else refused

    def with_moved(self, moved: Mapping[int, Any], outputs: int) -> Any:
        """f with some variables elsewhere, by number; otherwise as `evaluate`."""
        return self.evaluate([moved.get(n, value) for n, value in enumerate(self.values)], outputs)

    def join(self, result: Any) -> Any:
        """What the function returned → flat float64 tensor of its floating outputs."""
        tensors, ignored = self._floating(result)
        if not self.outputs and tf.executing_eagerly():
            self.outputs = tuple(Output(name, tuple(t.shape.as_list()), t.dtype.name) for name, t in tensors)
            self.ignored = tuple(ignored)
            if not any(output.size for output in self.outputs):
                raise TargetError(
                    f"{self.target.name} returned nothing but empty tensors.", "Return at least one number."
                )
        parts = [tf.cast(tf.reshape(tensor, [-1]), tf.float64) for _, tensor in tensors]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)

    def tensors(self, arguments: Mapping[str, Any]) -> list[Any]:
        """The floating outputs at other inputs, of whatever shape those are; complex ones as in `Output`."""
        return [tensor for _, tensor in self._floating(_returned(self.target, arguments))[0]]

    def _floating(self, result: Any) -> tuple[list[tuple[str, Any]], list[str]]:
        """The floating outputs by name, and what else there is, in words."""
        if result is None:
            raise TargetError(f"{self.target.name} returned None.", "Return the output tensor.")
        found, ignored = [], []
        for name, leaf in _leaves(result, "output"):
            tensor = _dense(self.target.name, name, leaf)
            if tensor.dtype.is_complex:
                tensor = tf.stack([tf.math.real(tensor), tf.math.imag(tensor)], axis=-1)
            if tensor.dtype.is_floating:
                found.append((name, tensor))
            else:
                ignored.append(f"{name} ({tensor.dtype.name})")
        if not found:
            raise TargetError(
                f"{self.target.name} returned no floating output (found: {', '.join(ignored) or 'nothing'}).",
                "A gradient needs a floating output: cast inside the function or return another tensor.",
            )
        return found, ignored

    def at_point(self) -> Any:
        """The outputs at the user's own point."""
        return self(self.values)

    def arguments(self) -> list[Any]:
        """What the function is called with there."""
        return list((self.inputs | dict(zip(self.names, self.values, strict=True))).values())

    def called_by(self, graph: Call, operations: int) -> Primal:
        """The same function at the same point, evaluated by `graph`, a call of values of so many
        operations."""
        return _At(self, self.values, graph, operations)

    def at(self, values: Sequence[Any]) -> Primal:
        """The same function at another point."""
        return _At(self, values)

    def locate(self, flat: int) -> str:
        """Name and index of one entry of the flat output vector."""
        for output in self.outputs:
            if flat < output.size:
                index = [int(i) for i in np.unravel_index(flat, output.shape)]
                return f"{output.name}{index}"
            flat -= output.size
        raise IndexError(flat)


class _At(Primal):
    """A function at another point, or called by a graph: everything else is that of the first."""

    def __init__(
        self, primal: Primal, values: Sequence[Any], graph: Call | None = None, operations: int = 0
    ) -> None:
        self.target, self.names, self.dtype = primal.target, primal.names, primal.dtype
        self.inputs, self.values = primal.inputs, list(values)
        self.outputs, self.ignored = primal.outputs, primal.ignored
        self.graph, self.operations = graph or primal.graph, operations or primal.operations
        self.sharing = primal.sharing
        self.moved = graph is None or is_elsewhere(primal)


def is_elsewhere(primal: Primal) -> bool:
    """Whether a function is at another point than the user's own."""
    return isinstance(primal, _At) and primal.moved


def refusals(primal: Primal) -> tuple[type[Exception], ...]:
    """What a function raises at points where it is not defined."""
    return (tf.errors.InvalidArgumentError, *primal.target.undefined)


def _dense(function: str, name: str, leaf: Any) -> Any:
    """An output as a tensor: of a sparse or ragged one its values."""
    if callable(leaf) and not tf.is_tensor(leaf) and not hasattr(leaf, "__array__"):
        raise TargetError(
            f"{function} returned a function ({name}).",
            "Is @tf.custom_gradient missing on it? A function of tensors returns tensors.",
        )
    try:
        return tf.convert_to_tensor(values_of(leaf))
    except (TypeError, ValueError) as error:
        raise TargetError(
            f"{function} returned {type(leaf).__name__} ({name}), which is no tensor.",
            "Return tensors, nested in tuples, lists and dicts or not.",
        ) from error


def _returned(target: Target, arguments: Mapping[str, Any]) -> Any:
    """What the function returns. A process that it forks ends here: two would go on with the check, and
    twice as many after each further evaluation."""
    process = os.getpid()
    try:
        return target.function(*arguments.values())
    finally:
        if os.getpid() != process:
            os._exit(0)


def _leaves(result: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Tensors in nested dicts, lists and tuples, named by their place, such as `output["y"][0]`."""
    if isinstance(result, Mapping):
        for key, part in result.items():
            yield from _leaves(part, f"{name}[{key!r}]")
    elif isinstance(result, (list, tuple)):
        for number, part in enumerate(result):
            yield from _leaves(part, f"{name}[{number}]")
    elif result is not None:
        yield name, result


def jvp(primal: Primal, values: Sequence[Any], number: int, direction: Any) -> Array | None:
    """J u at `values` for a direction of variable `number`, [outputs] float64; None where there is none."""
    with tf.autodiff.ForwardAccumulator(values[number], direction) as accumulator:
        outputs = primal(values)
    found = accumulator.jvp(outputs)
    return None if found is None else np.asarray(tf.cast(found, tf.float64).numpy())
