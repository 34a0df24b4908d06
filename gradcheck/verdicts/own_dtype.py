"""The tape at the tensors' own dtype against the tape at float64: does the precision spoil the gradient?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.noise_level import rounded
from gradcheck.function.primal import Forward
from gradcheck.function.tape import Tape, record

TRIALS = 3
# How many times the change by one rounding of the inputs still counts as conditioning.
CONDITIONING = 16


def tolerance(dtype: str) -> float:
    """Share of S by which a tape of this dtype may be off: some tens of roundings, at most a quarter."""
    return min(64 * eps_of(dtype), 0.25)


def coarsest(native: Forward) -> str:
    """The coarsest dtype of the tensors and outputs."""
    names: list[str] = [value.dtype.name for value in native.values]
    return max([*names, *(output.dtype for output in native.outputs)], key=eps_of)


@dataclass(frozen=True)
class Loss:
    """Elements, by flat index, whose gradient at the tensors' own dtype is far from that at float64."""

    wrong: Array
    """Off, though the function is well-conditioned there."""
    nonfinite: Array
    """NaN or infinite at the tensors' own dtype only."""
    conditioned: Array
    """Off by no more than rounding the inputs explains."""
    worst: float
    """Largest error as a share of S."""
    dtype: str
    """The coarsest dtype of the tensors and outputs."""

    def in_words(self, name: str) -> str:
        """The warning for an ill-conditioned gradient."""
        dtype = self.dtype
        return (
            f"{name}: {self.conditioned.size:,} elements of the {dtype} gradient are off by up to "
            f"{self.worst:.2g} of their size, because rounding to {dtype} alone changes them as much: the "
            "function is ill-conditioned there, the gradient is not wrong."
        )


def compare(
    forward: Forward,
    native: Forward,
    exact: Tape,
    own: Tape,
    cotangents: Array,
    number: int,
    size: Array,
    natural: Array,
) -> Loss:
    """Compare the tapes of variable `number`; `size` is S and `natural` Σ w |f| / |x| per element, flat."""
    dtypes = [value.dtype.name for value in native.values]
    dtype = coarsest(native)
    share = tolerance(dtype)
    a = exact.gradients[number].reshape(len(cotangents), -1)
    b = own.gradients[number].reshape(len(cotangents), -1)
    nonfinite = np.flatnonzero(np.isfinite(a).all(axis=0) & ~np.isfinite(b).all(axis=0))
    # S has no part in a corner that lies between x and its roundings, so the tape's own size counts too.
    scale = np.maximum(size, np.abs(a).max(axis=0))
    with np.errstate(invalid="ignore"):
        error = np.abs(a - b).max(axis=0)
    # Where intermediate results cancel, rounding is a share of the outputs, not of the gradient.
    slack = share * (scale + natural) + np.finfo(np.float32).tiny
    off = np.flatnonzero(np.isfinite(error) & (error > slack))
    if off.size == 0:
        return Loss(off, nonfinite, off, 0.0, dtype)
    dtypes = [max(name, dtype, key=eps_of) for name in dtypes]
    moved = scatter(forward, exact, cotangents, number, dtypes) + scatter(
        native, own, cotangents, number, dtypes
    )
    moved = moved.max(axis=0)[off]
    explained = error[off] <= CONDITIONING * moved + slack[off] + _forward_loss(forward, native) * scale[off]
    with np.errstate(divide="ignore"):
        worst = float((error[off] / scale[off]).max())
    return Loss(off[~explained], nonfinite, off[explained], worst, dtype)


def scatter(forward: Forward, tape: Tape, cotangents: Array, number: int, dtypes: list[str]) -> Array:
    """Largest change of a tape gradient when the inputs move by one rounding of `dtypes`, [K, elements]."""
    base = tape.gradients[number]
    largest = np.zeros(base.shape)
    for trial in range(TRIALS):
        values = [rounded(value, dtype, trial) for value, dtype in zip(forward.values, dtypes, strict=True)]
        moved = record(forward.at(values), cotangents).gradients[number]
        with np.errstate(invalid="ignore"):
            largest = np.fmax(largest, np.abs(moved - base))
    return largest.reshape(len(cotangents), -1)


class Scatter:
    """How far a tape gradient moves when the inputs move by a rounding, measured when it is asked for."""

    def __init__(self, forward: Forward, tape: Tape, cotangents: Array, number: int) -> None:
        self._arguments = forward, tape, cotangents, number
        self._found: dict[str, Array] = {}

    def rounding(self, flat: Array) -> Array:
        """What the function's conditioning makes of a rounding of its inputs, with some margin, [K, U]."""
        return CONDITIONING * self._moved("", flat)

    def wobble(self, flat: Array) -> Array:
        """The change under a rounding to float16, [K, U]: small, unless the tape is nothing but rounding."""
        return self._moved("float16", flat)

    def _moved(self, dtype: str, flat: Array) -> Array:
        if dtype not in self._found:
            names = [dtype or value.dtype.name for value in self._arguments[0].values]
            self._found[dtype] = scatter(*self._arguments, names)
        return np.asarray(self._found[dtype][:, flat])


def _forward_loss(forward: Forward, native: Forward) -> float:
    """Share by which the function itself, not only its gradient, suffers beyond plain rounding."""
    exact, own = forward.at_point().numpy(), native.at_point().numpy()
    eps = max(eps_of(value.dtype.name) for value in native.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.abs(exact - own) / np.maximum(np.abs(exact), np.abs(own))
    worst = float(np.nanmax(np.where(exact == own, 0.0, loss), initial=0.0))
    return worst * CONDITIONING if worst > 64 * eps else 0.0
