"""What an array is, what its dtype can hold, and numbers that strict JSON can hold."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is a real floating one; bfloat16 is, though NumPy files it under 'void'."""
    return bool(np.issubdtype(dtype, np.floating)) or dtype.name == "bfloat16"


def eps_of(dtype: str) -> float:
    """Distance from 1 to the next number, by the name that NumPy and TensorFlow share."""
    # 2^-7 for bfloat16, which numpy.finfo does not know.
    return 2.0**-7 if dtype == "bfloat16" else float(np.finfo(dtype).eps)


def number_or_word(value: float) -> float | str:
    """A float that strict JSON can hold: one that is not finite as a word."""
    return float(value) if math.isfinite(value) else str(float(value))


def sizes(cotangent: Array) -> Array:
    """|r|, and where r is 0 the mean of |r|, for an upstream gradient of 0 must not make a tolerance 0."""
    if (cotangent > 0).all():
        return cotangent
    found = np.abs(cotangent)
    return found if found.all() else np.where(found == 0, found.mean(dtype=np.float64) or 1.0, found)
