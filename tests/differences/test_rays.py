"""Differences along a direction against closed forms: of the whole contraction, and output by output."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.differences.contraction import AllOutputs, EachOutput, Weighted
from gradcheck.differences.rays import Ray, full_ladder, short_ladder
from gradcheck.differences.stencils import Estimate
from gradcheck.function.primal import Meter, Primal
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.saying import normal

EPS = float(np.finfo(np.float64).eps)
X, Y, U, V = (normal(5, seed=seed) for seed in range(4))
R = np.stack([np.ones(5), normal(5, seed=9)])


def ray(function: Function, direction: dict[int, Array], meter: Meter | None = None, **inputs: Array) -> Ray:
    primal = Primal(Target("f", function, inputs), list(inputs), "float64")
    return Ray(primal, primal.at_point().numpy(), direction, meter or Meter())


def weighted(base: Array) -> Weighted:
    """The cotangents R, for outputs that are rounded as float64 is"""
    return Weighted.of(R, EPS * np.abs(base), np.array([EPS]))


def along(tested: Ray) -> Estimate:
    return tested.estimate(full_ladder(EPS), weighted(tested.base), AllOutputs())


def test_a_point_on_the_ray_and_every_evaluation_counted() -> None:
    """x + t u, in both directions; a variable without a direction stays."""
    meter = Meter()
    tested = ray(lambda x, y: x * y**2, {1: V}, meter, x=X, y=Y)

    up, down = tested.sides(0.25)

    np.testing.assert_allclose(tested.at(0.5), X * (Y + 0.5 * V) ** 2, rtol=1e-14)
    np.testing.assert_allclose(up, X * (Y + 0.25 * V) ** 2, rtol=1e-14)
    np.testing.assert_allclose(down, X * (Y - 0.25 * V) ** 2, rtol=1e-14)
    assert meter.count == 3


def test_from_another_point() -> None:
    tested = ray(lambda x: x**3, {0: U}, x=X)

    np.testing.assert_allclose(tested.at(0.5, [tf.constant(Y)]), (Y + 0.5 * U) ** 3, rtol=1e-14)


def test_the_slope_of_the_whole_contraction() -> None:
    """d/dt Σ r sin(x + t u) y = Σ r u cos(x) y, with y moving as well."""
    found = along(ray(lambda x, y: tf.sin(x) * y, {0: U, 1: V}, x=X, y=Y))

    each = U * np.cos(X) * Y + np.sin(X) * V
    truth = R @ each
    assert found.value.shape == (2, 1)
    assert (np.abs(found.value[:, 0] - truth) <= found.bound[:, 0]).all()
    assert (found.bound[:, 0] <= 1e-7 * np.abs(each).sum()).all()
    np.testing.assert_allclose(found.size, [np.abs(each).sum()], rtol=1e-3)


def test_the_slope_of_each_output() -> None:
    tested = ray(lambda x: tf.exp(x), {0: U}, x=X)
    ones = np.ones((1, 5))
    outputs = Weighted(ones, ones[0], EPS * np.abs(tested.base), np.array([EPS]))
    chosen, steps = np.array([4, 0, 2]), full_ladder(EPS)

    found = tested.settled(
        steps, [tested.sides(step) for step in steps], outputs.at(chosen), EachOutput(), chosen
    )

    truth = (U * np.exp(X))[chosen]
    assert (np.abs(found.value[0] - truth) <= found.bound[0]).all()
    assert (found.bound[0] <= 1e-7 * np.abs(truth)).all()


def test_a_corner_on_the_ray_is_an_interval() -> None:
    """|t u| has the slopes −Σ|u| and Σ|u| at 0, for r = 1."""
    found = along(ray(lambda x: tf.abs(x), {0: U}, x=np.zeros(5)))

    np.testing.assert_allclose(found.half[0], [np.abs(U).sum()], rtol=1e-6)
    np.testing.assert_allclose(found.value[0], [0.0], atol=1e-6)


def test_where_the_function_refuses_there_is_nan() -> None:
    tested = ray(lambda x: tf.linalg.inv(x), {0: -np.eye(2)}, x=np.eye(2))

    assert np.isnan(tested.at(1.0)).all()
    assert np.isfinite(tested.at(0.5)).all()


@pytest.mark.parametrize("eps", [2.0**-52, 2.0**-23, 2.0**-10])
def test_ladders_are_powers_of_two_from_coarse_to_fine(eps: float) -> None:
    """So that x + t u is exact where u is made of powers of two."""
    short, full = short_ladder(eps ** (1 / 3)), full_ladder(eps)

    for ladder in (short, full):
        assert all(math.frexp(step)[0] == 0.5 for step in ladder)
        assert all(near <= far for far, near in pairwise(ladder))
    assert full[0] == 1.0
    assert full[-1] == pytest.approx(max(1e-12, 8 * eps), rel=0.5)
    assert short[0] == pytest.approx(eps ** (1 / 3), rel=0.5)
    assert short[-1] == pytest.approx(eps ** (1 / 3) / 1024, rel=0.5)


def test_the_direction_is_that_of_the_dtype() -> None:
    """In float32 a third is not a third: J u must be taken for the u that moves."""
    primal = Primal(Target("f", lambda x: x, {"x": np.ones(1, np.float32)}), ["x"], None)

    tested = Ray(primal, primal.at_point().numpy(), {0: np.array([1 / 3])}, Meter())

    found: Any = tested.direction[0].numpy()
    assert found.dtype == np.float32
    assert found[0] == np.float32(1 / 3)
