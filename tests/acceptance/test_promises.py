"""What a check promises of any function: determinism, finite outputs, untouched inputs, any outputs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import ExitCode, Verdict, check
from gradcheck.errors import NondeterministicError, TargetError
from tests.corpus.case import Broken, Function, distorted, one_element, scaled
from tests.saying import fails, lines, normal, passes

# Evaluated twice.


def alternating(size: float) -> Function:
    """Adds 0 at every even call and `size` at every odd one"""
    calls = itertools.count()

    def function(x: Any) -> Any:
        return tf.sin(x) + size * (next(calls) % 2)

    return function


def test_two_outputs_at_one_point_are_refused_with_their_distance_and_advice() -> None:
    with pytest.raises(NondeterministicError) as caught:
        check(alternating(0.25), {"x": normal(3)})

    message = str(caught.value)
    assert "0.25" in message
    assert "training=False" in message
    assert "seed" in message
    assert "--allow-nondeterministic" in message
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_noise_that_is_allowed_counts_as_rounding() -> None:
    right = check(alternating(1e-9), {"x": normal(3)}, allow_nondeterministic=1e-8)
    wrong = check(distorted(alternating(1e-9), scaled(1.1)), {"x": normal(3)}, allow_nondeterministic=1e-8)

    assert right.verdict is Verdict.PASS
    assert wrong.verdict is Verdict.FAIL


def test_noise_above_what_is_allowed_is_refused() -> None:
    with pytest.raises(NondeterministicError, match=r"0\.001"):
        check(alternating(1e-3), {"x": normal(3)}, allow_nondeterministic=1e-8)


def drifting(drift: float) -> Function:
    """Right the first time, then ever further off"""
    calls = itertools.count()
    return Broken(lambda x: tf.sin(x), lambda dy, x: dy * tf.cos(x) * (1 + drift * next(calls)))


def test_a_backward_pass_that_differs_from_itself_is_reported() -> None:
    report = check(drifting(1e-9), {"x": normal(3)})

    assert "two different gradients" in lines(report)


# Finite, and untouched.


def test_an_output_that_is_not_finite_is_named() -> None:
    def function(x: Any) -> Any:
        return {"fine": x, "broken": [x, tf.math.log(x)]}

    with pytest.raises(TargetError) as caught:
        check(function, {"x": np.array([1.0, -1.0])})

    assert "output['broken'][1][1] is nan" in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_infinite_output_is_named() -> None:
    with pytest.raises(TargetError, match=r"output\[0, 1\] is inf"):
        check(lambda x: tf.exp(x), {"x": np.array([[1.0, 1e3]])})


def test_arrays_are_bit_identical_after_a_function_that_raises() -> None:
    x, weights = normal(4), normal(4, dtype=np.float32)
    before = x.tobytes(), weights.tobytes()

    def function(x: Any, w: Any) -> Any:
        raise ValueError("no")

    with pytest.raises(TargetError, match="ValueError when it was evaluated: no"):
        check(function, {"x": x, "w": weights})

    assert (x.tobytes(), weights.tobytes()) == before


def test_arrays_are_bit_identical_after_a_failure_and_may_be_read_only() -> None:
    x = normal(3, 4)
    x[0, 0] = -0.0
    x.flags.writeable = False
    before = x.tobytes()

    fails(distorted(lambda x: tf.nn.relu(x) ** 2 + x, one_element(1.1)), x=x)

    assert x.tobytes() == before


def test_a_view_is_checked_like_a_copy() -> None:
    base = normal(6, 4)
    view = base[::2, 1:3].T

    one, two = passes(lambda x: tf.sin(x), x=view), passes(lambda x: tf.sin(x), x=view.copy())

    assert np.array_equal(one.variables[0].difference, two.variables[0].difference)


# Inputs and outputs of every kind.


def test_nested_outputs_are_all_looked_at() -> None:
    def function(wrong: float) -> Function:
        part = distorted(lambda x: tf.cos(x), scaled(wrong))
        return lambda x: (tf.sin(x), {"a": [x**2, (part(x), None)], "b": tf.reduce_sum(x)})

    passes(function(1.0), x=normal(3))
    fails(function(1.0001), x=normal(3))


def test_outputs_that_are_not_floating_are_ignored_with_a_note() -> None:
    report = passes(lambda x: {"y": x * x, "n": tf.argmax(x), "s": tf.as_string(x), "b": x > 0}, x=normal(3))

    assert "ignored" in lines(report)
    assert all(
        f"output['{name}'] ({dtype})" in lines(report) for name, dtype in (("n", "int64"), ("b", "bool"))
    )


def test_no_floating_output_at_all_is_refused() -> None:
    with pytest.raises(TargetError, match="no floating output"):
        check(lambda x: tf.argmax(x), {"x": normal(3)})


def test_integer_and_boolean_inputs_are_passed_through() -> None:
    def function(x: Any, rows: Any, mask: Any) -> Any:
        assert rows.dtype == tf.int64
        assert mask.dtype == tf.bool
        return tf.where(mask, tf.gather(x, rows), 0.0)

    report = passes(function, x=normal(3), rows=np.array([0, 2, 2]), mask=np.array([True, False, True]))

    assert [variable.name for variable in report.variables] == ["x"]


def test_only_integer_inputs_are_refused() -> None:
    with pytest.raises(TargetError, match="no floating input"):
        check(lambda i: tf.cast(i, tf.float32), {"i": np.array([1, 2])})


def test_indexed_slices_are_added_up() -> None:
    """Row 2 is looked up twice, row 1 never."""
    rows = np.array([0, 2, 2])

    report = passes(lambda table: tf.nn.embedding_lookup(table, rows), table=normal(3, 2))

    assert report.variables[0].tape.tolist() == [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]


def test_indexed_slices_that_lose_a_row_fail() -> None:
    rows = np.array([0, 2, 2])

    def lookup(table: Any) -> Any:
        return tf.gather(table, rows)

    def backward(dy: Any, table: Any) -> Any:
        return tf.IndexedSlices(dy[:2], rows[:2], tf.shape(table))

    report = fails(Broken(lookup, backward), table=normal(3, 2))

    assert report.variables[0].verdicts.tolist() == [[1, 1], [1, 1], [4, 4]]


def test_complex_outputs_are_pairs_of_reals() -> None:
    """The real part of the gradient alone would not show a wrong imaginary part."""
    passes(lambda x: tf.signal.rfft(x), x=normal(5))
    fails(
        Broken(
            lambda x: tf.complex(tf.sin(x), tf.cos(x)),
            lambda dy, x: tf.math.real(dy) * tf.cos(x) - 1.01 * tf.math.imag(dy) * tf.sin(x),
        ),
        x=normal(5),
    )


def test_complex_inputs_are_held_fixed() -> None:
    report = passes(lambda x, z: tf.abs(z) * x, x=normal(3), z=np.array([1 + 2j, 2.0, 3.0]))

    assert len(report.variables) == 1


def test_a_captured_variable_is_a_constant() -> None:
    captured = tf.Variable(normal(3, seed=1))

    report = passes(lambda x: tf.sin(x) * captured, x=normal(3))

    assert len(report.variables) == 1


def test_a_scalar_and_a_scalar_output() -> None:
    passes(lambda x: tf.sin(x), x=np.array(0.3))
