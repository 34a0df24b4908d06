"""The layers against Keras, and their closed forms against tf.GradientTape."""

from __future__ import annotations

import itertools
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.errors import GradcheckError, ShapeError, TargetError, TensorError
from gradcheck.targets.activations import DERIVATIVES
from gradcheck.targets.dense import dense
from gradcheck.targets.function import Target
from gradcheck.targets.pooling import avgpool1d, maxpool1d
from tests.saying import normal

POOLS = {
    "max": (maxpool1d, keras.layers.MaxPooling1D),
    "average": (avgpool1d, keras.layers.AveragePooling1D),
}
GRID = [
    (steps, pool, strides, padding)
    for steps, pool, strides, padding in itertools.product(
        range(1, 10), range(1, 5), (None, 1, 2, 3), ("valid", "same")
    )
    if padding == "same" or pool <= steps
]


def tape_gradients(target: Target, upstream: Array) -> dict[str, Array]:
    """The oracle of the closed forms: the tape's gradient of <upstream, function(inputs)>."""
    tensors = [tf.constant(array) for array in target.inputs.values()]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = target.function(*tensors)
    found = tape.gradient(y, tensors, output_gradients=tf.constant(upstream))
    return {name: gradient.numpy() for name, gradient in zip(target.inputs, found, strict=True)}


def hold_against_tape(target: Target, atol: float = 0.0) -> None:
    assert target.closed_form is not None
    y = target.function(*(tf.constant(array) for array in target.inputs.values()))
    upstream = normal(*y.shape, seed=1)
    closed = target.closed_form(target.inputs, upstream)
    for name, gradient in tape_gradients(target, upstream).items():
        assert closed[name].shape == target.inputs[name].shape
        assert closed[name].dtype == np.float64
        np.testing.assert_allclose(closed[name], gradient, rtol=1e-11, atol=atol, err_msg=name)


# dense


@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_the_keras_layer_at_every_rank(leading: tuple[int, ...], bias: bool) -> None:
    x, w, b = normal(*leading, 5), normal(5, 3, seed=1), normal(3, seed=2) if bias else None
    target = dense(x, w, b, "tanh")
    layer = keras.layers.Dense(3, "tanh", use_bias=bias, dtype="float64")
    rows = x.reshape(-1, 5)
    layer.build(rows.shape)
    layer.set_weights([w] if b is None else [w, b])
    found = target.function(*target.inputs.values()).numpy()
    np.testing.assert_allclose(found, layer(rows).numpy().reshape(*leading, 3), rtol=1e-12)
    hold_against_tape(target, atol=1e-15)


@pytest.mark.parametrize("activation", sorted(DERIVATIVES))
def test_closed_form_of_dense_is_the_tape_for_each_activation(activation: str) -> None:
    # Pre-activations from −9 to 9 reach both sides of every corner.
    hold_against_tape(
        dense(normal(8, 6) * 2, normal(6, 5, seed=1), normal(5, seed=2), activation), atol=1e-14
    )


@pytest.mark.parametrize("activation", sorted(DERIVATIVES))
def test_closed_form_takes_tensorflows_side_of_a_corner(activation: str) -> None:
    corners = np.array([[-6.0], [-3.0], [-1.0], [-0.5], [0.0], [0.5], [1.0], [3.0], [6.0]])
    if activation == "celu":
        # Keras adds max(z, 0) and exp(min(z, 0)) − 1, and TensorFlow gives both slope 1 at 0: 2, not 1.
        corners = corners[corners != 0][:, None]
    hold_against_tape(dense(corners, np.ones((1, 1)), activation=activation), atol=1e-15)


@pytest.mark.parametrize("activation", sorted(DERIVATIVES))
@pytest.mark.filterwarnings("error")
def test_closed_form_is_finite_where_exponentials_overflow(activation: str) -> None:
    x = np.array([[-800.0], [-30.0], [30.0], [800.0 if activation != "exponential" else 30.0]])
    closed_form = dense(x, np.ones((1, 1)), activation=activation).closed_form
    assert closed_form is not None
    assert np.isfinite(closed_form({"x": x, "w": np.ones((1, 1))}, np.ones((4, 1)))["x"]).all()


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", "sparsemax", "glu"])
def test_an_activation_over_the_whole_axis_has_no_closed_form(activation: str) -> None:
    target = dense(normal(3, 4), normal(4, 6), activation=activation)
    assert target.closed_form is None
    expected = keras.activations.get(activation)(tf.constant(normal(3, 4) @ normal(4, 6)))
    np.testing.assert_allclose(target.function(*target.inputs.values()), expected, rtol=1e-12)


def test_the_textbook_example() -> None:
    target = dense(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([[2.0], [3.0]]))
    assert target.closed_form is not None
    closed = target.closed_form(target.inputs, np.ones((2, 1)))
    assert closed["x"].tolist() == [[2, 3], [2, 3]]
    assert closed["w"].tolist() == [[3], [3]]


@pytest.mark.parametrize(
    ("x", "w", "b", "words"),
    [
        ((2, 3), (4, 5), None, ["(2, 3)", "(4, 5)", "(3, units)"]),
        ((2, 3), (5, 3), None, ["(2, 3)", "(5, 3)", "transposed"]),
        ((2, 3), (3,), None, ["(2, 3)", "(3,)", "(d_in, units)"]),
        ((2, 3), (3, 4, 5), None, ["(2, 3)", "(3, 4, 5)"]),
        ((), (3, 4), None, ["()", "(3, 4)"]),
        ((2, 3), (3, 4), (3,), ["(3,)", "(3, 4)", "Give b the shape (4,)"]),
        ((2, 3), (3, 4), (1, 4), ["(1, 4)", "(3, 4)", "Give b the shape (4,)"]),
        ((2, 3), (3, 4), (), ["()", "(3, 4)"]),
    ],
)
def test_shapes_that_do_not_fit_are_named(
    x: tuple[int, ...], w: tuple[int, ...], b: tuple[int, ...] | None, words: list[str]
) -> None:
    with pytest.raises(ShapeError) as raised:
        dense(np.ones(x), np.ones(w), None if b is None else np.ones(b))
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_mixed_dtypes_are_refused_with_the_option_that_helps() -> None:
    with pytest.raises(TensorError, match=r"x is float32, w is float64.*--dtype"):
        dense(np.ones((2, 2), np.float32), np.ones((2, 2)))


@pytest.mark.parametrize("name", ["rellu", "threshold", "get", "serialize", ""])
def test_an_unknown_activation_lists_the_known_ones(name: str) -> None:
    with pytest.raises(TargetError) as raised:
        dense(np.ones((2, 2)), np.ones((2, 2)), activation=name)
    assert repr(name) in str(raised.value)
    choices = str(raised.value).partition("Choose from: ")[2].rstrip(".").split(", ")
    assert {"relu", "softmax", "gelu"} <= set(choices)
    assert not {"get", "serialize", "deserialize", "threshold"} & set(choices)


def test_every_listed_activation_can_be_checked() -> None:
    with pytest.raises(TargetError) as raised:
        dense(np.ones((2, 2)), np.ones((2, 2)), activation="?")
    for name in str(raised.value).partition("Choose from: ")[2].rstrip(".").split(", "):
        target = dense(normal(2, 3), normal(3, 4), activation=name)
        assert target.function(*target.inputs.values()).dtype == tf.float64


def test_glu_needs_an_even_number_of_units() -> None:
    with pytest.raises(ShapeError, match="3 units"):
        dense(np.ones((2, 2)), np.ones((2, 3)), activation="glu")


# Pooling


def transposed_keras(layer: Any, x: Array, **options: Any) -> Array:
    """Keras on channels_first input by way of channels_last, which every device can do."""
    result: Array = layer(dtype="float64", **options)(x.swapaxes(1, 2)).numpy().swapaxes(1, 2)
    return result


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pooling_is_the_keras_layer_and_its_closed_form_the_tape(
    kind: str, data_format: str, full: bool
) -> None:
    pool, layer = POOLS[kind]
    for number, (steps, size, strides, padding) in enumerate(GRID):
        # A plain run takes each fifth: 5 divides neither how the options alternate nor where ties are.
        if number % 5 != 0 and not full:
            continue
        # Every third x is of small integers, full of ties.
        x = normal(2, steps, 3, seed=number)
        x = np.round(x) if number % 3 == 0 else x
        options = {"pool_size": size, "strides": strides, "padding": padding}
        if data_format == "channels_first":
            x = np.ascontiguousarray(x.swapaxes(1, 2))
            expected = transposed_keras(layer, x, **options)
        else:
            expected = layer(dtype="float64", **options)(x).numpy()
        target = pool(x, size, strides, padding, data_format)
        found = target.function(tf.constant(x)).numpy()
        assert found.shape == expected.shape, (steps, options)
        np.testing.assert_array_equal(found, expected, err_msg=f"{steps} steps, {options}")
        hold_against_tape(target, atol=1e-15)


@pytest.mark.parametrize("kind", POOLS)
def test_pooling_defaults_are_those_of_keras(kind: str) -> None:
    pool, layer = POOLS[kind]
    x = normal(2, 7, 3)
    # Keras gives the average no pool size of its own; both take it as 2 here.
    options = {} if kind == "max" else {"pool_size": 2}
    np.testing.assert_array_equal(pool(x).function(tf.constant(x)), layer(dtype="float64", **options)(x))


def test_the_textbook_pooling_with_a_tie() -> None:
    x = np.array([[[1.0, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]])
    for pool, expected in (
        (maxpool1d, [[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0]]),
        (avgpool1d, np.full((3, 6), 1 / 3)),
    ):
        target = pool(x, 3, 1)
        assert target.closed_form is not None
        np.testing.assert_allclose(target.closed_form({"x": x}, np.ones((1, 1, 6)))["x"][0], expected)


def test_padding_never_wins_over_negative_numbers() -> None:
    x = np.full((1, 3, 1), -5.0)
    for pool in (maxpool1d, avgpool1d):
        assert pool(x, 2, 2, "same").function(x).numpy().reshape(-1).tolist() == [-5, -5]


@pytest.mark.parametrize("pool", [maxpool1d, avgpool1d])
@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((3, 4), {}, ["(3, 4)", "(batch, steps, channels)"]),
        ((2, 3, 4, 5), {"data_format": "channels_first"}, ["(2, 3, 4, 5)", "(batch, channels, steps)"]),
        ((), {}, ["()", "(batch, steps, channels)"]),
        ((1, 3, 9), {"pool_size": 4}, ["(1, 3, 9)", "(4,)", "at most 3", "same"]),
        ((1, 9, 3), {"pool_size": 4, "data_format": "channels_first"}, ["(1, 9, 3)", "(4,)", "at most 3"]),
        ((1, 3, 1), {"pool_size": 0}, ["pool size", "is 0"]),
        ((1, 3, 1), {"strides": -1}, ["strides", "is -1"]),
        ((1, 3, 1), {"padding": "causal"}, ["'causal'", "valid, same"]),
        ((1, 3, 1), {"data_format": "NHWC"}, ["'NHWC'", "channels_last, channels_first"]),
    ],
)
def test_pooling_that_cannot_be_is_refused(
    pool: Any, shape: tuple[int, ...], options: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(GradcheckError) as raised:
        pool(np.ones(shape), **options)
    assert all(word in str(raised.value) for word in words), str(raised.value)


# All layers

LAYERS = {
    "dense": lambda x: dense(x[0], x[0].T, x[0, :, 0], "gelu"),
    "maxpool1d": lambda x: maxpool1d(x, 3, 2, "same", "channels_first"),
    "avgpool1d": lambda x: avgpool1d(x, 3, 2, "same"),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_precision_gives_its_own_in_eager_mode_and_in_a_graph(name: str, dtype: str) -> None:
    x = normal(2, 5, 7).astype(tf.as_dtype(dtype).as_numpy_dtype)
    target = LAYERS[name](x)
    tensors = [tf.constant(array) for array in target.inputs.values()]
    eager, again = target.function(*tensors), target.function(*tensors)
    traced = tf.function(target.function)(*tensors)
    assert eager.dtype == traced.dtype == tf.as_dtype(dtype)
    np.testing.assert_array_equal(eager.numpy(), again.numpy())
    share = 4 * float(tf.experimental.numpy.finfo(dtype).eps) if dtype != "bfloat16" else 0.03
    np.testing.assert_allclose(
        traced.numpy().astype(float), eager.numpy().astype(float), rtol=share, atol=share
    )


@pytest.mark.parametrize("name", LAYERS)
def test_inputs_are_left_alone(name: str) -> None:
    x = normal(2, 5, 7)
    target = LAYERS[name](x)
    assert target.closed_form is not None
    y = target.function(*target.inputs.values())
    target.closed_form(target.inputs, np.ones(y.shape))
    np.testing.assert_array_equal(x, normal(2, 5, 7))
