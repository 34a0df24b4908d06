"""Keras's layers as functions of their inputs and weights: no false alarm.

Each layer is built under a float64 policy and called through `stateless_call` with its weights as inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gradcheck import Verdict, check
from tests.corpus.case import Array, Function, distorted, scaled
from tests.parameters import every, named
from tests.saying import told

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Layer:
    """How to make a layer, and the shapes of its inputs."""

    name: str
    make: Callable[[], Any]
    shapes: Shapes
    joined: bool = False
    """Whether it takes a list of inputs rather than one."""
    training: bool = False


def of(make: Callable[[], Any], *shapes: tuple[int, ...], name: str = "", **options: bool) -> Layer:
    """A layer named after its class."""
    with float64():
        title = type(make()).__name__
    return Layer(f"{title} {name}".strip(), make, shapes, len(shapes) > 1, **options)


class float64:
    """Keras's policy for new layers, those inside others included."""

    def __enter__(self) -> None:
        self.before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float64")

    def __exit__(self, *error: object) -> None:
        keras.config.set_dtype_policy(self.before)


def functional() -> Any:
    """Two branches with a connection around them"""
    x = keras.Input((4,))
    y = layers.Dense(3, activation="tanh")(x)
    z = layers.Dense(3, activation="gelu")(x)
    return keras.Model(x, layers.Dense(2)(layers.Add()([y, z])))


LAYERS = (
    of(lambda: layers.Dense(3), (2, 4)),
    of(lambda: layers.Dense(3, activation="softmax"), (2, 4), name="with softmax"),
    of(lambda: layers.EinsumDense("abc,cd->abd", (None, 2), bias_axes="d"), (2, 3, 2)),
    of(lambda: layers.Conv1D(2, 3, padding="causal", activation="relu"), (1, 6, 2)),
    of(lambda: layers.Conv2D(2, 2, strides=2), (1, 4, 4, 2)),
    of(lambda: layers.Conv3D(1, 2), (1, 3, 3, 2, 1)),
    of(lambda: layers.Conv1DTranspose(2, 3, strides=2), (1, 4, 1)),
    of(lambda: layers.Conv2DTranspose(1, 2, strides=2), (1, 2, 3, 2)),
    of(lambda: layers.SeparableConv1D(2, 2), (1, 5, 2)),
    of(lambda: layers.SeparableConv2D(2, 2), (1, 3, 4, 2)),
    of(lambda: layers.DepthwiseConv1D(3), (1, 6, 2)),
    of(lambda: layers.DepthwiseConv2D(2, depth_multiplier=2), (1, 4, 3, 1)),
    of(lambda: layers.MaxPooling1D(2, 1), (1, 5, 2)),
    of(lambda: layers.MaxPooling2D(2), (1, 4, 5, 1)),
    of(lambda: layers.AveragePooling1D(2, padding="same"), (1, 5, 2)),
    of(lambda: layers.AveragePooling2D(2), (1, 4, 5, 1)),
    of(lambda: layers.GlobalMaxPooling1D(), (2, 4, 2)),
    of(lambda: layers.GlobalMaxPooling2D(), (1, 3, 3, 2)),
    of(lambda: layers.GlobalAveragePooling1D(), (2, 4, 2)),
    of(lambda: layers.GlobalAveragePooling2D(), (1, 3, 3, 2)),
    of(lambda: layers.AdaptiveAveragePooling1D(2), (1, 5, 2)),
    of(lambda: layers.LayerNormalization(), (2, 5)),
    of(lambda: layers.RMSNormalization(), (2, 5)),
    of(lambda: layers.GroupNormalization(2), (2, 3, 4)),
    of(lambda: layers.UnitNormalization(), (2, 5)),
    of(lambda: layers.BatchNormalization(), (3, 4)),
    of(lambda: layers.BatchNormalization(), (4, 3), name="in training", training=True),
    of(lambda: layers.SpectralNormalization(layers.Dense(2)), (2, 3)),
    of(lambda: layers.Normalization(mean=0.3, variance=2.0), (2, 3)),
    of(lambda: layers.SimpleRNN(2, return_sequences=True), (1, 3, 2)),
    of(lambda: layers.LSTM(2), (1, 3, 2)),
    of(lambda: layers.GRU(2), (1, 3, 2)),
    of(lambda: layers.GRU(2, reset_after=False, go_backwards=True), (1, 3, 2), name="backwards"),
    of(lambda: layers.Bidirectional(layers.LSTM(1)), (1, 3, 2)),
    of(lambda: layers.TimeDistributed(layers.Dense(2)), (2, 3, 2)),
    of(lambda: layers.RNN([layers.LSTMCell(1), layers.GRUCell(2)]), (1, 2, 2), name="stacked"),
    of(lambda: layers.ConvLSTM1D(1, 2), (1, 2, 4, 1)),
    of(lambda: layers.MultiHeadAttention(2, 2), (1, 3, 2), (1, 4, 2)),
    of(lambda: layers.Attention(use_scale=True), (1, 3, 2), (1, 4, 2)),
    of(lambda: layers.AdditiveAttention(), (1, 3, 2), (1, 4, 2)),
    of(lambda: layers.PReLU(), (2, 4)),
    of(lambda: layers.LeakyReLU(0.2), (2, 4)),
    of(lambda: layers.ELU(), (2, 4)),
    of(lambda: layers.ReLU(6.0, 0.1, 0.2), (2, 4)),
    of(lambda: layers.Softmax(), (2, 4)),
    of(lambda: layers.Activation("mish"), (2, 4)),
    of(lambda: layers.Flatten(), (2, 2, 2)),
    of(lambda: layers.Permute((2, 1)), (2, 2, 3)),
    of(lambda: layers.RepeatVector(3), (2, 2)),
    of(lambda: layers.Cropping1D(1), (1, 4, 2)),
    of(lambda: layers.ZeroPadding2D(1), (1, 2, 2, 1)),
    of(lambda: layers.UpSampling1D(2), (1, 3, 2)),
    of(lambda: layers.UpSampling2D(2, interpolation="bilinear"), (1, 2, 3, 1)),
    of(lambda: layers.Rescaling(0.5, 1.0), (2, 3)),
    of(lambda: layers.Resizing(3, 3), (1, 4, 4, 1)),
    of(lambda: layers.Add(), (2, 3), (2, 3)),
    of(lambda: layers.Subtract(), (2, 3), (2, 3)),
    of(lambda: layers.Multiply(), (2, 3), (2, 3)),
    of(lambda: layers.Average(), (2, 3), (2, 3)),
    of(lambda: layers.Maximum(), (2, 3), (2, 3)),
    of(lambda: layers.Minimum(), (2, 3), (2, 3)),
    of(lambda: layers.Concatenate(), (2, 3), (2, 2)),
    of(lambda: layers.Dot(1, normalize=True), (2, 3), (2, 3)),
    of(lambda: keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(1)]), (2, 4)),
    of(functional, (2, 4)),
)


def function(layer: Layer, seed: int = 0) -> tuple[Function, dict[str, Array]]:
    """The layer as a function of its inputs and weights, and float64 values for both."""
    rng = np.random.default_rng(seed)
    values = {f"x{n}": rng.standard_normal(shape) for n, shape in enumerate(layer.shapes)}
    count = len(values)
    with float64():
        made = layer.make()
        tensors = [tf.constant(value) for value in values.values()]
        _call(made, layer, tensors)
    fixed = [variable.value for variable in made.non_trainable_variables]
    for number, variable in enumerate(made.trainable_variables):
        values[f"w{number}_{variable.name}"] = 0.5 * rng.standard_normal(tuple(variable.shape))

    def called(*arguments: Any) -> Any:
        given = _arguments(layer, list(arguments[:count]))
        trainable = list(arguments[count:])
        return made.stateless_call(trainable, fixed, *given, **_options(layer))[0]

    return called, values


def _arguments(layer: Layer, tensors: list[Any]) -> list[Any]:
    """Attention over heads takes its inputs apart, every other layer of several takes a list."""
    if not layer.joined or layer.name == "MultiHeadAttention":
        return tensors
    return [tensors]


def _call(made: Any, layer: Layer, tensors: list[Any]) -> Any:
    return made(*_arguments(layer, tensors), **_options(layer))


def _options(layer: Layer) -> dict[str, bool]:
    return {"training": True} if layer.training else {}


LONG = (
    "GRU",
    "GRU backwards",
    "LSTM",
    "Bidirectional",
    "RNN stacked",
    "ConvLSTM1D",
    "MultiHeadAttention",
    "Functional",
)
"""Layers that take 1 to 4 s each. `test_keras.py` checks the like of the last two in every run; of the
recurrent ones `SimpleRNN` here is what every run has."""


def name_of(layer: Layer) -> str:
    """The id of the layer's tests."""
    return layer.name


def test_there_are_enough_layers() -> None:
    assert len({layer.name.split()[0] for layer in LAYERS}) >= 50


def in_every_run(number: int, layer: Layer) -> bool:
    """Every fourth one, but for the long ones: much of the list is one layer in 1, 2 or 3 dimensions."""
    return number % 4 == 1 and layer.name not in LONG


@pytest.mark.parametrize("layer", named(LAYERS, name_of, in_every_run))
def test_no_false_alarm(layer: Layer) -> None:
    called, values = function(layer)

    report = check(called, values)

    assert report.verdict is Verdict.PASS, told(report)


MISTAKEN = [
    layer
    for layer in LAYERS
    if layer.name
    in (
        "Dense",
        "Conv1D",
        "LSTM",
        "LayerNormalization",
        "MultiHeadAttention",
        "BatchNormalization in training",
    )
]


@pytest.mark.parametrize("number", [0, -1])
@pytest.mark.parametrize("layer", named(MISTAKEN, name_of, every(6)))
def test_a_mistake_in_the_first_input_or_the_last_weight(layer: Layer, number: int) -> None:
    called, values = function(layer)
    which = number % len(values)

    report = check(distorted(called, scaled(1 + 1e-4), which), values)

    assert report.verdict is Verdict.FAIL, told(report)
    assert [v.verdict.label == "mismatch" for v in report.variables].index(True) == which


def test_embedding_by_its_table() -> None:
    """Indices are passed through; the table's gradient comes as tf.IndexedSlices."""
    with float64():
        made = layers.Embedding(5, 3)
        made.build((None,))

    def called(indices: Any, table: Any) -> Any:
        return made.stateless_call([table], [], indices)[0]

    table = np.random.default_rng(0).standard_normal((5, 3))
    report = check(called, {"indices": np.array([[1, 4], [1, 0]]), "table": table})

    assert report.verdict is Verdict.PASS, told(report)
    assert [variable.name for variable in report.variables] == ["table"]


def test_a_layer_that_keeps_float32_is_held_to_float32() -> None:
    """Whatever its inputs, a layer computes by its own policy: no alarm, and the report says so."""
    made = layers.Dense(3, activation="tanh")
    made.build((2, 4))
    rng = np.random.default_rng(0)

    def called(x: Any, kernel: Any, bias: Any) -> Any:
        return made.stateless_call([kernel, bias], [], x)[0]

    inputs = {"x": rng.standard_normal((2, 4)), "kernel": rng.standard_normal((4, 3)), "bias": np.ones(3)}
    report = check(called, inputs)

    assert report.verdict is Verdict.PASS, told(report)
    assert "float32" in report.precision
