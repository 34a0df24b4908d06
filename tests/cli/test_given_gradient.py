"""A gradient of the user's own as a third opinion: from files and from Python, against the textbook's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from gradcheck import GradcheckError, Verdict, check
from gradcheck.cli import main
from gradcheck.cli.given import backward_pass, named_gradients

X, W = np.array([[1, 1], [2, 2]], np.float32), np.array([[2], [3]], np.float32)
DX, DW = np.array([[2, 3], [2, 3]], np.float32), np.array([[3], [3]], np.float32)
"""Σ x · w has the gradients of ones · wᵀ and xᵀ · ones."""
DENSE = ["dense", "--x", "x.npy", "--w", "w.npy"]
NUMPY = """
import numpy as np
import tensorflow as tf

def square(x):
    return np.sum(x**2)

def backward(x):
    return 2 * x

def cube(x):
    return x**3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with tensors and their gradients."""
    monkeypatch.chdir(tmp_path)
    for name, array in {"x": X, "w": W, "dx": DX, "dw": DW}.items():
        np.save(f"{name}.npy", array)
    Path("code.py").write_text(NUMPY)
    yield tmp_path


def report(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, [*arguments, "--json"], prog_name="gradcheck")
    assert result.exit_code == code, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return json.loads(result.stdout)


def refusal(*arguments: str) -> str:
    return str(report(*arguments, code=2)["error"]["message"])


def verdicts(found: Any) -> dict[str, str]:
    return {variable["name"]: variable["verdict"] for variable in found["variables"]}


# Right and wrong ones.


def test_a_right_gradient_passes_and_is_shown(folder: Path) -> None:
    found = report(*DENSE, "--gradient", "w=dw.npy", "--gradient", "x=dx.npy", "--save", "saved.npz")
    for variable, gradient in zip(found["variables"], (DX, DW), strict=True):
        assert [element["given"] for element in variable["elements"]] == gradient.reshape(-1).tolist()
    np.testing.assert_array_equal(np.load("saved.npz")["w.given"], DW)
    table = CliRunner().invoke(main, [*DENSE, "--gradient", "w=dw.npy"]).stdout
    assert table.count("  given  ") == 1
    assert "; the given gradient of w agrees too\n" in table
    wrong = CliRunner().invoke(main, [*DENSE, "--gradient", "w=[[1.0],[9.0]]"]).stdout
    assert "the given gradient is wrong in 2 of 2 elements of w where tape and differences agree" in wrong
    assert wrong.endswith("gradcheck explain given gradient\n")


@pytest.mark.parametrize(
    ("wrong", "diagnosis"),
    [
        (2 * DW, "not with the given gradient: given = 2 × difference (2 of 2 elements fail)"),
        (-DW, "not with the given gradient: given = −difference (2 of 2 elements fail)"),
        (DW * [[1], [1.001]], "not with the given gradient (1 of 2 elements fail)"),
        (0 * DW, "not with the given gradient (2 of 2 elements fail)"),
    ],
)
def test_a_wrong_gradient_fails(wrong: Any, diagnosis: str) -> None:
    np.save("wrong.npy", wrong)
    found = report(*DENSE, "--gradient", "w=wrong.npy", code=1)
    assert verdicts(found) == {"x": "match", "w": "mismatch"}
    assert found["diagnosis"] == [f"w: tape and difference agree with one another, but {diagnosis}"]


def test_the_gradient_is_that_for_the_upstream_gradient_that_is_shown() -> None:
    upstream = ["--upstream", "[[1.0],[10.0]]"]
    assert report(*DENSE, *upstream, "--gradient", "w=[[21.0],[21.0]]")["verdict"] == "pass"
    assert report(*DENSE, *upstream, "--gradient", "w=dw.npy", code=1)["verdict"] == "fail"


def test_a_gradient_may_be_as_rounded_as_its_dtype() -> None:
    """A float32 array may be off by 64 roundings, 8e-6 of S, as a tape of that dtype may."""
    x = np.random.default_rng(0).normal(size=(300, 2))
    exact = np.tanh(x) ** 2 * -1 + 1
    for factor, dtype, verdict in (
        (1, np.float64, Verdict.PASS),
        (1, np.float32, Verdict.PASS),
        (1 + 3e-6, np.float32, Verdict.PASS),
        (1 + 3e-5, np.float32, Verdict.FAIL),
        (1 + 3e-6, np.float64, Verdict.FAIL),
    ):
        given = {"x": (factor * exact).astype(dtype)}
        assert check(tf.tanh, {"x": x}, gradient=given).verdict is verdict, (factor, dtype)


TIES = ["maxpool1d", "--x", "[[[2.0],[3.0],[3.0]]]", "--pool-size", "3"]


@pytest.mark.parametrize("shares", [(0, 1), (1, 0), (0.25, 0.75)])
def test_a_tie_may_be_shared_in_any_way(shares: tuple[float, float]) -> None:
    found = report(*TIES, "--gradient", f"x=[[[0.0],[{shares[0]}],[{shares[1]}]]]")
    assert verdicts(found) == {"x": "kink"}


@pytest.mark.parametrize("shares", [(1, 1), (0, 0), (0.25, 0.25)])
def test_a_tie_counts_once(shares: tuple[float, float]) -> None:
    """Each share lies between the slopes of the two sides, 0 and 1; together they must be 1."""
    found = report(*TIES, "--gradient", f"x=[[[0.0],[{shares[0]}],[{shares[1]}]]]", code=1)
    assert verdicts(found) == {"x": "mismatch"}
    [diagnosis] = found["diagnosis"]
    assert diagnosis.startswith("x: the given gradient counts a tie twice, or not once in all")


def test_at_a_corner_by_itself_any_slope_between_is_right() -> None:
    for slope, code in ((0.0, 0), (0.3, 0), (1.0, 0), (1.2, 1)):
        found = report(
            "dense",
            "--x",
            "[[0.0]]",
            "--w",
            "[[1.0]]",
            "--activation",
            "relu",
            "--wrt",
            "x",
            "--gradient",
            f"x=[[{slope}]]",
            code=code,
        )
        assert verdicts(found) == {"x": "kink" if code == 0 else "mismatch"}


def test_elements_along_directions_are_held_against_the_tape() -> None:
    x = np.random.default_rng(1).normal(size=(70, 70))
    right = 1 - np.tanh(x) ** 2
    wrong = right.copy()
    wrong[40, 7] *= 1.01
    for given, count in ((right, 0), (wrong, 1)):
        [variable] = check(tf.tanh, {"x": x}, method="directions", gradient={"x": given}).variables
        assert variable.counts["mismatch"] == count


# Every command.


def test_every_command_takes_one() -> None:
    pooled = ["--x", "[[[1.0],[3.0]]]", "--gradient", "x=[[[0.5],[0.5]]]"]
    assert verdicts(report("avgpool1d", *pooled)) == {"x": "match"}
    assert verdicts(report("maxpool1d", *pooled, code=1)) == {"x": "mismatch"}
    config = ["layer", "Dense", "--config", '{"units": 2}', "--x", "x.npy"]
    assert report(*config, "--gradient", "kernel=[[3.0,3.0],[3.0,3.0]]")["verdict"] == "pass"
    assert report(*config, "--gradient", "bias=[2.0,1.0]", code=1)["verdict"] == "fail"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="last")])
    model.save("model.keras")
    assert (
        report("model", "model.keras", "--x", "x.npy", "--gradient", "last/bias=[2.0]")["verdict"] == "pass"
    )
    cube = ["function", "code.py:cube", "--arg", "x=[1.0,2.0]"]
    assert verdicts(report(*cube, "--gradient", "x=[3.0,12.0]")) == {"x": "match"}
    assert verdicts(report(*cube, "--gradient", "x=[3.0,11.0]", code=1)) == {"x": "mismatch"}


def test_a_pair_in_numpy_stays_what_it_is() -> None:
    pair = ["function", "code.py:square", "--gradient", "code.py:backward", "--arg", "x=[1.0,2.0]"]
    assert report(*pair)["verdict"] == "pass"
    assert verdicts(report(*pair, "--gradient", "x=[2.0,5.0]", code=1)) == {"x": "mismatch"}
    assert "two backward passes" in refusal(*pair, "--gradient", "code.py:square")


def test_code_and_arrays_are_told_apart(folder: Path) -> None:
    (folder / "a=b").mkdir()
    (folder / "a=b" / "hw.py").touch()
    code = ["hw.py:backward", "package.module:backward", "a=b/hw.py:backward", "backward"]
    arrays = ["w=mine.npy", "params/W1=g.npz:w", "w=normal:2x1", "w=[[1.0]]", "w=-"]
    for text in code:
        assert backward_pass([text]) == (text, ())
    for text in arrays:
        assert backward_pass([text]) == (None, (text,))
    names = {"w": "a=1.npy", "layers/0/b": "-"}
    assert named_gradients([f"{name}={text}" for name, text in names.items()]) == names


# What cannot be held against anything.


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["w=dx.npy"], "The gradient given for w has shape (2, 2), and w has shape (2, 1)"),
        (["v=dw.npy"], "A gradient is given for 'v', which is not among the variables that are checked."),
        (["dw.npy"], "--gradient dw.npy is not of the form NAME=TENSOR, such as w=gradient.npy."),
        (["code.py:backward"], "--gradient code.py:backward is not of the form NAME=TENSOR"),
        (["w=dw.npy", "w=dw.npy"], "--gradient gives 'w' twice"),
        (["w=nosuch.npy"], "--gradient w nosuch.npy: there is no such file."),
        (["w=[[NaN],[1.0]]"], "--gradient w [[NaN],[1.0]]"),
        (["w=-", "x=-"], "Standard input holds one tensor"),
    ],
)
def test_what_is_no_gradient_is_refused(given: list[str], words: str) -> None:
    assert words in refusal(*DENSE, *(word for text in given for word in ("--gradient", text)))


def test_a_variable_that_is_not_checked_has_no_gradient() -> None:
    assert "not among the variables that are checked" in refusal(
        *DENSE, "--wrt", "x", "--gradient", "w=dw.npy"
    )


# In Python.


def test_in_python_arrays_by_name_are_a_third_opinion() -> None:
    def product(x: Any, w: Any) -> Any:
        return tf.matmul(x, w)

    inputs = {"x": X, "w": W}
    assert check(product, inputs, gradient={"w": DW, "x": DX.tolist()}).passed
    found = check(product, inputs, gradient={"w": [[3], [4]]})
    assert found.verdict is Verdict.FAIL
    given = found.variables[1].given
    assert given is not None
    assert given.tolist() == [[3], [4]]
    nested = check(lambda p: tf.matmul(p["x"], p["w"]), {"p": inputs}, gradient={"p": {"w": 2 * DW}})
    assert [variable.counts["mismatch"] for variable in nested.variables] == [0, 2]


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        ({"x": np.ones(2)}, "has shape"),
        ({"y": np.ones(3)}, "not among the variables"),
        ({"x": np.ones(3, complex)}, "complex128, not real numbers"),
    ],
)
def test_in_python_too_it_must_be_one(gradient: Any, words: str) -> None:
    with pytest.raises(GradcheckError, match=words):
        check(tf.sin, {"x": np.ones(3)}, gradient=gradient)


def test_nan_is_never_a_pass() -> None:
    assert check(tf.sin, {"x": np.ones(2)}, gradient={"x": [np.nan, np.cos(1)]}).verdict is Verdict.FAIL
