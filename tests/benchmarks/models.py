"""Saved models with a loss, whole processes: `python -m tests.benchmarks.models [--repeats 3] [--only TEXT]`.

Each model is built and saved once; then `gradcheck model FILE --loss …` runs from start to exit, imports
included. Peak memory is that of the process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CHILD = """
import json, resource, sys
from gradcheck.cli import main
try:
    main(sys.argv[1:])
finally:
    print("\\n" + json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), file=sys.stderr)
"""
SAMPLES = 8


def convolutional(keras: Any) -> Any:
    """9,802 weights: two convolutions with max pooling between, and two dense layers."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def transformer(keras: Any) -> Any:
    """1.2 M weights: a block of attention and two dense layers, with layer normalisation."""
    layers, width = keras.layers, 320
    tokens = keras.Input((16, width))
    attended = layers.MultiHeadAttention(8, width // 8)(tokens, tokens)
    hidden = layers.LayerNormalization()(tokens + attended)
    wide = layers.Dense(4 * width, activation="gelu")(hidden)
    hidden = layers.LayerNormalization()(hidden + layers.Dense(width)(wide))
    pooled = layers.GlobalAveragePooling1D()(hidden)
    return keras.Model(tokens, layers.Dense(10, activation="softmax")(pooled))


MODELS: dict[str, Callable[[Any], Any]] = {"convolutional": convolutional, "transformer": transformer}


def save(name: str, folder: Path) -> None:
    """The model, its inputs and labels."""
    import keras

    keras.utils.set_random_seed(0)
    model, random = MODELS[name](keras), np.random.default_rng(0)
    model.save(folder / f"{name}.keras")
    np.save(folder / f"{name}.x.npy", random.standard_normal((SAMPLES, *model.input_shape[1:]), np.float32))
    labels = np.eye(10, dtype=np.float32)[random.integers(0, 10, SAMPLES)]
    np.save(folder / f"{name}.y.npy", labels)
    print(f"{name}: {model.count_params():,} weights", file=sys.stderr)


def run(name: str, folder: Path) -> dict[str, Any]:
    """Seconds, evaluations, verdict, coverage and peak memory of one process."""
    files = [f"{name}.keras", "--x", f"{name}.x.npy", "--y", f"{name}.y.npy"]
    command = ["model", *files, "--loss", "categorical_crossentropy", "--format", "json"]
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", CHILD, *command], cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    report = json.loads(done.stdout)
    return {
        "seconds": seconds,
        "evaluations": report["evaluations"],
        "verdict": report["verdict"],
        "coverage": min(variable["coverage"] for variable in report["variables"]),
        "peak": float(done.stderr.strip().splitlines()[-1]),
    }


def main() -> None:
    """Measure and print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="measure only the models that hold this text")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            if arguments.only in name:
                save(name, Path(folder))
                runs = [run(name, Path(folder)) for _ in range(arguments.repeats)]
                seconds, peak = (statistics.median(one[what] for one in runs) for what in ("seconds", "peak"))
                said = (
                    f"{runs[0]['evaluations']:,} evaluations, {runs[0]['verdict']}, {runs[0]['coverage']:.0%}"
                )
                print(f"{name}: {seconds:.3g} s, {said}, {peak:,.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
