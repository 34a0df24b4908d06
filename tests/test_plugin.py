"""The pytest plugin, by pytest's own `pytester`: what a user of the fixture sees."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import gradcheck

pytest_plugins = ["pytester"]

TESTS = """\
import numpy as np
import pytest
import tensorflow as tf

X = {"x": np.linspace(-1.0, 1.0, 4)}


@tf.custom_gradient
def wrong(x):
    return x * x, lambda dy: dy * 3 * x


def test_right(gradcheck):
    report = gradcheck(tf.tanh, X)
    assert report and report.settings.rtol == 1e-4 and report.settings.seed == 7


def test_given(gradcheck):
    assert gradcheck(tf.sin, X, rtol=1e-5).settings.rtol == 1e-5
    assert gradcheck(tf.cos, X)


def test_wrong(gradcheck):
    gradcheck(wrong, X)


def test_unusable(gradcheck):
    gradcheck(tf.tanh, {"x": np.array([np.nan])})
"""
SETTINGS = '[tool.gradcheck.defaults]\nseed = 7\nrtol = 1e-4\npadding = "same"\n'
NAMES = ["test_it.py::test_given", "test_it.py::test_given #2", "test_it.py::test_right"]
NAMES += ["test_it.py::test_unusable", "test_it.py::test_wrong"]


class Words(HTMLParser):
    """The text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data.strip())


def names_in(page: Path) -> list[str]:
    """The checks that a page tells of, in order, each once."""
    words = Words()
    words.feed(page.read_text(encoding="utf-8"))
    return list(dict.fromkeys(word for word in words.found if word.startswith("test_it.py::")))


@pytest.fixture(autouse=True, scope="module")
def loaded() -> Iterator[None]:
    """What a run inside this process imports is forgotten at its end, which NumPy does not bear twice."""
    gradcheck.check(lambda x: x * x, {"x": 1.0})
    for name in ("gradcheck.pytest_plugin", "gradcheck.render.html", "gradcheck.render.short"):
        importlib.import_module(name)
    assert "keras" in sys.modules or importlib.import_module("keras")
    yield


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with settings and tests, whose pytest has the plugin."""
    pytester.makefile(".toml", pyproject=SETTINGS)
    pytester.makepyfile(test_it=TESTS)
    return pytester


def arguments(*more: str) -> list[str]:
    """The plugin by name where it is not installed."""

    known = {entry.name for entry in entry_points(group="pytest11")}
    return [
        *(() if "gradcheck" in known else ("-p", "gradcheck.pytest_plugin")),
        "-p",
        "no:cacheprovider",
        *more,
    ]


def test_a_wrong_gradient_fails_with_the_worst_elements_and_the_line_of_the_test(
    project: pytest.Pytester,
) -> None:
    result = project.runpytest_inprocess(*arguments("--gradcheck-html", "page.html"))

    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            ">       gradcheck(wrong, X)",
            "E       *GradientError: the gradient of wrong is wrong",
            "E         x: off by a constant factor: tape = 1.5 × difference*",
            "E         element  tape *",
            "E         x[[]1[]] *-1 *-0.67 *mismatch",
            "test_it.py:*: GradientError",
            "gradcheck: 5 checks in page.html",
        ],
        consecutive=False,
    )
    result.stdout.no_fnmatch_line("*pytest_plugin.py:*")
    assert names_in(project.path / "page.html") == NAMES


@pytest.mark.full
def test_workers_send_what_they_have_found(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess(*arguments("-n", "2", "--gradcheck-html", "page.html"))

    result.assert_outcomes(passed=2, failed=2)
    assert names_in(project.path / "page.html") == NAMES


def test_no_page_without_a_check(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")

    pytester.runpytest_inprocess(*arguments("--gradcheck-html", "page.html")).assert_outcomes(passed=1)

    assert not (pytester.path / "page.html").exists()


def test_a_place_that_cannot_be_written_is_told_before_the_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")

    result = pytester.runpytest_inprocess(*arguments("--gradcheck-html", "none/page.html"))

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: The folder 'none' of --gradcheck-html none/page.html does not exist.*"]
    )


ENDING = """
import pytest

class Gone(BaseException):
    pass

@pytest.mark.parametrize("kind", [SystemExit, Gone, ValueError])
def test_ends(gradcheck, kind):
    def f(x):
        raise kind("half \\udcff")
    with pytest.raises(BaseException) as raised:
        gradcheck(f, {"x": 1.0})
    assert kind is ValueError or raised.type is kind
    str(raised.value).encode() if kind is ValueError else None
"""


def test_whatever_a_function_raises_is_on_the_page(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=ENDING)

    result = pytester.runpytest_inprocess(*arguments("--gradcheck-html", "page.html"))

    result.assert_outcomes(passed=3)
    assert names_in(pytester.path / "page.html") == [
        f"test_it.py::test_ends[{kind}]" for kind in ("Gone", "SystemExit", "ValueError")
    ]


def test_a_page_that_finds_no_room_is_told_in_a_sentence(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_one(gradcheck): gradcheck(lambda x: x * x, {'x': 1.0})")

    result = pytester.runpytest_inprocess(*arguments("--gradcheck-html", "/dev/full"))

    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["ERROR: --gradcheck-html /dev/full cannot be written: No space left*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("gradcheck: * in /dev/full")
