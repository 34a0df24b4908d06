"""The sums of a contraction by their definition, one output and one cotangent at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Sums, Weighted

EPS = 1e-16
"""Relative rounding of all outputs."""
FIELDS = ("up", "down", "gap", "size", "noise", "coarse")


def weighted(count: int, generator: np.random.Generator) -> Weighted:
    """Three random cotangents of so many outputs, each output with a noise of its own"""
    noise = generator.uniform(1e-16, 1e-15, count)
    return Weighted.of(generator.uniform(-2, 2, (3, count)), noise, np.array([EPS]))


def by_loops(known: Weighted, rise: Array, fall: Array, places: Sequence[Sequence[int]]) -> Sums:
    """The sums; `places` are the outputs of each element"""
    count = len(known.cotangents)
    up, down, gap = (np.zeros((count, len(places))) for _ in range(3))
    size, noise, coarse = (np.zeros(len(places)) for _ in range(3))
    for u, row in enumerate(places):
        for i in row:
            w = abs(known.cotangents[0, i])
            half = (abs(rise[i]) + abs(fall[i])) / 2
            size[u] += w * half
            coarse[u] += w * half * EPS
            noise[u] += w * known.noise[i] * (half != 0)
            for k in range(count):
                r = known.cotangents[k, i]
                up[k, u] += r * rise[i]
                down[k, u] += r * fall[i]
                gap[k, u] += abs(r) * abs(rise[i] - fall[i])
    return Sums(up, down, gap, size, noise, coarse)


def assert_same(found: Sums, truth: Sums, fields: Sequence[str] = FIELDS) -> None:
    """Sums are the same but for rounding"""
    for field in fields:
        np.testing.assert_allclose(
            getattr(found, field), getattr(truth, field), rtol=1e-12, atol=1e-30, err_msg=field
        )
