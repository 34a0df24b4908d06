"""Layers from their class and config."""

from __future__ import annotations

import inspect
import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck.errors import TargetError
from gradcheck.targets.layer_class import at_float64, default_dtype, find, layer_classes, made, make, widened


def test_every_class_of_keras_layers_is_listed_or_left_out_for_a_reason() -> None:
    listed = layer_classes()
    every = {
        name
        for name, value in vars(keras.layers).items()
        if inspect.isclass(value) and issubclass(value, keras.layers.Layer)
    }
    aliases = {name for name in every if getattr(keras.layers, name).__name__ in every - {name}}

    assert every - aliases - set(listed) == {
        *(
            "Layer",
            "Wrapper",
            "InputLayer",
            "CategoryEncoding",
            "Discretization",
            "HashedCrossing",
            "Hashing",
        ),
        *(
            "LSTMCell",
            "StackedRNNCells",
            "IntegerLookup",
            "StringLookup",
            "TextVectorization",
            "MaxNumBoundingBoxes",
        ),
        *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
    }
    assert all(line and "\n" not in line for line in listed.values())
    assert listed["Conv1D"] == "1D convolution layer (e.g. temporal convolution)"


def test_a_class_by_name() -> None:
    assert find("Conv1D") is keras.layers.Conv1D


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("conv1d", "has no layer named 'conv1d'. Did you mean Conv1D"),
        ("add", "Did you mean Add"),
        ("Zebra", "`gradcheck layers` lists them; your own is FILE.py:NAME"),
        ("json:loads", "json:loads is no Keras layer. `gradcheck function`"),
    ],
)
def test_what_is_no_layer(name: str, words: str) -> None:
    with pytest.raises(TargetError, match=words):
        find(name)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"filters": 4},
            "missing 1 required positional argument: 'kernel_size'. Its parameters are: filters, ",
        ),
        ({"filters": 4, "kernel_size": 3, "color": 1}, "Unrecognized keyword arguments .*'color'"),
        ({"filters": -4, "kernel_size": 3}, "'filters': -4.*Expected a strictly positive value"),
    ],
)
def test_a_config_that_the_class_does_not_take(config: dict[str, Any], words: str) -> None:
    with pytest.raises(TargetError, match=f"Conv1D does not take the config {{.*{words}"):
        make(keras.layers.Conv1D, config)


def test_a_layer_in_a_config_by_its_class_alone() -> None:
    layer = make(
        keras.layers.Bidirectional,
        {"layer": {"class_name": "LSTM", "config": {"units": 3}}, "merge_mode": "sum"},
    )

    assert type(layer.forward_layer) is keras.layers.LSTM
    assert (layer.forward_layer.units, layer.merge_mode) == (3, "sum")


def test_the_same_seed_makes_the_same_weights() -> None:
    def kernel(seed: int) -> Any:
        layer, _ = made(keras.layers.Dense, {"units": 3}, seed)
        layer.build((None, 2))
        return layer.kernel.numpy()

    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert (kernel(1) != kernel(2)).all()


def test_a_layer_that_is_made_takes_no_config() -> None:
    layer = keras.layers.Dense(3, name="mine")

    assert made(layer, None, 0) == (layer, None)
    with pytest.raises(TargetError, match="'mine' is made already"):
        made(layer, {"units": 3}, 0)


def test_the_dtype_that_layers_are_made_at() -> None:
    with default_dtype("float16"):
        assert keras.layers.Dense(1).compute_dtype == "float16"
    with default_dtype("auto"):
        assert keras.layers.Dense(1).compute_dtype == "float32"
    with pytest.raises(RuntimeError), default_dtype("float64"):
        raise RuntimeError
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == ("float32", "float32")


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_float64_all_the_way_down(policy: str) -> None:
    layer = keras.layers.TimeDistributed(
        keras.layers.Bidirectional(keras.layers.LSTM(2, dtype=policy), dtype=policy), dtype=policy
    )
    layer.build((None, 2, 3, 4))

    copy = at_float64(layer)

    copy(np.zeros((1, 2, 3, 4)))
    assert {variable.dtype for variable in copy.trainable_variables} == {"float64"}
    assert {part.compute_dtype for part in copy._flatten_layers()} == {"float64"}
    assert layer.compute_dtype == ("float16" if policy.startswith("mixed") else "float32")


def doubled(x: Any) -> Any:
    """Refers to a global"""
    return SHIFT + 2 * x


SHIFT = 1.0


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Dense(2, activation=doubled),
        keras.layers.Dense(2, activation=lambda x: doubled(x)),
        keras.layers.Lambda(doubled),
        keras.layers.Lambda(lambda x: doubled(x)),
        keras.layers.TimeDistributed(keras.layers.Activation(lambda x: doubled(x))),
        keras.Sequential([keras.Input((2, 2)), keras.layers.Lambda(lambda x: doubled(x))]),
    ],
    ids=["activation", "lambda activation", "function", "lambda", "wrapped", "in a model"],
)
def test_functions_of_the_user_are_those_of_the_layer(layer: Any) -> None:
    x = np.linspace(-1, 1, 4).reshape(1, 2, 2)
    expected = layer(x).numpy()

    with default_dtype("float64"):
        copy = at_float64(layer)
        copy(x)
        copy.set_weights(layer.get_weights())
        np.testing.assert_allclose(copy(x), expected, rtol=1e-5)
        assert copy(x).dtype == "float64"


def test_only_floating_dtypes_are_widened() -> None:
    config = {"dtype": "int32", "a": [{"dtype": {"config": {"name": "float16"}}}, {"dtype": "bfloat16"}, 3]}

    assert widened(config) == {"dtype": "int32", "a": [{"dtype": "float64"}, {"dtype": "float64"}, 3]}


class Times(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A matrix with a gradient that may be off by a factor; without **kwargs, as people write it"""

    def __init__(self, units: int, factor: float = 1.0) -> None:
        super().__init__()
        self.units, self.factor = units, factor

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")

    def call(self, x: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def times(x: Any, w: Any) -> Any:
            return x @ w, lambda r: (r @ tf.transpose(w), self.factor * tf.transpose(x) @ r)

        return times(x, tf.convert_to_tensor(self.w))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "factor": self.factor}


class Tutorial(keras.Model):  # type: ignore[misc]  # Keras has no types
    """As in most tutorials: neither **kwargs nor get_config"""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.parts = [Times(3), Times(2, factor)]

    def call(self, x: Any, training: bool | None = None) -> Any:
        for part in self.parts:
            x = tf.tanh(part(x))
        return x


class Wrong(Tutorial):
    def __init__(self) -> None:
        super().__init__(1.01)


def in_a_model() -> Any:
    return keras.Sequential([keras.Input((3,)), Times(2), keras.layers.Dense(1)])


def frozen() -> Any:
    model = Tutorial()
    model(X)
    model.parts[0].trainable = False
    return model


X = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("make", [lambda: Times(2), in_a_model, Tutorial, frozen])
def test_classes_without_kwargs_run_in_float64(make: Any) -> None:
    report = gradcheck.check(make(), {"x": X})
    assert report.passed, str(report)
    assert report.precision.startswith("tape and differences in float64, tape also in float32")


@pytest.mark.parametrize("make", [lambda: Times(2, 1.01), Wrong])
def test_wrong_gradients_in_classes_without_kwargs(make: Any) -> None:
    report = gradcheck.check(make(), {"x": X})
    assert report.verdict is gradcheck.Verdict.FAIL
    assert report.variables[-1].counts["mismatch"] == report.variables[-1].tape.size


def test_a_class_that_cannot_be_made_again_says_why() -> None:
    """Keras does not know what a model was made with, and takes the defaults."""

    class Sized(keras.Model):  # type: ignore[misc]  # Keras has no types
        def __init__(self, units: int) -> None:
            super().__init__()
            self.last = keras.layers.Dense(units)

        def call(self, x: Any) -> Any:
            return self.last(x)

    class Fussy(Times):
        def __init__(self, units: int) -> None:
            if keras.config.floatx() == "float64":
                raise TypeError("never twice")
            super().__init__(units)

        def get_config(self) -> dict[str, Any]:
            return {**keras.layers.Layer.get_config(self), "units": self.units}

    said: list[tuple[Any, str]] = [
        (Sized(2), "Sized has no get_config"),
        (Fussy(2), "TypeError: never twice."),
    ]
    for layer, words in said:
        (note,) = (n for n in gradcheck.check(layer, {"x": X}).warnings if "float64" in n)
        assert words in note
        assert len(note) < 300
