"""Every option with every kind of nonsense: one sentence and exit code 2, or a check as ever."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result

from gradcheck.cli import main
from tests.imports import forgotten

NONSENSE = (
    "", " ", "-", "--", "-1", "0", "1e400", "-inf", "nan", "999999999999999999999", "0x10", "None", "true",
    "x", "x=", "=x", "x=y=z", "[[", "[]", "{}", '{"a": NaN}', '{"a": {"a": 1}}', "[[1], [1, 2]]", "normal:",
    "normal:-1", "normal:2x", "uniform:0", "file.npz:", ":", "::", "/", ".", "..", "~", "$HOME", "x.npy",
    "no.npy", "ops.py", "ops.py:", "ops.py:missing", "os:system", "keras:layers.Dense", "é" * 300, "💥",
    "a\nb", "\x1b[31mred", "\u202etxt", "%s%n", "'; ls", "json=", "=json", "xml=x", "1/0", "0/1", "3/2",
    "CPU:99", "GPU", "10e", "-5e", "1e9s", "2GiB", "-2GiB", "tcp://", "http://x", "x[99]", "x[",
    "x[0,0,0,0,0]",
)  # fmt: skip
BASES = {
    "dense": ["--x", "x.npy", "--w", "[[1.0],[2.0],[3.0]]"],
    "maxpool1d": ["--x", "[[[1.0],[2.0],[4.0]]]"],
    "avgpool1d": ["--x", "[[[1.0],[2.0],[4.0]]]"],
    "function": ["ops.py:double", "--arg", "x=x.npy"],
    "layer": ["Dense", "--config", '{"units": 1}', "--x", "x.npy"],
    "model": ["model.keras", "--x", "x.npy"],
    "run": ["suite.toml", "--jobs", "1", "--list"],
    "explain": ["kink"],
    "layers": [],
    "sweep dense": ["--x", "x.npy", "--w", "[[1.0],[2.0],[3.0]]", "--element", "x[0,0]"],
}
"""For each command, what makes it end well."""
Judged = Callable[[str, str, str], str]
SLOW = ("--dask",)
"""Options that wait for somebody, as tests/suite/test_connecting.py does."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the commands read."""
    folder = tmp_path_factory.mktemp("nonsense")
    np.save(folder / "x.npy", np.array([[0.5, -1.0, 2.0]], np.float32))
    (folder / "ops.py").write_text("def double(x):\n    return x + x\n", encoding="utf-8")
    (folder / "suite.toml").write_text('[[check]]\nlayer = "Dense"\nx = "x.npy"\n', encoding="utf-8")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(folder / "model.keras")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def judged(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Judged]:
    """Runs a command in a folder of its own, and says what is wrong with how it ends."""
    monkeypatch.chdir(tmp_path)

    def run(name: str, option: str, text: str) -> str:
        # An output may have been written over them.
        for file, content in files.items():
            Path(file).write_bytes(content)
        arguments = [*name.split(), *without(BASES[name], option), option, text]
        return wrong_with(CliRunner().invoke(main, arguments))

    with forgotten(tmp_path):
        yield run


def options() -> list[tuple[str, str]]:
    """Every option of every command."""
    found = []
    for name in BASES:
        command: click.Command = main
        for word in name.split():
            assert isinstance(command, click.Group)
            command = command.commands[word]
        known = [one for one in command.params if isinstance(one, click.Option) and not one.is_flag]
        found += [(name, one.opts[-1]) for one in known if one.opts[-1] not in SLOW]
    return found


def cases() -> list[tuple[str, str, str]]:
    """Every option with every nonsense."""
    return [(*option, text) for option in options() for text in NONSENSE]


def wrong_with(ended: Result) -> str:
    """What is wrong with how a command has ended; empty for nothing."""
    if ended.exit_code not in (0, 1, 2, 3):
        return f"ended with {ended.exit_code}: {ended.output[-300:]!r} {ended.exception!r}"
    said = ended.stderr.strip()
    if ended.exit_code == 2 and not said.startswith(("error: ", "Usage: ")) and "\nerror: " not in said:
        return f"2 without a sentence: {said!r}"
    if "Traceback" in ended.output or "\x1b" in ended.output or "\u202e" in ended.output:
        return f"said {ended.output[-300:]!r}"
    return ""


def without(arguments: list[str], option: str) -> list[str]:
    """The arguments of a command but for an option and its value."""
    if option not in arguments:
        return arguments
    at = arguments.index(option)
    return arguments[:at] + arguments[at + 2 :]


def test_some_options_with_some_nonsense(judged: Judged) -> None:
    drawn = random.Random(5).sample(cases(), 120)

    assert not {case: found for case in drawn if (found := judged(*case))}


@pytest.mark.full
@pytest.mark.parametrize("option", options(), ids=" ".join)
def test_every_option_with_every_nonsense(option: tuple[str, str], judged: Judged) -> None:
    assert not {text: found for text in NONSENSE if (found := judged(*option, text))}
