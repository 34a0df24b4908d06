"""Keras' own layers are right, a user's broken layer is found, and neither is changed by the check."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck import GradcheckError, Verdict
from gradcheck.arrays.types import Array
from gradcheck.errors import NondeterministicError, TargetError
from gradcheck.targets.keras import target
from tests.parameters import among, every, named

L = keras.layers


def normal(*shape: int, seed: int = 0) -> Array:
    array: Array = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return array


SEQUENCE, IMAGE, INDICES = normal(2, 5, 3), normal(1, 4, 4, 2), np.array([[0, 2], [3, 2]])
OTHER = normal(2, 4, 3, seed=1)
SHORT, MASK = normal(2, 3, 2), np.array([[1, 0, 1], [1, 1, 0]], bool)

# What is checked, its data, how it is called, and the names that Keras gives its trainable weights.
RIGHT: dict[str, tuple[Callable[[], Any], list[Array], dict[str, Any], list[str]]] = {
    "Dense": (lambda: L.Dense(3, "gelu"), [SEQUENCE], {}, ["kernel", "bias"]),
    "EinsumDense": (lambda: L.EinsumDense("abc,cd->abd", (None, 2)), [SEQUENCE], {}, ["kernel"]),
    "Conv1D": (lambda: L.Conv1D(2, 3, padding="same"), [SEQUENCE], {}, ["kernel", "bias"]),
    "Conv1D causal": (lambda: L.Conv1D(2, 2, padding="causal"), [SEQUENCE], {}, ["kernel", "bias"]),
    "Conv2D": (lambda: L.Conv2D(2, 2, strides=2), [IMAGE], {}, ["kernel", "bias"]),
    "Conv3D": (lambda: L.Conv3D(2, 2), [normal(1, 2, 3, 2, 2)], {}, ["kernel", "bias"]),
    "Conv1DTranspose": (lambda: L.Conv1DTranspose(2, 3, 2), [SEQUENCE], {}, ["kernel", "bias"]),
    "Conv2DTranspose": (lambda: L.Conv2DTranspose(1, 2), [IMAGE], {}, ["kernel", "bias"]),
    "DepthwiseConv1D": (lambda: L.DepthwiseConv1D(2), [SEQUENCE], {}, ["kernel", "bias"]),
    "DepthwiseConv2D": (lambda: L.DepthwiseConv2D(2), [IMAGE], {}, ["kernel", "bias"]),
    "SeparableConv1D": (
        lambda: L.SeparableConv1D(2, 2),
        [SEQUENCE],
        {},
        ["depthwise_kernel", "pointwise_kernel", "bias"],
    ),
    "SimpleRNN": (lambda: L.SimpleRNN(2), [SEQUENCE], {}, ["kernel", "recurrent_kernel", "bias"]),
    "GRU": (lambda: L.GRU(2), [normal(1, 2, 2)], {}, ["kernel", "recurrent_kernel", "bias"]),
    "LSTM": (lambda: L.LSTM(2), [normal(1, 2, 2)], {}, ["kernel", "recurrent_kernel", "bias"]),
    "SimpleRNN masked": (
        lambda: L.SimpleRNN(1, use_bias=False),
        [SHORT],
        {"mask": MASK},
        ["kernel", "recurrent_kernel"],
    ),
    "Bidirectional": (
        lambda: L.Bidirectional(L.SimpleRNN(1, use_bias=False, name="rnn")),
        [normal(1, 2, 2)],
        {},
        [
            f"{way}_rnn/simple_rnn_cell/{weight}"
            for way in ("forward", "backward")
            for weight in ("kernel", "recurrent_kernel")
        ],
    ),
    "TimeDistributed": (lambda: L.TimeDistributed(L.Dense(2)), [SEQUENCE], {}, ["kernel", "bias"]),
    "BatchNormalization": (lambda: L.BatchNormalization(), [SEQUENCE], {}, ["gamma", "beta"]),
    "BatchNormalization in training": (
        lambda: L.BatchNormalization(),
        [SEQUENCE],
        {"training": True},
        ["gamma", "beta"],
    ),
    "LayerNormalization": (lambda: L.LayerNormalization(), [SEQUENCE], {}, ["gamma", "beta"]),
    "GroupNormalization": (lambda: L.GroupNormalization(2), [IMAGE], {}, ["gamma", "beta"]),
    "RMSNormalization": (lambda: L.RMSNormalization(), [SEQUENCE], {}, ["scale"]),
    "UnitNormalization": (lambda: L.UnitNormalization(), [SEQUENCE], {}, []),
    "SpectralNormalization": (
        lambda: L.SpectralNormalization(L.Dense(2)),
        [SEQUENCE],
        {},
        ["kernel", "bias"],
    ),
    "Embedding": (lambda: L.Embedding(4, 3), [INDICES], {}, ["embeddings"]),
    "PReLU": (lambda: L.PReLU(), [SEQUENCE], {}, ["alpha"]),
    "LeakyReLU": (lambda: L.LeakyReLU(), [SEQUENCE], {}, []),
    "Softmax": (lambda: L.Softmax(), [SEQUENCE], {}, []),
    "AdditiveAttention": (lambda: L.AdditiveAttention(), [SEQUENCE, OTHER], {}, ["scale"]),
    "Attention": (lambda: L.Attention(), [SEQUENCE / 4, OTHER / 4], {}, []),
    "Add": (lambda: L.Add(), [SEQUENCE, SEQUENCE[::-1]], {}, []),
    "Maximum": (lambda: L.Maximum(), [SEQUENCE, SEQUENCE[::-1]], {}, []),
    "Dot": (lambda: L.Dot(axes=2), [SEQUENCE, OTHER], {}, []),
    "Concatenate": (lambda: L.Concatenate(axis=1), [SEQUENCE, OTHER], {}, []),
    "MaxPooling1D": (lambda: L.MaxPooling1D(2), [SEQUENCE], {}, []),
    "AveragePooling2D": (lambda: L.AveragePooling2D(2), [IMAGE], {}, []),
    "GlobalAveragePooling1D": (lambda: L.GlobalAveragePooling1D(), [SEQUENCE], {}, []),
    "UpSampling1D": (lambda: L.UpSampling1D(2), [SEQUENCE], {}, []),
    "Lambda": (lambda: L.Lambda(lambda x: x**3), [SEQUENCE], {}, []),
}


def inputs(data: list[Array]) -> dict[str, Array]:
    return {"x": data[0]} if len(data) == 1 else {f"x{n}": array for n, array in enumerate(data, start=1)}


EVERY_RUN = {
    *("Dense", "Conv1D", "BatchNormalization in training", "UnitNormalization", "Embedding"),
    *("AdditiveAttention", "MaxPooling1D", "Lambda"),
}
"""With weights and without, in training, of indices, of two inputs, with ties, and of the user's function."""


@pytest.mark.parametrize("name", named(RIGHT, str, among(EVERY_RUN)))
def test_a_layer_of_keras_is_right(name: str) -> None:
    """The verdict, and the gradients against a tape around the layer as anybody would call it."""
    keras.utils.set_random_seed(1)
    make, data, how, weights = RIGHT[name]
    layer = make()

    # Ones tell nothing of what a normalisation gives, so that others would be shown.
    ones = np.ones(data[0].shape, np.float32) if name == "BatchNormalization in training" else None
    report = gradcheck.check(layer, inputs(data), constants=how, upstream=ones)

    assert report.passed, str(report)
    assert not [line for line in report.warnings if "float64" in line]
    floating = [key for key, array in inputs(data).items() if array.dtype == np.float32]
    assert [variable.name for variable in report.variables] == [*floating, *weights]
    for variable, expected in zip(report.variables, by_hand(layer, data, how), strict=True):
        np.testing.assert_allclose(variable.tape, expected, rtol=1e-3, atol=1e-5, err_msg=variable.name)


def by_hand(layer: Any, data: list[Array], how: dict[str, Any]) -> list[Array]:
    """Gradients of the sum of the outputs, at float32"""
    tensors = [tf.constant(array) for array in data]
    floating = [tensor for tensor in tensors if tensor.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floating)
        output = layer(tensors[0] if len(tensors) == 1 else tensors, **how)
    sources = [*floating, *(variable.value for variable in layer.trainable_variables)]
    return [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(output, sources)]


def test_two_arguments_are_two_variables() -> None:
    """MultiHeadAttention takes its query and value as arguments of their own."""
    layer = L.MultiHeadAttention(1, 2, use_bias=False)

    report = gradcheck.check(layer, {"query": SEQUENCE, "value": OTHER})

    assert report.passed, str(report)
    names = [variable.name for variable in report.variables]
    assert names == [
        "query",
        "value",
        *("query/kernel", "key/kernel", "value/kernel", "attention_output/kernel"),
    ]


@pytest.mark.parametrize(
    "policy",
    named(["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"], str, every(2)),
)
def test_other_dtypes(policy: str) -> None:
    """Data and weights have the dtype that the layer computes in."""
    report = gradcheck.check(L.Dense(3, "tanh", dtype=policy), {"x": SEQUENCE})

    assert report.passed, str(report)
    assert {variable.dtype for variable in report.variables} == {policy.removeprefix("mixed_")}


def test_data_at_float64_is_what_keras_makes_of_it() -> None:
    report = gradcheck.check(L.Dense(2), {"x": SEQUENCE.astype(np.float64)})

    assert report.passed, str(report)
    assert report.variables[0].dtype == "float32"


# Users' layers.


@tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
def scaled_wrongly(x: Any, s: Any) -> Any:
    """x · s, with twice the gradient of s"""

    def gradient(r: Any) -> Any:
        return r * s, 2 * tf.reduce_sum(r * x, axis=[0, 1])

    return x * s, gradient


class Broken(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A dense layer and a scale whose gradient is wrong"""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = L.Dense(units)

    def build(self, shape: Any) -> None:
        self.dense.build(shape)
        self.scale = self.add_weight(shape=(self.dense.units,), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        return scaled_wrongly(self.dense(x), tf.convert_to_tensor(self.scale))


class Own(keras.Model):  # type: ignore[misc]  # Keras has no types
    """A model by subclassing"""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = L.Dense(units, name="inside")

    def call(self, x: Any) -> Any:
        return self.dense(x) ** 2

    def get_config(self) -> dict[str, Any]:
        return {"units": self.dense.units}


class Forgetful(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Its get_config leaves an argument out"""

    def __init__(self, power: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.power = power

    def call(self, x: Any) -> Any:
        return tf.abs(x) ** self.power

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config())


class Stubborn(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Cannot be made from a config"""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


def test_a_broken_layer_is_found_and_named() -> None:
    report = gradcheck.check(Broken(2), {"x": SEQUENCE})

    assert report.verdict is Verdict.FAIL
    failing = [variable.name for variable in report.variables if variable.counts["mismatch"]]
    assert failing == ["scale"]
    assert "scale: off by a constant factor: tape = 2 × difference" in report.diagnosis[0]
    assert "float64, tape also in float32" in report.precision


@pytest.mark.full
def test_a_broken_layer_is_found_inside_a_model() -> None:
    model = keras.Sequential([keras.Input((5, 3)), Broken(2, name="mine"), L.Dense(1, name="last")])

    report = gradcheck.check(model, {"x": SEQUENCE})

    failing = [variable.name for variable in report.variables if variable.counts["mismatch"]]
    assert failing == ["mine/scale"]
    assert {"x", "last/kernel", "last/bias"} < {variable.name for variable in report.variables}


@pytest.mark.parametrize(
    "model", [Own(2), keras.Sequential([L.Dense(2, name="inside")])], ids=["subclassed", "sequential"]
)
def test_a_model_that_is_not_built_yet(model: Any) -> None:
    report = gradcheck.check(model, {"x": SEQUENCE})

    assert report.passed, str(report)
    assert [variable.name for variable in report.variables] == ["x", "inside/kernel", "inside/bias"]
    assert "float64, tape also in float32" in report.precision


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Forgetful(3.0), "gives other outputs"),
        (Stubborn(tf.tanh), "cannot be rebuilt from its config at float64"),
        (
            L.Lambda(lambda x: x * tf.constant(2.0)),
            "Lambda raised InvalidArgumentError at float64: cannot compute Mul",
        ),
    ],
    ids=["another function", "no function", "a constant at float32"],
)
def test_without_a_true_copy_the_layer_is_checked_as_it_is(layer: Any, words: str) -> None:
    report = gradcheck.check(layer, {"x": 1 + np.abs(SEQUENCE)})

    assert report.passed, str(report)
    assert report.precision == "tape and differences in float32"
    assert re.search(words, " ".join(report.warnings)), report.warnings


def test_neither_weights_nor_state_change() -> None:
    layer = L.BatchNormalization()
    layer(SEQUENCE)
    before = [variable.numpy().copy() for variable in layer.variables]

    report = gradcheck.check(layer, {"x": SEQUENCE + 3}, constants={"training": True})

    assert report.passed
    for variable, value in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert keras.config.floatx() == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_weights_that_are_not_trained_are_those_of_the_layer() -> None:
    """Moving averages are made afresh in the copy at float64."""
    layer = L.BatchNormalization()
    layer.build((None, 5, 3))
    layer.moving_variance.assign([4.0, 0.25, 1.0])

    report = gradcheck.check(layer, {"x": SEQUENCE})

    assert report.passed, str(report)
    expected = 1 / np.sqrt(np.array([4.0, 0.25, 1.0]) + layer.epsilon)
    np.testing.assert_allclose(report.variables[0].tape[0, 0], expected, rtol=1e-6)
    assert report.precision.startswith("tape and differences in float64")


def test_frozen_weights_are_no_variables() -> None:
    layer = L.Dense(2)
    layer.build((None, 5, 3))
    layer.trainable = False

    assert [variable.name for variable in gradcheck.check(layer, {"x": SEQUENCE}).variables] == ["x"]


def test_a_mask_changes_the_gradient() -> None:
    report = gradcheck.check(L.SimpleRNN(1), {"x": SHORT}, constants={"mask": MASK}, wrt=["x"])

    gradient = report.variables[0].tape
    assert (gradient[~MASK] == 0).all()
    assert (gradient[MASK] != 0).all()


@pytest.mark.parametrize("layer", [L.Dropout(0.5), L.GaussianNoise(1.0)], ids=lambda layer: layer.name)
def test_random_layers_are_refused_in_training(layer: Any) -> None:
    words = f"{type(layer).__name__} draws random numbers in this call.*training mode"
    with pytest.raises(NondeterministicError, match=words):
        gradcheck.check(layer, {"x": SEQUENCE}, constants={"training": True})

    assert gradcheck.check(layer, {"x": SEQUENCE}).passed


def test_layers_that_train_by_themselves_do_not_outside_training() -> None:
    """RandomFlip flips when nothing is said."""
    assert gradcheck.check(L.RandomFlip(), {"x": IMAGE}).passed


def test_the_random_layer_of_a_model_is_named() -> None:
    model = keras.Sequential([keras.Input((5, 3)), L.Dense(2), L.Dropout(0.5, name="forget")])

    with pytest.raises(NondeterministicError, match="Dropout 'forget'"):
        gradcheck.check(model, {"x": SEQUENCE}, constants={"training": True})


def test_several_inputs_of_a_model_by_order_or_by_name() -> None:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    model = keras.Model([left, right], L.Subtract()([left, right]))

    for names in (("a", "b"), ("left", "right")):
        report = gradcheck.check(model, dict(zip(names, (OTHER[0], OTHER[1]), strict=True)))
        assert [float(variable.tape[0, 0]) for variable in report.variables] == [1.0, -1.0]
    swapped = gradcheck.check(model, {"right": OTHER[0], "left": OTHER[1]})
    assert [float(variable.tape[0, 0]) for variable in swapped.variables] == [-1.0, 1.0]


@pytest.mark.parametrize("dtype", ["float32", pytest.param("int32", marks=pytest.mark.full)])
def test_whole_numbers_for_an_embedding_are_indices(dtype: str) -> None:
    """Next to them the function jumps: they are no variable, neither of the layer nor of a model."""
    index, x = keras.Input((2,), dtype=dtype, name="index"), keras.Input((2, 3), name="x")
    model = keras.Model([x, index], L.Add()([L.Embedding(4, 3, name="table")(index), x]))
    data = {"index": INDICES.astype(np.float32), "x": normal(2, 2, 3)}

    assert [v.name for v in gradcheck.check(model, data).variables] == ["x", "table/embeddings"]
    report = gradcheck.check(L.Embedding(4, 3), {"x": data["index"]})
    assert [v.name for v in report.variables] == ["embeddings"]


def test_a_model_says_what_inputs_it_takes() -> None:
    left, right = keras.Input((3,), name="left"), keras.Input((4,), name="right")
    model = keras.Model([left, right], L.Concatenate()([left, right]), name="joined")

    with pytest.raises(
        TargetError, match=r"joined takes 2 inputs and got 1.*left \(None, 3\), right \(None, 4\)"
    ):
        gradcheck.check(model, {"x": OTHER[0]})


def test_data_of_the_wrong_shape() -> None:
    with pytest.raises(GradcheckError, match=r"Conv1D raised ValueError when it was built: .*min_ndim=3"):
        gradcheck.check(L.Conv1D(2, 2), {"x": SEQUENCE[0]})


def test_a_constant_that_layers_do_not_take() -> None:
    with pytest.raises(TargetError, match="has no parameter named 'axis'"):
        gradcheck.check(L.Softmax(), {"x": SEQUENCE}, constants={"axis": 1})


def test_the_same_gradient_at_both_dtypes_comes_from_two_layers() -> None:
    """At float64 the output has digits that float32 does not hold."""
    made = target(L.Dense(2, "tanh"), {"x": SEQUENCE})
    own = made.function(*(tf.constant(array) for array in made.inputs.values()))
    exact = made.function(*(tf.constant(array, tf.float64) for array in made.inputs.values()))

    assert (own.dtype, exact.dtype) == (tf.float32, tf.float64)
    np.testing.assert_allclose(own, exact, rtol=1e-5)
    assert (exact.numpy() != exact.numpy().astype(np.float32)).all()


def test_the_function_can_be_traced_compiled_and_pushed_forward() -> None:
    """A graph cannot make the copy at float64: it is made outside of it."""
    made = target(L.Dense(2, "tanh"), {"x": SEQUENCE})
    values = [tf.constant(array, tf.float64) for array in made.inputs.values()]
    traced = tf.function(made.function)(*values)

    with tf.autodiff.ForwardAccumulator(values, [tf.ones_like(value) for value in values]) as forward:
        output = made.function(*values)
    compiled = tf.function(made.function, jit_compile=True)(*values)

    np.testing.assert_allclose(traced, output, rtol=1e-12)
    np.testing.assert_allclose(compiled, output, rtol=1e-12)
    # tanh' = 1 − tanh², times what x · w + b moves by when every number of x, w and b does by 1
    x, kernel = made.inputs["x"].astype(np.float64), made.inputs["kernel"].astype(np.float64)
    moved = kernel.sum(axis=0) + x.sum(axis=-1, keepdims=True) + 1
    np.testing.assert_allclose(forward.jvp(output), (1 - output**2) * moved, rtol=1e-6)
