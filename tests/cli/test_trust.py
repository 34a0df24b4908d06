"""What gradcheck does on a machine besides its work: nothing. An audit hook of Python sees it.

What TensorFlow and Keras do when they are imported is before the hook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

WATCHED = """
import json
import os
import sys

import keras
import tensorflow

from gradcheck.cli import main

NAMED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.", "http.")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
seen = []


def hook(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
        seen.append([event, str(arguments[0])])
    elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink"):
        seen.append([event, *map(str, arguments[:1])])
    elif event.startswith(NAMED):
        seen.append([event, *map(str, arguments)])


sys.addaudithook(hook)
codes = []
for command in json.loads(sys.argv[1]):
    try:
        main(command, prog_name="gradcheck")
    except SystemExit as ended:
        codes.append(ended.code)
print(json.dumps([codes, seen]), file=sys.__stderr__)
"""

OPS = """
import tensorflow as tf


@tf.function
def f(x):
    return x if tf.reduce_sum(x) > 99 else x * x
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With all that is checked."""
    np.save(tmp_path / "x.npy", np.linspace(-1, 1, 12).reshape(4, 3))
    np.save(tmp_path / "w.npy", np.linspace(-1, 2, 6).reshape(3, 2))
    (tmp_path / "ops.py").write_text(OPS, encoding="utf-8")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "model.keras")
    (tmp_path / "watched.py").write_text(WATCHED, encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    return tmp_path


def test_a_check_writes_what_is_named_and_speaks_to_nobody(folder: Path) -> None:
    commands = [
        ["dense", "--x", "x.npy", "--w", "w.npy", "--output", "json=report.json"],
        ["function", "ops.py:f", "--arg", "x=x.npy", "--execution", "graph", "--html", "page.html"],
        ["layer", "LayerNormalization", "--x", "x.npy"],
        ["model", "model.keras", "--x", "x.npy", "--save", "arrays.npz"],
        ["explain", "kink"],
    ]
    ended = subprocess.run(
        [sys.executable, "watched.py", json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    codes, seen = json.loads(ended.stderr.splitlines()[-1])

    assert codes == [0, 0, 0, 0, 0], ended.stderr
    assert not [event for event in seen if event[0].partition(".")[0] not in ("open", "os")]
    assert {folder / "report.json", folder / "page.html", folder / "arrays.npz"} == touched(seen, folder)
    made = {"report.json", "page.html", "arrays.npz"}
    assert {path.name for path in folder.iterdir()} - made - {"__pycache__"} == {
        *("x.npy", "w.npy", "ops.py", "model.keras", "watched.py", "tmp"),
    }
    assert not list((folder / "tmp").iterdir())


def touched(seen: list[list[str]], folder: Path) -> set[Path]:
    """Files that were opened to write, removed and so on, but for streams and temporary ones."""
    found = {folder / path for _, path, *_ in seen if not path.isdecimal() and path != os.devnull}
    own = {path for path in found if path.name.startswith(".gradcheck-") or path.parent.name == "__pycache__"}
    return {path for path in found - own if not path.is_relative_to(folder / "tmp")}
