"""A function in NumPy that TensorFlow's tape can differentiate: the backward pass is its custom gradient.

Both run eagerly, on copies of the tensors, and are never traced into a graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.targets.backward import Backward
from gradcheck.targets.forward import Forward, Output
from gradcheck.targets.gradients import Gradients
from gradcheck.targets.structure import filled


@dataclass(frozen=True)
class Pair:
    """A function of tensors by position, run in NumPy."""

    forward: Forward
    backward: Backward
    gradients: Gradients
    paths: tuple[str, ...]
    """The names of the arrays."""

    def __call__(self, *tensors: Any) -> Any:
        """The outputs as the forward pass returns them, as tensors."""
        import tensorflow as tf

        def outputs(arrays: Sequence[Array]) -> tuple[Output, dict[str, Any]]:
            output = self.forward.read(self.forward.run(arrays))
            # tf.constant copies: the function may use its memory again.
            return output, {path: tf.constant(leaf) for path, leaf in output.leaves.items()}

        if not _recording():
            output, leaves = outputs([tensor.numpy() for tensor in tensors])
            return filled(output.template, leaves)
        found: list[Output] = []

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def call(*tensors: Any) -> Any:
            output, leaves = outputs([tensor.numpy() for tensor in tensors])
            found[:] = [output]

            def backward(*upstream: Any) -> Any:
                arrivals = {
                    path: tensor.numpy() if output.floats(path) else None
                    for path, tensor in zip(leaves, upstream, strict=True)
                }
                slopes = self.slopes([tensor.numpy() for tensor in tensors], output, arrivals)
                return [tf.constant(slopes[path]) if path in slopes else None for path in self.paths]

            return tuple(leaves.values()), backward

        leaves = call(*tensors)
        return filled(found[0].template, dict(zip(found[0].leaves, leaves, strict=True)))

    def slopes(
        self, arrays: Sequence[Array], output: Output, upstream: Mapping[str, Array | None]
    ) -> dict[str, Array]:
        """The gradient for each of the arrays by path, where there is one."""
        values = dict(zip(self.paths, arrays, strict=True))
        found = self.gradients.find(self.backward(values, output, upstream))
        if self.backward.takes_upstream:
            return found
        # The gradient of a loss, times what arrives for it.
        factor = next(np.asarray(array).item() for array in upstream.values() if array is not None)
        return {path: np.asarray(factor * array) for path, array in found.items()}


def _recording() -> bool:
    """Whether a tape may be watching; a custom gradient takes 20 times as long as a plain call of a small
    function."""
    from tensorflow.python.eager import record

    possibly = getattr(record, "could_possibly_record", None)
    return possibly is None or bool(possibly())  # a private name: another TensorFlow may not have it
