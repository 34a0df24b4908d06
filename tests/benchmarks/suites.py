"""How long a suite takes with 1, 2 and 4 processes, and with as many workers of a Dask cluster.

`python -m tests.benchmarks.suites`: medians of 3 runs side by side, also as shares of one process.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable

from gradcheck.cli import jobs
from gradcheck.suite.cluster import Cluster
from gradcheck.suite.executor import Executor
from gradcheck.suite.job import Job
from gradcheck.suite.processes import Processes

RUNS = 3
SLOTS = (1, 2, 4)
LAYERS = {
    "Dense": ('{"units": 16, "activation": "gelu"}', "normal:8x12"),
    "Conv1D": ('{"filters": 6, "kernel_size": 3}', "normal:2x16x4"),
    "LayerNormalization": ("{}", "normal:8x16"),
    "GRU": ('{"units": 6}', "normal:2x6x4"),
    "MaxPooling1D": ("{}", "normal:2x16x4"),
}


def suite(folder: str) -> list[Job]:
    """Twenty checks of layers of Keras, of 0.1 s to 2 s each."""
    return [
        Job(f"{layer} {seed}", ("layer", layer, "--config", config, "--x", x, "--seed", str(seed)), folder)
        for seed in range(4)
        for layer, (config, x) in LAYERS.items()
    ]


def seconds(executor: Executor, checks: list[Job]) -> float:
    """Of the whole suite, start of the processes included."""
    began = time.perf_counter()
    found = list(executor.results(checks))
    assert len(found) == len(checks) and not any(result.exit_code for result in found)
    return time.perf_counter() - began


def on_dask(workers: int, checks: list[Job]) -> float:
    """With workers of one thread that have started."""
    from distributed import LocalCluster

    settings = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with LocalCluster(n_workers=workers, **settings) as cluster:
        return seconds(Cluster(jobs.run, cluster.scheduler_address), checks)


def main() -> None:
    """Print a line for each."""
    ways: dict[str, Callable[[int, list[Job]], float]] = {
        "processes": lambda slots, checks: seconds(Processes(jobs.run, slots), checks),
        "Dask workers": on_dask,
    }
    with tempfile.TemporaryDirectory() as folder:
        checks = suite(folder)
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(RUNS):
            for name, way in ways.items():
                for slots in SLOTS:
                    times.setdefault((name, slots), []).append(way(slots, checks))
    one = statistics.median(times["processes", 1])
    for (name, slots), found in times.items():
        middle = statistics.median(found)
        print(f"{slots} {name}: {middle:.1f} s, {middle / one:.2f} of one process", flush=True)


if __name__ == "__main__":
    main()
