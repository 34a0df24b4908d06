"""One large check by this process alone, and shared out to others: `python -m tests.benchmarks.shared`.

Medians of runs side by side, in seconds, from the point where the other processes are ready, and how much of
the work they did. Some seconds are lost besides while those start, in which this process works alone.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from gradcheck.arrays.types import Array
from gradcheck.checking import check_target
from gradcheck.function.primal import Primal
from gradcheck.runtime import load_tensorflow
from gradcheck.settings import Settings
from gradcheck.targets.spec import FunctionSpec
from tests.imports import forgotten
from tests.suite.process_seats import ProcessSeats
from tests.suite.shared import FILE, network
from tests.suite.test_sharing import wait

RUNS = 3
OTHERS = (0, 1, 2, 4)
CHECKS: dict[str, tuple[FunctionSpec, Settings]] = {
    "directions, 138,000 weights": (network("loss", 3000), Settings(method="directions")),  # type: ignore[arg-type]
    "elements, 2,940 weights": (network("loss", 50), Settings(method="elementwise")),  # type: ignore[arg-type]
}


class Ready(ProcessSeats):
    """Processes that are waited for."""

    since = 0.0

    def open(self, primal: Primal, base: Array) -> None:
        """Start them, and the clock when all are ready."""
        super().open(primal, base)
        wait(lambda: self.ready == self.count)
        self.since = time.perf_counter()


def seconds(spec: FunctionSpec, settings: Settings, others: int, folder: Path) -> tuple[float, int]:
    """How long a check takes with others that are ready, and how many pieces of work these did."""
    with forgotten(folder):
        target = spec.build().target
        shared = Ready(spec, None, others)
        try:
            check_target(target, settings, sharing=shared)
            return time.perf_counter() - shared.since, shared.done
        finally:
            shared.close()


def main() -> None:
    """Print a table."""
    load_tensorflow()
    folder = Path(tempfile.mkdtemp())
    os.chdir(folder)
    Path("shared_file.py").write_text(FILE)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, (spec, settings) in CHECKS.items():
        runs = [{others: seconds(spec, settings, others, folder) for others in OTHERS} for _ in range(RUNS)]
        for others in OTHERS:
            took, done = zip(*(run[others] for run in runs), strict=True)
            each = ", ".join(f"{one:.1f}" for one in took)
            print(f"{name}, {others} others: {statistics.median(took):.2f} s ({each}), {max(done)} pieces")


if __name__ == "__main__":
    main()
