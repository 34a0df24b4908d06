"""Speed and memory side by side: `python -m tests.benchmarks.speed [--repeats 3] [--only TEXT]`.

Every run is a process of its own, in turns, and reports seconds and peak memory. For gradcheck that is
the second check in its process, beside it the first, which also pays for TensorFlow's warming up; a peer is
timed on its first. Peers are `tf.test.compute_gradient` and, where torch is installed,
`torch.autograd.gradcheck`, slow and fast.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
PATIENCE = 900
"""Seconds after which a run is given up."""


@dataclass(frozen=True)
class Work:
    """One row of the table."""

    name: str
    inputs: dict[str, tuple[int, ...]]
    function: str
    """Name of a function in `tensorflow_functions` and, for peers, in `torch_functions`."""
    peers: tuple[str, ...] = ()
    method: str = "auto"


def weights(*sizes: int) -> dict[str, tuple[int, ...]]:
    """The weights of a perceptron"""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (rows, columns) in enumerate(pairwise(sizes)):
        shapes |= {f"w{number}": (rows, columns), f"b{number}": (columns,)}
    return shapes


ALL = ("tf", "torch slow")
POOL = ("tf", "torch slow", "torch fast")
WORK = (
    Work("max_pool1d, 16,384 elements", {"x": (4, 512, 8)}, "pool", POOL),
    Work("dense 8×64 · 64×64", {"x": (8, 64), "w": (64, 64)}, "dense", ("tf",)),
    Work("max_pool1d, 0.42 M elements", {"x": (64, 102, 64)}, "pool"),
    Work("max_pool1d, 4.2 M elements", {"x": (64, 1024, 64)}, "pool", ("torch fast",)),
    Work("max_pool1d, 42 M elements", {"x": (640, 1024, 64)}, "pool"),
    Work("gelu, 1 M elements", {"x": (1024, 1024)}, "gelu"),
    Work("layer normalisation, 1 M elements", {"x": (1024, 1024)}, "norm"),
    Work("dense 8×1024 · 1024×1024", {"x": (8, 1024), "w": (1024, 1024)}, "dense"),
    Work("opaque, 4,096 elements", {"x": (4096,)}, "opaque", ("tf",)),
    Work("perceptron, 17,802 weights", weights(128, 128, 10), "perceptron", ALL),
    Work("perceptron, 662,026 weights", weights(256, 512, 512, 512, 10), "perceptron"),
    Work(
        "perceptron, 4,938 weights, elementwise",
        weights(32, 64, 32, 18, 10),
        "perceptron",
        ALL,
        "elementwise",
    ),
    Work("GRU of 16 units, 4×20×8", {"x": (4, 20, 8)}, "GRU"),
    Work("LSTM of 16 units, 4×20×8", {"x": (4, 20, 8)}, "LSTM"),
    Work("foldl over 60 steps, 4×4", {"x": (60, 2, 4)}, "foldl"),
    Work("CTC loss, 48 logits in float32", {"x": (2, 6, 4)}, "ctc"),
)


def tensorflow_functions(name: str) -> Callable[..., Any]:
    """The functions of the table in TensorFlow."""
    import tensorflow as tf

    size = 4096 if name == "opaque" else 1
    mixing = tf.constant(np.random.default_rng(0).standard_normal((size, size)) / 64)

    def norm(x: Any) -> Any:
        centred = x - tf.reduce_mean(x, -1, keepdims=True)
        return centred * tf.math.rsqrt(tf.reduce_mean(centred**2, -1, keepdims=True) + 1e-3)

    functions: dict[str, Callable[..., Any]] = {
        "pool": lambda x: tf.nn.max_pool1d(x, 3, 1, "VALID"),
        "dense": lambda x, w: tf.matmul(x, w),
        "gelu": lambda x: tf.nn.gelu(x),
        "norm": norm,
        "opaque": lambda x: tf.tanh(tf.linalg.matvec(mixing, x)),
        "perceptron": perceptron(
            lambda a, b: tf.nn.relu(a) if b else a,
            lambda logits, labels: tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            ),
            tf.constant,
        ),
        "foldl": lambda x: tf.foldl(
            lambda state, step: tf.tanh(state @ tf.constant(RECURRENT) + step), x, tf.zeros((2, 4), x.dtype)
        ),
        "ctc": lambda x: tf.nn.ctc_loss(
            np.array([[1, 2], [2, 1]]), x, [2, 2], [6, 6], logits_time_major=False, blank_index=0
        ),
    }
    if name in ("GRU", "LSTM"):
        import keras

        return getattr(keras.layers, name)(16)  # type: ignore[no-any-return]
    return functions[name]


RECURRENT = np.random.default_rng(0).standard_normal((4, 4)) / 2
SAMPLES = 64


def perceptron(
    activation: Callable[[Any, bool], Any], loss: Callable[[Any, Any], Any], constant: Callable[[Any], Any]
) -> Callable[..., Any]:
    """The cross-entropy of a perceptron on 64 samples by its weights"""

    def function(*values: Any) -> Any:
        random = np.random.default_rng(0)
        hidden = constant(random.standard_normal((SAMPLES, values[0].shape[0])))
        labels = constant(random.integers(0, int(values[-1].shape[0]), SAMPLES))
        for number in range(0, len(values), 2):
            hidden = activation(hidden @ values[number] + values[number + 1], number + 2 < len(values))
        return loss(hidden, labels)

    return function


def torch_functions() -> dict[str, Callable[..., Any]]:
    """The functions that torch is asked for."""
    import torch

    return {
        "pool": lambda x: torch.nn.functional.max_pool1d(x.transpose(1, 2), 3, 1).transpose(1, 2),
        "perceptron": perceptron(
            lambda a, b: torch.relu(a) if b else a, torch.nn.functional.cross_entropy, torch.tensor
        ),
    }


def draw(work: Work) -> dict[str, Array]:
    """Standard normal inputs; weights of a perceptron in the scale of He's initialisation."""
    generator = np.random.default_rng(1)
    dtype = np.float32 if work.function in ("ctc", "GRU", "LSTM") else np.float64
    scale = {name: np.sqrt(2 / shape[0]) if name[0] == "w" else 1.0 for name, shape in work.inputs.items()}
    if work.function != "perceptron":
        scale = dict.fromkeys(scale, 1.0)
    found = {name: generator.standard_normal(shape) * scale[name] for name, shape in work.inputs.items()}
    return {name: array.astype(dtype) for name, array in found.items()}


# One run, in a process of its own.


def run_gradcheck(work: Work) -> dict[str, Any]:
    """Seconds, evaluations, the time of one forward pass, and whether every element was looked at."""
    import gradcheck

    inputs = draw(work)
    from gradcheck.runtime import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    function = tensorflow_functions(work.function)
    times, evaluations = [], 0
    for _ in range(2):
        started = time.perf_counter()
        report = gradcheck.check(function, inputs, method=work.method)
        times.append(time.perf_counter() - started)
        assert report.passed and all(variable.coverage == 1 for variable in report.variables), str(report)
        evaluations = report.evaluations
        del report  # its arrays are no part of the next check
    tensors = [tf.constant(array) for array in inputs.values()]
    forward = min(_timed(lambda: function(*tensors)) for _ in range(5))
    return {
        "seconds": times[1],
        "first": times[0],
        "evaluations": evaluations,
        "forward": forward,
    }


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call().numpy()
    return time.perf_counter() - started


def run_tf(work: Work) -> dict[str, Any]:
    """Seconds of `tf.test.compute_gradient`."""
    import tensorflow as tf

    function = tensorflow_functions(work.function)
    inputs = [tf.constant(array) for array in draw(work).values()]
    started = time.perf_counter()
    tf.test.compute_gradient(function, inputs)
    return {"seconds": time.perf_counter() - started}


def run_torch(work: Work, fast: bool) -> dict[str, Any]:
    """Seconds of `torch.autograd.gradcheck`."""
    import torch

    function = torch_functions()[work.function]
    inputs = tuple(torch.tensor(array, requires_grad=True) for array in draw(work).values())
    started = time.perf_counter()
    torch.autograd.gradcheck(function, inputs, fast_mode=fast, raise_exception=False)
    return {"seconds": time.perf_counter() - started}


def run_import(work: Work) -> dict[str, Any]:
    """Nothing but the import, for its memory."""
    started = time.perf_counter()
    import tensorflow  # noqa: F401 (imported for what it costs)

    return {"seconds": time.perf_counter() - started}


RUNS: dict[str, Callable[[Work], dict[str, Any]]] = {
    "gradcheck": run_gradcheck,
    "tf": run_tf,
    "torch slow": lambda work: run_torch(work, fast=False),
    "torch fast": lambda work: run_torch(work, fast=True),
    "import": run_import,
}


def child(checker: str, name: str) -> None:
    """Run once and print what was found as JSON."""
    work = next(work for work in WORK if work.name == name)
    found = RUNS[checker](work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("\n" + json.dumps(found | {"peak": peak}))


# All runs, in turns.


def measure(checker: str, work: Work) -> dict[str, float] | None:
    """One run; None where it takes too long or does not end well."""
    command = [sys.executable, "-m", "tests.benchmarks.speed", "--child", checker, work.name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        print(f"{checker}, {work.name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def table(repeats: int, only: str) -> list[list[str]]:
    """A row for each work, with medians and ratios."""
    bare = statistics.median(run["peak"] for _ in range(repeats) if (run := measure("import", WORK[0])))
    rows = []
    for work in WORK:
        if only not in work.name:
            continue
        peers = [p for p in work.peers if p == "tf" or importlib.util.find_spec("torch")]
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in ("gradcheck", *peers)}
        for turn in range(repeats):
            for name, found in runs.items():
                # A full check by a peer takes most of the time, and is many times slower anyway.
                if turn == 0 or name in ("gradcheck", "torch fast"):
                    run = measure(name, work)
                    found += [run] if run else []
        rows.append(row(work, runs, bare))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def row(work: Work, runs: dict[str, list[dict[str, float]]], bare: float) -> list[str]:
    """The cells of one work."""
    ours = runs["gradcheck"]
    if not ours:
        return [work.name, "failed", "", "", "", ""]
    seconds = statistics.median(run["seconds"] for run in ours)
    peak = statistics.median(run["peak"] for run in ours)
    limit = statistics.median(run["evaluations"] * run["forward"] for run in ours)
    peers = []
    for name, found in runs.items():
        if name != "gradcheck":
            theirs = statistics.median(run["seconds"] for run in found) if found else float("nan")
            memory = max((run["peak"] for run in found), default=float("nan"))
            peers.append(f"{name}: {theirs:.3g} s, {theirs / seconds:.3g} ×, {memory:,.0f} MiB")
    return [
        work.name,
        f"{seconds:.3g} s (first {statistics.median(run['first'] for run in ours):.3g} s)",
        f"{ours[0]['evaluations']:,.0f}",
        f"{peak:,.0f} MiB ({peak / bare:.2f} × import)",
        f"{seconds / limit:.3g}",
        "; ".join(peers),
    ]


def main() -> None:
    """Parse the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="measure only the rows that hold this text")
    parser.add_argument("--markdown", action="store_true", help="print the table for the README")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    head = ["work", "time", "evaluations", "peak memory", "time ÷ (evaluations × forward)", "peers"]
    rows = [head, *table(arguments.repeats, arguments.only)]
    if arguments.markdown:
        rows.insert(1, ["---"] * len(head))
    for cells in rows:
        print("| " + " | ".join(cells) + " |" if arguments.markdown else " · ".join(cells))


if __name__ == "__main__":
    main()
