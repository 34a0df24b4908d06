"""What must not load TensorFlow, which takes seconds: help, the version, mistyped commands, the import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from gradcheck.cli import main
from tests.parameters import every, named

HEAVY = ("tensorflow", "keras", "rich")


def loaded(code: str, **env: str) -> Any:
    """Run code in a new process and see which of the heavy modules it has loaded: (exit code, names)."""
    watched = f"""
import json, sys
code = 0
try:
    {code}
except SystemExit as left:
    code = left.code
print(json.dumps([code, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", watched], capture_output=True, text=True, check=True, env={**os.environ, **env}
    )
    return json.loads(done.stdout.splitlines()[-1])


def command(*arguments: str, **env: str) -> Any:
    return loaded(
        f"from gradcheck.__main__ import run; sys.argv = ['gradcheck', *{arguments!r}]; run()", **env
    )


def test_the_import_is_light() -> None:
    assert loaded("import gradcheck") == [0, []]


def test_a_specification_is_light() -> None:
    assert loaded("import gradcheck.targets.spec") == [0, []]


@pytest.mark.full
def test_this_test_can_see_tensorflow() -> None:
    assert loaded("import tensorflow")[1] == list(HEAVY)
    assert "tensorflow" in command("dense", "--x", "[[1.0]]", "--w", "[[1.0]]")[1]


@pytest.mark.parametrize(
    "arguments",
    named([["--help"], ["-h"], ["explain", "kink"], ["--version"], ["explain"]], " ".join, every(2)),
)
def test_help_and_version_are_light(arguments: list[str]) -> None:
    assert command(*arguments) == [0, []]


@pytest.mark.parametrize("name", named(main.commands, str, every(4)))
def test_help_of_every_command_is_light(name: str) -> None:
    assert command(name, "--help") == [0, []]


@pytest.mark.parametrize(
    "arguments",
    named(
        [
            [],
            ["pool"],
            ["--nothing"],
            ["dense"],
            ["dense", "--x", "[[1.0]]"],
            ["dense", "--x", "[[1.0]]", "--w", "[[1.0]]", "--rtol", "much"],
            ["dense", "--x", "[[1.0]]", "--w", "[[1.0]]", "--dtype", "int8"],
            ["dense", "--x", "-", "--w", "-"],
            ["maxpool1d", "--x", "[[[1.0]]]", "--padding", "full"],
            ["demo", "--x", "3"],
            ["function", "f.py:relu", "--x", "x.npy"],
            ["explain", "knik"],
        ],
        " ".join,
        every(3),
    ),
)
def test_usage_errors_are_light(arguments: list[str]) -> None:
    assert command(*arguments) == [2, []]


@pytest.mark.parametrize(
    "arguments",
    named(
        [
            ["dense", "--x", "nowhere.npy", "--w", "[[1.0]]"],
            ["dense", "--x", "[[1.0,2.0]]", "--w", "[[1.0]]"],
            ["dense", "--x", "[[1.0]]", "--w", "[[1.0]]", "--wrt", "b"],
            ["dense", "--x", "[[1.0]]", "--w", "[[1.0]]", "--output", "/nowhere/at/all/report"],
            ["maxpool1d", "--x", "[[1.0]]"],
            ["avgpool1d", "--x", "[[[1.0]]]", "--pool-size", "2"],
        ],
        " ".join,
        every(2),
    ),
)
def test_bad_tensors_are_found_before_tensorflow_is_loaded(arguments: list[str]) -> None:
    assert command(*arguments) == [2, []]


def test_a_wrong_variable_of_the_environment_is_light() -> None:
    assert command("dense", "--x", "[[1.0]]", "--w", "[[1.0]]", GRADCHECK_SEED="x") == [2, []]
