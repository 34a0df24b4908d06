"""How layers take their data: gradients that are known tell which parameter got which tensor."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Verdict, check
from gradcheck.errors import TargetError
from gradcheck.targets.layer_call import call_of
from tests.saying import normal, told

X = normal(2, 3).astype(np.float32)


class Sum(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """a + 2b + 3c · by, the last with a gradient that may be off"""

    factor = 1.0

    def call(self, a: Any, b: Any = None, by: float = 1.0, training: bool = False, c: Any = None) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def tripled(c: Any) -> Any:
            return 3 * by * c, lambda r: 3 * by * self.factor * r

        return a + (0 if b is None else 2 * b) + (0 if c is None else tripled(c))


class WrongSum(Sum):
    factor = 1.01


class Nested(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    def call(self, x: Any, states: Any) -> Any:
        return x + 2 * states[0] + 3 * states[1]["cell"]


def tapes(layer: Any, inputs: Any, **given: Any) -> dict[str, Any]:
    """The tape gradient of each input, which is one number for all of its elements here"""
    report = check(layer, inputs, **given)
    assert report.verdict is Verdict.PASS, told(report)
    assert all((variable.tape == variable.tape.flat[0]).all() for variable in report.variables)
    return {variable.name: float(variable.tape.flat[0]) for variable in report.variables}


@pytest.mark.parametrize(
    ("names", "constants", "expected"),
    [
        ("a", {}, {"a": 1}),
        ("ab", {}, {"a": 1, "b": 2}),
        ("ba", {}, {"b": 2, "a": 1}),
        ("ac", {"by": 2.0}, {"a": 1, "c": 6}),
        ("pqr", {"training": False}, {"p": 1, "q": 2, "r": 3}),
        ("pc", {}, {"p": 1, "c": 3}),
    ],
)
def test_parameters_by_name_and_the_others_in_order(names: str, constants: Any, expected: Any) -> None:
    assert tapes(Sum(), dict.fromkeys(names, X), constants=constants) == expected


def test_a_wrong_gradient_of_an_argument_by_name_fails() -> None:
    report = check(WrongSum(), {"a": X, "c": X})
    assert {v.name for v in report.variables if v.counts["mismatch"]} == {"c"}


def test_nested_inputs() -> None:
    found = tapes(Nested(), {"x": X, "states": [X, {"cell": X}]})
    assert found == {"x": 1, "states/0": 2, "states/1/cell": 3}


def test_masks_for_several_inputs() -> None:
    """What is masked in the values of an attention has no gradient."""
    masks = [np.ones((1, 2), bool), np.array([[True, False, True]])]
    inputs = {"q": normal(1, 2, 2), "v": normal(1, 3, 2, seed=1)}
    report = check(keras.layers.Attention(), inputs, constants={"mask": masks})
    assert report.verdict is Verdict.PASS, told(report)
    tape = report.variables[1].tape
    assert (tape[0, 1] == 0).all() and (tape[0, [0, 2]] != 0).all()


def test_a_switch_of_the_call() -> None:
    """Under a causal mask the first query sees the first value only."""
    inputs = {"q": normal(1, 3, 2), "v": normal(1, 3, 2, seed=1)}
    upstream = np.zeros((1, 3, 2))
    upstream[0, 0] = 1
    causal = check(
        keras.layers.Attention(), inputs, constants={"use_causal_mask": True}, upstream=upstream
    ).variables[1]
    np.testing.assert_allclose(causal.tape[0], [[1, 1], [0, 0], [0, 0]], atol=1e-6)


def functional() -> Any:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    return keras.Model([left, right], left - 2 * right, name="apart")


@pytest.mark.parametrize(
    ("layer", "inputs", "constants", "words"),
    [
        (Sum(), {"a": X}, {"power": 2}, "The call of Sum has no parameter named 'power'. .*: a, b, by, "),
        (Sum(), {"a": X}, {"a": X}, "'a' is given as an input and as a constant"),
        (Sum(), {"b": X}, {}, "needs a value for its parameter 'a'"),
        (keras.layers.Dense(1), {"x": X}, {"mask": [[1], [1, 0]]}, "The mask is no array"),
        (functional(), {"left": X, "rigth": X}, {}, "no input named 'rigth'. .*: left .None, 3., right"),
        (functional(), {"x": [{"a": X}], "y": X}, {}, "inputs of the model apart are not nested"),
    ],
)
def test_calls_that_cannot_be(layer: Any, inputs: Any, constants: Any, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        check(layer, inputs, constants=constants)


def test_names_that_are_no_inputs_go_in_order_unless_they_must_match() -> None:
    assert tapes(functional(), {"p": X, "q": X}) == {"p": 1, "q": -2}
    with pytest.raises(TargetError, match="no input named 'p'"):
        call_of(functional(), {"p": X, "q": X}, named=True)


def test_the_losses_of_the_last_call_stay() -> None:
    regulariser = keras.regularizers.L2(0.1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activity_regularizer=regulariser)])
    model(X)
    before = [loss.numpy() for loss in model.losses]
    check(model, {"x": 2 * X})
    assert [loss.numpy() for loss in model.losses] == before != []
