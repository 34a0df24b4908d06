"""The tape at the tensors' own dtype against that at float64, by numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from gradcheck.settings import Settings
from gradcheck.verdicts.own_dtype import _conditioning, _forward_loss, coarsest, compare, repeats
from gradcheck.verdicts.rule import ROUNDED
from tests.posed import posed
from tests.saying import normal, told

ONE = np.ones(3)


def test_the_coarsest_dtype_is_that_of_any_tensor_or_output() -> None:
    fine, half = np.ones(2), np.ones(2, np.float16)

    assert coarsest(posed(lambda x: x, x=fine).own) == "float64"
    assert coarsest(posed(lambda x, y: x + tf.cast(y, x.dtype), x=fine, y=half).own) == "float16"
    assert coarsest(posed(lambda x: tf.cast(x, tf.bfloat16), x=fine.astype(np.float32)).own) == "bfloat16"


@pytest.mark.parametrize(("loss", "counted"), [(0.0, False), (3e-6, False), (9e-6, True), (0.1, True)])
def test_what_the_function_loses_counts_from_64_roundings_of_the_coarsest_input(
    loss: float, counted: bool
) -> None:
    """64 · 2⁻²³ is 7.6e-6, where one input is float32 and the other float64."""

    def function(x: Any, y: Any) -> Any:
        # Only in float32 is x a little less.
        return tf.cast(x, tf.float64) * (1 - loss * (x.dtype == tf.float32)) + 0 * tf.cast(y, tf.float64)

    problem = posed(function, x=np.ones(3, np.float32), y=np.ones(3))

    found = _forward_loss(problem)

    assert found == pytest.approx(loss if counted else 0.0, rel=0.1)


def wrong_in_float32(share: float, infinite: bool = False) -> Any:
    """Three times x, whose gradient in float32 is off by a share in one element"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(x: Any) -> tuple[Any, Any]:
        def backward(r: Any) -> Any:
            off = (
                np.array([share, 0.0, np.inf if infinite else 0.0]) if x.dtype == tf.float32 else np.zeros(3)
            )
            return r * 3 * tf.constant(1 + off, x.dtype)

        return 3 * x, backward

    return function


@pytest.mark.parametrize(("share", "off"), [(1e-6, False), (1e-3, True), (-1e-3, True)])
def test_an_error_beyond_what_the_dtype_may_cost_is_wrong(share: float, off: bool) -> None:
    """64 roundings of float32 are 7.6e-6 of S and of Σ w |f| / |x|, which are equal here."""
    problem = posed(wrong_in_float32(share, infinite=True), x=np.ones(3, np.float32))
    size = np.abs(3 * problem.cotangents[0])

    loss = compare(problem, 0, size, size)

    assert loss.dtype == "float32"
    assert loss.wrong.tolist() == ([0] if off else [])
    assert loss.nonfinite.tolist() == [2]
    assert loss.conditioned.tolist() == []
    assert loss.worst == pytest.approx(1e-3 if off else 0.0, rel=1e-3)
    assert loss.ratio.shape == loss.wrong.shape
    assert (loss.ratio > 1).all()


def off_in_float32(*shares: float) -> Any:
    """Three times x, whose gradient in float32 is off by a share in each element"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(x: Any) -> tuple[Any, Any]:
        return 3 * x, lambda r: r * 3 * (1 + tf.constant(shares, x.dtype) * int(x.dtype == tf.float32))

    return function


def test_the_worst_error_and_how_far_each_is_beyond_its_tolerance() -> None:
    """64 · 2⁻²³ of S, or of the tape where S is less, and of Σ w |f| / |x|: a line has no conditioning."""
    shares = np.array([1e-3, 0.0, -1e-2, 4e-5, 4e-5, 2e-5, 2e-5])
    problem = posed(off_in_float32(*shares), x=np.ones(7, np.float32))
    tape = np.abs(3 * problem.cotangents).max(axis=0)
    # 4e-5 is within the tolerance of an S or of a Σ that is 8 times the tape; 2e-5 of neither at 1.
    size, natural = tape * [1, 1, 0, 8, 1, 1, 0], tape * [1, 1, 0, 0, 8, 0, 1]

    loss = compare(problem, 0, size, natural)

    tolerance = 64 * 2.0**-23 * (np.maximum(size, tape) + natural)
    error = np.abs(shares) * tape
    assert loss.wrong.tolist() == [0, 2, 5, 6]
    assert (error > tolerance).nonzero()[0].tolist() == [0, 2, 5, 6]
    np.testing.assert_allclose(loss.ratio, (error / tolerance)[[0, 2, 5, 6]], rtol=0.02)
    assert loss.worst == pytest.approx(1e-2, rel=1e-3)
    assert loss.conditioned.size == loss.nonfinite.size == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rounding_of_the_inputs_moves_the_tapes_as_the_second_derivative_says(dtype: str) -> None:
    """Both tapes move by |f″| |x| · 2⁻²³ in each element of sin x at most, and by half of it at least."""
    x = np.array([0.3, -20.0, 1000.0])
    problem = posed(tf.sin, x=x.astype(dtype))

    moved = _conditioning(problem, 0, 2.0**-23)

    most = 2 * np.abs(problem.cotangents[0] * np.sin(x) * x) * 2.0**-23
    # In float32 the tape at the tensors' own dtype is rounded besides.
    slack = 4 * 2.0**-23 * np.abs(problem.cotangents[0]) if dtype == "float32" else 0.0
    assert moved.shape == (3,)
    assert (moved <= most * 1.01 + slack).all()
    assert (moved >= most / 2 - slack).all()


@pytest.mark.parametrize(("beyond", "wrong"), [(0.98, []), (1.02, [1])])
@pytest.mark.parametrize(
    ("atol", "size", "natural"), [(1e-3, 0.0, 0.0), (0.0, 7.0, 0.0), (0.0, 0.0, 1e5), (1e-3, 7.0, 1e5)]
)
def test_two_gradients_may_be_as_far_apart_as_rounding_puts_them(
    beyond: float, wrong: list[int], atol: float, size: float, natural: float
) -> None:
    """atol + 64 · 2⁻²³ S + 16 · 2⁻²³ Σ w |f| / |x|, in float32"""
    problem = posed(tf.sin, Settings(atol=atol), x=np.ones(3, np.float32))
    allowed = atol + 64 * 2.0**-23 * size + ROUNDED * 2.0**-23 * natural
    apart = allowed * np.array([0.5, beyond, 0.0])
    problem = replace(problem, again=(apart,))

    opinions, notes = repeats(problem, 0, np.full(3, size), np.full(3, natural))

    assert [one.where.tolist() for one in opinions] == ([wrong] if wrong else [])
    assert len(notes) == (0 if wrong else 1)
    for one in opinions:
        assert one.ratio == pytest.approx([beyond], rel=1e-3)


def test_where_the_function_itself_loses_digits_its_gradient_may_lose_16_times_as_much() -> None:
    """In float32 100 x is off by a thousandth: the gradient may be off by 16 thousandths of S there."""
    shares = np.array([1.5e-2, 1.7e-2, -1.5e-2, -1.7e-2])

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(x: Any) -> tuple[Any, Any]:
        lossy = int(x.dtype == tf.float32)
        return 100 * x * (1 - 1e-3 * lossy), lambda r: r * 100 * (1 + tf.constant(shares, x.dtype) * lossy)

    problem = posed(function, x=np.ones(4, np.float32))
    size = np.abs(100 * problem.cotangents).max(axis=0)

    loss = compare(problem, 0, size, np.zeros(4))

    assert loss.conditioned.tolist() == [0, 2]
    assert loss.wrong.tolist() == [1, 3]
    np.testing.assert_allclose(loss.ratio, 17 / 16, rtol=1e-2)
    assert loss.worst == pytest.approx(1.7e-2, rel=1e-3)


def test_the_dtype_is_to_blame_only_for_what_is_finite_in_float64_for_every_cotangent() -> None:
    problem = posed(lambda x: 3 * x, x=np.ones(4, np.float32))
    exact, own = problem.exact_tape.gradients[0].copy(), problem.own_tape.gradients[0].copy()
    exact[1, 0] = np.inf
    own[0, 0] = own[1, 1] = own[:, 2] = np.nan
    problem = replace(
        problem,
        exact_tape=replace(problem.exact_tape, gradients=(exact,)),
        own_tape=replace(problem.own_tape, gradients=(own,)),
    )

    loss = compare(problem, 0, np.abs(exact[0]), np.zeros(4))

    assert loss.nonfinite.tolist() == [1, 2]
    assert loss.wrong.size == loss.conditioned.size == 0


def test_where_nothing_may_differ_what_is_the_same_twice_is_right() -> None:
    """S, f and atol are 0 here."""
    problem = replace(posed(tf.sin, x=np.ones(3)), again=(np.array([0.0, 1e-300, 0.0]),))

    (found,), notes = repeats(problem, 0, np.zeros(3), np.zeros(3))

    assert found.where.tolist() == [1]
    assert notes == []


@pytest.mark.parametrize(("factor", "lost"), [(0.5, 0.5), (2.0, 0.5), (1.25, 0.2), (-1.0, 2.0)])
def test_what_the_function_loses_is_a_share_of_the_larger_value(factor: float, lost: float) -> None:
    """|f₆₄ − f₃₂| ÷ max(|f₆₄|, |f₃₂|), the largest of the outputs"""
    share = np.array([1.0, factor, 1.0])

    def function(x: Any) -> Any:
        return x * tf.constant(share if x.dtype == tf.float32 else np.ones(3), x.dtype)

    problem = posed(function, x=np.array([0.0, 4.0, 1.0], np.float32))

    assert _forward_loss(problem) == pytest.approx(lost, rel=1e-6)


def test_what_float32_has_no_numbers_for_is_no_loss() -> None:
    """The slope of 1e-42 · x is no normal number of float32; that of relu at −1 is 0 and the output too."""
    tiny = posed(lambda x: tf.constant(1e-42, x.dtype) * x, x=np.ones(3, np.float32))
    dead = posed(lambda x: tf.nn.relu(-x), x=np.ones(3, np.float32))

    for problem, size in ((tiny, 1e-42), (dead, 0.0)):
        found = compare(problem, 0, np.full(3, size), np.full(3, size))
        assert (found.wrong.size, found.nonfinite.size, found.conditioned.size) == (0, 0, 0)


def half_precise(policy: str, seed: int, activation: Any) -> Any:
    """A model in float32 whose first layer computes in a coarser dtype, with weights of any size"""
    first = keras.layers.Dense(3, activation, dtype=policy)
    model = keras.Sequential([keras.Input((3,)), first, keras.layers.Dense(2)])
    random = np.random.default_rng(seed)
    model.set_weights([random.standard_normal(weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("seed", [18, 275, 285])
def test_a_right_layer_that_rounds_more_coarsely_inside_passes(policy: str, seed: int) -> None:
    """1 − tanh² of a saturated tanh is rounded away, and sums of the backward pass cancel."""
    report = check(half_precise(policy, seed, "tanh"), {"x": normal(2, 3)})

    assert report.verdict is Verdict.PASS, told(report)
    assert all(variable.counts["match"] == variable.verdicts.size for variable in report.variables)
    assert any("or rounds more coarsely inside there" in note.text for note in report.notes)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("seed", range(4))
def test_a_gradient_that_is_wrong_in_half_precision_alone_fails(policy: str, seed: int) -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def twice(x: Any) -> tuple[Any, Any]:
        y = tf.tanh(x)
        return y, lambda r: r * (1 - y * y) * (1 if x.dtype == tf.float64 else 2)

    report = check(half_precise(policy, seed, twice), {"x": normal(2, 3)})

    assert report.verdict is Verdict.FAIL, told(report)
