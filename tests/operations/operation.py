"""One differentiable TensorFlow operation with inputs at which its gradient is known to be right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.corpus.case import Array, Draw, Function, Source, draw, fixed, normal, uniform

BOTH = ("float64", "float32")
DOUBLE = ("float64",)
SINGLE = ("float32",)

ROUNDED = ("adjust_gamma", "psnr", "crop_and_resize", "per_image_standardization")
"""Operations that take float64 and compute in float32."""


@dataclass(frozen=True)
class Operation:
    """A function of floating tensors only, and how to draw them in float64."""

    name: str
    function: Function
    draw: Draw
    dtypes: tuple[str, ...] = BOTH
    """Precisions for which TensorFlow has both the function and its gradient."""

    @property
    def coarse(self) -> bool:
        """Whether the function is computed in float32 whatever its inputs: a small mistake is not seen."""
        return self.dtypes == SINGLE or self.name in ROUNDED

    def inputs(self, seed: int) -> dict[str, Array]:
        """Inputs by name, float64."""
        return self.draw(0, seed)


def op(name: str, function: Function, dtypes: tuple[str, ...] = BOTH, **sources: Source) -> Operation:
    """An operation from the sources of its inputs, in the order of the function's parameters."""
    return Operation(name, function, draw(**sources), dtypes)


def n(*shape: int) -> Source:
    """Standard normal numbers"""
    return normal(fixed(*shape))


def u(low: float, high: float, *shape: int) -> Source:
    """Uniform numbers between two ends"""
    return uniform(low, high, fixed(*shape))


def definite(*shape: int) -> Source:
    """Symmetric positive definite matrices, eigenvalues above 1"""

    def source(size: int, rng: np.random.Generator) -> Array:
        a = rng.standard_normal(shape)
        return a @ np.swapaxes(a, -1, -2) / shape[-1] + np.eye(shape[-1])

    return source


def invertible(*shape: int) -> Source:
    """Matrices near 2 · identity"""
    return lambda size, rng: 2 * np.eye(shape[-1]) + 0.3 * rng.standard_normal(shape)
