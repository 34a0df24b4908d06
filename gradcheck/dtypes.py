"""What a dtype can hold, by the name that NumPy and TensorFlow share."""

from __future__ import annotations

import numpy as np


def eps_of(dtype: str) -> float:
    """Distance from 1 to the next number."""
    # 2^-7 for bfloat16, which numpy.finfo does not know.
    return 2.0**-7 if dtype == "bfloat16" else float(np.finfo(dtype).eps)
