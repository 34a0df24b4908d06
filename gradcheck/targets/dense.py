"""The dense layer as a target: y = activation(x · w + b), with its gradient from the textbook."""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import ShapeError, TargetError, TensorError, did_you_mean
from gradcheck.targets.activations import DERIVATIVES, functions
from gradcheck.targets.function import Target


def dense(x: Array, w: Array, b: Array | None = None, activation: str = "linear") -> Target:
    """A dense layer, activation(x · w + b), with inputs named `x`, `w` and, where it is given, `b`.

    Parameters
    ----------
    x, w, b
        Of shapes (…, d_in), (d_in, units) and (units,), all of one floating dtype.
    activation
        A name that `keras.activations.get` knows. The closed form covers the elementwise ones whose
        derivative needs nothing beyond NumPy; the others, such as softmax, have none.

    Raises `ShapeError` if the shapes do not fit, `TensorError` if the dtypes differ, `TargetError` if Keras
    has no such activation.
    """
    _check_shapes(x, w, b)
    inputs = {"x": x, "w": w} if b is None else {"x": x, "w": w, "b": b}
    _check_dtypes(inputs)
    _check_activation(activation, w.shape[1])

    def function(x: Any, w: Any, b: Any = None) -> Any:
        import keras
        import tensorflow as tf

        y = tf.tensordot(x, w, axes=1)
        return keras.activations.get(activation)(y if b is None else y + b)

    derivative = DERIVATIVES.get(activation)
    return Target("dense", function, inputs, derivative and partial(_gradients, derivative))


def _check_shapes(x: Array, w: Array, b: Array | None) -> None:
    shapes = f"x has shape {x.shape} and w has shape {w.shape}"
    if x.ndim < 1:
        raise ShapeError(
            f"x is a scalar (shape ()), and w has shape {w.shape}: dense needs x of shape (…, d_in).",
            "Give x at least one axis, such as [3.0].",
        )
    if w.ndim != 2:
        raise ShapeError(
            f"{shapes}: dense needs w of shape (d_in, units), two axes.",
            f"Give w the shape ({x.shape[-1]}, units).",
        )
    if w.shape[0] != x.shape[-1]:
        hint = " w fits when it is transposed." if w.shape[1] == x.shape[-1] else ""
        raise ShapeError(
            f"{shapes}: the first axis of w ({w.shape[0]}) must be as long as the last axis of x "
            f"({x.shape[-1]}).",
            f"Give w the shape ({x.shape[-1]}, units).{hint}",
        )
    if b is not None and b.shape != w.shape[1:]:
        raise ShapeError(
            f"b has shape {b.shape} and w has shape {w.shape}: b needs one value for each of w's "
            f"{w.shape[1]} units.",
            f"Give b the shape ({w.shape[1]},).",
        )


def _check_dtypes(inputs: Mapping[str, Array]) -> None:
    if len({array.dtype for array in inputs.values()}) > 1:
        found = ", ".join(f"{name} is {array.dtype.name}" for name, array in inputs.items())
        raise TensorError(
            f"The inputs have different dtypes ({found}); dense multiplies tensors of one dtype only.",
            "Convert them all with --dtype, such as --dtype float32.",
        )


def _check_activation(name: str, units: int) -> None:
    """Raise unless Keras applies `name` to one tensor; for linear, Keras need not be loaded."""
    if name == "linear":
        return
    from gradcheck.runtime import load_tensorflow

    load_tensorflow()
    import keras

    try:
        function = keras.activations.get(name)
    except ValueError:
        function = None
    if function is None or not _takes_one_tensor(function):
        known = functions(keras.activations).items()
        taking_one = sorted(key for key, value in known if _takes_one_tensor(value))
        raise TargetError(
            f"Keras {keras.__version__} has no activation of one tensor named {name!r}.",
            f"{did_you_mean(name, taking_one)}Choose from: {', '.join(taking_one)}.",
        )
    if name == "glu" and units % 2:
        raise ShapeError(
            f"The activation glu halves the last axis, and x · w has {units} units, an odd number.",
            "Give w an even number of units.",
        )


def _takes_one_tensor(function: Any) -> bool:
    """Whether the first parameter is the only one without a default (`threshold` needs more)."""
    parameters = inspect.signature(function).parameters.values()
    return sum(parameter.default is parameter.empty for parameter in parameters) == 1


def _gradients(derivative: Any, inputs: Mapping[str, Array], upstream: Array) -> dict[str, Array]:
    """With r = upstream · activation'(x · w + b): dL/dx = r · wᵀ, dL/dw = xᵀ · r, dL/db = Σ r."""
    x, w = inputs["x"], inputs["w"]
    r = upstream * derivative(x @ w + inputs.get("b", 0.0))
    rows, r_rows = x.reshape(-1, x.shape[-1]), r.reshape(-1, w.shape[1])
    gradients = {"x": r @ w.T, "w": rows.T @ r_rows, "b": np.sum(r_rows, axis=0)}
    return {name: gradients[name] for name in inputs}
