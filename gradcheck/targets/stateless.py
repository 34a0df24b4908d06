"""A Keras layer as a function of its data and its trainable weights, at the precision of its tensors.

A layer computes in its own dtype, whatever its inputs' dtype is. For float64 it is therefore rebuilt from its
config, with float64 as the dtype of every layer in it, and given the weights of the first one.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src import backend

from gradcheck.arrays.types import Array, eps_of
from gradcheck.errors import NondeterministicError, TargetError
from gradcheck.targets.binding import (
    Binding,
    as_it_was,
    assigned,
    binding_of,
    by_assignment,
    carry_over,
    joined,
)
from gradcheck.targets.loss import Last
from gradcheck.targets.user_frames import SHOWN, message

EXACT = "float64"
INCOMPLETE_CONFIG = "Its get_config must give back every argument of its __init__."


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Make `dtype` what Keras takes where a layer or an operation names none, for as long as it lasts."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


@dataclass(frozen=True)
class Call:
    """How a layer is called."""

    arrange: Callable[[Sequence[Any]], tuple[Any, ...]]
    """Data → positional arguments: one by one, as a list, or as a dict."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """Such as `training` and `mask`; never differentiated."""

    def __call__(self, layer: Any, data: Sequence[Any]) -> Any:
        return layer(*self.arrange(data), **self.keywords)


@dataclass(frozen=True)
class Again(Call):
    """The call of a layer once more, with other tensors in the places of its own."""

    given: Any = ((), {})
    """Arguments and keywords."""

    def __call__(self, layer: Any, data: Sequence[Any]) -> Any:
        args, kwargs = refilled(self.given, data)
        return layer(*args, **{**kwargs, **self.keywords})


def refilled(given: Any, tensors: Sequence[Any]) -> Any:
    """Nested arguments with other tensors in the places of their own, which keep their Keras masks."""
    found, filled = iter(tensors), []
    for leaf in tf.nest.flatten(given):
        new = next(found) if tf.is_tensor(leaf) else leaf
        mask = backend.get_keras_mask(leaf)
        if mask is not None:
            new = tf.identity(new)  # the mask is set on this tensor, not on one of the caller's
            backend.set_keras_mask(new, mask)
        filled.append(new)
    return tf.nest.pack_sequence_as(given, filled)


@dataclass(eq=False)  # an object of its own, that tf.function can keep
class Stateless:
    """Called with the data and then the trainable weights of a built layer, which it leaves as it is."""

    name: str
    layer: Any
    call: Call
    data: Sequence[Array]
    """The data at the point of the check."""
    rebuild: Callable[[], Any]
    """Makes the layer once more, under `precision(EXACT)`."""
    last: Last | None = None
    """Applied to the output, such as a loss."""
    binding: Binding = Binding.SCOPE
    """How the layer comes by its weights."""
    _copy: Any = None
    _refused: TargetError | None = None

    def __call__(self, *tensors: Any) -> Any:
        """The output; where every floating tensor is float64, as the layer gives it in float64."""
        layer = self._at(tensors)
        if self.binding is Binding.SCOPE:
            return self.run(layer, tensors)
        return self._by_assignment(layer, self.binding)(*tensors)

    def prepare(self) -> None:
        """Make the copy in float64, and see whether the backward pass touches the layer's variables.

        Not where tapes are paused, as when a graph is traced: a layer that uses a tape inside would fail. A
        copy that is refused is so once it is called.
        """
        layer = self.layer
        if layer.compute_dtype != EXACT:
            try:
                layer = self._exact()
            except TargetError as error:
                self._refused = error
        point = self.point()
        if layer is not self.layer:
            point = [_widened(tensor) for tensor in point]
        data, weights = point[: len(self.data)], point[len(self.data) :]
        with self._within(layer), as_it_was(layer):
            scoped, bound = partial(self._scoped, layer), self._by_assignment(layer, Binding.ASSIGNMENT)
            self.binding = binding_of(scoped, bound, data, weights)

    def _at(self, tensors: Sequence[Any]) -> Any:
        """The layer at the precision of the tensors."""
        floating = [tensor for tensor in tensors if tensor.dtype.is_floating]
        exact = all(tensor.dtype == tf.float64 for tensor in floating)
        return self._exact() if exact and self.layer.compute_dtype != EXACT else self.layer

    def _within(self, layer: Any) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if layer is self.layer else precision(EXACT)

    def _by_assignment(self, layer: Any, binding: Binding) -> Callable[..., Any]:
        forward = None if binding is Binding.ASSIGNMENT else partial(self.run, layer)
        call = partial(self._plain, layer)
        return by_assignment(_weights(layer), call, len(self.data), layer, forward)

    def _plain(self, layer: Any, data: Sequence[Any]) -> Any:
        with self._within(layer):
            return self.finished(layer, data)

    @contextlib.contextmanager
    def in_place(self, *tensors: Any) -> Iterator[Callable[[], Any]]:
        """A call at the tensors whose weights are the layer's variables, as long as the context is open."""
        layer, count = self._at(tensors), len(self.data)
        with assigned(_weights(layer), tensors[count:], layer):
            yield partial(self._plain, layer, tensors[:count])

    def variables(self) -> tuple[Any, ...]:
        """The real variables of the layer and of its copy."""
        layers = [self.layer] if self._copy is None else [self.layer, self._copy]
        return tuple(variable.value for layer in layers for variable in layer.variables)

    def point(self) -> list[Any]:
        """The data and the weights as they are."""
        return [*(tf.constant(array) for array in self.data), *_weights(self.layer)]

    def scope(self, layer: Any, tensors: Sequence[Any]) -> Any:
        """Keras' scope in which the layer's trainable weights are the last of the tensors."""
        pairs = zip(layer.trainable_variables, tensors[len(self.data) :], strict=True)
        values = [(variable, tf.cast(value, variable.dtype)) for variable, value in pairs]
        return keras.StatelessScope(state_mapping=values, collect_losses=self.last is not None)

    def run(self, layer: Any, tensors: Sequence[Any]) -> Any:
        """The output of the layer, or of its copy."""
        with self._within(layer), self.scope(layer, tensors):
            return self.finished(layer, tensors[: len(self.data)])

    def _scoped(self, layer: Any, *tensors: Any) -> Any:
        return self.run(layer, tensors)

    def finished(self, layer: Any, data: Sequence[Any]) -> Any:
        """What is checked of a call: the output, or the loss of it."""
        output = self.call(layer, data)
        return (
            output
            if self.last is None
            else self.last(layer, self.call.arrange(data), output, bool(self.call.keywords.get("training")))
        )

    def _exact(self) -> Any:
        if self._refused is not None:
            raise self._refused
        if self._copy is None:
            copy = _copied(self)
            _hold_against(self, copy)
            self._copy = copy
        return self._copy


def _weights(layer: Any) -> list[Any]:
    """The trainable weights of a layer as TensorFlow has them."""
    return [variable.value for variable in layer.trainable_variables]


def refuse_random(function: Stateless) -> None:
    """Raise if a call draws random numbers: its outputs are those of one draw, not of the layer."""
    seeds = [v for v in function.layer.non_trainable_variables if v.name == "seed_generator_state"]
    before = [seed.numpy() for seed in seeds]
    point = function.point()
    with function.scope(function.layer, point) as scope:
        function.call(function.layer, point[: len(function.data)])
        after = [scope.get_current_value(seed) for seed in seeds]
    # The scope knows the variables that were assigned to, and no others.
    drawn = [
        s for s, b, a in zip(seeds, before, after, strict=True) if a is not None and (a.numpy() != b).any()
    ]
    if drawn:
        # The innermost layer that has a seed comes last.
        parts = function.layer._flatten_layers()
        owners = {id(v): part for part in parts for v in part.non_trainable_variables}
        named = [f"{type(owners[id(s)]).__name__} {owners[id(s)].name!r}" for s in drawn]
        raise NondeterministicError(
            f"{function.name} draws random numbers in this call, in {', '.join(dict.fromkeys(named))}.",
            "Check it outside training mode, or set the rate of its dropout to 0."
            if function.call.keywords.get("training")
            else "Only what gives the same output twice has a gradient to check.",
        )


def _copied(function: Stateless) -> Any:
    """The layer once more, at float64."""
    name = function.name
    with precision(EXACT):
        try:
            copy = function.rebuild()
        except Exception as error:  # whatever the __init__ or get_config of a user's layer does
            raise TargetError(
                f"{name} cannot be rebuilt from its config at float64, "
                f"{type(error).__name__}: {message(error)[:SHOWN]}",
                INCOMPLETE_CONFIG,
            ) from error
        try:
            function.finished(copy, [_widened(tf.constant(array)) for array in function.data])
        except Exception as error:  # whatever an operation without a float64 kernel raises
            raise TargetError(
                f"{name} raised {type(error).__name__} at float64: {message(error)[:SHOWN]}",
                "Avoid constants and casts of another dtype in it.",
            ) from error
    return copy


def _hold_against(function: Stateless, copy: Any) -> None:
    """Refuse a copy that is another function: a get_config can leave an argument out."""
    shapes = [[tuple(v.shape) for v in layer.trainable_variables] for layer in (function.layer, copy)]
    fixed = [len(layer.non_trainable_variables) for layer in (function.layer, copy)]
    if shapes[0] != shapes[1] or fixed[0] != fixed[1]:
        raise TargetError(f"{function.name}, rebuilt from its config, has other weights.", INCOMPLETE_CONFIG)
    carry_over(function.layer, copy)
    point = function.point()
    own = joined(function.run(function.layer, point))
    exact = joined(function.run(copy, [_widened(tensor) for tensor in point]))
    # Far more than rounding makes, far less than another argument.
    share = max(eps_of(part.compute_dtype) for part in function.layer._flatten_layers()) ** 0.5
    apart = float(np.max(np.abs(own - exact), initial=0.0))
    if apart > share * float(np.max(np.abs(exact), initial=0.0)):
        raise TargetError(
            f"{function.name}, rebuilt from its config at float64, gives other outputs, {apart:.3g} apart.",
            INCOMPLETE_CONFIG,
        )


def _widened(tensor: Any) -> Any:
    return tf.cast(tensor, EXACT) if tensor.dtype.is_floating else tensor
