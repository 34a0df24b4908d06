"""The README is honest: its commands and examples run, and what it shows and says is what the program prints
and holds.

`python -m tests.test_readme` writes the program's output and the exit codes into it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from math import log2
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import gradcheck
from gradcheck import ElementVerdict, ExitCode
from gradcheck.cli import main
from gradcheck.cli.explanation import explanations, find
from gradcheck.notes import Kind
from gradcheck.pytest_plugin import Checker
from gradcheck.settings import RTOL, Settings
from tests.forked import python
from tests.imports import forgotten

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
LINES = 400
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.(?:py|toml))\n")
EXPECTED = re.compile(r"\s*# exit code (\d+)$")
CODES = re.compile(r"(?<=^\| code \| meaning \|\n\|---:\|---\|\n)(?:\|.*\n)*", re.MULTILINE)
WORDS = ("no", "one", "two", "three")


def text() -> str:
    return README.read_text(encoding="utf-8")


def prose() -> str:
    """The README on one line."""
    return " ".join(text().split())


def blocks(language: str) -> list[str]:
    """Fenced blocks of a language, in order."""
    return [body for found, body in BLOCK.findall(text()) if found == language]


def commands() -> list[str]:
    """Lines of the examples for a shell, without the set-up."""
    return [line for body in blocks("sh") for line in body.splitlines() if ".venv" not in line]


def expected(command: str) -> tuple[str, int]:
    """A command without its comment, and the exit code that the comment promises."""
    found = EXPECTED.search(command)
    return EXPECTED.sub("", command), int(found[1]) if found else 0


def printed(command: str) -> str:
    """What the program prints on standard output."""
    line, code = expected(command)
    result = CliRunner().invoke(main, shlex.split(line)[1:], prog_name="gradcheck")
    assert result.exit_code == code, result.output
    assert result.stderr == ""
    return result.stdout


def effortless(output: str) -> str:
    """Without the time, and the evaluations, which follow from how the engine goes about it."""
    return re.sub(r"[\d,]+ evaluations in \d+\.\d\d s", "", output)


def write_files() -> None:
    """Everything that the examples use, in the working directory."""
    for body in blocks("python") + blocks("toml"):
        if named := FILE.match(body):
            Path(named[1]).write_text(body, encoding="utf-8")
    exec(Path("files.py").read_text(encoding="utf-8"), {})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the files that the README makes, and a command `gradcheck` on the path."""
    folder = tmp_path_factory.mktemp("readme")
    shim = folder / "bin" / "gradcheck"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shlex.join(python())} -m gradcheck "$@"\n')
    shim.chmod(0o755)
    before = Path.cwd()
    os.chdir(folder)
    try:
        write_files()
        with forgotten(folder):
            yield folder
    finally:
        os.chdir(before)


def in_a_shell(command: str) -> bool:
    """Whether it is more than gradcheck: such a command is a process of its own."""
    return re.search(r"[|&<>]", expected(command)[0]) is not None


def tried() -> list[Any]:
    """All commands; of those in a shell a plain run has the first."""
    later = [command for command in commands() if in_a_shell(command)][1:]
    return [pytest.param(line, marks=pytest.mark.full if line in later else ()) for line in commands()]


@pytest.mark.parametrize("command", tried())
def test_the_commands_run(command: str, files: Path) -> None:
    line, code = expected(command)
    if in_a_shell(command):
        path = [str(files / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        env = os.environ | {"PATH": os.pathsep.join(path), "PYTHONPATH": str(ROOT)}
        shell = ["bash", "-o", "pipefail", "-c", line]
        done = subprocess.run(shell, env=env, capture_output=True, check=False)
        assert done.returncode == code, done.stderr.decode()
        return
    result = CliRunner().invoke(main, shlex.split(line)[1:], prog_name="gradcheck")
    assert result.exit_code == code, result.output


@pytest.mark.parametrize("shown", blocks("console"), ids=lambda body: body.splitlines()[0])
def test_what_is_shown_is_what_is_printed(shown: str, files: Path) -> None:
    first, _, output = shown.partition("\n")
    assert effortless(output) == effortless(printed(first.removeprefix("$ ")))


def test_the_python_examples_run(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    for body in blocks("python"):
        if not FILE.match(body):
            exec(body, namespace)
    tests = [value for name, value in namespace.items() if name.startswith("test_")]
    assert len(tests) == 1
    for test in tests:
        test(Checker("README.md", {}, None))
    assert str(namespace["report"]) in capsys.readouterr().out
    assert namespace["report"]
    order, coverage, what = 2, 1.0, "graph tape"
    whole = namespace["whole"]
    assert (whole.variables[1].order, whole.variables[1].coverage) == (order, coverage)
    assert whole.comparisons[0].what == what
    assert f"# {order}, {coverage}, {what!r}\n" in text()


def table_of_codes() -> str:
    return "".join(f"| {code.value} | {code.meaning} |\n" for code in ExitCode)


def test_the_exit_codes_are_those_of_the_program() -> None:
    assert CODES.findall(text()) == [table_of_codes()]


def options(command: click.Command) -> set[str]:
    """The long options of a command, and of the commands in it."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    with click.Context(command, click.Context(main, **main.context_settings)) as context:
        own = {name for option in command.get_params(context) for name in option.opts if name[:2] == "--"}
    return own.union(*map(options, inner))


def test_every_command_is_mentioned_and_every_option_mentioned_exists() -> None:
    assert all(f"`gradcheck {name}" in prose() for name in main.commands)
    known = options(main)
    own = re.sub(r"`(?:python -m |pytest\s|--full)[^`]*`|^.*\.venv.*$", "", text(), flags=re.MULTILINE)
    mentioned = set(re.findall(r"(?<![-\w])--[a-z][a-z-]*", own))
    assert mentioned and mentioned <= known


def test_the_settings_of_check_are_all_named() -> None:
    sentence = re.search(r"by the name of its option: (.*?)\.", prose())
    assert sentence is not None
    named = re.findall(r"`(\w+)`", sentence[1])
    assert sorted(named) == sorted(["upstream", *(field.name for field in fields(Settings))])


def test_the_set_up_is_two_commands_and_ci_runs_the_second() -> None:
    setup = [line for body in blocks("sh") for line in body.splitlines() if ".venv" in line]
    assert len(setup) == 2
    assert setup[0].endswith("gradcheck demo")
    assert setup[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_word_of_a_report_is_explained() -> None:
    """In the table, or by `gradcheck explain`, which the table is a part of."""
    table = text().partition("## Reading the table")[2].partition("## In Python")[0]
    explained = set(re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))))
    headings = re.findall(r"^(.*)\n *───", "".join(blocks("console")), re.MULTILINE)
    words = {word for line in headings for word in re.split(r"\s{2,}", line.strip())} - {"shape", "dtype"}
    words |= {"compared", "against", "sensitivity", "evaluations", "checked", *(kind.value for kind in Kind)}
    words |= {verdict.label for verdict in ElementVerdict}
    assert {"tape", "finite difference", "error/tolerance"} <= words
    for word in sorted(words - explained - {"index", "variable", "elements"}):
        assert find(word).summary


def test_numbers_in_sentences_are_those_of_the_code() -> None:
    """Here or in `gradcheck explain`."""
    from gradcheck.arrays.cotangents import draw_cotangents
    from gradcheck.checks import budget, directions, elementwise, execution, pfor, random_directions, search
    from gradcheck.differences.directions import COUNT
    from gradcheck.report import blame
    from gradcheck.verdicts import subgradients

    upstream = len(draw_cotangents(1, None, 0))
    told = " ".join([prose(), *(" ".join(f"{one.summary} {one.body}".split()) for one in explanations())])
    for sentence in (
        f"the tolerance, {'a millionth' if RTOL == 1e-6 else RTOL} of S by default",
        f"a value among those at {subgradients.NEIGHBOURS} points nearby",
        f"the slopes at {subgradients.NEIGHBOURS} points nearby",
        f"eager ones at {execution.TRIALS} points a rounding away",
        f"up to {pfor.ROWS} outputs and 2^{log2(pfor.ENTRIES):g} entries",
        f"along {random_directions.COUNT} random directions",
        f"at most {elementwise.FEW_CONFIRMED} mismatches",
        f"that takes at most {budget.MANY:,} evaluations",
        f"in {COUNT} directions",
        f"a chance of 1 in 2{''.join('⁰¹²³⁴⁵⁶⁷⁸⁹'[int(digit)] for digit in str(COUNT))}",
        f"(up to {search.NAMED})",
        f"as are {directions.SAMPLE} others",
        f"where directions take more ({directions.USUAL:,} evaluations)",
        f"down to {int(COUNT * directions.LEAST)} for a budget of {int(directions.USUAL * directions.LEAST)}",
        f"within the tolerance, for {WORDS[upstream]} upstream gradients",
        f"judged for {WORDS[upstream - 1]} random ones",
        f"each of the {WORDS[blame.SHOWN]} worst elements",
    ):
        assert sentence in told, sentence


def test_what_was_measured_names_its_command() -> None:
    from tests.acceptance import test_compositions as compositions
    from tests.corpus import RIGHT, WRONG

    assert f"on the {len(RIGHT)} right and {len(WRONG)} wrong gradients of `tests/corpus/`" in prose()
    kinds = len(compositions.RIGHT) + len(compositions.WRONG)
    assert f"`python -m tests.fuzz --examples 12 --seed 20271` judged {12 * kinds} of them" in prose()
    modules = set(re.findall(r"python -m (tests[\w.]*)", text()))
    assert {"tests.fuzz", "tests.benchmarks.speed", "tests.benchmarks.models"} <= modules
    assert all(importlib.util.find_spec(module) for module in modules)


def test_it_can_be_read_in_one_go() -> None:
    assert len(text().splitlines()) < LINES


def test_the_code_map_names_every_folder_and_module() -> None:
    """The docstring of the package, which is read as the README of the source."""
    package = ROOT / "gradcheck"
    described = gradcheck.__doc__ or ""
    assert len(described.splitlines()) < 90
    folders = {f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").exists()}
    assert folders == set(re.findall(r"^\d +(\w+/)", described, re.MULTILINE))
    modules = {path.name for path in package.glob("[a-z]*.py")} - {"version.py"}
    assert modules == set(re.findall(r"(?<!/)\b\w+\.py\b", described))


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
