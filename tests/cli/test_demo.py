"""The demo checks examples beside the answers of a textbook, one wrong on purpose, on one screen."""

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

SCREEN = 24
"""Lines of a terminal of the usual size."""
# d(x²)/dx = 2x, d(w³)/dw = 3w², d²(x²)/dx² = 2; the layers by hand.
ANSWERS: list[dict[str, Any]] = [
    {"x": 6},
    {"w": 75},
    {"x": 2},
    {"x": [[2, 3], [2, 3]], "w": [[3], [3]]},
    {"x": [[[0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 0]]]},
    {"x": np.full((1, 3, 6), 1 / 3)},
    {"w": [3, 12, 75]},
]
POINTS: list[dict[str, Any]] = [
    {"x": 3},
    {"w": 5},
    {"x": 5},
    {"x": [[1, 1], [2, 2]], "w": [[2], [3]]},
    {"x": [[[1, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]]},
    {"x": [[[1, 3, 4, 2, 5, 2], [4, 2, 5, 6, 8, 3], [5, 3, 7, 8, 9, 3]]]},
    {"w": [1, 2, 5]},
]
OUTPUTS: list[Any] = [
    9,
    125,
    10,
    [[5], [10]],
    [[[5, 3, 7, 8, 9, 3]]],
    np.array([[[10, 8, 16, 16, 22, 8]]]) / 3,
    [1, 8, 125],
]


def printed(*options: str) -> str:
    """What a pipe gets."""
    result = CliRunner().invoke(main, ["demo", *options])
    assert result.exit_code == 0
    assert result.stderr == ""
    return result.stdout


@pytest.fixture(scope="module")
def screen() -> str:
    return printed()


@pytest.fixture(scope="module")
def whole() -> str:
    return printed("--verbose")


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


def test_one_of_them_is_wrong_and_caught(screen: str) -> None:
    assert [example.wrong for example in gradcheck.cli.demo._examples()] == [False] * 6 + [True]
    assert re.search(r"(?m)^wrong w³ +∂y/∂w\[0\] +3 +2 +3  3 mismatch$", screen)
    assert "w: off by a constant factor: tape = 0.6666667 × difference" in screen
    assert screen.count("mismatch") == 1
    # The tie is a kink, in the one example that has it.
    assert re.search(r"max pooling .* 14 match, 4 kink", screen)


@pytest.mark.parametrize("width", [80, 120])
def test_it_is_one_screen(width: int) -> None:
    text, code = run(width, False)
    assert code == ExitCode.PASS
    assert len(text.splitlines()) <= SCREEN
    assert max(map(len, text.splitlines())) <= width
    assert "\n PASS   right gradients meet" in text


def test_verbose_shows_every_table(whole: str, screen: str) -> None:
    assert whole.endswith(screen)
    assert whole.count(" PASS ") == len(ANSWERS)
    assert whole.count(" FAIL ") == 1
    for words in (
        "d/dx = 6",
        "d/dw = 75",
        "d/dx = 2\n",
        "[[2.,3.], [2.,3.]]",
        "[[3.], [3.]]",
        "0.3333,0.3333",
        "any value in [0, 1] is right",
    ):
        assert words in whole


def test_each_example_names_its_formula(screen: str, whole: str) -> None:
    names = "x² at 3", "w³ at 5", "d(x²)/dx at 5", "x · w"
    for number, words in enumerate(names, start=1):
        assert f"y = {words}" in screen
        assert re.search(rf"(?m)^{number}\. .*y = {re.escape(words)}", whole)
    for words in ("max pooling", "average pooling", "a corner"):
        assert words in screen


def test_a_terminal_gets_colours() -> None:
    text, _ = run(80, True)
    assert re.search(r"\x1b\[32m1 match", text)
    assert re.search(r"\x1b\[1;31m3 mismatch", text)


def test_an_answer_that_is_not_met_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> list[Example]:
        return [replace(examples[0], answers={"x": 6.0001}), examples[1]]

    examples = gradcheck.cli.demo._examples()
    monkeypatch.setattr(gradcheck.cli.demo, "_examples", wrong)
    text, code = run(None, False)
    assert code == ExitCode.FAIL
    assert " FAIL   not as known: y = x² at 3\n" in text


def test_a_check_that_fails_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the tape has the known answer: the differences must have it too."""
    import tensorflow as tf

    graded = tf.custom_gradient(lambda x: (x * x * x, lambda r: r * tf.constant(6.0, x.dtype)))
    example = replace(
        gradcheck.cli.demo._examples()[0], target=gradcheck.cli.demo._scalar("f", "x", 3.0, graded)
    )
    monkeypatch.setattr(gradcheck.cli.demo, "_examples", lambda: [example])
    assert run(None, False)[1] == ExitCode.FAIL


def test_a_wrong_gradient_that_is_not_caught_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    right = replace(gradcheck.cli.demo._examples()[1], wrong=True)
    monkeypatch.setattr(gradcheck.cli.demo, "_examples", lambda: [right])
    assert run(None, False)[1] == ExitCode.FAIL
