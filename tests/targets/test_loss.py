"""Losses on top of a model: their gradients by a closed form, and models that take and give dicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Report, Verdict, check
from gradcheck.arrays.types import Array
from gradcheck.errors import TargetError
from tests.parameters import every, named
from tests.saying import normal, told

X, Y = normal(4, 2).astype(np.float32), normal(4, 2, seed=1).astype(np.float32)
WEIGHT = np.array([1.0, 0.0, 2.0, 0.5], np.float32)


def linear() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="last")], name="small")


def squares(y: Any, output: Any) -> Any:
    return tf.reduce_mean((y - output) ** 2, axis=-1)


def half(y: Any, output: Any) -> Any:
    """The mean of squares with half of its gradient"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def halved(value: Any) -> Any:
        return value, lambda r: r / 2

    return halved(squares(y, output))


def slope(model: Any, weight: Array | float = 1.0) -> Array:
    """The derivative of the mean of w (f − y)² over samples and 2 units along the bias: Σ w (f − y) / 4."""
    kernel, shift = (variable.numpy().astype(np.float64) for variable in model.trainable_variables)
    off = X @ kernel + shift - Y
    return np.asarray((np.broadcast_to(weight, 4)[:, None] * off).mean(axis=0))


def bias(report: Report) -> Array:
    (found,) = (variable for variable in report.variables if variable.name == "last/bias")
    return found.difference


LOSSES: list[Any] = [
    "mse",
    "MeanSquaredError",
    keras.losses.MeanSquaredError,
    keras.losses.MeanSquaredError(),
    squares,
]


NAMES = ("name", "class name", "class", "object", "function")
TRIED = [(name, weighted) for weighted in (False, True) for name in NAMES]


@pytest.mark.parametrize(
    "tried",
    named(TRIED, lambda one: f"{one[0]}{' weighted' * one[1]}", every(2)),
)
def test_a_loss_of_keras_or_of_the_user(tried: tuple[str, bool]) -> None:
    """Each kind of loss, every other one with weights in a plain run"""
    loss, weight = LOSSES[NAMES.index(tried[0])], WEIGHT if tried[1] else None
    model = linear()
    report = check(model, {"x": X}, loss=loss, y=Y, sample_weight=weight)

    assert report.verdict is Verdict.PASS, told(report)
    assert report.target.endswith("(small)")
    np.testing.assert_allclose(bias(report), slope(model, 1.0 if weight is None else weight), rtol=1e-7)
    assert "rounded" not in report.precision


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.full)])
def test_a_wrong_loss_fails(compiled: bool) -> None:
    model = linear()
    if compiled:
        model.compile(loss=half)
    report = check(model, {"x": X}, loss=None if compiled else half, y=Y)
    assert report.verdict is Verdict.FAIL
    assert all(variable.counts["mismatch"] for variable in report.variables)


def test_the_loss_that_a_model_was_compiled_with() -> None:
    model = linear()
    model.compile(loss="mse")
    np.testing.assert_allclose(bias(check(model, {"x": X}, y=Y)), slope(model), rtol=1e-7)


@keras.saving.register_keras_serializable("losses")
class OwnLoss(keras.Model):  # type: ignore[misc]  # Keras has no types
    """A model with a loss of its own: half the squares, and the size of the input"""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.last = keras.layers.Dense(2, name="last")

    def call(self, x: Any) -> Any:
        return self.last(x)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> Any:
        return tf.reduce_sum(squares(y, y_pred)) / 2 + tf.reduce_sum(x**2)


def test_the_loss_that_a_model_computes_itself() -> None:
    model = OwnLoss(name="small")
    model(X)
    report = check(model, {"x": X}, y=Y)

    assert report.verdict is Verdict.PASS, told(report)
    assert report.target == "compute_loss(small)"
    np.testing.assert_allclose(bias(report), 2 * slope(model), rtol=1e-7)
    assert "float64" in report.precision


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"y": Y}, "has no compute_loss of its own"),
        ({"loss": "mse"}, "A loss needs y"),
        ({"sample_weight": WEIGHT}, "A loss needs y"),
        ({"loss": 3, "y": Y}, "cannot be called"),
        ({"loss": "mze", "y": Y}, "has no loss named 'mze'"),
        ({"loss": "mse", "y": ["a", "b"]}, "y is no array of numbers"),
        ({"loss": "mse", "y": [[1.0], [2.0, 3.0]]}, "y is no array: .* Give rows of one length"),
        ({"loss": "mse", "y": Y, "sample_weight": ["a"]}, "The sample weights is no array of numbers"),
        ({"loss": "mse", "y": [Y, Y]}, "y has length 2, and there is 1 output"),
        ({"loss": "categorical_crossentropy", "y": Y[:, :1]}, "must have the same shape"),
    ],
)
def test_what_does_not_go_together(given: dict[str, Any], words: str) -> None:
    with pytest.raises(TargetError, match=words):
        check(linear(), {"x": X}, **given)


def test_a_function_takes_no_loss() -> None:
    with pytest.raises(TargetError, match="are for a Keras layer or model"):
        check(tf.tanh, {"x": X}, loss="mse", y=Y)


@keras.saving.register_keras_serializable("losses")
class Named(keras.Model):  # type: ignore[misc]  # Keras has no types
    """Takes a dict and gives one"""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.last = keras.layers.Dense(2, name="last")

    def call(self, inputs: Any) -> Any:
        hidden = self.last(inputs["left"] * inputs["right"])
        return {"sum": tf.reduce_sum(hidden), "all": hidden}


class Listed(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    def call(self, inputs: Any) -> Any:
        left, right = inputs
        return left * right


def test_a_model_of_a_dict() -> None:
    for model in (
        Named(),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Named())),
    ):
        report = check(model, {"left": X, "right": X + 1})
        assert report.verdict is Verdict.PASS, told(report)
        assert [variable.name for variable in report.variables] == [
            "left",
            "right",
            "last/kernel",
            "last/bias",
        ]


def test_a_layer_of_a_list() -> None:
    report = check(Listed(), {"left": X, "right": X + 1})
    np.testing.assert_allclose(report.variables[0].difference, X + 1, rtol=1e-6)


def test_a_loss_of_dicts() -> None:
    def both(y: Any, output: Any) -> Any:
        return tf.reduce_mean((y["all"] - output["all"]) ** 2) + 0 * output["sum"]

    model = Named()
    report = check(model, {"left": X, "right": np.ones_like(X)}, loss=both, y={"all": Y})
    assert report.verdict is Verdict.PASS, told(report)
    np.testing.assert_allclose(bias(report), (model.last(X).numpy() - Y).mean(axis=0), rtol=1e-5)


def test_a_saved_model_of_a_dict(tmp_path: Path) -> None:
    model = Named()
    model({"left": X, "right": X})
    model.save(tmp_path / "named.keras")
    report = check(keras.saving.load_model(tmp_path / "named.keras"), {"left": X, "right": X})
    assert report.verdict is Verdict.PASS, told(report)


class Penalty(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Adds the square of what goes through to the loss, with a gradient that may be off by a factor"""

    factor = 1.0

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def penalty(x: Any) -> Any:
            return tf.reduce_sum(x**2), lambda r: self.factor * r * 2 * x

        self.add_loss(penalty(x))
        return x


class WrongPenalty(Penalty):
    factor = 1.1


class Scaled(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """A loss whose config leaves an argument out"""

    def __init__(self, by: float, **options: Any) -> None:
        super().__init__(**options)
        self.by = by

    def call(self, y: Any, output: Any) -> Any:
        return self.by * squares(y, output)


def keras_gradients(model: Any, y: Any, weight: Any = None) -> list[Array]:
    with tf.GradientTape() as tape:
        loss = model.compute_loss(X, y, model(X), weight)
    weights = [variable.value for variable in model.trainable_variables]
    found = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [np.asarray(gradient) for gradient in found]


def two_outputs() -> Any:
    x = keras.Input((2,))
    return keras.Model(x, [keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)])


def regularised() -> Any:
    decay = keras.regularizers.L2(0.3)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kernel_regularizer=decay)])


def penalised() -> Any:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), Penalty()])


def logits() -> Any:
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


LABELS = [0, 1, 2, 0]
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
COMPILED: list[tuple[Any, dict[str, Any], Any]] = [
    (regularised, {"loss": "mse"}, Y),
    (linear, {"loss": "mse", "loss_weights": [3.0]}, Y),
    (linear, {"loss": Scaled(3.0)}, Y),
    (penalised, {"loss": "mse"}, Y),
    (two_outputs, {"loss": ["mse", keras.losses.Huber()]}, [Y, Y]),
    (logits, {"loss": SPARSE}, np.array(LABELS)),
]
IDS = ["regularised", "weighted", "own class", "added in a layer", "two outputs", "object"]


@pytest.mark.parametrize(("make", "how", "y"), COMPILED, ids=IDS)
def test_a_compiled_model_has_the_loss_that_keras_trains(make: Any, how: dict[str, Any], y: Any) -> None:
    model = make()
    model.compile(**how)
    report = check(model, {"x": X}, y=y, wrt=None)
    assert report.verdict is Verdict.PASS, told(report)
    assert "float64" in report.precision and "rounded" not in report.precision
    for variable, expected in zip(report.variables[1:], keras_gradients(model, y), strict=True):
        np.testing.assert_allclose(variable.tape, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.full  # a wrong loss is tested alone
def test_a_wrong_penalty_that_a_layer_adds_fails() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), WrongPenalty()])
    model.compile(loss="mse")
    assert check(model, {"x": X}, y=Y).verdict is Verdict.FAIL


def test_an_object_at_float64_keeps_its_arguments() -> None:
    model = linear()
    report = check(model, {"x": X}, loss=Scaled(3.0, dtype="float64"), y=Y)
    np.testing.assert_allclose(bias(report), 3 * slope(model), rtol=1e-7)


def test_weights_of_a_column() -> None:
    model = linear()
    report = check(model, {"x": X}, loss=squares, y=Y, sample_weight=WEIGHT[:, None])
    np.testing.assert_allclose(bias(report), slope(model, WEIGHT), rtol=1e-7)


def test_weights_need_a_number_for_each_sample() -> None:
    with pytest.raises(TargetError, match="one weight for each sample"):
        check(linear(), {"x": X}, loss=lambda y, f: tf.reduce_sum(y - f), y=Y, sample_weight=WEIGHT)


def two_named() -> Any:
    x = keras.Input((2,))
    parts = {name: keras.layers.Dense(3, name=name)(x) for name in ("b", "a")}
    return keras.Model(x, parts)


def two_listed() -> Any:
    x = keras.Input((2,))
    return keras.Model(x, [keras.layers.Dense(3, name=name)(x) for name in ("b", "a")])


Y3 = normal(4, 3, seed=2).astype(np.float32)
BY_OUTPUT: list[tuple[Any, Any, Any, Any]] = [
    (two_listed, ["mse", SPARSE], [Y3, np.array(LABELS)], None),
    (two_listed, "mse", [Y3, 2 * Y3], WEIGHT),
    (two_listed, {"a": SPARSE, "b": "mae"}, {"b": Y3, "a": np.array(LABELS)}, None),
    (
        two_named,
        {"a": SPARSE, "b": "mse"},
        {"a": np.array(LABELS), "b": Y3},
        {"a": WEIGHT, "b": WEIGHT[::-1]},
    ),
    (two_named, {"b": squares, "a": None}, {"b": Y3}, None),
]


GIVEN_AS = ("list", "one", "named", "dict", "of one output")


@pytest.mark.parametrize(
    ("make", "loss", "y", "weight"),
    [
        pytest.param(
            *case, id=name, marks=() if name in ("dict", "one", "of one output") else pytest.mark.full
        )
        for name, case in zip(GIVEN_AS, BY_OUTPUT, strict=True)
    ],
)
def test_losses_by_output_are_those_that_keras_compiles(make: Any, loss: Any, y: Any, weight: Any) -> None:
    model = make()
    report = check(model, {"x": X}, loss=loss, y=y, sample_weight=weight)

    model.compile(loss=loss)
    assert report.verdict is Verdict.PASS, told(report)
    assert "float64" in report.precision and "rounded" not in report.precision
    expected = keras_gradients(model, y, weight)
    for variable, gradient in zip(report.variables[1:], expected, strict=True):
        np.testing.assert_allclose(variable.tape, gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.full  # a wrong loss, and two losses, are tested alone
def test_one_wrong_loss_among_two_fails() -> None:
    report = check(two_listed(), {"x": X}, loss={"a": half, "b": "mse"}, y=[Y3, Y3])
    failing = {variable.name for variable in report.variables if variable.counts["mismatch"]}
    assert failing == {"x", "a/kernel", "a/bias"}


def first(y: Any, output: Any) -> Any:
    return squares(y[0], output[0])


@pytest.mark.parametrize(
    ("make", "given", "words"),
    [
        (two_listed, {"loss": "mse", "y": Y3}, "2 outputs, b, a, and y is one array. Give a list"),
        (two_named, {"loss": "mse", "y": Y3}, "and y is one array. Give a dict of"),
        (two_named, {"loss": "mse", "y": [Y3, Y3]}, "y is a list, and the output is a dict"),
        (two_listed, {"loss": "mse", "y": [Y3] * 3}, "y has length 3, and there are 2 outputs: b, a"),
        (two_named, {"loss": {"c": "mse"}, "y": {"a": Y3}}, "loss names 'c', which is no output"),
        (two_named, {"loss": "mse", "y": {"a": Y3}}, "y has nothing for the output 'b'"),
        (two_listed, {"loss": first, "y": [Y3, Y3], "sample_weight": [WEIGHT] * 2}, "several arrays"),
    ],
)
def test_what_does_not_fit_the_outputs(make: Any, given: dict[str, Any], words: str) -> None:
    with pytest.raises(TargetError, match=words) as caught:
        check(make(), {"x": X}, **given)
    assert len(str(caught.value)) < 300


def test_a_loss_over_one_class_is_refused() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(TargetError, match="num_classes > 1"):
        check(model, {"x": X}, loss="categorical_crossentropy", y=Y[:, :1])


def test_lists_of_numbers_are_arrays() -> None:
    """The gradient of the cross-entropy by the logits is (softmax − one-hot) / 4, by definition."""
    model, weight = logits(), [1, 2, 0, 3]
    report = check(model, {"x": X}, loss=SPARSE, y=LABELS, sample_weight=weight)

    off = tf.nn.softmax(model(X)).numpy() - np.eye(3)[LABELS]
    expected = (np.array(weight)[:, None] * off).sum(axis=0) / 4
    (found,) = (v for v in report.variables if v.name.endswith("bias"))
    assert report.verdict is Verdict.PASS, told(report)
    np.testing.assert_allclose(found.difference, expected, rtol=1e-5)


class OnlyTrains(keras.Model):  # type: ignore[misc]  # Keras has no types
    """Its loss is in its train_step"""

    def call(self, x: Any) -> Any:
        return 2 * x

    def train_step(self, data: Any) -> Any:
        return {}


def test_a_loss_in_a_train_step_cannot_be_had() -> None:
    model = OnlyTrains(name="vae")
    model.compile("sgd")
    with pytest.raises(TargetError, match=r"vae was not compiled with a loss .* only a train_step"):
        check(model, {"x": X}, y=Y)
