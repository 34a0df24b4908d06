"""The commands for a user's own code, in an empty folder, as a new user types them."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result

from gradcheck.cli import main
from tests.imports import forgotten

OPS = '''
import os
import sys

import tensorflow as tf

from helper import cdf


@tf.custom_gradient
def my_gelu(x):
    """x Φ(x), with 0.4 where 1 / √(2π) belongs"""

    def gradient(r):
        return r * (cdf(x) + x * 0.4 * tf.exp(-0.5 * x * x))

    return x * cdf(x), gradient


def loud(x, w, axis=-1, *, scale):
    print("loud was here")
    os.write(1, b"and again")
    return scale * tf.reduce_sum(x @ w, axis=axis)


def pick(table, index):
    return tf.gather(table, index)


def leave(x):
    sys.exit(0)


def fussy(x):
    return tf.matmul(x, x)


def generator(x):
    raise GeneratorExit


class Silent(Exception):
    def __str__(self):
        sys.exit(0)


def silent(x):
    raise Silent


def interrupted(x):
    raise KeyboardInterrupt
'''
HELPER = """
import tensorflow as tf


def cdf(x):
    return 0.5 * (1 + tf.math.erf(x / 2**0.5))
"""
LAYERS = '''
import keras
import tensorflow as tf


@tf.custom_gradient
def scaled(x, s):
    return x * s, lambda r: (r * s, 2 * tf.reduce_sum(r * x, axis=0))


@keras.saving.register_keras_serializable()
class Scale(keras.layers.Layer):
    """A scale with twice its gradient; without **kwargs, as people write it"""

    def __init__(self, start=1.0):
        super().__init__()
        self.start = start

    def build(self, shape):
        start = keras.initializers.Constant(self.start)
        self.scale = self.add_weight(shape=shape[1:], initializer=start, name="s")

    def call(self, x):
        return scaled(x, tf.convert_to_tensor(self.scale))

    def get_config(self):
        return {"start": self.start}

    @classmethod
    def from_config(cls, config):
        return cls(config["start"])


made = keras.layers.Dense(2)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a user's files; what is imported from it is forgotten afterwards"""
    monkeypatch.chdir(tmp_path)
    for name, text in (("ops.py", OPS), ("helper.py", HELPER), ("layers.py", LAYERS)):
        Path(name).write_text(text, encoding="utf-8")
    np.save("x.npy", np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))
    with forgotten(tmp_path):
        yield tmp_path


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}"
    return result


def tape_at(index: str, result: Result) -> float:
    """The tape gradient that the table shows for an element"""
    found = re.search(rf"^ *{re.escape(index)} +(\S+) ", result.stdout, re.MULTILINE)
    assert found is not None
    return float(found[1])


def diagnosis(result: Result) -> str:
    """The line that says what is wrong"""
    (found,) = re.findall(r"^diagnosis +(.*)$", result.stdout, re.MULTILINE)
    return str(found)


# function


def test_a_wrong_constant_is_found_and_described() -> None:
    result = run("function", "ops.py:my_gelu", "--arg", "x=normal:4x3", code=1)

    assert "∂my_gelu/∂x" in result.stdout
    assert diagnosis(result).startswith("x: off by no common factor, by 0.0036 % to 8 % of the difference, ")
    assert diagnosis(result).endswith("a constant of the formula is wrong (12 of 12 elements fail)")
    assert "FAIL" in result.stdout


def test_what_the_function_prints_does_not_spoil_the_document(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--arg", "x=x.npy", "--arg", "w=normal:3x2", "--const", "scale=2", "--const", "axis=0"]
    result = run("function", "ops.py:loud", *arguments, "--format", "json")

    report = json.loads(result.stdout)
    assert [variable["name"] for variable in report["variables"]] == ["x", "w"]
    assert "loud was here" in result.stderr
    at_descriptors = capfd.readouterr()
    assert "and again" in at_descriptors.err
    assert at_descriptors.out == ""


def test_integers_in_a_file_are_passed_on() -> None:
    np.save("index.npy", np.array([2, 0, 2]))

    result = run("function", "ops.py:pick", "--arg", "table=x.npy", "--arg", "index=index.npy")

    assert "index.npy: int64 is passed as it is and not differentiated" in result.stderr
    assert [line.split()[0] for line in result.stdout.splitlines() if "12 match" in line] == ["table"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ops.py:my_gelu", "--arg", "y=x.npy"], "no parameter named 'y'. Its parameters are: x."),
        (["ops.py:my_gelu"], "my_gelu needs a value for its parameter 'x'"),
        (["ops.py:my_gel", "--arg", "x=x.npy"], "Did you mean my_gelu?"),
        (["ops.py:my_gelu", "--arg", "x"], "'x' is not of the form NAME=TENSOR"),
        (["ops.py:my_gelu", "--arg", "x=1.0", "--arg", "x=2.0"], "'x' is given 2 times"),
        (["ops.py:loud", "--arg", "x=x.npy", "--const", "scale=two"], "'two' is no JSON"),
        (["ops.py:leave", "--arg", "x=x.npy"], "ended the process (SystemExit: 0)"),
        (["ops.py:generator", "--arg", "x=x.npy"], "ended the process (GeneratorExit)"),
        (["ops.py:silent", "--arg", "x=x.npy"], "Silent when it was evaluated: (no message)"),
        (["ops.py:fussy", "--arg", "x=x.npy"], 'File "ops.py", line '),
        (["helper.py:tf", "--arg", "x=x.npy"], "cannot be called"),
        (["layers.py:made", "--arg", "x=x.npy"], "made is a Keras layer. `gradcheck layer`"),
    ],
)
def test_what_cannot_be_checked(arguments: list[str], words: str) -> None:
    result = run("function", *arguments, code=2)

    assert words in result.stderr
    assert result.stdout == ""
    assert "site-packages" not in result.stderr


# layer


def summary(result: Result) -> list[str]:
    """The names of the variables in their order."""
    lines = iter(result.stdout.splitlines())
    next(line for line in lines if line.startswith("variable "))
    next(lines)
    return [line.split()[0] for line in itertools.takewhile(bool, lines)]


def test_a_layer_of_keras_with_weights_from_a_file() -> None:
    np.savez("w.npz", kernel=np.full((2, 3, 4), 0.5, np.float32))
    Path("conv.json").write_text('{"filters": 4, "kernel_size": 2}', encoding="utf-8")

    result = run("layer", "Conv1D", "--config", "conv.json", "--x", "normal:1x3x3", "--weights", "w.npz")

    assert "w.npz does not hold bias: freshly initialised" in result.stderr
    assert summary(result) == ["x", "kernel", "bias"]
    # Four filters of halves pass 4 · 0.5 = 2 on, and the middle step is in both windows.
    assert tape_at("[0, 1, 0]", result) == 4


def test_a_broken_layer_of_the_user() -> None:
    result = run("layer", "layers.py:Scale", "--config", '{"start": 3.0}', "--x", "x.npy", code=1)

    assert diagnosis(result).startswith("s: off by a constant factor: tape = 2 × difference")
    assert "tape and differences in float64, tape also in float32" in result.stdout


def test_the_dtype_of_a_layer() -> None:
    result = run("layer", "Dense", "--config", '{"units": 1}', "--x", "[[1,2]]", "--dtype", "float64")

    assert "tape and differences in float64 ·" in result.stdout
    assert keras.config.floatx() == "float32"


def test_the_seed_of_a_layer() -> None:
    command = ("layer", "Dense", "--config", '{"units": 2}', "--x", "x.npy", "--format", "json")

    def kernel(seed: str) -> object:
        return json.loads(run(*command, "--seed", seed).stdout)["variables"][0]["elements"]

    assert kernel("3") == kernel("3") != kernel("4")


def test_whole_numbers_for_an_embedding() -> None:
    result = run(
        "layer", "Embedding", "--config", '{"input_dim": 3, "output_dim": 2}', "--x", "[[0,2],[2,2]]"
    )

    assert "6 match" in result.stdout
    assert "become float32" not in result.stderr


def test_what_became_of_a_tensor_is_said_where_the_layer_cannot_be_built_too() -> None:
    Path("x.csv").write_text("1;2\n")
    result = run("layer", "Dense", "--config", '{"unit": 2}', "--x", "x.csv", code=2)

    note, error = result.stderr.splitlines()
    assert note == "note: --x x.csv: read as shape (1, 2), separated by semicolons."
    assert error.startswith("error: Dense does not take the config")


def test_several_inputs_and_a_layer_that_is_made() -> None:
    assert "x2" in run("layer", "Add", "--x", "x.npy", "--x", "normal:4x3").stdout
    assert "kernel" in run("layer", "layers.py:made", "--x", "x.npy").stdout


def test_a_mask() -> None:
    command = ("layer", "GlobalAveragePooling1D", "--x", "normal:1x2x1", "--mask", "[[1,0]]")

    assert tape_at("[0, 1, 0]", run(*command)) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Conv1D", "--x", "x.npy", "--config", '{"filters": 4'], "it is no JSON"),
        (["Conv1D", "--x", "x.npy", "--config", "[1]"], "it is no JSON object"),
        (["Conv1D", "--x", "x.npy", "--config", "no.json"], "'no.json' cannot be read: No such file"),
        (
            ["Conv1D", "--x", "x.npy", "--config", '{"filters": 4}'],
            "'kernel_size'. Its parameters are: filters",
        ),
        (["Conv1d", "--x", "x.npy"], "Did you mean Conv1D"),
        (["Dense", "--x", "x.npy", "--config", '{"units": 2}', "--weights", "w.npz"], "needs (3, 2)"),
        (["Dense", "--x", "x.npy", "--config", '{"units": 2}', "--weights", "v.npz"], "no weight named 'v'"),
        (["Dense", "--x", "x.npy", "--config", '{"units": 2}', "--weights", "ops.py"], "is no .npz file"),
        (["Dropout", "--x", "x.npy", "--config", '{"rate": 0.5}', "--training"], "draws random numbers"),
        (["layers.py:made", "--x", "x.npy", "--config", "{}"], "made already"),
        (["ops.py:my_gelu", "--x", "x.npy"], "is no Keras layer"),
    ],
)
def test_layers_that_cannot_be_checked(arguments: list[str], words: str) -> None:
    np.savez("w.npz", kernel=np.ones((3, 5)))
    np.savez("v.npz", v=np.ones((3, 2)))

    result = run("layer", *arguments, code=2)

    assert words in result.stderr
    assert result.stdout == ""


def test_the_list_of_layers() -> None:
    lines = run("layers").stdout.splitlines()

    assert len(lines) > 100
    assert "Conv1D  " in "\n".join(lines)
    assert lines == sorted(lines)


# model


def save(*layers: keras.layers.Layer) -> None:
    keras.utils.set_random_seed(0)
    keras.Sequential([keras.Input((3,)), *layers], name="small").save("small.keras")


def test_a_model_shows_one_line_a_weight() -> None:
    save(keras.layers.Dense(2, "tanh", name="first"), keras.layers.Dense(1, name="last"))

    result = run("model", "small.keras", "--x", "x.npy")

    assert "∂small" not in result.stdout
    rows = [line.split()[0] for line in result.stdout.splitlines() if line.endswith(" match")]
    assert sorted(rows) == ["first/bias", "first/kernel", "last/bias", "last/kernel", "x"]
    assert "∂small/∂x" in run("model", "small.keras", "--x", "x.npy", "--limit", "1").stdout


def test_a_model_with_a_loss() -> None:
    save(keras.layers.Dense(2, name="first"))

    result = run("model", "small.keras", "--x", "x.npy", "--y", "normal:4x2", "--loss", "mse")

    assert "gradcheck mse(small)" in result.stdout


def test_a_model_with_a_loss_of_the_user() -> None:
    save(keras.layers.Dense(2, name="first"))
    Path("losses.py").write_text("def off(y, f):\n    return abs(y - f) ** 3\n", encoding="utf-8")
    truth = ("--y", "normal:4x2", "--loss", "losses.py:off", "--sample-weight", "[1, 2, 0, 1]")

    result = run("model", "small.keras", "--x", "x.npy", *truth)

    assert "gradcheck off(small)" in result.stdout


def test_a_model_of_two_outputs() -> None:
    """A loss for each output: as it was compiled, by name, in order, or one for both."""
    x = keras.Input((3,))
    parts = [keras.layers.Dense(2, name=name)(x) for name in ("one", "two")]
    model = keras.Model(x, parts, name="twin")
    model.compile("sgd", {"one": "mse", "two": keras.losses.Huber()})
    model.save("twin.keras")
    command = ("model", "twin.keras", "--x", "x.npy")
    named = ("--y", "two=normal:4x2", "--y", "one=normal:4x2")

    for truth, title in [
        (named, "compute_loss(twin)"),
        ((*named, "--loss", "one=mae", "--loss", "two=mse"), "mae+mse(twin)"),
        (("--y", "normal:4x2", "--y", "normal:4x2", "--loss", "mse"), "mse(twin)"),
    ]:
        assert f"gradcheck {title}" in run(*command, *truth).stdout
    for truth, words in [
        (("--y", "normal:4x2"), "There are 2 outputs, one, two, and y is one array"),
        ((*named, "--loss", "three=mse"), "loss names 'three', which is no output"),
        ((*named, *named), "--y names 'two' 2 times"),
    ]:
        assert words in run(*command, *truth, code=2).stderr


def test_names_that_are_none_of_the_inputs() -> None:
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    keras.Model([left, right], left - 2 * right, name="apart").save("apart.keras")

    result = run("model", "apart.keras", "--x", "a=x.npy", "--x", "b=x.npy", code=2)
    assert (
        "The model apart has no input named 'a'. Its inputs are, in order: left (None, 3), " in result.stderr
    )


def test_inputs_by_name() -> None:
    """A difference is left less right, whatever order they are given in."""
    left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
    keras.Model({"left": left, "right": right}, left - 2 * right, name="apart").save("apart.keras")

    result = run("model", "apart.keras", "--x", "right=x.npy", "--x", "left=x.npy", "--format", "json")

    tapes = {variable["name"]: variable["elements"] for variable in json.loads(result.stdout)["variables"]}
    assert {element["tape"] for element in tapes["right"]} == {-2.0}
    assert {element["tape"] for element in tapes["left"]} == {1.0}


def test_a_broken_model_shows_the_elements_that_fail_first() -> None:
    """Its config does not keep the name of the layer, so that Keras numbers it."""
    sys.path.insert(0, ".")
    from layers import Scale  # type: ignore[import-not-found]  # written by the fixture

    save(keras.layers.Dense(2, name="first"), Scale())
    command = ("model", "small.keras", "--x", "x.npy", "--code", "layers.py")

    result = run(*command, code=1)

    (heading,) = re.findall(r"∂small/∂(\S+)", result.stdout)
    assert re.fullmatch(r"scale(_\d+)?/s", heading)
    assert summary(result)[0] == heading
    assert diagnosis(result).startswith(f"{heading}: off by a constant factor: tape = 2 × difference")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["small.keras", "--x", "x.npy"], "--unsafe"),
        (["nope.keras", "--x", "x.npy"], "There is no file 'nope.keras'"),
        (["ops.py", "--x", "x.npy"], "is no .keras file"),
        (["small.keras", "--x", "x.npy", "--code", "x.npy"], "'x.npy' is not a Python file."),
        (["small.keras", "--unsafe", "--x", "normal:4x2"], "small raised ValueError when it was called"),
        (["small.keras", "--unsafe", "--x", "x.npy", "--loss", "mse"], "need --y"),
        (["small.keras", "--unsafe", "--x", "x.npy", "--sample-weight", "x.npy"], "need --y"),
        (
            ["small.keras", "--unsafe", "--x", "x.npy", "--y", "x.npy"],
            "small was not compiled with a loss and has",
        ),
        (["small.keras", "--unsafe", "--x", "x=x.npy", "--x", "x=x.npy"], "--x names 'x' 2 times"),
        (
            ["small.keras", "--unsafe", "--x", "x.npy", "--y", "x.npy", "--loss", "no"],
            "has no loss named 'no'",
        ),
        (["small.keras", "--unsafe", "--x", "x.npy", "--x", "x.npy"], "takes 1 inputs and got 2"),
    ],
)
def test_models_that_cannot_be_checked(arguments: list[str], words: str) -> None:
    save(keras.layers.Lambda(lambda x: x * x), keras.layers.Dense(1))

    result = run("model", *arguments, code=2)

    assert words in result.stderr
    assert result.stdout == ""


def test_a_model_that_starts_with_an_embedding() -> None:
    save(keras.layers.Embedding(4, 2, name="table"))

    result = run("model", "small.keras", "--x", "[[0,2,3]]")

    assert "x holds the indices of an embedding" in result.stderr
    assert "8 match" in result.stdout
    assert re.findall(r"^(\S+) +\(", result.stdout, re.MULTILINE) == ["table/embeddings"]


def test_a_lambda_that_is_trusted() -> None:
    save(keras.layers.Lambda(lambda x: x * x))

    assert "12 match" in run("model", "small.keras", "--x", "x.npy", "--unsafe").stdout
