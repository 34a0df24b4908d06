"""The option --full, and in how many processes the tests are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = """
import os
import pytest

def test_always():
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"

@pytest.mark.full
def test_in_full():
    pass

@pytest.mark.parametrize("n", [1, *(pytest.param(n, marks=pytest.mark.full) for n in (2, 3))])
def test_partly(n):
    pass
"""


def run(folder: Path, *options: str) -> str:
    """What pytest says of these tests, under this project's conftest and settings."""
    (folder / "test_some.py").write_text(TESTS, encoding="utf-8")
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        *settings,
        "-o",
        "testpaths=.",
        *options,
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "TF_NUM"))}
    done = subprocess.run(
        command, cwd=folder, env=kept | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_tests_marked_full_are_deselected_not_skipped(tmp_path: Path) -> None:
    said = run(tmp_path, "--collect-only", "-q")

    assert re.search(r"2/5 tests collected \(3 deselected\)", said)
    assert "test_in_full" not in said


def test_the_option_full_runs_all(tmp_path: Path) -> None:
    assert re.search(r"\b5 passed in", run(tmp_path, "--full", "-n", "0"))


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        pytest.param([], True, id="whole"),
        pytest.param(["-n", "0"], False, id="one process", marks=pytest.mark.full),
        pytest.param(["-p", "no:xdist"], False, id="without the plugin", marks=pytest.mark.full),
        pytest.param(["test_some.py"], False, id="a file"),
    ],
)
def test_a_whole_run_has_two_workers(options: list[str], workers: bool, tmp_path: Path) -> None:
    said = run(tmp_path, *options)

    assert ("2 workers [2 items]" in said) is workers
    assert re.search(r"\b2 passed\b", said)
