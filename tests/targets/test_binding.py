"""Layers whose backward pass touches their own variables: right ones pass, wrong ones fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck import GradcheckError, Report, Verdict, check
from gradcheck.targets.binding import assigned, carry_over, unlisted
from gradcheck.targets.spec import ModelSpec
from tests.parameters import every, named
from tests.saying import lines, normal, told

X = {"x": normal(2, 3)}
REGISTER = keras.saving.register_keras_serializable("binding")


class _Weighted(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    factor = 1.0
    """What the gradient of w is multiplied by."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")
        twice = keras.initializers.Constant(2.0)
        self.scale = self.add_weight(shape=(), name="scale", trainable=False, initializer=twice)


@REGISTER
class ReadsItsWeight(_Weighted):
    """The upstream gradient is multiplied by the variable itself"""

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def product(x: Any, w: Any) -> Any:
            def backward(dy: Any) -> Any:
                return dy @ tf.transpose(self.w), self.factor * (tf.transpose(x) @ dy)

            return x @ w, backward

        return product(x, tf.convert_to_tensor(self.w))


@REGISTER
class ReadsItsState(_Weighted):
    """The backward pass reads a variable that is not trained"""

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def scaled(y: Any) -> Any:
            return y * self.scale, lambda dy: self.factor * dy * self.scale

        return scaled(x @ self.w)


@REGISTER
class TakesVariables(_Weighted):
    """The custom gradient is handed the variables that it used"""

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def product(x: Any) -> Any:
            def backward(dy: Any, variables: Any = None) -> Any:
                weights = [self.factor * (tf.transpose(x) @ dy) for _ in variables or []]
                return dy @ tf.transpose(tf.convert_to_tensor(self.w)), weights

            return x @ tf.convert_to_tensor(self.w), backward

        return product(x)


@REGISTER
class Recomputed(_Weighted):
    """Activations are computed again in the backward pass, to save memory"""

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def tampered(y: Any) -> Any:
            return y, lambda dy: self.factor * dy

        return tf.recompute_grad(lambda x: tf.tanh(tampered(x @ self.w)))(x)


class Slope(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """The derivative of a network by its input, as in a physics-informed one"""

    def build(self, shape: tuple[int, ...]) -> None:
        self.hidden = keras.layers.Dense(3, activation="tanh")
        self.out = keras.layers.Dense(1)
        self.hidden.build(shape)
        self.out.build((None, 3))

    def call(self, x: Any) -> Any:
        x = tf.convert_to_tensor(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = self.out(self.hidden(x))
        return value + tape.gradient(value, x) ** 2


class Gain(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A variable of TensorFlow that Keras does not know of"""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gain = tf.Variable([1.0, 2.0, 3.0], name="gain")

    def call(self, x: Any) -> Any:
        return x * tf.cast(self.gain, x.dtype)


TOUCHING: list[Any] = [ReadsItsWeight, ReadsItsState, TakesVariables, Recomputed]


def trained(layer: Any) -> Any:
    """The layer with other values than a fresh copy of it has"""
    layer(X["x"])
    for number, variable in enumerate(layer.variables):
        variable.assign(normal(*variable.shape, seed=number) + 1.5)
    return layer


def in_float64(report: Report) -> bool:
    return report.to_dict()["precision"] == "tape and differences in float64, tape also in float32"


@pytest.mark.parametrize("layer", named(TOUCHING, lambda layer: layer.__name__, every(1)))
def test_right_layers_pass_in_float64(layer: Callable[[], Any]) -> None:
    report = check(trained(layer()), X)
    assert report.verdict is Verdict.PASS, told(report)
    assert in_float64(report)


# A plain run has a wrong gradient of TakesVariables in SmallBranch.
@pytest.mark.parametrize(
    "layer", named(TOUCHING, lambda layer: layer.__name__, lambda _, layer: layer is not TakesVariables)
)
def test_wrong_layers_fail_where_they_are_wrong(layer: Any) -> None:
    # The copy in float64 is made from the class, and so has its factor.
    kind: Any = type("Wrong", (layer,), {"factor": 1.5})
    report = check(trained(kind()), X)
    failing = {v.name for v in report.variables if v.counts["mismatch"]}
    assert failing == ({"w"} if layer in (ReadsItsWeight, TakesVariables) else {"x", "w"}), told(report)


def test_the_same_inside_a_saved_model(tmp_path: Path) -> None:
    layers = [keras.Input((3,)), ReadsItsWeight(), keras.layers.Dense(2, "tanh"), Recomputed()]
    model = keras.Sequential(layers)
    model.save(tmp_path / "model.keras")
    built = ModelSpec(path=tmp_path / "model.keras", tensors=X).build()
    from gradcheck.checking import check_target
    from gradcheck.settings import Settings

    report = check_target(built.target, Settings())
    assert report.verdict is Verdict.PASS, told(report)
    assert len(report.variables) == 5


def test_a_layer_is_as_it_was() -> None:
    layer = trained(TakesVariables())
    before = [variable.numpy() for variable in layer.variables]
    check(layer, X)
    assert all(
        (variable.numpy() == value).all() for variable, value in zip(layer.variables, before, strict=True)
    )


def test_assigned_weights_are_taken_back_when_the_call_raises() -> None:
    layer = trained(TakesVariables())
    before = layer.w.numpy()
    with pytest.raises(ZeroDivisionError), assigned([layer.w], [tf.zeros((3, 3))]):
        assert not layer.w.numpy().any()
        raise ZeroDivisionError
    assert (layer.w.numpy() == before).all()


@pytest.mark.parametrize("option", [{"order": 2}, {"mode": "both"}])
def test_only_the_first_gradient_of_the_tape_is_checked(option: dict[str, Any]) -> None:
    with pytest.raises(GradcheckError, match="touches its own variables"):
        check(trained(ReadsItsWeight()), X, **option)


def test_a_tape_inside_the_call_works_in_float64() -> None:
    report = check(Slope(), X)
    assert report.verdict is Verdict.PASS, told(report)
    assert in_float64(report)


@pytest.mark.parametrize("kind", named([keras.layers.LSTM, keras.layers.GRU], lambda k: k.__name__, every(1)))
def test_states_of_a_recurrence_are_carried_over(kind: Any) -> None:
    layer = kind(2, stateful=True)
    sequence = normal(2, 3, 2)
    layer(sequence)
    states = [state.numpy() for state in layer.states]
    assert any(state.any() for state in states)

    report = check(layer, {"x": sequence})

    assert report.verdict is Verdict.PASS, told(report)
    assert in_float64(report)
    assert all((after.numpy() == state).all() for after, state in zip(layer.states, states, strict=True))


def test_a_variable_that_keras_does_not_list_is_named() -> None:
    layer = Gain()
    layer.gain.assign([3.0, 2.0, 1.0])
    report = check(layer, X)
    assert report.verdict is Verdict.PASS, told(report)
    assert in_float64(report), "the copy has the same gains"
    assert "used but not checked: the trainable variables `gain`" in lines(report)


def test_a_variable_that_a_function_uses_is_named() -> None:
    gain = tf.Variable(np.arange(3.0), name="gain")
    assert "used but not checked" in lines(check(lambda x: x * gain, X))
    assert "used but not checked" not in lines(check(lambda x, gain: x * gain, X | {"gain": gain}))


def test_unlisted_variables_are_those_of_attributes_lists_and_modules() -> None:
    layer = Gain()
    layer.more = [tf.Variable(1.0, name="first"), {"key": tf.Variable(2.0, name="second")}]
    other = Gain()
    other.more = [tf.Variable(0.0), {"key": tf.Variable(0.0)}]
    layer(X["x"])
    other(X["x"])
    assert sorted(variable.name for variable in unlisted(layer)) == ["first:0", "gain:0", "second:0"]
    carry_over(layer, other)
    assert [float(tf.reduce_sum(v)) for v in unlisted(other)] == [
        float(tf.reduce_sum(v)) for v in unlisted(layer)
    ]


class Traced(_Weighted):
    """A call that is traced keeps the variables that it was traced with"""

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def product(x: Any, w: Any) -> Any:
            return x @ w, lambda dy: (dy @ tf.transpose(w), self.factor * (tf.transpose(x) @ dy))

        return tf.tanh(product(x, tf.convert_to_tensor(self.w)))


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_a_traced_call(factor: float) -> None:
    report = check(trained(type("Traced", (Traced,), {"factor": factor})()), X)
    assert {v.name for v in report.variables if v.counts["mismatch"]} == (set() if factor == 1 else {"w"})
    assert report.passed == (factor == 1), told(report)
    assert "used but not checked" not in lines(report)


class Mixed(_Weighted):
    """Its gradient for the weight has the dtype of the computation"""

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def product(x: Any, w: Any) -> Any:
            def backward(dy: Any) -> Any:
                return dy @ tf.transpose(tf.cast(self.w.value, dy.dtype)), tf.transpose(x) @ dy

            return x @ w, backward

        return product(x, tf.cast(tf.convert_to_tensor(self.w), x.dtype))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_mixed_policy(policy: str) -> None:
    report = check(Mixed(dtype=policy), X)
    assert report.verdict is Verdict.PASS, told(report)


def test_a_half_precise_layer_in_a_model_is_made_at_float64() -> None:
    half, single = keras.layers.Dense(3, "tanh", dtype="mixed_bfloat16"), keras.layers.Dense(2)
    report = check(keras.Sequential([keras.Input((3,)), half, single]), X)
    assert report.verdict is Verdict.PASS, told(report)
    assert in_float64(report)


class Counting(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Counts its calls in a variable that Keras does not know of, and gives a sparse tensor"""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls = tf.Variable(0.0, trainable=False)

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1.0)
        return tf.sparse.from_dense(x * x)


def test_no_variable_has_changed_after_a_check_and_sparse_outputs_are_checked() -> None:
    layer = Counting()
    layer(X["x"])
    report = check(layer, X)
    assert report.verdict is Verdict.PASS, told(report)
    assert float(layer.calls) == 1.0


class SmallBranch(TakesVariables):
    """A traced branch that is a thousandth of the output, as with LayerScale (arXiv:2103.17239)"""

    def build(self, shape: tuple[int, ...]) -> None:
        self.w = self.add_weight(shape=(shape[-1], shape[-1]), name="w")

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def branch(self, x: Any) -> Any:
        return tf.tanh(TakesVariables.call(self, x))

    def call(self, x: Any) -> Any:
        return x + 1e-3 * self.branch(x)


MSE = {"loss": "mse", "y": 10 + normal(2, 3)}


@pytest.mark.parametrize(
    "loss", [pytest.param({}, id="alone"), pytest.param(MSE, id="loss", marks=pytest.mark.full)]
)
@pytest.mark.parametrize("factor", [1.0, 0.0])
def test_a_traced_call_that_hardly_moves_the_output(factor: float, loss: dict[str, Any]) -> None:
    """A graph that keeps the old weights is a function of which they move nothing"""
    layer = type("SmallBranch", (SmallBranch,), {"factor": factor})()
    report = check(layer, {"x": normal(2, 3)}, **loss)
    assert {v.name for v in report.variables if v.counts["mismatch"]} == (set() if factor else {"w"})
    assert report.passed == bool(factor), told(report)


def test_states_are_not_moved_by_the_trial_call_of_a_loss() -> None:
    layer = keras.layers.GRU(2, stateful=True)
    report = check(layer, {"x": normal(2, 3, 4)}, loss="mse", y=normal(2, 2, seed=1))
    assert report.verdict is Verdict.PASS, told(report)
    assert not report.notes, told(report)
