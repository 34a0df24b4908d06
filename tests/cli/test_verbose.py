"""--verbose: lines on standard error, and nothing else changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gradcheck.cli import main
from gradcheck.cli.vocabulary import COMMANDS
from gradcheck.render.stages import HEADS

DENSE = ("dense", "--x", "x.npy", "--w", "[[2.0],[3.0]]")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a tensor."""
    np.save(tmp_path / "x.npy", np.array([[1, 1], [2, 2]], np.float32))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments, prog_name="gradcheck")
    assert result.exit_code == code, result.output
    return result


def test_lines_on_standard_error_and_the_same_report() -> None:
    silent, told = (run(*DENSE, "--json", "--no-timing", *more) for more in ((), ("--verbose",)))
    assert told.stdout == silent.stdout
    assert silent.stderr == ""
    heads, first, *_, last = told.stderr.splitlines()
    assert heads == HEADS
    assert re.fullmatch(r" +\d+\.\d\d s +0  inputs +x float32 \(2, 2\), w float32 \(2, 1\)", first)
    assert re.search(r" ([\d,]+)  in all$", last)[1] == f"{json.loads(told.stdout)['evaluations']:,}"  # type: ignore[index]
    assert re.search(r" target +dense$", told.stderr, re.MULTILINE)


def test_every_tensor_that_is_read_is_told() -> None:
    more = ("--upstream", "[[1.0],[2.0]]", "--gradient", "w=[[5.0],[5.0]]")
    told = run(*DENSE, *more, "-v").stderr
    read = re.findall(r"  inputs +(.*)", told)
    assert read == [
        "x float32 (2, 2), w float32 (2, 1)",
        "gradient w float32 (2, 1)",
        "upstream float32 (2, 1)",
    ]


def test_a_suite_tells_of_each_check(folder: Path) -> None:
    (folder / "gradcheck.toml").write_text('[[check]]\nlayer = "dense"\nx = "x.npy"\nw = "[[2.0],[3.0]]"\n')
    told = run("run", "--jobs", "1", "--verbose").stderr
    assert re.search(rf"^dense\n{HEADS}\n", told, re.MULTILINE)
    assert len(re.findall(r"  inputs +x float32 \(2, 2\), w float32 \(2, 1\)$", told, re.MULTILINE)) == 1
    assert len(re.findall(r"  in all$", told, re.MULTILINE)) == 1


def test_a_sweep_tells_of_its_evaluations() -> None:
    found = run("sweep", *DENSE, "--element", "x[0,1]", "--format", "json", "--verbose")
    assert re.search(r" [1-9]\d*  sweep +x$", found.stderr, re.MULTILINE)
    assert f" {json.loads(found.stdout)['evaluations']:,}  in all" in found.stderr


def test_quiet_wins() -> None:
    assert run(*DENSE, "--verbose", "--quiet").output == ""


def test_what_cannot_be_read_is_one_line() -> None:
    found = run("dense", "--x", "nowhere.npy", "--w", "x.npy", "--verbose", code=2)
    assert found.stderr.startswith("error: ")
    assert found.stderr.count("\n") == 1


def test_every_command_that_checks_has_it() -> None:
    for command in (main.commands[name] for name in (*COMMANDS, "run")):
        assert [option for p in command.params if p.name == "verbose" for option in p.opts] == [
            "-v",
            "--verbose",
        ]
