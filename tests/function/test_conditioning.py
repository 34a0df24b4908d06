"""How far a tape moves with its inputs, against closed forms: that of x² by two roundings of x."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import eps_of
from gradcheck.function.nearby import CONDITIONING, Conditioning, changes
from gradcheck.function.primal import Primal
from gradcheck.function.tape import Tape, record
from gradcheck.targets.function import Target
from tests.corpus.case import Array, Function
from tests.saying import normal

X, Y = normal(30), normal(30, seed=1)
R = np.array([np.ones(30), normal(30, seed=2)])


def recorded(function: Function, dtype: str = "float64", **inputs: Array) -> tuple[Primal, Tape]:
    primal = Primal(Target("f", function, inputs), list(inputs), dtype)
    primal.at_point()
    return primal, record(primal, R)


def test_the_largest_of_three_moves_by_half_to_a_whole_rounding() -> None:
    found = changes(*recorded(lambda x: x**2, x=X), R, [eps_of("float32")])[0]

    share = found / (2 * np.abs(R * X) * eps_of("float32"))
    assert found.shape == (2, 30)
    assert 0.5 <= share.min() < share.max() <= 1.001
    # The largest of three numbers between ½ and 1 is ⅞ in the mean.
    assert np.mean(share) == pytest.approx(0.875, abs=0.03)


def test_the_other_variables_are_moved_too() -> None:
    """The gradient of x y for x is y: it moves by the roundings of y."""
    found = changes(*recorded(lambda x, y: x * y, x=X, y=Y), R, [eps_of("float64"), eps_of("float16")])[0]

    share = found / (np.abs(R * Y) * eps_of("float16"))
    assert 0.5 <= share.min() < share.max() <= 1.001


def test_a_straight_function_is_perfectly_conditioned() -> None:
    assert not changes(*recorded(lambda x: 3 * x, x=X), R, [eps_of("float16")])[0].any()


def test_a_move_to_where_the_gradient_is_not_finite_does_not_count() -> None:
    """Below 1 the gradient is NaN, and half of the moves lead there."""

    def function(x: Any) -> Any:
        return x**2 * tf.where(x < 1.0, tf.constant(np.nan, x.dtype), tf.ones_like(x))

    found = changes(*recorded(function, x=np.ones(30)), R, [eps_of("float16")])[0]

    assert np.isfinite(found).all()
    assert found.any()


def test_of_the_dtypes_of_the_inputs_and_of_float16() -> None:
    """A rounding with some margin, for the elements that are asked for."""
    primal, tape = recorded(lambda x: x**2, dtype="float32", x=X)
    flat = np.array([7, 3])

    known = Conditioning(primal, tape, R)

    rounding, noise = known.rounding(0, flat), known.tape_noise(0, flat)
    natural = 2 * np.abs(R * X)[:, flat]
    assert rounding.shape == noise.shape == (2, 2)
    # In float32 x moves by one or two of its last digits, each ½ … 1 roundings.
    share = rounding[0] / (CONDITIONING * natural[0] * eps_of("float32"))
    assert ((share >= 0.5) & (share <= 2)).all()
    assert (np.abs(noise / (natural * eps_of("float16")) - 0.75) <= 0.26).all()


def test_measured_when_it_is_asked_for_and_only_once() -> None:
    calls = 0

    def function(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return x**2

    primal, tape = recorded(function, x=X)
    before, known = calls, Conditioning(primal, tape, R)
    assert calls == before
    known.tape_noise(0, np.array([0]))
    once = calls
    known.tape_noise(0, np.array([5]))

    assert calls == once > before
