"""Forward mode: J u by tf.autodiff.ForwardAccumulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.function.primal import Primal


def jvp(primal: Primal, values: Sequence[Any], number: int, direction: Any) -> Array | None:
    """J u at `values` for a direction of variable `number`, [outputs] float64; None where there is none."""
    with tf.autodiff.ForwardAccumulator(values[number], direction) as accumulator:
        outputs = primal(values)
    found = accumulator.jvp(outputs)
    return None if found is None else np.asarray(tf.cast(found, tf.float64).numpy())
