"""The option --timeout: whatever the function does, the check ends, and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradcheck.cli import main
from tests.imports import forgotten

HANGING = """
import time

import tensorflow as tf


def sleeps(x):
    time.sleep(600)


def swallows(x):
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass


def square(x):
    return x * x


def forgives(x):
    try:
        time.sleep(600 if forgives.calls == 1 else 0)
    except BaseException:
        pass
    forgives.calls += 1
    return x * x


forgives.calls = 0
"""
SENTENCE = "the check did not end within 0.5 s, as --timeout says. Give it more time, or smaller tensors."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the functions in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hang.py").write_text(HANGING, encoding="utf-8")
    with forgotten(tmp_path):
        yield


def arguments(function: str, *more: str) -> list[str]:
    """Of a check."""
    return ["function", f"hang.py:{function}", "--arg", "x=normal:3", *more]


def test_a_check_that_takes_longer_ends_with_a_sentence() -> None:
    ended = CliRunner().invoke(main, arguments("sleeps", "--timeout", "0.5", "--output", "json=report.json"))

    assert (ended.exit_code, ended.stderr) == (2, f"error: {SENTENCE}\n")
    assert json.loads(Path("report.json").read_text())["error"]["type"] == "TimedOut"


def test_code_that_cannot_be_interrupted_ends_too() -> None:
    """By another thread: no document is lost."""
    command = [sys.executable, "-m", "gradcheck", *arguments("swallows", "--timeout", "0.5")]
    more = ["--json", "--output", "junit=report.xml"]

    ended = subprocess.run([*command, *more], capture_output=True, text=True, timeout=120)

    assert (ended.returncode, ended.stderr) == (2, f"error: {SENTENCE}\n")
    assert json.loads(ended.stdout)["error"]["type"] == "TimedOut"
    assert SENTENCE.partition(".")[0] in Path("report.xml").read_text()


def test_a_check_in_time_ends_as_ever() -> None:
    ended = CliRunner().invoke(main, arguments("square", "--timeout", "60"))

    assert (ended.exit_code, ended.stderr) == (0, "")


def test_code_that_catches_everything_does_not_pass() -> None:
    ended = CliRunner().invoke(main, arguments("forgives", "--timeout", "0.5"))

    assert (ended.exit_code, ended.stdout, ended.stderr) == (2, "", f"error: {SENTENCE}\n")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e10", "soon"])
def test_a_time_that_is_none(seconds: str) -> None:
    ended = CliRunner().invoke(main, arguments("square", "--timeout", seconds))

    assert ended.exit_code == 2
    assert "Invalid value for '--timeout'" in ended.stderr


def test_each_check_of_a_suite_has_its_time() -> None:
    suite = """
        [defaults]
        args = {x = "normal:3"}
        [[check]]
        function = "hang.py:sleeps"
        timeout = 0.5
        [[check]]
        function = "hang.py:square"
    """
    Path("gradcheck.toml").write_text(suite, encoding="utf-8")

    ended = CliRunner().invoke(main, ["run", "--json", "--jobs", "1"])

    results = {one["name"]: one for one in json.loads(ended.stdout)["checks"]}
    assert ended.exit_code == 2
    assert results["sleeps"]["error"]["type"] == "TimedOut"
    assert results["square"]["verdict"] == "pass"
