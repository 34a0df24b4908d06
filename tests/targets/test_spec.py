"""Specifications: the target that is built from one is the same here and in another process."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
import tensorflow as tf

from gradcheck.checking import check_target
from gradcheck.errors import ShapeError, TargetError
from gradcheck.settings import Settings
from gradcheck.targets.spec import FunctionSpec, LayerSpec, ModelSpec, ReadySpec, TargetSpec
from tests.imports import forgotten
from tests.parameters import named

X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
SEQUENCE = np.random.default_rng(1).standard_normal((1, 6, 2)).astype(np.float32)
HALF = X.astype(tf.bfloat16.as_numpy_dtype)
CODE = '''
import keras
import tensorflow as tf


def scaled(x, y, power=1, *, factor):
    return factor * x**power * y


class Counted(keras.layers.Embedding):
    """Counts how often it is made and built"""

    made = built_times = 0

    def __init__(self, **kwargs):
        Counted.made += 1
        super().__init__(**kwargs)

    def build(self, shape=None):
        Counted.built_times += 1
        super().build(shape)


@keras.saving.register_keras_serializable()
class Doubled(keras.layers.Layer):
    """Has twice its gradient"""

    def call(self, x):
        return tf.custom_gradient(lambda x: (x * x, lambda r: 4 * r * x))(x)


fresh = keras.layers.Dense(2)
fixed = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="first")], name="fixed")
'''
SPECS: dict[str, TargetSpec] = {
    "dense": ReadySpec(
        layer="dense", tensors={"x": X, "w": np.ones((3, 2), np.float32)}, options={"activation": "tanh"}
    ),
    "bfloat16": ReadySpec(layer="dense", tensors={"x": HALF, "w": HALF[:3]}),
    "maxpool1d": ReadySpec(layer="maxpool1d", tensors={"x": SEQUENCE}, options={"pool_size": 3}),
    "avgpool1d": ReadySpec(
        layer="avgpool1d", tensors={"x": SEQUENCE}, options={"strides": 1, "padding": "same"}
    ),
    "function": FunctionSpec(
        function="own.py:scaled", tensors={"y": X, "x": X}, constants={"power": 2, "factor": 3.0}
    ),
    "module": FunctionSpec(function="own:scaled", tensors={"x": X, "y": X}, constants={"factor": 0.5}),
    "layer": LayerSpec(
        layer="Conv1D",
        config={"filters": 2, "kernel_size": 2},
        tensors={"x": SEQUENCE},
        weights={"bias": np.ones(2, np.float32)},
        seed=3,
    ),
    "masked": LayerSpec(
        layer="GlobalAveragePooling1D", tensors={"x": SEQUENCE}, mask=np.array([[1, 1, 0, 0, 1, 0]])
    ),
    "training": LayerSpec(layer="BatchNormalization", tensors={"x": X}, training=True, dtype="float64"),
    "own layer": LayerSpec(layer="own.py:Doubled", tensors={"x": X}),
    "fresh layer": LayerSpec(layer="own.py:fresh", tensors={"x": X}, seed=5),
    "fixed layer": LayerSpec(layer="own.py:fixed", tensors={"x": X}),
    "embedding": LayerSpec(
        layer="Embedding",
        config={"input_dim": 5, "output_dim": 2},
        tensors={"x": np.array([[0.0, 4.0]], np.float32)},
    ),
    "model": ModelSpec(path=Path("model.keras"), tensors={"x": X}, code=(Path("own.py"),)),
    "loss": ModelSpec(
        path=Path("lambda.keras"), tensors={"x": X}, loss="mse", y=X[:, :1], unsafe=True, training=True
    ),
    "words": ModelSpec(path=Path("words.keras"), tensors={"x": np.array([[0.0, 2.0]], np.float32)}),
}
ELSEWHERE = """
import json, pickle, sys
specs = pickle.load(open("specs", "rb"))
assert not {"tensorflow", "keras"} & set(sys.modules), "loaded by unpickling"
from tests.targets.test_spec import outcome
json.dump({name: outcome(spec) for name, spec in specs.items()}, open("outcomes", "w"))
"""


def outcome(spec: TargetSpec) -> Any:
    """Everything that is known of a specification once it is built and checked, but the time."""
    keras.utils.set_random_seed(int.from_bytes(os.urandom(3)))  # nothing may follow from it
    built = spec.build()
    report = check_target(built.target, Settings()).to_dict()
    del report["seconds"]
    return json.loads(json.dumps([report, built.fresh, built.indices]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with the files that the specifications name."""
    made = tmp_path_factory.mktemp("specs")
    with chdir(made), forgotten(made):
        Path("own.py").write_text(CODE, encoding="utf-8")
        sys.path.insert(0, str(made))
        from own import Doubled  # type: ignore[import-not-found]  # written in the line above

        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(1, name="dense")
        keras.Sequential([keras.Input((3,)), Doubled(name="d"), dense], name="m").save("model.keras")
        square = keras.layers.Lambda(lambda x: x * x)
        keras.Sequential([keras.Input((3,)), square, keras.layers.Dense(1)], name="l").save("lambda.keras")
        table = keras.layers.Embedding(4, 2, name="table")
        keras.Sequential([keras.Input((2,)), table], name="w").save("words.keras")
        yield made


SIBLINGS = {
    *("bfloat16", "maxpool1d", "avgpool1d", "module", "masked", "training", "fresh layer"),
    *("fixed layer", "embedding", "loss", "words"),
}
"""Specifications that are built as another one is, but for an option: with --full only."""


@pytest.fixture(scope="module")
def elsewhere(folder: Path, full: bool) -> Any:
    """The outcomes in another process, that gets the pickled specifications."""
    sent = {name: spec for name, spec in SPECS.items() if full or name not in SIBLINGS}
    (folder / "specs").write_bytes(pickle.dumps(sent))
    root = str(Path(__file__).parent.parent.parent)
    env = os.environ | {"PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", ELSEWHERE], cwd=folder, env=env, check=True)
    return json.loads((folder / "outcomes").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", named(SPECS, str, lambda _, name: name not in SIBLINGS))
def test_another_process_gives_the_same_report(name: str, elsewhere: Any) -> None:
    wrong = ("own layer", "model")
    found = outcome(SPECS[name])
    assert found[0]["verdict"] == ("fail" if name in wrong else "pass")
    assert elsewhere[name] == found


@pytest.mark.parametrize(
    ("name", "fresh", "indices"),
    [
        ("dense", (), ()),
        ("function", (), ()),
        ("layer", ("kernel",), ()),
        ("training", (), ()),
        ("embedding", (), ("x",)),
        ("model", (), ()),
        ("words", (), ("x",)),
    ],
)
def test_what_is_to_be_known_comes_as_values(
    name: str, fresh: tuple[str, ...], indices: tuple[str, ...], folder: Path
) -> None:
    built = SPECS[name].build()
    assert (built.fresh, built.indices) == (fresh, indices)


def test_weights_that_are_given_are_those_of_the_layer(folder: Path) -> None:
    target = SPECS["layer"].build().target
    np.testing.assert_array_equal(target.inputs["bias"], np.ones(2))


def test_the_layer_of_a_specification_is_made_and_built_once_and_its_copy_once(folder: Path) -> None:
    """Also where it takes whole numbers, which is seen once it is made."""
    spec = LayerSpec(
        layer="own:Counted", config={"input_dim": 5, "output_dim": 2}, tensors={"x": np.array([[0.0, 4.0]])}
    )
    target = spec.build().target
    from own import Counted

    assert (Counted.made, Counted.built_times) == (2, 2)
    assert target.inputs["x"].dtype == np.int32


def test_a_layer_is_checked_under_the_dtype_it_is_made_at(folder: Path) -> None:
    target = LayerSpec(layer="Dense", config={"units": 1}, tensors={"x": X}, dtype="float64").build().target
    assert target.inputs["kernel"].dtype == np.float64
    with target.within():
        assert keras.config.floatx() == "float64"
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        (ReadySpec(layer="dense", tensors={"x": X, "w": X}), ShapeError, "the first axis of w"),
        (FunctionSpec(function="own.py:scale", tensors={"x": X}), TargetError, "Did you mean scaled?"),
        (LayerSpec(layer="Dens", tensors={"x": X}), TargetError, "Did you mean Dense"),
        (ModelSpec(path=Path("lambda.keras"), tensors={"x": X}), TargetError, "--unsafe"),
    ],
)
def test_what_cannot_be_built(spec: TargetSpec, error: type[Exception], words: str, folder: Path) -> None:
    with pytest.raises(error, match=words):
        pickle.loads(pickle.dumps(spec)).build()
