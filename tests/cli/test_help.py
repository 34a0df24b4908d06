"""--help: sections, examples that can be run, and lines that fit; and what is said of a mistyped word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from gradcheck import ExitCode
from gradcheck.cli import main
from gradcheck.cli.help import Laid, folded
from gradcheck.option import Section

CHECKING = ("dense", "maxpool1d", "avgpool1d", "function", "layer", "model")
SECTIONS = ["Tensors", "What to check, and how", "Tolerance", "Report", "Limits", "Other"]
IN_SECTIONS = {
    "--x": "Tensors",
    "--arg": "Tensors",
    "--upstream": "Tensors",
    "--dtype": "Tensors",
    "--weights": "Tensors",
    "--activation": "What to check, and how",
    "--padding": "What to check, and how",
    "--config": "What to check, and how",
    "--loss": "What to check, and how",
    "--wrt": "What to check, and how",
    "--order": "What to check, and how",
    "--rtol": "Tolerance",
    "--atol": "Tolerance",
    "--strict": "Tolerance",
    "--limit": "Report",
    "--format": "Report",
    "--output": "Report",
    "--save": "Report",
    "--quiet": "Report",
    "--budget": "Limits",
    "--memory": "Limits",
    "--help": "Other",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a tensor and a function."""
    np.save(tmp_path / "x.npy", np.array([[1, 1], [2, 2]], np.float32))
    (tmp_path / "f.py").write_text(
        "import tensorflow as tf\n\n\ndef relu(x, alpha=0.0):\n    return tf.nn.relu(x)\n"
    )
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def run(*arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(main, arguments, env=env, prog_name="gradcheck")
    assert result.exit_code == code, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def shown(command: str, width: int = 80) -> str:
    """Without Click's runner, which forces 80 columns."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        context = click.Context(main, info_name="gradcheck", **main.context_settings)
        if not command:
            return main.get_help(context)
        chosen = main.commands[command]
        return chosen.get_help(click.Context(chosen, context, command, **chosen.context_settings))


def sections(text: str) -> dict[str, str]:
    """What stands under each title of a --help."""
    parts = re.split(r"^(\S.*):\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("command", CHECKING)
def test_options_stand_in_sections(command: str) -> None:
    found = sections(shown(command))
    assert [title for title in found if title in SECTIONS] == SECTIONS
    assert [section.value for section in Section] == SECTIONS
    places = {
        name: title
        for title, text in found.items()
        for name in re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    }
    options = {p.opts[-1] for p in main.commands[command].params if isinstance(p, click.Option)}
    assert places.keys() == options | {"--help"}
    assert {name: title for name, title in places.items() if name in IN_SECTIONS} == {
        name: title for name, title in IN_SECTIONS.items() if name in places
    }
    assert "A TENSOR is a file" in found["Tensors"]
    assert "atol + rtol·S" in found["Tolerance"]
    assert "GRADCHECK_RTOL" in found["Environment"]


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("command", ["", *main.commands])
def test_every_line_fits_and_no_word_is_broken(command: str, width: int) -> None:
    text = shown(command, width)
    assert [line for line in text.splitlines() if len(line) > min(width, 100)] == []
    assert set(text.split()) - {"\\"} == set(shown(command, 1000).split()) - {"\\"}


@pytest.mark.parametrize("command", ["", *main.commands])
def test_every_command_has_examples_and_codes(command: str) -> None:
    found = sections(shown(command, 200))
    for example in filter(None, found["Examples"].splitlines()):
        assert example.startswith(f"  gradcheck {command}".rstrip())
    codes = dict(re.findall(r"^ +(\d+)  (.*)$", found["Exit codes"], re.MULTILINE))
    if command == "sweep":  # which judges nothing
        assert codes.keys() == {"0", "2", "70", "130"}
    else:
        assert codes == {str(code.value): code.meaning for code in ExitCode}


def examples() -> list[str]:
    commands = [main, *main.commands.values()]
    return [example for command in commands if isinstance(command, Laid) for example in command.examples]


@pytest.mark.parametrize("example", examples())
def test_the_options_of_an_example_exist(example: str) -> None:
    """Those that need no file of a user's are run too."""
    program, *words = shlex.split(example)
    command: click.Command = main
    while isinstance(command, click.Group):
        name, *words = words
        command = command.commands[name]
    options = {p.opts[-1] for p in command.params}
    assert program == "gradcheck"
    assert {word for word in words if word.startswith("--")} <= options
    if not re.search(r"\.(npy|npz|py|keras)|demo|layer|gradcheck run", example):
        run(name, *words, *(["--quiet"] if "--quiet" in options else []))


def test_a_folded_command_goes_on_behind_a_backslash() -> None:
    assert folded("  gradcheck f --a 1 --b 2", 80) == "  gradcheck f --a 1 --b 2"
    assert folded("  gradcheck f --a 1 --b 2", 24) == "  gradcheck f --a 1 \\\n      --b 2"
    assert folded("$ gradcheck f --a 1 --b 2  # exit code 1", 24) == (
        "$ gradcheck f --a 1 \\\n    --b 2  # exit code 1"
    )


# What was meant.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dens"], "Did you mean 'dense'?"),
        (["dense", "--x", "x.npy", "--w", "x.npy", "--activaton", "relu"], "'--activation'"),
        (["dense", "--x", "x.npy", "--w", "x.npy", "--activation", "reluu"], "Did you mean relu or "),
        (["dense", "--x", "x.npy", "--w", "x.npy", "--wrt", "X"], "Did you mean x? Choose from: x, w."),
        (["layer", "Dens", "--x", "x.npy"], "Did you mean Dense"),
        (["layer", "Dense", "--config", '{"unit": 2}', "--x", "x.npy"], "Did you mean units?"),
        (
            ["layer", "Dense", "--config", '{"units": 2, "activation": "tnh"}', "--x", "x.npy"],
            "Did you mean tanh",
        ),
        (["function", "f.py:relu", "--arg", "xx=x.npy"], "no parameter named 'xx'. Did you mean x? Its"),
        (["function", "f.py:relu", "--arg", "x=x.npy", "--const", "alpa=1"], "Did you mean alpha?"),
        (["function", "f.py:rellu", "--arg", "x=x.npy"], "Did you mean relu?"),
        (["function", "g.py:relu", "--arg", "x=x.npy"], "Did you mean f.py?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistyped_word_names_the_nearest(arguments: list[str], said: str) -> None:
    assert said in run(*arguments, code=2).stderr


def test_a_mistyped_loss_names_the_nearest(folder: Path) -> None:
    import keras

    keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]).save("m.keras")
    text = run(
        "model", "m.keras", "--x", "x.npy", "--y", "x.npy", "--loss", "mean_squared_eror", code=2
    ).stderr
    assert "no loss named 'mean_squared_eror'. Did you mean mean_squared_error" in text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["--x", "x.npy"], "No such option: --x. A tensor for the parameter x is --arg x=x.npy,"),
        (["--x=x.npy"], "A tensor for the parameter x is --arg x=x.npy,"),
        (["--alpha", "0.5"], "--arg alpha=0.5, what is not differentiated --const alpha=JSON."),
        (["--upsteam", "r.npy"], "Did you mean --upstream?"),
        (["--nothing"], "No such option '--nothing'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_tensor_that_is_given_as_an_option(written: list[str], said: str) -> None:
    text = run("function", "f.py:relu", *written, code=2).stderr
    assert text.startswith("error: No such option")
    assert said in text
