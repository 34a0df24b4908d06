"""A forward and a backward function in NumPy as one target, which TensorFlow's tape can differentiate.

The forward pass runs eagerly on copies of the tensors, in float64, and the backward pass is its custom
gradient. Neither is ever traced into a graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import GradcheckError, TargetError
from gradcheck.targets import function
from gradcheck.targets.backward import Backward
from gradcheck.targets.function import Target
from gradcheck.targets.gradients import Gradients
from gradcheck.targets.structure import Template, filled, named
from gradcheck.targets.user_frames import refusal

GRADIENT = (
    "The backward pass in NumPy of a `function` in NumPy, which gets copies of the arrays, in float64. Its "
    "parameters take what has their name: inputs, constants, the upstream gradient in the structure of the "
    "output (`upstream`, `dout`, `dy` or `grad_output`), and `cache`, which is what `function` then returns "
    "after its output. Those of other names take the arguments of `function` in their order, and one more at "
    "the end takes the upstream gradient; without one `gradient` is that of a scalar loss. It returns a dict "
    "of gradients by name (`W1` or `dW1`), a tuple or list in the order of the variables, or an array for "
    "the only one. `function` may also take the inputs as a dict, as in `forward(params)`: where inputs "
    "outnumber parameters, the only one that gets nothing takes those of other names."
)
"""The parameter `gradient` of `gradcheck.check`."""
UNDEFINED = (ArithmeticError, ValueError)
"""What NumPy and `math` raise outside of a domain: LinAlgError, FloatingPointError, OverflowError."""


def target(
    forward: Callable[..., Any],
    gradient: Callable[..., Any],
    inputs: Mapping[str, Array],
    constants: Mapping[str, Any] | None = None,
    *,
    nested: Mapping[str, Template] | None = None,
    wrt: Sequence[str] | None = None,
    name: str | None = None,
    names_must_match: bool = False,
) -> Target:
    """The target of `forward` with its `gradient`; floating inputs become float64.

    `wrt` are the inputs that the gradient is for, by default all floating ones; the rest is as for
    `function.target`. Raises `TargetError` also if a parameter of `gradient` gets nothing.
    """
    given = {key: key for key in inputs} if nested is None else nested
    placed = function.place(
        forward, given, constants, name=name, names_must_match=names_must_match, may_default=True
    )
    exact = {
        key: array.astype(np.float64) if is_floating(array.dtype) else array for key, array in inputs.items()
    }
    alone = placed.target(exact)
    wanted = [key for key, array in alone.inputs.items() if is_floating(array.dtype)]
    shapes = {key: alone.inputs[key].shape for key in wanted if wrt is None or key in wrt}
    backward = Backward.of(gradient, placed.parts, given, constants or {})
    gradients = Gradients(backward.name, placed.parts, shapes)
    pair = Pair(placed.name, alone.function, backward, gradients, tuple(alone.inputs))
    reason = f"{backward.name} returned no gradient for it (None, or no entry of that name)"
    return replace(alone, function=pair, traceable=False, undefined=UNDEFINED, no_gradient=reason)


@dataclass(frozen=True)
class Pair:
    """A function of tensors by position, run in NumPy."""

    name: str
    forward: Callable[..., Any]
    """Takes the arrays by position."""
    backward: Backward
    gradients: Gradients
    paths: tuple[str, ...]
    """The names of the arrays."""

    def __call__(self, *tensors: Any) -> Any:
        """The outputs as the forward pass returns them, as tensors."""
        import tensorflow as tf

        if not _recording():
            template, outputs, _ = self._run(tensors)
            return filled(template, outputs)
        found: list[Template] = []

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def call(*tensors: Any) -> Any:
            template, outputs, cache = self._run(tensors)
            found[:] = [template, list(outputs)]
            return tuple(outputs.values()), lambda *upstream: self._slopes(
                tensors, template, dict(zip(outputs, upstream, strict=True)), cache
            )

        outputs = call(*tensors)
        template, names = found
        return filled(template, dict(zip(names, outputs, strict=True)))

    def _run(self, tensors: Sequence[Any]) -> tuple[Template, dict[str, Any], Any]:
        """The template of the outputs, the tensors in it by path, and what the forward pass has kept."""
        # Copies: a function that writes into its arguments changes nothing but its own.
        with np.errstate(all="ignore"):
            result = self.forward(*(tensor.numpy() for tensor in tensors))
        cache = None
        if self.backward.takes_cache:
            if not isinstance(result, tuple) or len(result) < 2:
                raise TargetError(
                    f"{self.backward.name} takes a `cache`, and {self.name} returned no tuple that ends with "
                    "one.",
                    "Return (output, cache), or rename the parameter.",
                )
            *outputs, cache = result
            result = outputs[0] if len(outputs) == 1 else tuple(outputs)
        template, leaves = named(result, "output")
        return template, {path: self._tensor(path, leaf) for path, leaf in leaves.items()}, cache

    def _tensor(self, path: str, leaf: Any) -> Any:
        import tensorflow as tf

        if leaf is None:
            raise TargetError(f"{self.name} returned None as its {path}.", "Return an array or a float.")
        array = np.asarray(leaf)
        if array.dtype == object or array.dtype.kind in "USMm":
            raise TargetError(
                f"{self.name} returned as its {path} no array of numbers but {type(leaf).__name__}.",
                "Return arrays or floats; what the gradient needs besides is for its parameter `cache`.",
            )
        # tf.constant copies: the function may use its memory again.
        return tf.constant(array)

    def _slopes(
        self, tensors: Sequence[Any], template: Template, upstream: Mapping[str, Any], cache: Any
    ) -> list[Any]:
        """The gradient for each of the tensors; None where there is none."""
        import tensorflow as tf

        arrivals = {
            path: tensor.numpy() if tensor.dtype.is_floating or tensor.dtype.is_complex else None
            for path, tensor in upstream.items()
        }
        real = [array for array in arrivals.values() if array is not None]
        scalar = len(real) == 1 and np.size(real[0]) == 1
        values = dict(zip(self.paths, (tensor.numpy() for tensor in tensors), strict=True))
        try:
            with np.errstate(all="ignore"):
                result = self.backward(values, filled(template, arrivals), cache, scalar=scalar)
        except GradcheckError:
            raise
        except Exception as error:  # whatever a user's backward pass raises
            raise refusal(self.backward.name, error, "when it was called") from error
        # The gradient of a loss, times what arrives for it.
        factor = 1.0 if self.backward.takes_upstream or not scalar else real[0].item()
        found = {path: tf.constant(factor * array) for path, array in self.gradients.find(result).items()}
        return [found.get(path) for path in self.paths]


def _recording() -> bool:
    """Whether a tape may be watching; a custom gradient takes 20 times as long as a plain call of a small
    function."""
    from tensorflow.python.eager import record

    possibly = getattr(record, "could_possibly_record", None)
    return possibly is None or bool(possibly())  # a private name: another TensorFlow may not have it
