"""Memory over many checks in one process, which `python -m tests.soak` watches for longer."""

import os
import subprocess
import sys

import pytest


@pytest.mark.full
def test_memory_is_flat_and_verdicts_are_right() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = (sys.executable, "-m", "tests.soak", "--checks", "300", "--seed", "4")

    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.startswith("100 checks,")
    assert "0 wrong verdicts" in ended.stdout
