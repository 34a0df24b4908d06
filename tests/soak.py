"""Check random functions in one process and watch its memory: python -m tests.soak --checks 1000 --seed 0

Operations of TensorFlow at random points and dtypes, some wrong on purpose, and Keras layers of any shape.
Memory is what is resident after a garbage collection and after the C library has given back what it holds.
TensorFlow keeps a kernel for each name of a variable, 35 kB, and Keras gives each a new name; so what makes
many layers calls `keras.utils.clear_session` (https://keras.io/api/utils/config_utils/), as is done here.
oneDNN is off: it keeps the last 1,024 primitives, one a shape of a convolution; 1,000 checks fill less.
The exit code is 1 if a verdict was wrong, or if memory grew by more than GROWTH after the first checks.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np

from gradcheck import Report, Verdict, check
from tests.corpus.case import distorted, scaled
from tests.operations import OPERATIONS

GROWTH = 0.05
"""Of the memory after the first checks."""
LEAKING = ("py_function",)
"""TensorFlow 2.21 keeps each call of `tf.py_function` for ever: 1.7 MB a check."""
FIRST = 100
"""Checks that also pay for kernels, which TensorFlow makes at the first use and keeps."""
MISTAKE = 1.01
Drawn = tuple[str, Verdict, Callable[[], Report]]


def resident() -> float:
    """Memory of this process in MiB, without what is garbage."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def layers(rng: np.random.Generator) -> tuple[Any, tuple[int, ...]]:
    """A Keras layer, and the shape of an input for it."""
    batch, steps, size, units = (int(number) for number in rng.integers(2, 5, 4))
    made: list[tuple[Callable[[], Any], tuple[int, ...]]] = [
        (lambda: keras.layers.Dense(units, "tanh"), (batch, size)),
        (lambda: keras.layers.Conv1D(units, 2), (batch, steps, size)),
        (lambda: keras.layers.AveragePooling1D(2), (batch, steps, size)),
        (lambda: keras.layers.LayerNormalization(), (batch, size)),
        (lambda: keras.layers.SimpleRNN(units), (batch, steps, size)),
    ]
    make, shape = made[rng.integers(len(made))]
    return make(), shape


def drawn(seed: int) -> Iterator[Drawn]:
    """Endless checks: what is checked, the right verdict, and the check."""
    rng, order = np.random.default_rng(seed), random.Random(seed)
    usable = [one for one in OPERATIONS if one.name not in LEAKING and not one.coarse]
    while True:
        for operation in order.sample(usable, len(usable)):
            dtype = operation.dtypes[int(rng.integers(len(operation.dtypes)))]
            arrays = {name: a.astype(dtype) for name, a in operation.inputs(int(rng.integers(2**20))).items()}
            wrong = len(arrays) == 1 and operation in WRONG and bool(rng.integers(2))
            function = distorted(operation.function, scaled(MISTAKE)) if wrong else operation.function
            verdict = Verdict.FAIL if wrong else Verdict.PASS
            yield f"{operation.name} {dtype}", verdict, lambda f=function, a=arrays: check(f, a)  # type: ignore[misc]
            layer, shape = layers(rng)
            x = rng.standard_normal(shape).astype(np.float32)
            yield f"{layer.name} {shape}", Verdict.PASS, lambda f=layer, a=x: check(f, {"x": a})  # type: ignore[misc]


WRONG = tuple(
    one
    for one in OPERATIONS
    if one.name in ("tanh", "exp", "sin", "softplus", "sigmoid", "erf", "reduce_sum", "logsumexp", "softmax")
)
"""Operations of one input whose gradient is nowhere 0, so that a factor shows."""


def soak(checks: int, seed: int, first: int = FIRST, every: int = 100) -> tuple[int, float]:
    """Wrong verdicts, and how much memory grew after the first checks, as a share."""
    wrong, base, now, began = 0, 0.0, 0.0, time.monotonic()
    for number, (name, verdict, run) in zip(range(1, checks + 1), drawn(seed), strict=False):
        report = run()
        if report.verdict is not verdict:
            wrong += 1
            print(f"{name}: {report.verdict.value} instead of {verdict.value}\n{report}")
        del report
        keras.utils.clear_session(free_memory=False)
        if number in (first, checks) or number % every == 0:
            now = resident()
            base = now if number <= first else base
            print(f"{number} checks, {now:.0f} MiB, {time.monotonic() - began:.0f} s", flush=True)
    return wrong, now / base - 1


def main() -> int:
    """Draw checks, and say what memory and verdicts were."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    wrong, grown = soak(given.checks, given.seed)
    print(f"{wrong} wrong verdicts; memory grew by {grown:.1%} after the first {FIRST} checks")
    return int(wrong > 0 or not grown <= GROWTH)


if __name__ == "__main__":
    sys.exit(main())
