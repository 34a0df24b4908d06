"""Colourings of every kind, and the outputs of an element by the definition of a band: the oracle of sums."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from gradcheck.function.output import Output
from gradcheck.sparsity.bands import EMPTY, Band
from gradcheck.sparsity.colouring import Colouring

Index = tuple[int, ...]


def band(axis: int, low: float, high: float, stride: str = "1") -> Band:
    return Band(axis, Fraction(stride), Fraction(low), Fraction(high))


def output(*shape: int) -> Output:
    return Output("output", shape, "float64")


ROW, SAME = band(0, 0, 0), band(1, 0, 0)
CASES: dict[str, tuple[Colouring, tuple[Output, ...]]] = {
    "elementwise": (Colouring((3, 4), (1, 1), ((ROW, SAME),)), (output(3, 4),)),
    "one number": (Colouring((3, 4), (3, 4), ((None, None),)), (output(),)),
    "a scalar": (Colouring((), (), ((),)), (output(5),)),
    "rows": (Colouring((5, 3), (1, 3), ((ROW, None),)), (output(5, 2),)),
    "exchanged": (Colouring((3, 4), (1, 1), ((band(1, 0, 0), band(0, 0, 0)),)), (output(4, 3),)),
    "a band of 3": (Colouring((2, 11, 2), (1, 3, 2), ((ROW, band(1, 0, 2), None),)), (output(2, 9, 3),)),
    "rows of a group that end early": (Colouring((4, 5), (1, 2), ((ROW, band(1, 0, 1)),)), (output(4, 4),)),
    "padded": (Colouring((10,), (3,), ((band(0, -1, 1),),)), (output(10),)),
    "shorter than its period": (Colouring((10,), (5,), ((band(0, -1, 1),),)), (output(10),)),
    "by 2": (Colouring((2, 12), (1, 4), ((ROW, band(1, 0, 2, "2")),)), (output(2, 5),)),
    "by 3, padded": (Colouring((13,), (6,), ((band(0, -1, 2, "3"),),)), (output(5),)),
    "repeated": (Colouring((6,), (1,), ((band(0, -0.5, 0, "1/2"),),)), (output(12),)),
    "two outputs": (
        Colouring((4, 6), (1, 2), ((ROW, band(1, 0, 1)), (ROW, band(1, -1, 0)))),
        (output(4, 5), output(4, 7)),
    ),
    "outputs of other axes": (
        Colouring((4, 6), (1, 2), ((ROW, band(1, 0, 1)), (band(1, 0, 0), band(0, 0, 0)))),
        (output(4, 5), output(6, 4)),
    ),
    "one stands still": (Colouring((7,), (1,), ((EMPTY,), (ROW,))), (output(3), output(7))),
}


def owned(colouring: Colouring, outputs: tuple[Output, ...], element: Index) -> list[int]:
    """Flat indices of the outputs in whose bands an element lies, by their definition"""
    found, start = [], 0
    for part, bands in zip(outputs, colouring.bands, strict=True):
        for number, o in enumerate(itertools.product(*map(range, part.shape))):
            if all(
                b is None
                or (b != EMPTY and o[b.axis] * b.stride + b.low <= j <= o[b.axis] * b.stride + b.high)
                for b, j in zip(bands, element, strict=True)
            ):
                found.append(start + number)
        start += part.size
    return found


def elements(colouring: Colouring, group: int) -> list[Index]:
    """The elements of a group"""
    numbers = np.arange(int(np.prod(colouring.shape))).reshape(colouring.shape)[colouring.slices(group)]
    return [tuple(map(int, np.unravel_index(n, colouring.shape))) for n in np.ravel(numbers)]
