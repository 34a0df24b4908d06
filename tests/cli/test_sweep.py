"""The command `sweep`: what it takes, what it writes where, and how it ends."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gradcheck.cli import main
from gradcheck.cli.sweep import OF_CHECKS_ALONE, sweep
from gradcheck.cli.vocabulary import COMMANDS
from tests.cli.test_commands import refusal, run

DENSE = ("sweep", "dense", "--x", "[[0.5,-1]]", "--w", "[[2],[3]]", "--activation", "tanh")


def test_a_sweep_goes_to_a_pipe_as_a_table_and_to_a_file_as_json(tmp_path: Path) -> None:
    table = run(*DENSE, "--element", "w[0,-1]").stdout
    run(*DENSE, "--element", "w[0,0]", "--json", "--output", str(tmp_path / "s.json"))
    found = json.loads((tmp_path / "s.json").read_text())

    assert table.startswith("gradcheck sweep dense, w[0,0] = 2\n")
    assert table.count("the check's\n") == 1
    assert len([line for line in table.splitlines() if line.count("e-")]) >= len(found["steps"])
    assert found["element"] == "w[0,0]"
    assert found["interval"] is None
    # L = tanh(½ w_0 − w_1), with a derivative of ½ (1 − tanh² 2).
    assert found["tape"] == pytest.approx((1 - math.tanh(2) ** 2) / 2)
    assert found["chosen"]["difference"] == pytest.approx(found["tape"], abs=found["chosen"]["tolerance"])
    steps = [row["step"] for row in found["steps"]]
    assert steps == sorted(steps, reverse=True)


def test_without_an_element_the_worst_is_swept() -> None:
    found = json.loads(
        run(
            "sweep",
            "dense",
            "--x",
            "[[0,1]]",
            "--w",
            "[[2],[3]]",
            "--activation",
            "relu",
            "--gradient",
            "w=[[0],[5]]",
            "--json",
        ).stdout
    )

    assert found["element"] == "w[1,0]"


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("w[", "is no element"),
        ("v[0]", "which is no variable of dense"),
        ("w[0]", "has 1 index"),
        ("w[2,0]", "is outside of w"),
    ],
)
def test_an_element_that_is_none_is_refused_in_one_sentence(element: str, said: str) -> None:
    assert said in refusal(*DENSE, "--element", element)


def test_the_element_has_to_be_one_that_is_differentiated() -> None:
    assert "Choose from: x." in refusal(*DENSE, "--wrt", "x", "--element", "w[0,0]")


def test_a_sweep_has_two_forms(tmp_path: Path) -> None:
    assert "A sweep is written as table or json, not as junit." in refusal(
        *DENSE, "--output", f"junit={tmp_path / 'x.xml'}"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_check_takes_can_be_swept(name: str) -> None:
    check, swept = main.commands[name], sweep.commands[name]
    names = {one.name for one in swept.params}

    assert {one.name for one in check.params} - names == OF_CHECKS_ALONE
    assert names - {one.name for one in check.params} == {"element"}
    assert all("gradcheck sweep" in example for example in swept.examples)  # type: ignore[attr-defined]


def test_help_tells_the_exit_codes_of_a_sweep() -> None:
    for arguments in (("sweep", "--help"), ("sweep", "dense", "--help")):
        said = run(*arguments).stdout
        assert "the sweep was made, whatever it shows" in said
        assert "at least one gradient disagrees" not in said


def test_a_sweep_is_drawn_to_a_file_too(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="gradcheck[plot] is not installed")
    files = [tmp_path / name for name in ("a.svg", "b.svg")]
    for file in files:
        run(*DENSE, "--element", "w[0,0]", "--quiet", "--plot", str(file))
    drawn = [file.read_text(encoding="utf-8") for file in files]

    assert drawn[0].startswith("<?xml")
    assert drawn[0] == drawn[1]
