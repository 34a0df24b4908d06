"""Arrays at which there is a gradient to check: real, finite and not empty."""

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.errors import TensorError


def refuse_unusable(array: Array, what: str) -> None:
    """Raise `TensorError` unless there can be a derivative at every element; `what` opens the sentence."""
    if array.size == 0:
        raise TensorError(f"{what} is empty: it has shape {array.shape}.", "Give at least one element.")
    if array.dtype.kind == "c":
        raise TensorError(f"{what} holds complex numbers.", "Give real ones.")
    bad = ~np.isfinite(array)
    if bad.any():
        raise TensorError(
            f"{what} holds NaN or infinity in {in_all(bad)} elements, {first(array, bad)}.",
            "Replace them with finite numbers: there is no gradient at such a point.",
        )


def in_all(mask: Array) -> str:
    """How many elements of how many: `2 of 12`."""
    return f"{np.count_nonzero(mask):,} of {mask.size:,}"


def first(array: Array, mask: Array) -> str:
    """The first element of an array where a mask holds: `first inf at [0, 2]`."""
    index = tuple(np.argwhere(mask)[0].tolist())
    return f"first {array[index]} at {list(index)}"
