"""The tape at the tensors' own dtype against that at float64, and two runs of one tape against each other:
does the precision spoil the gradient, and does it repeat?"""

from dataclasses import dataclass

import numpy as np

from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.nearby import CONDITIONING, changes
from gradcheck.function.primal import Primal
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.verdicts.judgement import Opinion, Source
from gradcheck.verdicts.rule import LOSS_OF_DTYPE, ROUNDED, tolerance_of
from gradcheck.verdicts.verdict import ElementVerdict, error_ratio

INSIDE = eps_of("bfloat16")
"""The largest rounding that a function, such as a layer of mixed precision, is taken to have inside."""


def coarsest(own: Primal) -> str:
    """The coarsest dtype of the tensors and outputs."""
    names: list[str] = [value.dtype.name for value in own.values]
    return max([*names, *(output.dtype for output in own.outputs)], key=eps_of)


@dataclass(frozen=True)
class Loss:
    """Elements, by flat index, whose gradient at the tensors' own dtype is far from that at float64."""

    wrong: Array
    """Off, though the function is well-conditioned there."""
    ratio: Array
    """Error ÷ tolerance of those."""
    nonfinite: Array
    """NaN or infinite at the tensors' own dtype only."""
    conditioned: Array
    """Off by no more than rounding the inputs explains."""
    worst: float
    """Largest error as a share of S."""
    dtype: str
    """The coarsest dtype of the tensors and outputs."""
    lost: float = 0.0
    """Share of the outputs by which the function itself is off, where that is more than their rounding."""


def opinions(problem: Problem, number: int, size: Array, natural: Array) -> tuple[list[Opinion], list[Note]]:
    """What the tape at the tensors' own dtype says of variable `number`.

    `size` is S and `natural` Σ w |f| / |x| per element, flat.
    """
    loss = compare(problem, number, size, natural)
    off = f"the {loss.dtype} tape gradient is off the float64 one by {loss.worst:.2g} of its size"
    found = [
        Opinion(Source.OWN_DTYPE, loss.nonfinite, ElementVerdict.NONFINITE),
        Opinion(
            Source.OWN_DTYPE,
            loss.wrong,
            ElementVerdict.MISMATCH,
            off if loss.wrong.size else None,
            ratio=loss.ratio,
        ),
    ]
    if not loss.conditioned.size:
        return found, []
    why = (
        f"and the outputs by {loss.lost:.2g}: the function is ill-conditioned or rounds more coarsely inside"
        if loss.lost
        else f"because rounding to {loss.dtype} alone changes them as much: the function is ill-conditioned"
    )
    said = (
        f"{loss.conditioned.size:,} of {size.size:,} elements of the {loss.dtype} gradient are off by up to "
        f"{loss.worst:.2g} of their size, {why} there, the gradient is not wrong."
    )
    return found, [Note(Kind.WARNING, said, problem.names[number])]


def compare(problem: Problem, number: int, size: Array, natural: Array) -> Loss:
    """Compare the tapes of one variable."""
    dtype = coarsest(problem.own)
    share = tolerance_of(dtype)
    exact, own = problem.exact_tape.columns(number), problem.own_tape.columns(number)
    nonfinite = np.flatnonzero(np.isfinite(exact).all(axis=0) & ~np.isfinite(own).all(axis=0))
    # S has no part in a corner that lies between x and its roundings, so the tape's own size counts too.
    scale = np.maximum(size, np.abs(exact).max(axis=0))
    with np.errstate(invalid="ignore"):
        error = np.abs(exact - own).max(axis=0)
    # Where intermediate results cancel, rounding is a share of the outputs, not of the gradient.
    slack = share * (scale + natural) + np.finfo(np.float32).tiny
    off = np.flatnonzero(np.isfinite(error) & (error > slack))
    if off.size == 0:
        return Loss(off, error[off], nonfinite, off, 0.0, dtype)
    lost = _forward_loss(problem)
    inside = min(lost, INSIDE)
    moved = _conditioning(problem, number, max(eps_of(dtype), inside))[off]
    tolerance = CONDITIONING * (moved + lost * scale[off] + inside * natural[off]) + slack[off]
    explained = error[off] <= tolerance
    with np.errstate(divide="ignore"):
        worst = float((error[off] / scale[off]).max())
    ratio = error_ratio(error[off], tolerance)[~explained]
    return Loss(off[~explained], ratio, nonfinite, off[explained], worst, dtype, lost)


def _conditioning(problem: Problem, number: int, share: float) -> Array:
    """How far both tapes move when the inputs move by a share of themselves, or a rounding, [elements]."""
    shares = [max(eps_of(value.dtype.name), share) for value in problem.own.values]
    pairs = (problem.exact, problem.exact_tape), (problem.own, problem.own_tape)
    moves = [changes(primal, tape, problem.cotangents, shares)[number] for primal, tape in pairs]
    return np.asarray(np.sum(moves, axis=0).max(axis=0))


def _forward_loss(problem: Problem) -> float:
    """Share by which the function itself, not only its gradient, suffers beyond plain rounding: it may round
    more coarsely inside, as a layer of mixed precision does."""
    exact, own = problem.base, problem.own.at_point().numpy()
    eps = max(eps_of(value.dtype.name) for value in problem.own.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.abs(exact - own) / np.maximum(np.abs(exact), np.abs(own))
    worst = float(np.nanmax(np.where(exact == own, 0.0, loss), initial=0.0))
    return worst if worst > LOSS_OF_DTYPE * eps else 0.0


def repeats(problem: Problem, number: int, size: Array, natural: Array) -> tuple[list[Opinion], list[Note]]:
    """What a second run of the backward pass says of variable `number`; S and Σ w |f| / |x| are flat."""
    found = problem.again[number]
    if found is None:
        return [], []
    apart = found.reshape(-1)
    said = (
        "the backward pass gave two different gradients in two runs, up to "
        f"{float(np.nanmax(apart)):.3g} apart"
    )
    # Not the tolerance of the verdict: that allows for what moves the tape, and here it moves by itself.
    dtype = coarsest(problem.own)
    share = max(problem.settings.rtol, tolerance_of(dtype))
    allowed = problem.settings.atol + share * size + ROUNDED * eps_of(dtype) * natural
    wrong = np.flatnonzero(apart > allowed)
    if wrong.size:
        ratio = error_ratio(apart[wrong], allowed[wrong])
        return [Opinion(Source.REPEATABILITY, wrong, ElementVerdict.MISMATCH, said, ratio=ratio)], []
    return [], [Note(Kind.WARNING, f"{said}, which is within the tolerance.", problem.names[number])]
