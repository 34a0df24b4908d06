"""A Keras layer as a function of its data and its trainable weights, at the precision of its tensors.

A layer computes in its own dtype, whatever its inputs' dtype is. For float64 it is therefore rebuilt from its
config, with float64 as the dtype of every layer in it, and given the weights of the first one.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array, eps_of
from gradcheck.errors import NondeterministicError, TargetError
from gradcheck.targets.user_frames import message

EXACT = "float64"
INCOMPLETE_CONFIG = "Its get_config must give back every argument of its __init__."
SHOWN = 200
"""Characters of a message that a report repeats."""


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
    last: Callable[[Any], Any] | None = None
    """Applied to the output, such as a loss."""
    _copy: Any = None

    def __call__(self, *tensors: Any) -> Any:
        """The output; where every floating tensor is float64, as the layer gives it in float64."""
        floating = [tensor for tensor in tensors if tensor.dtype.is_floating]
        exact = all(tensor.dtype == tf.float64 for tensor in floating)
        if not exact or self.layer.compute_dtype == EXACT:
            return self._run(self.layer, tensors)
        with tf.init_scope():  # variables cannot be made while a graph is traced
            copy = self._exact()
        with precision(EXACT):
            return self._run(copy, tensors)

    def refuse_random(self) -> None:
        """Raise if a call draws random numbers: its outputs are those of one draw, not of the layer."""
        seeds = [v for v in self.layer.non_trainable_variables if v.name == "seed_generator_state"]
        before = [seed.numpy() for seed in seeds]
        point = self._point()
        with self._scope(self.layer, point) as scope:
            self.call(self.layer, point[: len(self.data)])
            after = [scope.get_current_value(seed).numpy() for seed in seeds]
        drawn = [s for s, b, a in zip(seeds, before, after, strict=True) if not np.array_equal(a, b)]
        if drawn:
            # The innermost layer that has a seed comes last.
            parts = self.layer._flatten_layers()
            owners = {id(v): part for part in parts for v in part.non_trainable_variables}
            named = [f"{type(owners[id(s)]).__name__} {owners[id(s)].name!r}" for s in drawn]
            raise NondeterministicError(
                f"{self.name} draws random numbers in this call, in {', '.join(dict.fromkeys(named))}.",
                "Check it outside training mode, or set the rate of its dropout to 0."
                if self.call.keywords.get("training")
                else "Only what gives the same output twice has a gradient to check.",
            )

    def _point(self) -> list[Any]:
        weights = [variable.value for variable in self.layer.trainable_variables]
        return [*(tf.constant(array) for array in self.data), *weights]

    def _scope(self, layer: Any, tensors: Sequence[Any]) -> Any:
        """Keras' scope in which the layer's trainable weights are the last of the tensors.

        Weights that are not trained have the values of the user's layer: those of a copy are freshly made.
        """
        weights = tensors[len(self.data) :]
        values = [*weights, *(variable.value for variable in self.layer.non_trainable_variables)]
        variables = [*layer.trainable_variables, *layer.non_trainable_variables]
        pairs = zip(variables, values, strict=True)
        return keras.StatelessScope(state_mapping=[(v, tf.cast(value, v.dtype)) for v, value in pairs])

    def _run(self, layer: Any, tensors: Sequence[Any]) -> Any:
        with self._scope(layer, tensors):
            output = self.call(layer, tensors[: len(self.data)])
            return output if self.last is None else self.last(output)

    def _exact(self) -> Any:
        if self._copy is None:
            with precision(EXACT):
                try:
                    copy = self.rebuild()
                except Exception as error:  # whatever the __init__ or get_config of a user's layer does
                    raise TargetError(
                        f"{self.name} cannot be rebuilt from its config at float64, "
                        f"{type(error).__name__}: {message(error)[:SHOWN]}",
                        INCOMPLETE_CONFIG,
                    ) from error
                try:
                    self.call(copy, [_widened(tf.constant(array)) for array in self.data])
                except Exception as error:  # whatever an operation without a float64 kernel raises
                    raise TargetError(
                        f"{self.name} raised {type(error).__name__} at float64: {message(error)[:SHOWN]}",
                        "Avoid constants and casts of another dtype in it.",
                    ) from error
            self._hold_against(copy)
            self._copy = copy
        return self._copy

    def _hold_against(self, copy: Any) -> None:
        """Refuse a copy that is another function: a get_config can leave an argument out."""
        shapes = [[tuple(v.shape) for v in layer.trainable_variables] for layer in (self.layer, copy)]
        fixed = [len(layer.non_trainable_variables) for layer in (self.layer, copy)]
        if shapes[0] != shapes[1] or fixed[0] != fixed[1]:
            raise TargetError(f"{self.name}, rebuilt from its config, has other weights.", INCOMPLETE_CONFIG)
        point = self._point()
        own = _joined(self._run(self.layer, point))
        with precision(EXACT):
            exact = _joined(self._run(copy, [_widened(tensor) for tensor in point]))
        # Far more than rounding makes, far less than another argument.
        share = eps_of(self.layer.compute_dtype) ** 0.5
        apart = float(np.max(np.abs(own - exact), initial=0.0))
        if apart > share * float(np.max(np.abs(exact), initial=0.0)):
            raise TargetError(
                f"{self.name}, rebuilt from its config at float64, gives other outputs, {apart:.3g} apart.",
                INCOMPLETE_CONFIG,
            )


def _widened(tensor: Any) -> Any:
    return tf.cast(tensor, EXACT) if tensor.dtype.is_floating else tensor


def _joined(outputs: Any) -> Array:
    """Every real floating output, flat, as float64."""
    parts = [tf.convert_to_tensor(output) for output in keras.tree.flatten(outputs) if output is not None]
    flat = [tf.cast(tf.reshape(p, [-1]), EXACT).numpy() for p in parts if p.dtype.is_floating]
    return np.asarray(np.concatenate([*flat, np.zeros(0)]))
