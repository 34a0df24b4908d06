"""The precision of tensors: their own, the one asked for, or that of the tensors beside them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import TensorError
from gradcheck.inputs.usable import first, in_all, refuse_unusable

AUTO = "auto"


@dataclass(frozen=True)
class Raw:
    """A tensor as it was read."""

    array: Array
    where: str
    """Opens every sentence: `--x x.npy`."""
    own: bool
    """Whether its dtype is its own, as in binary files, and not in text or random numbers."""
    form: str = ""
    """How text was read: its shape and separators."""

    @property
    def floating(self) -> bool:
        """Whether it is floating, in a dtype of its own."""
        return self.own and is_floating(self.array.dtype)


@dataclass(frozen=True)
class Reading:
    """A tensor as the check will see it."""

    array: Array
    """float16, bfloat16, float32 or float64 finite, not empty, in native byte order and C order."""
    notes: tuple[str, ...] = ()
    """What was changed on the way, a sentence each."""
    form: str = ""
    """How text was read, a sentence."""


def named_dtype(name: str) -> np.dtype[Any]:
    """The dtype of a name; NumPy knows bfloat16 only through TensorFlow."""
    if name != "bfloat16":
        return np.dtype(name)
    from gradcheck.runtime import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    dtype: np.dtype[Any] = np.dtype(tf.bfloat16.as_numpy_dtype)
    return dtype


def common(dtypes: Iterable[np.dtype[Any]]) -> np.dtype[Any]:
    """The dtype for what has none of its own beside tensors of some: the widest, or TensorFlow's default."""
    floating = [_supported(dtype) for dtype in dtypes if is_floating(dtype)]
    return np.result_type(*floating) if floating else np.dtype(np.float32)


def _supported(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """TensorFlow has no long double."""
    return dtype if dtype.itemsize <= 8 else np.dtype(np.float64)


def converted(raw: Raw, dtype: str, beside: np.dtype[Any]) -> Reading:
    """The array at the precision asked for, with a note on every change that is more than rounding.

    `beside` is what `auto` gives to a tensor without a floating dtype of its own.
    """
    array, where = raw.array, raw.where
    refuse_unusable(array, where)
    target = _automatic(raw, beside) if dtype == AUTO else named_dtype(dtype)
    with np.errstate(all="ignore"):
        result = array.astype(target, order="C", copy=False)
    bad = ~np.isfinite(result)
    if bad.any():
        raise TensorError(
            f"{where} holds {in_all(bad)} values too large for {target.name}, {first(array, bad)}.",
            "Take a wider precision, such as --dtype float64, or scale the values down.",
        )
    notes = []
    if not is_floating(array.dtype):
        notes += _on_integers(raw, result, beside if dtype == AUTO else target)
    elif dtype == AUTO and raw.own and array.dtype != target:
        notes.append(f"{where}: {array.dtype.name} becomes {target.name}.")
    lost = (result == 0) & (array != 0)
    if lost.any():
        notes.append(f"{where}: {in_all(lost)} values are too small for {target.name} and become 0.")
    return Reading(result, tuple(notes), raw.form)


def _on_integers(raw: Raw, result: Array, beside: np.dtype[Any]) -> list[str]:
    """What happened to integers and booleans; those of text have no dtype that could change."""
    widened = result.dtype != beside
    rounded = int(np.count_nonzero(~_same(raw.array, result)))
    if not (raw.own or widened or rounded):
        return []
    kind = "booleans" if raw.array.dtype.kind == "b" else "integers"
    reason = f" ({beside.name} cannot hold them exactly)" if widened else ""
    loss = f", {rounded:,} of them rounded" if rounded else ""
    return [f"{raw.where}: {kind} become {result.dtype.name}{reason}{loss}."]


def _automatic(raw: Raw, beside: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that `auto` gives."""
    if is_floating(raw.array.dtype):
        return _supported(raw.array.dtype) if raw.own else beside
    with np.errstate(all="ignore"):
        narrow = raw.array.astype(beside)
    return beside if bool(_same(raw.array, narrow).all()) else np.dtype(np.float64)


def _same(integers: Array, floats: Array) -> Array:
    """Where floats hold the integers exactly; integers beyond the range of the way back are not held."""
    with np.errstate(all="ignore"):
        return np.asarray(floats.astype(integers.dtype) == integers)
