"""A function in NumPy that TensorFlow's tape can differentiate: the backward pass is its custom gradient.

Both run eagerly, on copies of the tensors, and are never traced into a graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.errors import TargetError
from gradcheck.targets.backward import Backward
from gradcheck.targets.gradients import Gradients
from gradcheck.targets.structure import Template, filled, named


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
        with np.errstate(all="ignore"):
            result = self.backward(values, filled(template, arrivals), cache, scalar=scalar)
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
