"""Names of weights, and weights set by name."""

from __future__ import annotations

import os
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from gradcheck.errors import ShapeError, TargetError
from gradcheck.targets.weight_names import assign, names_of_weights


@dataclass
class Variable:
    """All that naming looks at"""

    path: str


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["dense/kernel", "dense/bias"], ["kernel", "bias"]),
        (["mha/query/kernel", "mha/key/kernel", "mha/scale"], ["query/kernel", "key/kernel", "scale"]),
        (["a/cell/kernel", "b/cell/kernel"], ["a/cell/kernel", "b/cell/kernel"]),
        (["kernel", "inner/kernel"], ["weight:kernel", "inner/kernel"]),
        (["own/w", "own/w"], ["w", "w_2"]),
        (["layer/x"], ["layer/x"]),
        (["x"], ["weight:x"]),
        ([], []),
    ],
)
def test_the_shortest_name_of_its_own(paths: list[str], names: list[str]) -> None:
    """`x` is taken by the data."""
    found = names_of_weights(keras.layers.Identity(), [Variable(path) for path in paths], {"x"})

    assert list(found) == names
    assert [variable.path for variable in found.values()] == paths


def test_weights_of_a_model_have_the_name_of_their_layer() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="only")])

    assert list(names_of_weights(model, model.weights)) == ["only/kernel", "only/bias"]


def test_set_by_name() -> None:
    layer = keras.layers.BatchNormalization()
    layer.build((None, 2))

    fresh = assign(layer, "it", {"gamma": np.array([2.0, 3.0]), "moving_mean": np.array([4, 5])})

    assert fresh == ["beta", "moving_variance"]
    np.testing.assert_array_equal(layer.gamma, [2, 3])
    np.testing.assert_array_equal(layer.moving_mean, [4, 5])


def test_what_does_not_fit_changes_nothing() -> None:
    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    before = layer.bias.numpy()

    with pytest.raises(ShapeError, match=r"'kernel' has shape \(3, 2\); it needs \(2, 3\).*bias \(3,\)"):
        assign(layer, "it", {"bias": np.ones(3), "kernel": np.ones((3, 2))})
    with pytest.raises(TargetError, match=r"it has no weight named 'kern'.*kernel \(2, 3\), bias \(3,\)"):
        assign(layer, "it", {"bias": np.ones(3), "kern": np.ones((2, 3))})
    np.testing.assert_array_equal(layer.bias, before)
