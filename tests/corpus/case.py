"""A gradient of known verdict, and the pieces that cases are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[..., Any]
Shape = Callable[[int], tuple[int, ...]]
Source = Callable[[int, np.random.Generator], Array]
Draw = Callable[[int, int], dict[str, Array]]


@dataclass(frozen=True)
class Case:
    """One function whose gradient is known to be right or wrong."""

    name: str
    family: str
    reason: str
    """Why the gradient is right, or what is wrong with it."""
    make: Callable[[int, int], tuple[Function, dict[str, Array]]]
    """(rough number of elements, seed) → the function and its inputs by name, in order."""
    wrong: bool
    diagnosis: str | None = None
    """Lower-case words that the report of a wrong gradient must use; None where none is named."""
    truth: Function | None = None
    """The same forward with TensorFlow's own gradient, where there is one."""
    smooth: bool = True
    """Whether the function has a derivative at these inputs: no tie and no corner within `step`."""
    step: float = 1e-3
    """Relative step within which the function is smooth (on each side): known here, not searched for."""

    eps: float = 2.0**-52
    """Relative rounding of the function, which may be coarser inside than its inputs."""
    native_only: bool = False
    """Whether the function refuses float64."""
    lossy: bool = False
    """Whether rounding at the inputs' own dtype takes more digits than usual from a right gradient."""

    @property
    def label(self) -> str:
        """Family and name: unique, and the id of the test."""
        return f"{self.family}: {self.name}"


class Maker(Protocol):
    """Makes one case of a family; `options` are the last fields of `Case`."""

    def __call__(self, name: str, function: Function, inputs: Draw, reason: str, **options: Any) -> Case: ...


def family(title: str) -> tuple[Maker, Maker]:
    """The two makers of a family: of right cases and of wrong ones."""

    def maker(is_wrong: bool) -> Maker:
        def case(name: str, function: Function, inputs: Draw, reason: str, **options: Any) -> Case:
            if isinstance(function, Broken):
                options = {"truth": function.forward} | options

            def make(size: int, seed: int) -> tuple[Function, dict[str, Array]]:
                return function, inputs(size, seed)

            return Case(name, title, reason, make, is_wrong, **options)

        return case

    return maker(False), maker(True)


# Gradients that are wrong on purpose.


@dataclass(frozen=True)
class Broken:
    """`forward` with `backward(upstream, *inputs)` as its gradient; one upstream tensor per output."""

    forward: Function
    backward: Function

    def __call__(self, *tensors: Any) -> Any:
        """The outputs of `forward`, recorded with the gradient `backward`."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def function(*inner: Any) -> Any:
            def gradient(*upstream: Any) -> Any:
                return self.backward(*upstream, *inner)

            return self.forward(*inner), gradient

        return function(*tensors)


def true_gradients(forward: Function, upstream: Any, tensors: Sequence[Any]) -> list[Any]:
    """TensorFlow's gradients of <upstream, forward(*tensors)>."""
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = forward(*tensors)
    gradients: list[Any] = tape.gradient(outputs, list(tensors), output_gradients=upstream)
    return [tf.convert_to_tensor(gradient) for gradient in gradients]


def distorted(forward: Function, mistake: Function, which: int = 0) -> Broken:
    """`forward` whose gradient of input number `which` goes through `mistake`; the others stay right."""

    def backward(upstream: Any, *tensors: Any) -> Any:
        gradients = true_gradients(forward, upstream, tensors)
        gradients[which] = mistake(gradients[which])
        return gradients

    return Broken(forward, backward)


def scaled(factor: float) -> Function:
    """The mistake of a constant factor."""
    return lambda gradient: gradient * tf.cast(factor, gradient.dtype)


def one_element(factor: float) -> Function:
    """The mistake of a factor in the middle element only."""

    def mistake(gradient: Any) -> Any:
        flat = tf.reshape(gradient, [-1])
        chosen = tf.one_hot(flat.shape[0] // 2, flat.shape[0], dtype=gradient.dtype)
        return tf.reshape(flat * (1 + chosen * tf.cast(factor - 1, gradient.dtype)), gradient.shape)

    return mistake


# Shapes from a rough number of elements.


def vector(size: int) -> tuple[int, ...]:
    """(size,)"""
    return (size,)


def matrix(size: int) -> tuple[int, ...]:
    """A wide matrix: (3, 2) of 6 elements, (6, 10) of 60."""
    rows = 3 if size < 20 else int(0.8 * size**0.5)
    return (rows, max(2, size // rows))


def square(size: int) -> tuple[int, ...]:
    """(k, k), k at least 3."""
    side = max(3, round(size**0.5))
    return (side, side)


def series(size: int) -> tuple[int, ...]:
    """(batch, length, channels): (1, 8, 2) of 6 elements, (2, 15, 2) of 60."""
    return (1, 8, 2) if size < 20 else (2, size // 4, 2)


def image(size: int) -> tuple[int, ...]:
    """(1, height, width, 1), at least 4 by 5."""
    side = max(4, round(size**0.5))
    return (1, side, side + 1, 1)


def fixed(*shape: int) -> Shape:
    """The same shape at every size."""
    return lambda size: shape


# Values.


def draw(**sources: Source) -> Draw:
    """The inputs of a case, by name, in the order of the function's arguments."""

    def inputs(size: int, seed: int) -> dict[str, Array]:
        rng = np.random.default_rng((seed, size))
        return {name: source(size, rng) for name, source in sources.items()}

    return inputs


def normal(shape: Shape = vector, scale: float = 1.0, shift: float = 0.0, dtype: Any = np.float64) -> Source:
    """shift + scale · N(0, 1)"""
    return lambda size, rng: (shift + scale * rng.standard_normal(shape(size))).astype(dtype)


def uniform(low: float, high: float, shape: Shape = vector, dtype: Any = np.float64) -> Source:
    """Uniform between two numbers."""
    return lambda size, rng: rng.uniform(low, high, shape(size)).astype(dtype)


def signed(low: float, high: float, shape: Shape = vector, dtype: Any = np.float64) -> Source:
    """Sizes uniform between two numbers, signs alternating: both signs at every size."""

    def source(size: int, rng: np.random.Generator) -> Array:
        sizes = rng.uniform(low, high, shape(size))
        signs = (-1.0) ** np.arange(sizes.size).reshape(sizes.shape)
        return np.asarray(sizes * signs).astype(dtype)

    return source


def integers(low: int, high: int, shape: Shape = vector, dtype: Any = np.float64) -> Source:
    """Whole numbers from low to high − 1: ties are common."""
    return lambda size, rng: rng.integers(low, high, shape(size)).astype(dtype)


def distinct(gap: float, shape: Shape = vector) -> Source:
    """The multiples of `gap`, shuffled: no two elements are closer."""

    def source(size: int, rng: np.random.Generator) -> Array:
        count = int(np.prod(shape(size)))
        return gap * (rng.permutation(count) - count / 2 + 0.25).reshape(shape(size))

    return source


def among(values: Sequence[float], other: Source) -> Source:
    """`other` with its first elements replaced by special values (as many as fit)."""

    def source(size: int, rng: np.random.Generator) -> Array:
        array = other(size, rng)
        count = min(len(values), array.size)
        array.reshape(-1)[:count] = values[:count]
        return array

    return source


def cycle(values: Sequence[float], shape: Shape = vector, dtype: Any = np.float64) -> Source:
    """Special values over and over, each off by up to a tenth of a percent so that no two are equal."""

    def source(size: int, rng: np.random.Generator) -> Array:
        count = int(np.prod(shape(size)))
        wobble = 1 + 1e-3 * rng.uniform(-1, 1, count)
        return np.asarray(np.resize(values, count) * wobble).reshape(shape(size)).astype(dtype)

    return source
