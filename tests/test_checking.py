"""`gradcheck.check`: what it takes, how it calls the function, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck import GradcheckError, Report, Verdict, check
from gradcheck.arrays.types import Array
from gradcheck.checking import check_target
from gradcheck.errors import SettingError, ShapeError, TargetError, TensorError
from gradcheck.settings import Settings
from gradcheck.targets.function import Target


def numbers(*shape: int, seed: int = 0) -> Array:
    array: Array = np.random.default_rng(seed).uniform(1.0, 2.0, shape)
    return array


def gradients(report: Report) -> dict[str, Array]:
    return {variable.name: variable.tape for variable in report.variables}


# How the function is called.


def quotient(x: Any, y: Any) -> Any:
    """d/dx = 1 / y, d/dy = −x / y²: the arguments cannot be mixed up."""
    return x / y


@pytest.mark.parametrize("names", [("x", "y"), ("y", "x")])
def test_inputs_go_by_the_names_of_the_parameters(names: tuple[str, str]) -> None:
    point = {"x": numbers(3), "y": numbers(3, seed=1)}
    report = check(quotient, {name: point[name] for name in names})
    assert report.verdict is Verdict.PASS
    np.testing.assert_allclose(gradients(report)["x"], 1 / point["y"])
    np.testing.assert_allclose(gradients(report)["y"], -point["x"] / point["y"] ** 2)


def test_inputs_go_in_the_order_given_where_names_do_not_match() -> None:
    a, b = numbers(3), numbers(3, seed=1)
    for function in (quotient, lambda *both: quotient(*both)):
        found = gradients(check(function, {"b": a, "a": b}))
        assert list(found) == ["b", "a"]
        np.testing.assert_allclose(found["b"], 1 / b)


def test_parameters_with_defaults_may_be_left_out() -> None:
    def function(x: Any, scale: Any = 2.0, y: Any = 1.0) -> Any:
        return x * scale + y

    assert list(gradients(check(function, {"x": numbers(2)}))) == ["x"]
    assert list(gradients(check(function, {"scale": numbers(2), "x": numbers(2)}))) == ["x", "scale"]
    assert list(gradients(check(function, {"y": numbers(2), "x": numbers(2)}))) == ["x", "y"]


def test_no_keyword_ever_reaches_the_function() -> None:
    """TensorFlow ignores a custom gradient that is called with keywords, and the check would see nothing."""
    seen: list[tuple[int, int]] = []

    def function(*arguments: Any, **keywords: Any) -> Any:
        seen.append((len(arguments), len(keywords)))
        return arguments[0] * arguments[1]

    check(function, {"x": numbers(2), "y": numbers(2)})
    assert set(seen) == {(2, 0)}


class Layer:
    """Callable, with no __name__."""

    def __call__(self, x: Any) -> Any:
        return x * x


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (quotient, "quotient"),
        (Layer(), "Layer"),
        (lambda x, y: x / y, "<lambda>"),
        (tf.function(quotient), None),
    ],
)
def test_anything_callable_is_checked_under_its_name(function: Callable[..., Any], name: str | None) -> None:
    inputs = {"x": numbers(2), "y": numbers(2)} if name != "Layer" else {"x": numbers(2)}
    report = check(function, inputs)
    assert report.verdict is Verdict.PASS
    assert name in (None, report.target)


# What inputs may be.


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (3.0, "float32"),
        ([1.0, 2.0], "float32"),
        ([[1.0], [2.0]], "float32"),
        ((1.0, 2.0), "float32"),
        ([1, 2.5], "float32"),
        (np.float64(3.0), "float64"),
        (np.array([1.0, 2.0]), "float64"),
        (np.array([1.0, 2.0], ">f8"), "float64"),
        (np.array([1.0, 2.0], np.float16), "float16"),
        # Not when the tests are collected: that needs no TensorFlow to have begun.
        (lambda: tf.constant([1.0, 2.0]), "float32"),
        (lambda: tf.Variable([1.0, 2.0], dtype=tf.float64), "float64"),
        (lambda: tf.constant([1.0, 2.0], tf.bfloat16), "bfloat16"),
        (np.ones((4, 2))[::2, ::-1], "float64"),
        (np.asfortranarray(np.ones((2, 3))), "float64"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_arrays_tensors_and_python_numbers(value: Any, dtype: str) -> None:
    value = value() if callable(value) else value
    report = check(lambda x: x * x, {"x": value})
    [variable] = report.variables
    assert (variable.dtype, report.verdict) == (dtype, Verdict.PASS)
    assert variable.shape == np.shape(value)
    np.testing.assert_allclose(variable.tape, 2 * np.asarray(value, np.float64), rtol=1e-12)


@pytest.mark.parametrize("kind", [list, np.array, tf.constant])
def test_integers_are_passed_through(kind: Any) -> None:
    seen: list[Any] = []
    indices = kind([2, 0])

    def function(x: Any, indices: Any) -> Any:
        seen.append(indices.dtype.is_integer)
        return tf.gather(x, indices)

    report = check(function, {"x": numbers(4), "indices": indices})
    assert report.verdict is Verdict.PASS
    np.testing.assert_array_equal(gradients(report)["x"], [1, 0, 1, 0])
    assert all(seen)


def test_booleans_are_passed_through() -> None:
    report = check(lambda x, mask: tf.where(mask, x, -x), {"x": numbers(2), "mask": [True, False]})
    np.testing.assert_array_equal(gradients(report)["x"], [1, -1])


def test_a_float_that_is_not_differentiated_may_be_infinite() -> None:
    """Such as the mask of attention."""
    report = check(
        lambda x, mask: tf.nn.softmax(x + mask),
        {"x": numbers(3), "mask": np.array([0.0, 0.0, -np.inf])},
        wrt="x",
        upstream=[1.0, 2.0, 3.0],
    )
    assert report.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("inputs", "kind", "words"),
    [
        ({}, TargetError, "has no floating input to differentiate"),
        ({"x": 3}, TargetError, "has no floating input to differentiate"),
        ({"x": np.array([1j])}, TargetError, "has no floating input to differentiate"),
        ({"x": "text"}, ShapeError, "The input `x` is no array of numbers"),
        ({"x": None}, ShapeError, "The input `x` is no array of numbers"),
        ({"x": [[1.0], [1.0, 2.0]]}, ShapeError, "Give rows of one length"),
        ({"x": np.zeros((0, 3))}, TensorError, r"The input `x` is empty: it has shape \(0, 3\)"),
        (
            {"x": [[1.0, np.nan], [np.inf, 1.0]]},
            TensorError,
            r"The input `x` holds NaN or infinity in 2 of 4 elements, first nan at \[0, 1\]\. Replace them",
        ),
    ],
)
def test_inputs_without_a_gradient_are_refused(
    inputs: dict[str, Any], kind: type[GradcheckError], words: str
) -> None:
    def function(x: Any = 1.0) -> Any:
        raise AssertionError("called before the inputs were looked at")

    with pytest.raises(kind, match=words):
        check(function, inputs)


# Nothing given is touched.


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_are_never_touched(dtype: Any, fails: bool) -> None:
    calls: list[None] = []

    def function(x: Any, w: Any) -> Any:
        calls.append(None)
        if fails and len(calls) > 4:
            raise RuntimeError("no more")
        return tf.nn.relu(x) @ w

    x, w, r = numbers(3, 2).astype(dtype), numbers(2, 2).astype(dtype), numbers(3, 2)
    variable = tf.Variable(w)
    before = [array.tobytes() for array in (x, w, r)]
    if fails:
        with pytest.raises((GradcheckError, RuntimeError)):
            check(function, {"x": x, "w": variable}, upstream=r)
    else:
        check(function, {"x": x, "w": variable}, upstream=r)
    assert [array.tobytes() for array in (x, w, r)] == before
    np.testing.assert_array_equal(variable.numpy(), w)


def test_read_only_arrays_will_do() -> None:
    x = numbers(3)
    x.setflags(write=False)
    assert check(tf.square, {"x": x})


# Upstream gradients, choice of variables, outputs.


def test_upstream_weighs_the_outputs() -> None:
    x, r = numbers(3, 2), numbers(3, 2, seed=1)
    for upstream in (r, tf.constant(r), r.tolist()):
        report = check(lambda x: x * x, {"x": x}, upstream=upstream)
        assert report.verdict is Verdict.PASS
        np.testing.assert_allclose(gradients(report)["x"], 2 * x * r, rtol=1e-6)
    np.testing.assert_allclose(gradients(check(lambda x: x * x, {"x": x}))["x"], 2 * x)


def test_upstream_of_several_outputs_is_flat() -> None:
    report = check(
        lambda x: (x, [2 * x, {"z": 3 * x}]), {"x": numbers(2)}, upstream=[1.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    )
    np.testing.assert_array_equal(gradients(report)["x"], [1, 4])


@pytest.mark.parametrize(
    ("upstream", "words"),
    [
        (np.ones(3), r"The upstream gradient has shape \(3,\), the output \(2,\)\."),
        (1.0, r"The upstream gradient has shape \(\), the output \(2,\)\."),
        (
            [1.0, np.nan],
            r"The upstream gradient holds NaN or infinity in 1 of 2 elements, first nan at \[1\]",
        ),
        (np.array([1j, 2]), "The upstream gradient holds complex numbers"),
        (["a", "b"], "`upstream` is no array of numbers"),
    ],
)
def test_an_upstream_gradient_that_does_not_fit(upstream: Any, words: str) -> None:
    with pytest.raises(GradcheckError, match=words):
        check(lambda x: x * x, {"x": numbers(2)}, upstream=upstream)


@pytest.mark.parametrize(
    ("wrt", "names"), [(None, ["x", "y"]), ("y", ["y"]), (["x"], ["x"]), (("y", "x"), ["x", "y"])]
)
def test_wrt_chooses_the_variables(wrt: Any, names: list[str]) -> None:
    assert list(gradients(check(quotient, {"x": numbers(2), "y": numbers(2)}, wrt=wrt))) == names


def test_wrt_as_one_text_is_one_name() -> None:
    report = check(lambda weights: weights * weights, {"weights": numbers(2)}, wrt="weights")
    assert list(gradients(report)) == ["weights"]


def test_what_is_not_asked_for_may_be_wrong() -> None:
    def product(x: Any, y: Any) -> Any:
        return x * y, lambda r: (r * y, -r * x)

    function, inputs = tf.custom_gradient(product), {"x": numbers(2), "y": numbers(2)}
    assert check(function, inputs, wrt="x").verdict is Verdict.PASS
    assert check(function, inputs, wrt="y").verdict is Verdict.FAIL
    assert check(function, inputs).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"wrt": []}, "`wrt` names no input"),
        ({"wrt": "z"}, r"`wrt` names 'z', which is no floating input of quotient\. Choose from: x, y\."),
        ({"rtol": -1e-3}, "`rtol` is -0.001. Give a finite number ≥ 0"),
        ({"rtol": np.nan}, "`rtol` is nan"),
        ({"atol": np.inf}, "`atol` is inf"),
        ({"step": 0.0}, "`step` is 0.0. Give a finite number > 0"),
        ({"step": "a"}, "`step` is 'a'. Give a finite number > 0"),
        ({"rtol": "1e-3"}, "`rtol` is '1e-3'. Give a finite number ≥ 0"),
        ({"seed": 1.5}, "`seed` is 1.5. Give an integer ≥ 0"),
        ({"device": 3}, "`device` is 3. Name one, such as CPU:0"),
        ({"step": -1.0}, "`step` is -1.0"),
        ({"seed": -1}, "`seed` is -1. Give an integer ≥ 0"),
        ({"allow_nondeterministic": np.nan}, "`allow_nondeterministic` is nan"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises((SettingError, TargetError), match=words):
        check(quotient, {"x": numbers(2), "y": numbers(2)}, **settings)


def test_outputs_that_are_not_floating_are_ignored() -> None:
    report = check(lambda x: (x * x, x > 1.5, {"n": tf.size(x), "none": None}), {"x": numbers(3)})
    assert report.verdict is Verdict.PASS
    assert any("output[1] (bool)" in line and "output[2]['n'] (int32)" in line for line in report.warnings)


def test_nested_outputs_add_up() -> None:
    x = numbers(3)
    report = check(lambda x: {"a": x, "b": [x * x, (tf.reduce_sum(x),)]}, {"x": x})
    assert report.verdict is Verdict.PASS
    np.testing.assert_allclose(gradients(report)["x"], 2 + 2 * x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: None, r"returned None\. Return the output tensor\."),
        (lambda x: x > 1.5, r"returned no floating output \(found: output \(bool\)\)"),
        (lambda x: [], r"returned no floating output \(found: nothing\)"),
        (
            lambda x: (x, lambda dy: dy),
            r"returned a function \(output\[1\]\). Is @tf.custom_gradient missing",
        ),
        (lambda x: {"a": object()}, r"returned object \(output\['a'\]\), which is no tensor"),
        (
            lambda x: tf.math.log(-x),
            r"is not finite at the given point: output\[0\] is nan \(2 of 2 outputs\)",
        ),
        (
            lambda x: 1 / 0,
            r"raised ZeroDivisionError when it was evaluated: division by zero\.\nIt happened here:\n",
        ),
        (lambda x: x @ x, "raised .* when it was evaluated: "),
        (
            lambda x, y: x,
            "needs a value for its parameter 'y'",
        ),
        (lambda x: tf.random.normal([2], dtype=x.dtype) * x, "gave two different outputs at one point"),
    ],
)
def test_functions_that_cannot_be_checked(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(GradcheckError, match=words):
        check(function, {"x": numbers(2)})


# Reports.


def told(report: Report) -> dict[str, object]:
    """Everything but the time."""
    return {key: value for key, value in report.to_dict().items() if key != "seconds"}


def test_the_same_seed_gives_the_same_report() -> None:
    inputs = {"x": numbers(3, 4), "w": numbers(4, 2)}

    def function(x: Any, w: Any) -> Any:
        return tf.nn.softplus(x @ w) ** 3

    first, again, other = (check(function, inputs, seed=seed) for seed in (3, 3, 4))
    assert told(first) == told(again)
    assert told(first) != told(other)
    assert {r.verdict for r in (first, again, other)} == {Verdict.PASS}


def test_global_seeds_are_neither_used_nor_moved() -> None:
    np.random.seed(0)
    tf.random.set_seed(0)
    expected = np.random.uniform(), float(tf.random.uniform([]))
    np.random.seed(0)
    tf.random.set_seed(0)
    first = told(check(tf.square, {"x": numbers(3)}))
    assert (np.random.uniform(), float(tf.random.uniform([]))) == expected
    assert told(check(tf.square, {"x": numbers(3)})) == first


def test_strict_and_tolerances_reach_the_verdict() -> None:
    assert check(tf.nn.relu, {"x": np.zeros(2)})
    assert not check(tf.nn.relu, {"x": np.zeros(2)}, strict=True)
    slightly = tf.custom_gradient(lambda x: (x * x, lambda r: 2.002 * r * x))
    assert not check(slightly, {"x": numbers(2)})
    assert check(slightly, {"x": numbers(2)}, rtol=1e-2)
    assert check(slightly, {"x": numbers(2)}, atol=1e-1)


def test_assert_reads_as_it_should() -> None:
    """`assert check(…)` fails on what does not pass, and `raise_for_failure` says why."""
    report = check(tf.custom_gradient(lambda x: (x * x, lambda r: -2 * r * x)), {"x": numbers(2)})
    with pytest.raises(AssertionError):
        assert report
    with pytest.raises(gradcheck.GradientError, match="sign is wrong"):
        report.raise_for_failure()


def test_a_target_is_checked_within_what_must_hold() -> None:
    held = [False]

    @contextmanager
    def within() -> Iterator[None]:
        held[0] = True
        yield
        held[0] = False

    def function(x: Any) -> Any:
        seen.add(held[0])
        return x * x

    seen: set[bool] = set()
    assert check_target(Target("square", function, {"x": numbers(2)}, within=within), Settings())
    assert (seen, held) == ({True}, [False])


def test_time_is_that_of_the_check() -> None:
    """Not that of the import of TensorFlow, which a first check includes."""
    assert 0 < check(tf.square, {"x": numbers(2)}).seconds < 60


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.sparse.from_dense(x**2),
        lambda x: tf.RaggedTensor.from_row_lengths(tf.reshape(x**2, [-1]), [5, 7]),
    ],
    ids=["sparse", "ragged"],
)
def test_sparse_and_ragged_outputs_are_checked_by_their_values(function: Any) -> None:
    x = np.arange(1.0, 13.0).reshape(3, 4)
    report = check(function, {"x": x})
    assert report.passed, str(report)
    np.testing.assert_allclose(report.variables[0].difference, 2 * x, rtol=1e-6)


def test_what_the_package_offers() -> None:
    """Taken when it is asked for: by name, by a star, to be listed; and what was put in its place stays."""
    script = """
from gradcheck import *
import gradcheck
assert {"Report", "check", "assert_gradients", "Verdict"} <= {*dir(gradcheck)} & {*gradcheck.__all__}
assert check is gradcheck.check is gradcheck.checking.check
gradcheck.check = None
assert gradcheck.Report is Report and gradcheck.check is None
assert not hasattr(gradcheck, "anything_else")
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=120)
