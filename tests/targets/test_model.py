"""Saved models: right ones, a broken one, and files that are none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

import gradcheck
from gradcheck.checking import check_target
from gradcheck.errors import TargetError
from gradcheck.settings import Settings
from gradcheck.targets.keras import target
from gradcheck.targets.loss import loss_on
from gradcheck.targets.model import load_model
from gradcheck.targets.spec import ModelSpec
from tests.parameters import every, named

X = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
Y = np.random.default_rng(1).standard_normal((6, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model after one step of training"""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(4, "gelu", name="first"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Dense(2, name="last"),
    ]
    model = keras.Sequential([keras.Input((3,)), *layers], name="small")
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    path = tmp_path_factory.mktemp("model") / "small.keras"
    model.save(path)
    return path


def test_a_trained_model_is_right(trained: Path) -> None:
    report = gradcheck.check(load_model(trained), {"x": X})

    assert report.passed, str(report)
    assert report.target == "small"
    weights = ["first/kernel", "first/bias", "norm/gamma", "norm/beta", "last/kernel", "last/bias"]
    assert [variable.name for variable in report.variables] == ["x", *weights]


@pytest.mark.parametrize("loss", named(["mse", "mean_squared_error", "MeanSquaredError"], str, every(3)))
def test_with_a_loss(trained: Path, loss: str) -> None:
    """The mean of (f − y)² over samples and 2 units: its slope along a bias is the mean of f − y."""
    model = load_model(trained)

    report = check_target(target(model, {"x": X}, last=loss_on(loss, Y)[1]), Settings())

    assert report.passed, str(report)
    bias = next(variable for variable in report.variables if variable.name == "last/bias")
    np.testing.assert_allclose(bias.tape, (model(X).numpy() - Y).mean(axis=0), rtol=1e-5)
    assert "float64" in report.precision and "rounded" not in report.precision


def test_a_loss_of_whole_numbers(trained: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "softmax")])
    _, last = loss_on("sparse_categorical_crossentropy", np.array([0, 2, 1, 0, 0, 1]))

    assert check_target(target(model, {"x": X}, last=last), Settings()).passed


def test_a_loss_that_keras_does_not_have() -> None:
    with pytest.raises(TargetError, match=r"has no loss named 'mze'. Choose from: .*mean_squared_error"):
        loss_on("mze", Y)


@pytest.mark.full
def test_the_worst_weight_first(trained: Path) -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def doubled(x: Any) -> Any:
        return x, lambda r: 2 * r

    model = keras.Sequential(
        [load_model(trained), keras.layers.Lambda(doubled), keras.layers.Dense(1, name="on")]
    )
    report = gradcheck.check(model, {"x": X})

    failing = {variable.name for variable in report.variables if variable.counts["mismatch"]}
    assert {"x", "first/kernel", "last/bias"} <= failing
    assert not {"on/kernel", "on/bias"} & failing
    assert [variable.name in failing for variable in report.worst_variables] == [True] * len(failing) + [
        False
    ] * 2


def test_a_lambda_is_refused_unless_trusted(tmp_path: Path) -> None:
    path = tmp_path / "lambda.keras"
    keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * x)]).save(path)

    with pytest.raises(TargetError, match=r"holds a Lambda layer.*--unsafe"):
        load_model(path)
    report = gradcheck.check(load_model(path, unsafe=True), {"x": X})
    assert report.passed
    np.testing.assert_allclose(report.variables[0].tape, 2 * X, rtol=1e-6)
    assert "float64" in report.precision


class Own(keras.optimizers.SGD):  # type: ignore[misc]  # Keras has no types
    """Not registered"""


def cubes(y: Any, f: Any) -> Any:
    return tf.reduce_mean(tf.abs(y - f) ** 3, axis=-1)


def compiled(path: Path, loss: Any) -> Path:
    """A saved model with a loss and an optimizer that Keras does not find when it loads it"""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="last")], name="small")
    model.compile(Own(), loss)
    model.save(path)
    return path


def test_the_loss_that_a_saved_model_was_compiled_with(tmp_path: Path) -> None:
    path = compiled(tmp_path / "small.keras", keras.losses.MeanSquaredError())

    built = ModelSpec(path=path, tensors={"x": X}, y=Y).build()
    report = check_target(built.target, Settings())

    assert report.passed, str(report)
    assert report.target == "compute_loss(small)"
    off = load_model(path)(X).numpy() - Y
    np.testing.assert_allclose(report.variables[-1].tape, off.mean(axis=0), rtol=1e-5)
    assert "float64" in report.precision and "rounded" not in report.precision


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (cubes, r"cannot be loaded: the function 'cubes' is not loaded. .*--loss FILE.py:NAME"),
        (lambda y, f: y - f, "lambda"),
    ],
    ids=["function", "lambda"],
)
def test_a_compiled_loss_that_is_not_there(tmp_path: Path, loss: Any, words: str) -> None:
    path = compiled(tmp_path / "small.keras", loss)

    with pytest.raises(TargetError, match=words) as caught:
        ModelSpec(path=path, tensors={"x": X}, y=Y).build()
    assert len(str(caught.value)) < 400
    with keras.saving.custom_object_scope({"cubes": cubes}):
        for other in (None, "mse") if loss is cubes else ("mse",):
            ModelSpec(path=path, tensors={"x": X}, y=Y, loss=other).build()


class Unknown(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Not registered"""

    def call(self, x: Any) -> Any:
        return x


def test_files_that_are_no_model(tmp_path: Path) -> None:
    text, copy, broken = (tmp_path / name for name in ("a.py", "own.keras", "broken.keras"))
    text.write_text("model = 1\n")
    keras.Sequential([keras.Input((3,)), Unknown()]).save(copy)
    broken.write_bytes(copy.read_bytes()[:-400])

    with pytest.raises(TargetError, match=r"There is no file '.*b.keras'"):
        load_model(tmp_path / "b.keras")
    for path in (text, tmp_path, broken):
        with pytest.raises(TargetError, match=r"is no \.keras file"):
            load_model(path)
    with pytest.raises(TargetError, match=r"needs code that is not loaded, the class 'Unknown'.*--code"):
        load_model(copy)
