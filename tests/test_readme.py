"""The README is honest: its examples run, and what it shows is what the program prints.

`python -m tests.test_readme` writes the program's output and the exit codes into it anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gradcheck import ExitCode
from gradcheck.cli import main
from tests.imports import forgotten

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"\s*# exit code (\d+)$")
CODES = re.compile(r"(?<=^\|---:\|---\|\n)(?:\|.*\n)*(?=\n## )", re.MULTILINE)


def text() -> str:
    return README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Fenced blocks of a language, in order."""
    return [body for found, body in BLOCK.findall(text()) if found == language]


def commands() -> list[str]:
    """Lines of the examples for a shell, without the set-up."""
    return [line for body in blocks("sh") for line in body.splitlines() if ".venv" not in line]


def printed(command: str) -> str:
    """What the program prints on standard output."""
    expected = int(found[1]) if (found := EXPECTED.search(command)) else 0
    arguments = shlex.split(EXPECTED.sub("", command))[1:]
    result = CliRunner().invoke(main, arguments, prog_name="gradcheck")
    assert result.exit_code == expected, result.output
    assert result.stderr == ""
    return result.stdout


def effortless(output: str) -> str:
    """Without the time, and the evaluations, which follow from how the engine goes about it."""
    return re.sub(r"\d+ evaluations in \d+\.\d\d s", "", output)


def write_files() -> None:
    """Everything that the examples use, in the working directory."""
    namespace: dict[str, Any] = {}
    for body in blocks("python")[:2]:
        exec(body, namespace)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the files that the README makes, and a command `gradcheck` on the path."""
    folder = tmp_path_factory.mktemp("readme")
    shim = folder / "bin" / "gradcheck"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gradcheck "$@"\n')
    shim.chmod(0o755)
    before = Path.cwd()
    os.chdir(folder)
    try:
        write_files()
        with forgotten(folder):
            yield folder
    finally:
        os.chdir(before)


@pytest.mark.parametrize("command", commands())
def test_the_commands_run(command: str, files: Path) -> None:
    stripped = EXPECTED.sub("", command)
    expected = int(found[1]) if (found := EXPECTED.search(command)) else 0
    if re.search(r"[|&<>]", stripped):
        path = [str(files / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        env = os.environ | {"PATH": os.pathsep.join(path), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", stripped], env=env, capture_output=True, check=False
        )
        assert done.returncode == expected, done.stderr.decode()
        return
    result = CliRunner().invoke(main, shlex.split(stripped)[1:], prog_name="gradcheck")
    assert result.exit_code == expected, result.output


@pytest.mark.parametrize("shown", blocks("console"), ids=lambda body: body.splitlines()[0])
def test_what_is_shown_is_what_is_printed(shown: str, files: Path) -> None:
    first, _, output = shown.partition("\n")
    assert effortless(output) == effortless(printed(first.removeprefix("$ ")))


def test_the_python_examples_run(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    for body in blocks("python"):
        exec(body, namespace)
    tests = [value for name, value in namespace.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test()
    assert str(namespace["report"]) in capsys.readouterr().out
    assert namespace["report"]


def table_of_codes() -> str:
    return "".join(f"| {code.value} | {code.meaning} |\n" for code in ExitCode)


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert CODES.findall(text()) == [table_of_codes()]


def test_every_command_and_option_is_mentioned() -> None:
    for name, command in main.commands.items():
        assert f"`gradcheck {name}`" in text()
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert f"--{parameter.opts[-1].removeprefix('--')}" in text(), parameter.name


def test_the_set_up_is_two_commands_and_ci_runs_the_second() -> None:
    setup = [line for body in blocks("sh") for line in body.splitlines() if ".venv" in line]
    assert len(setup) == 2
    assert setup[0].endswith("gradcheck demo")
    assert setup[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def rewritten(match: re.Match[str]) -> str:
    """A block with what its command prints now."""
    if match[1] != "console":
        return match[0]
    command = match[2].partition("\n")[0]
    return f"```console\n{command}\n{printed(command.removeprefix('$ '))}```"


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())
    write_files()
    README.write_text(CODES.sub(table_of_codes(), BLOCK.sub(rewritten, text())), encoding="utf-8")
