"""Functions as targets: how names meet parameters, and what strange functions do to a check."""

from __future__ import annotations

import functools
import os
import re
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck import GradcheckError, Verdict
from gradcheck.arrays.types import Array
from gradcheck.errors import NondeterministicError, TargetError
from gradcheck.targets.function import target

X, Y = np.array([1.0, 2.0]), np.array([3.0, 5.0])


def slopes(function: Any, inputs: dict[str, Array], **options: Any) -> dict[str, list[float]]:
    """The gradient of the sum of the outputs, to 12 digits"""
    report = gradcheck.check(function, inputs, **options)
    assert report.passed, str(report)
    return {variable.name: np.round(variable.tape, 12).tolist() for variable in report.variables}


def weighted(x: Any, y: Any, factor: float = 2.0, *, power: int = 1) -> Any:
    """factor · x^power + y²"""
    return factor * x**power + y**2


# Names and parameters.


def test_inputs_go_to_the_parameters_of_their_name() -> None:
    expected = {"x": [2.0, 2.0], "y": [6.0, 10.0]}

    assert slopes(weighted, {"x": X, "y": Y}) == expected
    assert slopes(weighted, {"y": Y, "x": X}) == expected
    assert list(target(weighted, {"y": Y, "x": X}).inputs) == ["x", "y"]


def test_inputs_of_other_names_go_in_the_order_given() -> None:
    assert slopes(weighted, {"a": X, "b": Y}) == {"a": [2.0, 2.0], "b": [6.0, 10.0]}


def test_constants_are_passed_and_not_differentiated() -> None:
    found = slopes(weighted, {"y": Y}, constants={"x": X, "factor": 7.0})
    assert found == {"y": [6.0, 10.0]}

    found = slopes(weighted, {"x": X, "y": Y}, constants={"factor": 3.0, "power": 2})
    assert found == {"x": [6.0, 12.0], "y": [6.0, 10.0]}


def test_a_default_between_two_inputs_stays() -> None:
    def function(x: Any, factor: float = 3.0, y: Any = None) -> Any:
        return factor * x * y

    assert slopes(function, {"x": X, "y": Y}) == {"x": [9.0, 15.0], "y": [3.0, 6.0]}


def test_a_custom_gradient_is_looked_at_with_constants_too() -> None:
    """TensorFlow ignores a custom gradient that is called with keywords only."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def tripled(x: Any, factor: Any) -> Any:
        return factor * x, lambda r: (3 * r, None)

    assert gradcheck.check(tripled, {"x": X}, constants={"factor": 2.0}).verdict is Verdict.FAIL
    assert gradcheck.check(tripled, {"x": X}, constants={"factor": 3.0}).verdict is Verdict.PASS


class Scale:
    """Its method and its call multiply"""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def method(self, x: Any, y: Any) -> Any:
        return self.factor * x + y**2

    def __call__(self, x: Any, y: Any) -> Any:
        return self.method(x, y)


def positional_only(x: Any, /, y: Any) -> Any:
    return 2 * x + y**2


def keyword_only(x: Any, y: Any, *, factor: float) -> Any:
    return factor * x + y**2


def starred(*x: Any) -> Any:
    return 2 * x[0] + (x[1] ** 2 if len(x) > 1 else 0)


def rest(x: Any, *y: Any, factor: float = 2.0) -> Any:
    return factor * x + sum(part**2 for part in y)


def defaults(x: Any, y: Any = 3.0, factor: float = 2.0) -> Any:
    return factor * x + y**2


def between(factor: float, x: Any, y: Any) -> Any:
    return factor * x + y**2


BOTH = {"x": [2.0, 2.0], "y": [6.0, 10.0]}


@pytest.mark.parametrize(
    ("function", "names", "constants", "expected"),
    [
        (positional_only, "xy", {}, BOTH),
        (positional_only, "yx", {}, BOTH),
        (positional_only, "y", {"x": 7.0}, {"y": BOTH["y"]}),
        (keyword_only, "yx", {"factor": 2.0}, BOTH),
        (starred, "x", {}, {"x": BOTH["x"]}),
        (starred, "xy", {}, BOTH),
        (rest, "xy", {}, BOTH),
        (rest, "yx", {}, BOTH),
        (rest, "x", {}, {"x": BOTH["x"]}),
        (rest, "yx", {"factor": 3.0}, {"x": [3.0, 3.0], "y": BOTH["y"]}),
        (rest, "x", {"y": 7.0}, {"x": BOTH["x"]}),
        (defaults, "x", {}, {"x": BOTH["x"]}),
        (defaults, "yx", {}, BOTH),
        (Scale(2.0).method, "yx", {}, BOTH),
        (Scale(2.0), "yx", {}, BOTH),
        (functools.partial(between, 2.0), "yx", {}, BOTH),
        (functools.partial(between, factor=2.0), "xy", {}, None),
        (functools.partial(keyword_only, factor=2.0), "yx", {}, BOTH),
        (functools.partial(Scale.method, Scale(2.0)), "yx", {}, BOTH),
    ],
)
def test_inputs_reach_every_kind_of_parameter(
    function: Any, names: str, constants: dict[str, Any], expected: dict[str, list[float]] | None
) -> None:
    inputs = {name: {"x": X, "y": Y}[name] for name in names}
    if expected is None:  # Python makes the parameters behind `factor` keyword-only
        with pytest.raises(TargetError, match="'x' of partial is keyword-only"):
            target(function, inputs, constants, names_must_match=True)
        return
    found = slopes(function, inputs, constants=constants)
    assert found == expected
    made = target(function, inputs, constants, names_must_match=True)
    assert list(made.inputs) == (list(expected) if function is not starred else list(names))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda *, x: x, "'x' of <lambda> is keyword-only, and tensors are passed by position"),
        (lambda **x: x["x"], "'x' of <lambda> is keyword-only, and tensors are passed by position"),
        (lambda x, y, /: x, "<lambda> needs a value for its parameter 'y'"),
        (lambda x, *, y: x, "<lambda> needs a value for its parameter 'y'"),
    ],
)
def test_what_no_tensor_reaches_is_refused(function: Any, words: str) -> None:
    with pytest.raises(TargetError, match=re.escape(words)):
        gradcheck.check(function, {"x": X})


def test_any_number_of_tensors() -> None:
    found = slopes(lambda *tensors: tf.add_n([t**2 for t in tensors]), {"x": X, "y": Y})
    assert found == {"x": [2.0, 4.0], "y": [6.0, 10.0]}


@pytest.mark.parametrize(
    ("inputs", "constants", "words"),
    [
        ({"x": X, "z": Y}, {}, r"weighted has no parameter named 'z'.* are: x, y, factor=2.0, power=1"),
        ({"x": X, "y": Y}, {"axis": 1}, "no parameter named 'axis'"),
        ({"x": X}, {}, "weighted needs a value for its parameter 'y'"),
        ({"x": X, "y": Y}, {"y": 2.0}, "'y' is given as an input and as a constant"),
        ({"x": X, "y": Y, "power": X}, {}, "'power' of weighted is keyword-only"),
    ],
)
def test_names_that_do_not_fit(inputs: dict[str, Array], constants: dict[str, Any], words: str) -> None:
    with pytest.raises(TargetError, match=words):
        target(weighted, inputs, constants, names_must_match=True)


def test_a_constant_for_a_function_that_hides_its_parameters() -> None:
    class Hidden:
        __signature__ = "none"

        def __call__(self, x: Any) -> Any:
            return 2 * x

    assert slopes(Hidden(), {"x": X}) == {"x": [2.0, 2.0]}
    with pytest.raises(TargetError, match="does not tell its parameters"):
        gradcheck.check(Hidden(), {"x": X}, constants={"axis": 1})


# What functions do.


class Power:
    """A callable object"""

    def __init__(self, power: int) -> None:
        self.power = power

    def __call__(self, x: Any) -> Any:
        return x**self.power


@tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
def traced(x: Any) -> Any:
    """A graph of its own, with a branch that depends on a value"""
    if tf.reduce_sum(x) > 0:
        return x**3
    return x


def test_an_object_with_call() -> None:
    assert slopes(Power(3), {"x": X})["x"] == [3.0, 12.0]
    assert gradcheck.check(Power(3), {"x": X}).target == "Power"


def test_a_function_under_tf_function() -> None:
    report = gradcheck.check(traced, {"x": X})

    assert report.passed and report.target == "traced"
    np.testing.assert_allclose(report.variables[0].tape, [3.0, 12.0])


def test_a_function_that_returns_its_input() -> None:
    assert slopes(lambda x: x, {"x": X}) == {"x": [1.0, 1.0]}


def test_a_function_that_returns_nothing() -> None:
    with pytest.raises(TargetError, match=r"<lambda> returned None\. Return the output tensor"):
        gradcheck.check(lambda x: None, {"x": X})


def test_a_function_that_raises_shows_the_line() -> None:
    def fussy(x: Any) -> Any:
        raise ValueError("no such luck")

    with pytest.raises(TargetError) as caught:
        gradcheck.check(fussy, {"x": X})

    lines = str(caught.value).splitlines()
    assert lines[0] == "fussy raised ValueError when it was evaluated: no such luck."
    assert lines[-2].startswith('  File "') and "test_function.py" in lines[-2]
    assert lines[-2].endswith("in fussy")
    assert lines[-1] == '    raise ValueError("no such luck")'


def test_a_backward_pass_that_raises_shows_the_line() -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def fussy(x: Any) -> Any:
        def gradient(r: Any) -> Any:
            return r @ r

        return x**2, gradient

    with pytest.raises(TargetError, match=r"(?s)in its backward pass: .*in gradient\n    return r @ r"):
        gradcheck.check(fussy, {"x": X})


def test_a_function_whose_output_depends_on_a_global() -> None:
    calls = []

    def counting(x: Any) -> Any:
        calls.append(1)
        return x * len(calls)

    with pytest.raises(NondeterministicError, match="two different outputs at one point"):
        gradcheck.check(counting, {"x": X})


def test_a_function_that_changes_a_global_of_no_consequence() -> None:
    calls = []

    def counting(x: Any) -> Any:
        calls.append(1)
        return x**2

    assert slopes(counting, {"x": X})["x"] == [2.0, 4.0]
    assert calls


def test_a_function_without_a_floating_input() -> None:
    with pytest.raises(GradcheckError, match="no floating input"):
        gradcheck.check(lambda x: x, {"x": np.array([1, 2])})
