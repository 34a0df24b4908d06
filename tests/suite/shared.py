"""Functions of a file, at points drawn at random, and their reports as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gradcheck.checking import check_target
from gradcheck.function.sharing import Sharing
from gradcheck.settings import Settings
from gradcheck.targets.spec import FunctionSpec
from tests.imports import forgotten

FILE = """
import numpy as np
import tensorflow as tf

LABELS = np.arange(16) % 5


def loss(x, w, b, v):
    logits = tf.nn.relu(x @ w + b) @ v
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=logits))


@tf.custom_gradient
def _off(x, w, b, v):
    with tf.GradientTape() as tape:
        tape.watch([x, w, b, v])
        found = loss(x, w, b, v)
    gradients = tape.gradient(found, [x, w, b, v])
    one = tf.reshape(tf.one_hot(7, tf.size(w), dtype=w.dtype), w.shape)
    gradients[1] += 0.1 * tf.reduce_max(tf.abs(gradients[1])) * one
    return found, lambda upstream: [upstream * gradient for gradient in gradients]


def wrong(x, w, b, v):
    return _off(x, w, b, v)


def opaque(x):
    return tf.sin(x) * x


def convolution(x, k):
    return tf.sin(tf.nn.conv2d(x, k, 1, "SAME"))
"""


def network(name: str, hidden: int) -> FunctionSpec:
    """A loss of a network of 40 inputs, by its inputs and 46 · hidden weights; biases are 0, which puts none
    at a corner."""
    random = np.random.default_rng(5)
    tensors = {
        "x": random.standard_normal((16, 40)),
        "w": random.standard_normal((40, hidden)) / 6,
        "b": np.zeros(hidden),
        "v": random.standard_normal((hidden, 5)) / 8,
    }
    return FunctionSpec(function=f"shared_file.py:{name}", tensors=tensors)


def elementwise(size: int) -> FunctionSpec:
    """A function of each element of a vector."""
    x = np.random.default_rng(6).standard_normal(size)
    return FunctionSpec(function="shared_file.py:opaque", tensors={"x": x})


def convolution() -> FunctionSpec:
    """A convolution of images with kernels, the elements of which are moved in groups."""
    random = np.random.default_rng(7)
    tensors = {"x": random.standard_normal((4, 12, 12, 6)), "k": random.standard_normal((3, 3, 6, 8))}
    return FunctionSpec(function="shared_file.py:convolution", tensors=tensors)


def report(spec: FunctionSpec, folder: Path, sharing: Sharing | None = None, **settings: object) -> str:
    """The JSON of a check but for seconds; the file is in `folder`, the working directory."""
    (folder / "shared_file.py").write_text(FILE)
    with forgotten(folder):
        target = spec.build().target
        found = check_target(target, Settings(**settings), sharing=sharing).to_dict()  # type: ignore[arg-type]
    del found["seconds"]
    return json.dumps(found)
