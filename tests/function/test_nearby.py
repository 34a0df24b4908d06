"""Points near a point: how far each element is moved, in which dtype, and by which random numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import eps_of
from gradcheck.function.nearby import Draw, Size, nearby, own_size
from tests.corpus.case import Array
from tests.saying import normal

X = normal(400)
X[:100] = 0.0
RMS = float(np.sqrt(np.mean(X**2)))


def moves(size: Size, draw: Draw, share: float | Sequence[float] = 0.25, *more: Array) -> list[Array]:
    """How far each tensor is moved, the first of which is X."""
    values = [tf.constant(array) for array in (X, *more)]
    found = nearby(values, share, size, draw, np.random.default_rng(0))
    return [point.numpy() - value.numpy() for point, value in zip(found, values, strict=True)]


def test_in_proportion_to_the_element_itself() -> None:
    """An element that is 0 stays where it is."""
    (found,) = moves(Size.ITSELF, Draw.SIGNS)

    np.testing.assert_allclose(np.abs(found), 0.25 * np.abs(X), rtol=1e-12)
    assert not found[:100].any()


def test_in_proportion_to_the_element_or_the_tensor_where_it_is_0() -> None:
    (found,) = moves(Size.ELEMENT, Draw.SIGNS)

    np.testing.assert_allclose(np.abs(found[100:]), 0.25 * np.abs(X[100:]), rtol=1e-12)
    np.testing.assert_allclose(np.abs(found[:100]), 0.25 * RMS, rtol=1e-12)
    np.testing.assert_allclose(0.25 * own_size(X), np.abs(found), rtol=1e-12)


def test_in_proportion_to_the_tensor() -> None:
    (found,) = moves(Size.TENSOR, Draw.SIGNS)

    np.testing.assert_allclose(np.abs(found), 0.25 * RMS, rtol=1e-12)


def test_signs_go_both_ways() -> None:
    (found,) = moves(Size.TENSOR, Draw.SIGNS)

    assert 150 < (found > 0).sum() < 250


def test_half_to_whole_moves() -> None:
    (found,) = moves(Size.TENSOR, Draw.HALF_TO_WHOLE)
    share = found / (0.25 * RMS)

    assert 0.5 <= np.abs(share).min() < 0.51
    assert 0.99 < np.abs(share).max() <= 1.0
    assert 150 < (share > 0).sum() < 250


def test_normal_moves_have_the_share_for_their_deviation() -> None:
    (found,) = moves(Size.TENSOR, Draw.NORMAL)

    assert np.std(found) == pytest.approx(0.25 * RMS, rel=0.1)
    assert np.abs(found).max() > 2 * 0.25 * RMS


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_tensor_moved_by_a_rounding(dtype: str) -> None:
    """By half to a whole rounding, up and down; the tensor itself has more digits."""
    x = normal(100)
    (moved,) = nearby(
        [tf.constant(x)], eps_of(dtype), Size.ITSELF, Draw.HALF_TO_WHOLE, np.random.default_rng(0)
    )
    share = moved.numpy() / x - 1

    assert ((np.abs(share) >= 0.49 * eps_of(dtype)) & (np.abs(share) <= 1.01 * eps_of(dtype))).all()
    assert 20 < (share > 0).sum() < 80


def test_a_share_for_each_tensor() -> None:
    first, second = moves(Size.TENSOR, Draw.SIGNS, [0.5, 0.125], np.array([3.0, -4.0]))

    np.testing.assert_allclose(np.abs(first), 0.5 * RMS, rtol=1e-12)
    np.testing.assert_allclose(np.abs(second), 0.125 * np.sqrt(12.5), rtol=1e-12)


def test_two_tensors_never_share_their_draws() -> None:
    first, second = moves(Size.TENSOR, Draw.NORMAL, 0.25, X.copy())

    assert (first != second).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_dtype_and_shape_stay(dtype: str) -> None:
    value = tf.cast(tf.constant([[1.0, 2.0, 3.0]]), dtype)

    (moved,) = nearby([value], 0.25, Size.TENSOR, Draw.SIGNS, np.random.default_rng(0))

    assert moved.dtype == value.dtype
    assert moved.shape == value.shape


def test_a_scalar() -> None:
    (moved,) = nearby(
        [tf.constant(-2.0, tf.float64)], 0.25, Size.ITSELF, Draw.SIGNS, np.random.default_rng(0)
    )

    assert abs(float(moved) + 2.0) == 0.5
