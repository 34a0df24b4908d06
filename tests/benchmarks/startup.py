"""Time of whole processes, from start to exit, side by side: `python -m tests.benchmarks.startup [repeats]`.

The bar: `gradcheck --help` in less than 0.3 s, and a check of a 2×2 dense layer from .npy files in at most
1.2 times what `import tensorflow` alone takes. Repeats are interleaved, so that a busy machine slows all
commands alike, and a ratio is the median over the repeats of the ratios within one.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

REPEATS = 7
HELP_BAR, RATIO_BAR = 0.3, 1.2
GRADCHECK = [sys.executable, "-m", "gradcheck"]
COMMANDS = {
    'python -c ""': [sys.executable, "-c", ""],
    'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
    'python -c "import tensorflow"': [sys.executable, "-c", "import tensorflow"],
    "gradcheck --help": [*GRADCHECK, "--help"],
    "gradcheck --version": [*GRADCHECK, "--version"],
    "gradcheck dense --x x.npy --w w.npy": [*GRADCHECK, "dense", "--x", "x.npy", "--w", "w.npy"],
    "gradcheck dense … --activation tanh": [
        *GRADCHECK,
        "dense",
        "--x",
        "x.npy",
        "--w",
        "w.npy",
        "--activation",
        "tanh",
    ],
}
BASE, HELP, EXAMPLE = (
    'python -c "import tensorflow"',
    "gradcheck --help",
    "gradcheck dense --x x.npy --w w.npy",
)


@dataclass
class Times:
    """Seconds of one command, a number for every repeat."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def measure(command: list[str], folder: Path, times: Times) -> None:
    """Run once; a command that fails measures nothing."""
    root = Path(__file__).parent.parent.parent
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, check=True
    )
    times.wall.append(time.perf_counter() - started)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    times.processor.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def ratio(of: list[float], to: list[float]) -> float:
    """Median of the ratios within a repeat."""
    return statistics.median(a / b for a, b in zip(of, to, strict=True))


def main(repeats: int) -> int:
    """Print the table; the exit code says whether the bar is met."""
    times = {name: Times() for name in COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "x.npy", np.array([[0.1, 0.1], [0.2, 0.2]], np.float32))
        np.save(folder / "w.npy", np.array([[2], [3]], np.float32))
        for command in COMMANDS.values():  # once for the caches of the file system, unmeasured
            measure(command, folder, Times())
        for _ in range(repeats):
            for label, command in COMMANDS.items():
                measure(command, folder, times[label])
    print(f"median of {repeats} interleaved runs, {os.cpu_count()} processors\n")
    print(f"{'':40}{'wall':>8}{'CPU':>9}{'wall ÷ import':>16}{'CPU ÷ import':>15}")
    base = times[BASE]
    for label, found in times.items():
        wall, processor = statistics.median(found.wall), statistics.median(found.processor)
        ratios = ratio(found.wall, base.wall), ratio(found.processor, base.processor)
        print(f"{label:40}{wall:6.2f} s{processor:7.2f} s{ratios[0]:16.2f}{ratios[1]:15.2f}")
    quick = statistics.median(times[HELP].wall)
    share = ratio(times[EXAMPLE].wall, base.wall)
    met = quick < HELP_BAR and share <= RATIO_BAR
    print(f"\n{HELP}: {quick:.2f} s (bar {HELP_BAR}); example ÷ import: {share:.2f} (bar {RATIO_BAR})")
    print("met" if met else "NOT met")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS))
