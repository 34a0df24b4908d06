"""`gradcheck function --gradient`: a forward and a backward pass in NumPy, in a process and in this one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gradcheck.cli import main
from tests.forked import python
from tests.imports import forgotten

HOMEWORK = '''
"""A layer of a network, and its loss"""
import numpy as np

calls = []


def forward(params, x, y):
    calls.append(1)
    return (((np.tanh(x @ params["W1"] + params["b1"])) - y) ** 2).mean()


def backward(params, x, y):
    assert calls, "the file is run once, and both share what it holds"
    h = np.tanh(x @ params["W1"] + params["b1"])
    d = 2 * (h - y) / h.size * (1 - h**2)
    return {"dW1": x.T @ d, "db1": d.sum(axis=0)}


def forgetful(params, x, y):
    return {"dW1": backward(params, x, y)["dW1"] * np.size(y), "db1": backward(params, x, y)["db1"]}


def both(x, y):
    d = np.tanh(x) - y
    return 0.5 * (d**2).sum(), d * (1 - np.tanh(x) ** 2)


def layers(layers):
    return sum((layer["W"] ** 2).sum() for layer in layers)


def slopes(layers):
    return [{"W": 2 * layer["W"]} for layer in layers]
'''
ARGS = ["--arg", "W1=w1.npy", "--arg", "b1=b1.npy", "--arg", "x=x.npy", "--arg", "y=y.npy", "--wrt", "W1,b1"]
NESTED = [part.replace("W1=", "params/W1=").replace("b1=", "params/b1=") for part in ARGS[:8]]
NESTED += ["--wrt", "params/W1,params/b1"]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    random = np.random.default_rng(0)
    (tmp_path / "hw.py").write_text(HOMEWORK, encoding="utf-8")
    for name, shape in {"x": (6, 4), "y": (6, 3), "w1": (4, 3), "b1": (3,)}.items():
        np.save(tmp_path / f"{name}.npy", random.standard_normal(shape))
    monkeypatch.chdir(tmp_path)
    with forgotten(tmp_path):
        yield tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["function", *arguments], prog_name="gradcheck")


@pytest.mark.parametrize("args", [ARGS, NESTED], ids=["by name", "by path"])
@pytest.mark.parametrize(("gradient", "code"), [("backward", 0), ("forgetful", 1)])
def test_a_pair_is_checked(gradient: str, code: int, args: list[str]) -> None:
    result = run("hw.py:forward", "--gradient", f"hw.py:{gradient}", *args, "--format", "json")

    assert result.exit_code == code, result.output
    assert result.stderr == ""
    found = {
        variable["name"].rpartition("/")[2]: variable for variable in json.loads(result.stdout)["variables"]
    }
    assert [found[name]["verdict"] for name in ("W1", "b1")] == ["mismatch" if code else "match", "match"]
    assert found["W1"]["dtype"] == "float64"


def test_lists_are_numbered() -> None:
    arguments = ["--arg", "layers/0/W=w1.npy", "--arg", "layers/1/W=x.npy"]
    assert run("hw.py:layers", "--gradient", "hw.py:slopes", *arguments).exit_code == 0
    result = run("hw.py:layers", "--gradient", "hw.py:slopes", "--arg", "layers/1/W=x.npy")
    assert (result.exit_code, "layers/0 is missing, and a list has no gaps." in result.stderr) == (2, True)


def test_constants_in_files() -> None:
    pair = ["hw.py:forward", "--gradient", "hw.py:backward", "--arg", "params/W1=w1.npy"]
    pair += ["--arg", "params/b1=b1.npy", "--const", "x=x.npy"]
    result = run(*pair, "--const", "y=y.npy", "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(json.loads(result.stdout)["variables"]) == 2

    np.save("labels.npy", np.ones((6, 3), int))
    assert run(*pair, "--const", "y=labels.npy").stderr == ""
    missing = run(*pair, "--const", "y=z.npy")
    assert (missing.exit_code, "--const y z.npy: there is no such file." in missing.stderr) == (2, True)
    text = run(*pair, "--const", "y=z")
    assert (text.exit_code, "and a tensor as its file, such as y.npy." in " ".join(text.stderr.split())) == (
        2,
        True,
    )


def test_a_function_may_be_its_own_gradient() -> None:
    pair = ["hw.py:both", "--gradient", "hw.py:both", "--arg", "x=y.npy"]
    assert run(*pair, "--const", "y=y.npy").exit_code == 0


def test_data_without_a_gradient_is_named() -> None:
    result = run("hw.py:forward", "--gradient", "hw.py:backward", *NESTED[:8])
    assert result.exit_code == 0
    assert "Not checked: x, y, for which backward returns no gradient" in " ".join(result.stdout.split())


def test_a_process_ends_with_the_verdict() -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    env.pop("TF_CPP_MIN_LOG_LEVEL", None)
    command = [*python(), "-m", "gradcheck", "function", "hw.py:forward", "--gradient", "hw.py:forgetful"]

    done = subprocess.run([*command, *ARGS], env=env, capture_output=True, check=False)

    assert done.returncode == 1, done.stderr.decode()
    assert done.stderr == b""
    assert "tape = 18 × difference" in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hw.py:forward", "--gradient", "hw.py:backwards", *ARGS], "Did you mean backward?"),
        (["hw.py:forward", "--gradient", "backward", *ARGS], "'backward' does not say which object to take."),
        (
            ["hw.py:forward", "--gradient", "hw.py:backward", *ARGS, "--dtype", "float32"],
            "leave --dtype float32",
        ),
        (
            ["hw.py:forward", "--gradient", "hw.py:backward", *ARGS, "--mode", "both"],
            "nothing to check for mode",
        ),
        (
            ["hw.py:layers", "--gradient", "hw.py:slopes", "--arg", "layer=x.npy"],
            "no parameter named 'layer'.",
        ),
    ],
)
def test_what_cannot_be_checked_is_said(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.stderr
