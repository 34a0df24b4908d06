"""What the Tab key completes, by the protocol of Click's scripts: words and a position in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gradcheck.cli import main
from gradcheck.targets import keras_names
from tests.cli.test_startup import HEAVY

SOURCE = """\
import missing_module

raise SystemExit("this file is not run")


def my_gelu(x): ...


def my_relu(x): ...


class Layer: ...


made = Layer()
_hidden = Layer()
NUMBER = 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a file of Python, which cannot be imported, and tensors."""
    (tmp_path / "ops.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("def f(:")
    (tmp_path / "data").mkdir()
    for name in ("x.npy", "xs.csv", "data/w.npy", ".hidden"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def answer(shell: str, *words: str) -> list[str]:
    """What Click's script for a shell is told, a line each; the last word is the one to complete."""
    env = {
        "_GRADCHECK_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(["gradcheck", *words]),
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
    }
    result = CliRunner().invoke(main, [], env=env, prog_name="gradcheck")
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def values(*words: str) -> list[str]:
    """The values that fish is offered; `file` where it looks for files by itself."""
    pairs = [line.partition("\t")[0].partition(",") for line in answer("fish", *words) if line]
    return [value if kind == "plain" else kind for kind, _, value in pairs]


TENSORS = [
    ["dense", "--x"],
    ["dense", "--w"],
    ["dense", "--b"],
    ["dense", "--upstream"],
    ["maxpool1d", "--x"],
    ["layer", "Dense", "--mask"],
    ["model", "m.keras", "--y"],
    ["model", "m.keras", "--sample-weight"],
]


@pytest.mark.parametrize("before", TENSORS, ids=" ".join)
def test_a_tensor_is_a_file(before: list[str]) -> None:
    for start in ("x", "data/"):
        assert values(*before, start) == ["file"]


@pytest.mark.parametrize("before", [["function", "ops.py:my_gelu", "--arg"], ["model", "m.keras", "--x"]])
def test_a_tensor_behind_its_name_is_a_file(before: list[str]) -> None:
    assert values(*before, "q=x") == ["q=x.npy", "q=xs.csv"]
    assert values(*before, "q=") == ["q=broken.py", "q=data/", "q=ops.py", "q=x.npy", "q=xs.csv"]
    assert values(*before, "q=data/") == ["q=data/w.npy"]
    assert values(*before, "q=nowhere/") == []


def test_names_in_a_file_are_read_and_the_file_is_not_run() -> None:
    assert values("function", "ops.py:") == [f"ops.py:{n}" for n in ("my_gelu", "my_relu", "Layer", "made")]
    assert values("function", "ops.py:my_r") == ["ops.py:my_relu"]
    assert values("function", "ops.py") == values("function", "ops.py:")
    assert values("function", "op") == ["file"]
    assert values("function", "broken.py:") == []
    assert values("function", "ops.py:f", "--gradient", "ops.py:my_g") == ["ops.py:my_gelu"]
    assert values("layer", "ops.py:L") == ["ops.py:Layer"]
    assert values("model", "m.keras", "--loss", "ops.py:my_r") == ["ops.py:my_relu"]


def test_keras_names_are_those_of_keras() -> None:
    """Held against Keras itself, which completing does not import."""
    import keras

    from gradcheck.targets.activations import functions
    from gradcheck.targets.layer_class import layer_classes

    assert sorted(keras_names.layers()) == sorted(layer_classes())
    assert sorted(keras_names.functions("activations")) == sorted(functions(keras.activations))
    assert sorted(keras_names.functions("losses")) == sorted(functions(keras.losses))


def test_activations_layers_and_losses() -> None:
    assert values("dense", "--activation", "rel") == ["relu", "relu6"]
    assert values("layer", "Conv1") == ["Conv1D", "Conv1DTranspose"]
    assert values("layer", "MaxPool") == ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"]
    assert "mean_squared_error" in values("model", "m.keras", "--loss", "mean_")


def test_commands_options_choices_and_words() -> None:
    assert values("ma") == ["maxpool1d"]
    assert "--rtol" in values("dense", "--rt")
    assert values("dense", "--mode", "f") == ["forward"]
    assert values("explain", "ki") == ["kink"]
    assert values("explain", "upst") == ["upstream-gradient"]
    assert values("explain", "exit", "c") == []
    assert answer("zsh", "explain", "kin")[:2] == ["plain", "kink"]


def test_bash_gets_what_follows_the_sign_at_which_it_cuts() -> None:
    """Bash hands `ops.py:my_g` on as ops.py, : and my_g, and puts what is offered for the last of them."""
    assert answer("bash", "function", "ops.py", ":", "my_g") == ["plain,my_gelu"]
    assert answer("bash", "function", "ops.py", ":")[:2] == ["plain,my_gelu", "plain,my_relu"]
    assert answer("bash", "function", "ops.py:my_g") == ["plain,ops.py:my_gelu"]
    f = ["function", "ops.py", ":", "my_gelu"]
    assert answer("bash", *f, "--gradient", "=", "ops.py", ":", "my_r") == ["plain,my_relu"]
    assert {line.partition(",")[0] for line in answer("bash", *f, "--arg", "x", "=", "x")} == {"file"}
    assert {line.partition(",")[0] for line in answer("bash", *f, "--arg", "x", "=")} == {"file"}
    assert answer("bash", "dense", "--x", "=", "x") == ["file,x"]
    assert answer("bash", "dense", "--activation", "=", "rel") == ["plain,relu", "plain,relu6"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_that_is_documented_gives_the_script(shell: str) -> None:
    line = f"_GRADCHECK_COMPLETE={shell}_source gradcheck"
    assert line in main.get_help(click.Context(main, info_name="gradcheck", terminal_width=58))
    assert line in CliRunner().invoke(main, ["explain", "completion"]).stdout
    variable, _, value = line.partition(" ")[0].partition("=")
    result = CliRunner().invoke(main, [], env={variable: value}, prog_name="gradcheck")
    assert result.exit_code == 0
    assert "_gradcheck_completion" in result.stdout


def test_in_bash_itself(folder: Path) -> None:
    """Bash cuts the words, calls the program, and keeps its answers."""
    (folder / "bin").mkdir()
    shim = folder / "bin" / "gradcheck"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m gradcheck "$@"\n')
    shim.chmod(0o755)
    script = """
eval "$(_GRADCHECK_COMPLETE=bash_source gradcheck)"
COMP_WORDS=(gradcheck function ops.py : my_)
COMP_CWORD=4
_gradcheck_completion gradcheck
printf '%s\\n' "${COMPREPLY[@]}"
"""
    env = os.environ | {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["my_gelu", "my_relu"], done.stderr


def test_completing_loads_nothing_heavy_and_is_quick() -> None:
    code = f"""
import json, sys, time
started = time.process_time()
from gradcheck.__main__ import run
try:
    run()
except SystemExit:
    pass
took = time.process_time() - started
print(json.dumps([took, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
    for words in ("dense --activation re", "layer Conv", "function ops.py:my", "explain ki", "dense --x x"):
        env = {
            "_GRADCHECK_COMPLETE": "fish_complete",
            "COMP_WORDS": f"gradcheck {words}",
            "COMP_CWORD": words.split()[-1],
        }
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | env, capture_output=True, text=True, check=True
        )
        *found, last = done.stdout.splitlines()
        took, heavy = json.loads(last)
        assert found and heavy == [], words
        # Of its own work, whatever else the machine does: 0.1 to 0.2 s, TensorFlow takes 3 s to import.
        assert took < 1, words
