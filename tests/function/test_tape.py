"""A custom gradient that TensorFlow passes over, since it was called with keyword arguments only, and one
that is right for upstream gradients of one sign only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from gradcheck.arrays.cotangents import draw_cotangents
from gradcheck.function.tape import NO_GRADIENT, apart, noting_ignored, record, usable
from gradcheck.targets.function import Target
from tests.corpus.case import Broken
from tests.posed import posed
from tests.saying import lines, normal


@tf.custom_gradient  # type: ignore[untyped-decorator]
def tripled(x: Any) -> Any:
    """x², with 3 x for its gradient"""
    return x * x, lambda r: 3.0 * r * x


@tf.custom_gradient  # type: ignore[untyped-decorator]
def square(x: Any) -> Any:
    return x * x, lambda r: 2.0 * r * x


def test_tensorflow_passes_it_over() -> None:
    """The fact behind the rule: the tape differentiates x · x and not what was written."""
    x = tf.constant(5.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = square(x=x)
    assert tape.gradient(y, x).numpy() == 10.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tripled(x=x)
    assert tape.gradient(y, x).numpy() == 10.0


def test_a_gradient_that_was_never_called_fails_with_its_reason() -> None:
    report = check(lambda x: tripled(x=x), {"x": normal(4)})
    assert report.verdict is Verdict.FAIL
    (variable,) = report.variables
    np.testing.assert_allclose(variable.tape, variable.difference, rtol=1e-6)
    assert "the custom gradient of `tripled` was never called" in lines(report)
    assert "pass the tensors by position" in lines(report)


def test_so_does_a_right_one() -> None:
    assert check(lambda x: square(x=x), {"x": normal(4)}).verdict is Verdict.FAIL


def test_called_by_position_it_is_checked_as_it_is() -> None:
    assert check(lambda x: square(x), {"x": normal(4)}).verdict is Verdict.PASS
    wrong = check(lambda x: tripled(x), {"x": normal(4)})
    assert wrong.verdict is Verdict.FAIL
    assert "never called" not in lines(wrong)
    assert "tape = 1.5 × difference" in lines(wrong)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def times(x: Any, factor: float = 1.0) -> Any:
    return factor * x, lambda r: factor * r


def test_options_by_keyword_beside_a_tensor_by_position_are_no_fault() -> None:
    assert check(lambda x: times(x, factor=3.0), {"x": normal(4)}).verdict is Verdict.PASS


def test_nothing_is_noted_where_tensorflow_has_no_such_function(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.python.ops import custom_gradient

    monkeypatch.delattr(custom_gradient, "_eager_mode_decorator", raising=False)

    with noting_ignored() as names:
        assert names == []
    assert not hasattr(custom_gradient, "_eager_mode_decorator")


REFUSALS = {
    "Must return gradient for each variable from @custom_gradient grad_fn.": True,
    "sine expected to return 1 gradient, but returned 2 instead.": True,
    "the rate is negative": False,
}


@pytest.mark.parametrize("message", REFUSALS)
def test_a_custom_gradient_that_the_tape_refuses_is_a_finding(message: str) -> None:
    """Any other error of a backward pass is the user's."""

    def backward(r: Any, x: Any) -> Any:
        raise ValueError(message)

    exact = posed(Broken(tf.sin, lambda r, x: r * tf.cos(x)), x=X).exact
    exact.target = Target("f", Broken(tf.sin, backward), {"x": X})

    if REFUSALS[message]:
        tape = record(exact, np.ones((2, 3)))
        assert np.isnan(tape.gradients[0]).all()
        assert message.rstrip(".") in str(tape.reasons[0])
    else:
        with pytest.raises(ValueError, match=message):
            record(exact, np.ones((2, 3)))


def test_tensorflow_is_left_as_it_was() -> None:
    from tensorflow.python.ops import custom_gradient

    before = custom_gradient._eager_mode_decorator
    check(lambda x: square(x=x), {"x": normal(4)})
    assert custom_gradient._eager_mode_decorator is before


MISUSES = {
    "its size": tf.abs,
    "what is positive of it": tf.nn.relu,
    "what is negative of it": lambda r: -tf.nn.relu(-r),
    "clipped below": lambda r: tf.maximum(r, -0.4),
}


@pytest.mark.parametrize("outputs", [1, pytest.param(2, marks=pytest.mark.full)])
@pytest.mark.parametrize("misuse", MISUSES)
def test_what_is_right_for_one_sign_of_the_upstream_gradient_fails(misuse: str, outputs: int) -> None:
    """At every seed: two random upstream gradients of one output have one sign half of the time"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def sine(x: Any) -> Any:
        return tf.sin(x), lambda r: MISUSES[misuse](r) * tf.cos(x)

    function = (lambda x: sine(x)) if outputs == 2 else lambda x: tf.reduce_sum(sine(x))
    for seed in range(2):
        report = check(function, {"x": normal(2)}, seed=seed)
        assert report.variables[0].counts["mismatch"] == report.variables[0].verdicts.size, seed


def test_every_output_has_upstream_gradients_of_both_signs() -> None:
    for seed in range(20):
        ones, first, second = draw_cotangents(5, None, seed)
        assert (ones == 1).all()
        assert (first * second < 0).all()
        for drawn in np.abs([first, second]):
            assert ((drawn >= 0.5) & (drawn <= 1)).all()
            assert np.unique(drawn).size == 5


X = np.array([0.5, 1.0, 2.0])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_last_of_several_upstream_gradients_is_four_times_louder(count: int) -> None:
    """Clipped at 1.5, ones stay and four times ones do not; what they give is divided by 4 again."""
    problem = posed(Broken(tf.sin, lambda r, x: tf.clip_by_value(r, -1.5, 1.5) * tf.cos(x)), x=X)

    (found,) = record(problem.exact, np.ones((count, 3))).gradients

    loud = [1.0] * count if count == 1 else [1.0] * (count - 1) + [1.5 / 4]
    np.testing.assert_allclose(found, np.outer(loud, np.cos(X)), rtol=1e-15)


def test_what_is_wrong_with_one_gradient_is_not_forgotten_with_the_next() -> None:
    """The row of a gradient of another shape cannot be summed to the variable's: it is NaN."""

    def backward(r: Any, x: Any) -> Any:
        return r * tf.cos(x) if bool(tf.reduce_any(r != 1)) else tf.zeros(5, x.dtype)

    exact = posed(Broken(tf.sin, lambda r, x: r * tf.cos(x)), x=X).exact
    exact.target = posed(Broken(tf.sin, backward), x=X).exact.target
    tape = record(exact, np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 3]]))

    assert np.isnan(tape.gradients[0][0]).all()
    np.testing.assert_allclose(tape.columns(0)[1:], np.outer([2, 3], np.cos(X)), rtol=1e-15)
    assert "of shape (5,) for a variable of shape (3,)" in str(tape.reasons[0])


def test_a_point_that_the_function_refuses_has_no_gradient() -> None:
    """Of each variable; at the user's own point the refusal is an error."""

    def checked(x: Any, y: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_positive(x)]):
            return tf.sqrt(x) * y

    exact = posed(checked, x=X, y=X).exact
    refused = record(exact.at([tf.constant(-X), tf.constant(X)]), np.ones((2, 3)))

    assert [np.isnan(gradient).all() for gradient in refused.gradients] == [True, True]
    assert refused.reasons == (None, None)
    exact.values = [tf.constant(-X), tf.constant(X)]
    with pytest.raises(tf.errors.InvalidArgumentError):
        record(exact, np.ones((2, 3)))


def test_variables_that_are_no_inputs_are_named_once() -> None:
    other = tf.Variable(2.0, dtype=tf.float64, name="other")

    tape = record(posed(lambda x: other * x, x=X).exact, np.ones((2, 3)))

    assert tape.unchecked == ("other",)


FOUND: dict[str, tuple[Callable[[], Any], list[float], str | None]] = {
    "none": (lambda: None, [0, 0, 0], NO_GRADIENT),
    "dense": (lambda: tf.constant(X), [0.5, 1, 2], None),
    "rows": (lambda: tf.IndexedSlices(tf.constant(X), [0, 2, 0], [3]), [2.5, 0, 1], None),
    "float32": (
        lambda: tf.constant(X, tf.float32),
        [0.5, 1, 2],
        "the tape returned a float32 gradient for a float64 variable",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_gradient_as_it_can_be_used(name: str) -> None:
    gradient, dense, reason = FOUND[name]

    found, said = usable(gradient(), tf.constant(X))

    assert found.tolist() == dense
    assert said == reason


def test_two_runs_of_a_backward_pass() -> None:
    """Apart by what the first upstream gradient gives; NaN twice is the same."""
    one = np.array([[1.0, np.nan, 3.0], [0.0, 0.0, 0.0]])
    other = np.array([[1.0, np.nan, 2.5], [9.0, 9.0, 9.0]])

    distance = apart(one, other)

    assert distance is not None
    assert distance[[0, 2]].tolist() == [0.0, 0.5]
    assert apart(one, one) is None
