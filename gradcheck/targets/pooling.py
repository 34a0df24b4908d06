"""Max and average pooling along one axis as targets, with their gradients from the textbook."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import ShapeError, TargetError
from gradcheck.targets.function import Target

PADDINGS = ("valid", "same")
DATA_FORMATS = ("channels_last", "channels_first")
Gradient = Callable[[Array, Array, Array], Array]
"""(x, upstream, places of the windows) → gradient of x, all with the steps on the last axis."""


@dataclass(frozen=True)
class Windows:
    """Where the windows of a pooling layer lie along the steps, and which axis holds the steps."""

    pool_size: int
    strides: int
    padding: str
    data_format: str

    def places(self, steps: int) -> Array:
        """Step under each place of each window, (windows, pool_size); outside 0 … steps − 1 it is padding.

        `same` gives ceil(steps / strides) windows and shares the padding they need between both borders,
        the odd one at the end, as https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2 says.
        """
        if self.padding == "valid":
            count, before = (steps - self.pool_size) // self.strides + 1, 0
        else:
            count = -(-steps // self.strides)
            before = max((count - 1) * self.strides + self.pool_size - steps, 0) // 2
        starts = np.arange(count) * self.strides - before
        return np.asarray(starts[:, None] + np.arange(self.pool_size))

    def steps_last(self, array: Array) -> Array:
        """The array as (batch, channels, steps); the other way round it is its own inverse."""
        return array if self.data_format == "channels_first" else array.swapaxes(1, 2)


def maxpool1d(
    x: Array,
    pool_size: int = 2,
    strides: int | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Target:
    """Max pooling along one axis, as `keras.layers.MaxPooling1D`, with one input named `x`.

    Parameters
    ----------
    x
        Of shape (batch, steps, channels), or (batch, channels, steps) for channels_first.
    pool_size, strides
        Steps in a window and between two windows; None takes strides = pool_size.
    padding
        `valid`: only windows that lie inside; `same`: ceil(steps / strides) windows, padding never wins.

    Raises `ShapeError` if x has not three axes, or no window fits, `TargetError` if an option has a value
    that pooling does not know.
    """
    return _pooling("maxpool1d", _scatter_to_maximum, x, pool_size, strides, padding, data_format)


def avgpool1d(
    x: Array,
    pool_size: int = 2,
    strides: int | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Target:
    """Average pooling along one axis, as `keras.layers.AveragePooling1D`, with one input named `x`.

    Takes and raises what `maxpool1d` does; with `same` padding a window averages its real elements only.
    """
    return _pooling("avgpool1d", _share_evenly, x, pool_size, strides, padding, data_format)


def _pooling(
    name: str, gradient: Gradient, x: Array, pool_size: int, strides: int | None, padding: str, layout: str
) -> Target:
    """The pooling layer `name`, whose gradient is known for the steps on the last axis."""
    windows = _windows(name, x, pool_size, strides, padding, layout)

    def function(x: Any) -> Any:
        import tensorflow as tf

        pool = tf.nn.max_pool1d if name == "maxpool1d" else tf.nn.avg_pool1d
        arguments = (windows.pool_size, windows.strides, padding.upper())
        if layout == "channels_last":
            return pool(x, *arguments)
        # On the CPU TensorFlow pools channels_last only.
        return tf.transpose(pool(tf.transpose(x, (0, 2, 1)), *arguments), (0, 2, 1))

    def closed_form(inputs: Mapping[str, Array], upstream: Array) -> dict[str, Array]:
        steps_last = windows.steps_last(inputs["x"])
        places = windows.places(steps_last.shape[-1])
        return {"x": windows.steps_last(gradient(steps_last, windows.steps_last(upstream), places))}

    return Target(name, function, {"x": x}, closed_form)


def _scatter_to_maximum(x: Array, r: Array, places: Array) -> Array:
    """Each window's upstream gradient r goes to its first largest element (the one-hot of its argmax)."""
    # Running maximum over the places of a window: strict >, so that the first of equals keeps the gradient.
    best = np.full(r.shape, -np.inf)
    where = np.zeros(r.shape, np.intp)
    for place in places.T:
        real = (place >= 0) & (place < x.shape[-1])
        value = np.where(real, x[..., np.clip(place, 0, x.shape[-1] - 1)], -np.inf)
        where = np.where(value > best, place, where)
        best = np.maximum(value, best)
    # bincount adds up where windows overlap and choose the same element.
    row = np.arange(r.shape[0] * r.shape[1]).reshape(*r.shape[:2], 1) * x.shape[-1]
    total = np.bincount((row + where).reshape(-1), weights=r.reshape(-1), minlength=x.size)
    return total.reshape(x.shape)


def _share_evenly(x: Array, r: Array, places: Array) -> Array:
    """Each real element of a window gets r / (number of real elements in the window)."""
    real = (places >= 0) & (places < x.shape[-1])
    share = r / real.sum(axis=1)
    total = np.zeros(x.shape)
    for place, inside in zip(places.T, real.T, strict=True):
        # Within one place of all windows each step occurs once, since strides are at least 1.
        total[..., place[inside]] += share[..., inside]
    return total


def _windows(
    name: str, x: Array, pool_size: int, strides: int | None, padding: str, data_format: str
) -> Windows:
    """Validate everything before any computing."""
    strides = pool_size if strides is None else strides
    for option, value in (("pool size", pool_size), ("strides", strides)):
        if value < 1:
            raise ShapeError(f"The {option} of {name} is {value}; it must be at least 1.", "Give 1 or more.")
    for option, word, words in (("padding", padding, PADDINGS), ("data format", data_format, DATA_FORMATS)):
        if word not in words:
            raise TargetError(f"{name} knows no {option} {word!r}.", f"Choose from: {', '.join(words)}.")
    last = data_format == "channels_last"
    layout = "(batch, steps, channels)" if last else "(batch, channels, steps)"
    if x.ndim != 3:
        raise ShapeError(
            f"x has shape {x.shape}, {x.ndim} axes; {name} with {data_format} needs the three of {layout}.",
            "Reshape x, such as (1, steps, 1) for a plain sequence." if last else "Reshape x.",
        )
    steps = x.shape[1 if last else 2]
    if padding == "valid" and pool_size > steps:
        raise ShapeError(
            f"x has shape {x.shape}, read as {layout}, so {steps} steps, and the window has shape "
            f"({pool_size},): with valid padding no window fits.",
            f"Take a pool size of at most {steps}, or --padding same.",
        )
    return Windows(pool_size, strides, padding, data_format)
