"""The demo prints each example beside the answer of a textbook, and fails if one is not met."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import gradcheck.cli.demo
from gradcheck import ExitCode
from gradcheck.cli import main
from gradcheck.cli.demo import Example, run

# d(x²)/dx = 2x, d(w³)/dw = 3w², d²(x²)/dx² = 2; the layers by hand.
ANSWERS: list[dict[str, Any]] = [
    {"x": 6},
    {"w": 75},
    {"x": 2},
    {"x": [[2, 3], [2, 3]], "w": [[3], [3]]},
    {"x": [[[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0]]]},
    {"x": np.full((1, 3, 6), 1 / 3)},
]
POINTS: list[dict[str, Any]] = [
    {"x": 3},
    {"w": 5},
    {"x": 5},
    {"x": [[1, 1], [2, 2]], "w": [[2], [3]]},
    {"x": [[[1, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]]},
    {"x": [[[1, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]]},
]
OUTPUTS: list[Any] = [
    9,
    125,
    10,
    [[5], [10]],
    [[[5, 3, 7, 8, 9, 3]]],
    np.array([[[10, 8, 16, 16, 22, 8]]]) / 3,
]


@pytest.fixture(scope="module")
def printed() -> str:
    """What a pipe gets."""
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 0
    assert result.stderr == ""
    return result.stdout


def test_the_examples_are_those_of_the_textbook() -> None:
    examples = gradcheck.cli.demo._examples()
    assert len(examples) == len(ANSWERS)
    for example, answers, point, output in zip(examples, ANSWERS, POINTS, OUTPUTS, strict=True):
        assert example.answers.keys() == answers.keys() == example.target.inputs.keys() == point.keys()
        for name, answer in answers.items():
            np.testing.assert_allclose(np.asarray(example.answers[name]), answer, rtol=1e-12)
            np.testing.assert_array_equal(example.target.inputs[name], point[name])
        import tensorflow as tf

        y = example.target.function(*map(tf.constant, example.target.inputs.values()))
        np.testing.assert_allclose(y, output, rtol=1e-6)


def test_every_answer_is_met_and_every_check_passes(printed: str) -> None:
    assert printed.count(": met\n") == len(ANSWERS)
    assert printed.count(" PASS ") == len(ANSWERS)
    assert "NOT MET" not in printed
    assert printed.endswith("All known answers are met.\n")
    # The tie is a kink, in the one example that has it.
    assert re.search(r"\d match, \d kink", printed)


def test_the_numbers_are_there_to_be_compared(printed: str) -> None:
    for words in (
        "d/dx = 6",
        "d/dw = 75",
        "d/dx = 2:",
        "[[2.,3.], [2.,3.]]",
        "[[3.], [3.]]",
        "0.3333,0.3333",
    ):
        assert words in printed


def test_each_example_names_its_formula(printed: str) -> None:
    for number, words in enumerate(("x² at x = 3", "w³ at w = 5", "d(x²)/dx at x = 5"), start=1):
        assert f"{number}. y = {words}" in printed
    for words in ("a dense layer", "max pooling", "average pooling", "a tie"):
        assert words in printed


def test_a_terminal_gets_colours_and_no_line_of_a_table_is_too_long() -> None:
    text, code = run(80, True)
    assert code == ExitCode.PASS
    assert "\x1b[32mmatch" in text


def test_an_answer_that_is_not_met_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> list[Example]:
        return [replace(examples[0], answers={"x": 6.0001}), examples[1]]

    examples = gradcheck.cli.demo._examples()
    monkeypatch.setattr(gradcheck.cli.demo, "_examples", wrong)
    text, code = run(None, False)
    assert code == ExitCode.FAIL
    assert text.count("NOT MET") == text.count(": met\n") == 1
    assert text.endswith("A known answer is NOT met.\n")


def test_a_check_that_fails_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the tape has the known answer: the differences must have it too."""
    import tensorflow as tf

    graded = tf.custom_gradient(lambda x: (x * x * x, lambda r: r * tf.constant(6.0, x.dtype)))
    example = replace(
        gradcheck.cli.demo._examples()[0], target=gradcheck.cli.demo._scalar("f", "x", 3.0, graded)
    )
    monkeypatch.setattr(gradcheck.cli.demo, "_examples", lambda: [example])
    assert run(None, False)[1] == ExitCode.FAIL
