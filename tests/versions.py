"""Test gradcheck with the oldest and the newest packages it allows: python -m tests.versions [3.11 3.12 3.13]

For each version of Python an environment with exactly the lower bounds of pyproject.toml, of the extras too,
or the oldest release beyond them that has a wheel for that Python, and one with the newest releases. Each is
made in a temporary folder, runs the demo and the tests of FOLDERS, and gets one line. The exit code is 1 if
one of them failed. It needs the package `uv`, and the interpreters on PATH; some five minutes each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
AGES = {"oldest": "lowest-direct", "newest": "highest"}
"""What uv calls them."""
FOLDERS = (
    *("tests/inputs", "tests/verdicts", "tests/targets", "tests/function", "tests/render", "tests/cli"),
    "tests/test_plugin.py",
)
"""What meets the four dependencies, arrays of NumPy, TensorFlow and Keras, rich, click, and pytest."""
PATIENCE = 1800
"""Seconds after which a command is given up."""
SHOWN = ("tensorflow", "keras", "numpy", "click", "rich")


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """What a command prints; raises `CalledProcessError` or `TimeoutExpired`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        command, cwd=folder, env=environment, timeout=PATIENCE, check=True, capture_output=True, text=True
    )
    return ended.stdout


def tested(python: str, age: str, folder: Path, chosen: list[str]) -> str:
    """Make one environment and use it; its versions, and the last line of its tests."""
    uv = (sys.executable, "-m", "uv", "--quiet")
    here = folder / f"{python}-{age}"
    own = here / "bin" / "python"
    run(*uv, "venv", "--python", python, here)
    # Compiled, as pip leaves them: the tests start many a process, and some of them time it.
    wheels = ("--python", own, "--compile-bytecode", "--only-binary", ":all:", "--resolution", AGES[age])
    run(*uv, "pip", "install", *wheels, "--requirements", "pyproject.toml", "--extra", "test")
    run(*uv, "pip", "install", "--python", own, "--no-deps", ".")
    run(here / "bin" / "gradcheck", "demo", folder=folder)
    said = run(own, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", *chosen)
    listed = f"import importlib.metadata as m; print(*(f'{{n}} {{m.version(n)}}' for n in {SHOWN}), sep=', ')"
    return f"{run(own, '-c', listed).strip()}: {said.strip().splitlines()[-1].strip('= ')}"


def main() -> int:
    """One line for each environment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pythons", nargs="*", default=PYTHONS, help="3.11, say (default: all)")
    parser.add_argument("--age", choices=AGES, help="only these packages")
    parser.add_argument("--tests", nargs="+", default=FOLDERS, help="other tests")
    given = parser.parse_args()
    failed = 0
    for python in given.pythons:
        for age in [given.age] if given.age else AGES:
            began = time.monotonic()
            try:
                with tempfile.TemporaryDirectory(prefix="gradcheck-versions-") as folder:
                    line = tested(python, age, Path(folder), given.tests)
            except subprocess.SubprocessError as error:
                failed += 1
                said = (getattr(error, "stdout", "") or "") + (getattr(error, "stderr", "") or "")
                line = f"FAILED: {error}\n{said[-20_000:]}"
            print(f"Python {python}, {age}: {line} ({time.monotonic() - began:.0f} s)", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
