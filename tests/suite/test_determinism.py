"""The same inputs and seed give the same report, byte for byte but for seconds."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import check
from tests.suite.shared import FILE, elementwise, network, report

SUITE = """
[defaults]
seed = 5

[[check]]
function = "shared_file.py:loss"
args = {x = "normal:16x20", w = "normal:20x12", b = "normal:12", v = "normal:12x5"}

[[check]]
name = "wrong"
function = "shared_file.py:wrong"
args = {x = "normal:16x20", w = "normal:20x12", b = "normal:12", v = "normal:12x5"}
method = "directions"

[[check]]
layer = "maxpool1d"
x = "[[[1.0],[1.0],[2.0]]]"
"""
TIMES = 20
WAYS = (("--jobs", "1"), ("--jobs", "4"))
THREADS = ("1", "2")


def without_seconds(value: Any) -> Any:
    """JSON without how long anything took."""
    if isinstance(value, dict):
        return {key: without_seconds(part) for key, part in value.items() if key != "seconds"}
    return [without_seconds(part) for part in value] if isinstance(value, list) else value


def run(folder: Path, threads: str, *arguments: str) -> dict[str, Any]:
    """The JSON of a command in a process of its own, without seconds."""
    environment = os.environ | {
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = (sys.executable, "-m", "gradcheck", *arguments, "--format", "json")
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode in (0, 1), ended.stderr
    found: dict[str, Any] = without_seconds(json.loads(ended.stdout))
    return found


def test_a_check_between_others_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = network("wrong", 3)

    first = report(wrong, tmp_path)
    report(elementwise(30), tmp_path, seed=8)
    tf.random.set_seed(9)

    assert report(wrong, tmp_path) == first
    assert report(wrong, tmp_path, seed=8) != first  # what differs would show


def maximum(x: Any) -> Any:
    return tf.reduce_max(tf.nn.relu(x) * tf.sin(x), axis=-1)


def network_loss(x: Any, w: Any) -> Any:
    return tf.reduce_sum(tf.nn.softplus(x @ w) ** 2)


@pytest.mark.parametrize(
    ("function", "arrays"),
    [
        (maximum, {"x": np.array([[0.0, 1.0, 1.0], [-1.0, 0.5, 0.25]])}),
        (network_loss, {"x": 2 * np.eye(6, 20) - 1, "w": np.cos(np.arange(100.0)).reshape(20, 5)}),
    ],
)
def test_the_report_is_the_same_in_a_graph(function: Any, arrays: Any) -> None:
    eager, graph = (
        without_seconds(check(one, arrays).to_dict()) for one in (function, tf.function(function))
    )

    assert json.dumps(graph) == json.dumps(eager)


@pytest.fixture
def address() -> Iterator[str]:
    """Of a Dask cluster of two workers on this machine."""
    distributed = pytest.importorskip("distributed", reason="gradcheck[dask] is not installed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.mark.full
def test_twenty_runs_of_a_suite(tmp_path: Path, address: str) -> None:
    """One or two threads, one or four jobs, on Dask, and each check alone."""
    (tmp_path / "shared_file.py").write_text(FILE)
    (tmp_path / "gradcheck.toml").write_text(SUITE)
    ways = [(threads, *way) for threads in THREADS for way in (*WAYS, ("--dask", address))]

    first, *others = (run(tmp_path, way[0], "run", *way[1:]) for way in islice(cycle(ways), TIMES))

    assert first["counts"]["fail"] == 1
    for other in others:
        assert json.dumps(other) == json.dumps(first)
    for one in first["checks"]:
        assert _alone(tmp_path, one["command"]) == json.dumps(one["report"])


def _alone(folder: Path, command: str) -> str:
    return json.dumps(run(folder, "2", *shlex.split(command)[1:]))
