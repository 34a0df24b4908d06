"""Batched gradients: Jacobians that TensorFlow vectorises with pfor against those by a loop.

`tape.jacobian` and `tape.batch_jacobian` rewrite the backward pass by default so that all rows are computed
at once (Agarwal and Ganichev, *Auto-vectorizing TensorFlow graphs*, 2019). The loop takes one row at a time
and is what the tape itself would give.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.nearby import CONDITIONING, changes
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.targets.user_frames import brief
from gradcheck.verdicts.outcome import Outcome
from gradcheck.verdicts.rule import tolerance_of
from gradcheck.verdicts.verdict import Comparison

ENTRIES = 2**20
"""Numbers in a Jacobian that is worth holding twice."""
ROWS = 512
"""Backward passes that a loop is worth."""


def check(outcome: Outcome) -> tuple[list[Comparison], list[Note]]:
    """A comparison for each variable and kind of Jacobian, and what was skipped."""
    problem = outcome.problem
    found: list[Comparison] = []
    notes: list[Note] = []
    for number, name in enumerate(problem.names):
        for kind, rows in _kinds(problem, number).items():
            entries = rows * int(np.prod(problem.own.values[number].shape))
            if rows > ROWS or entries > ENTRIES:
                said = (
                    f"{kind} has {rows:,} rows and {entries:,} entries; it is compared up to "
                    f"{ROWS:,} rows and {ENTRIES:,} entries, so it was skipped."
                )
                notes.append(Note(Kind.WARNING, said, name))
                found.append(Comparison.without(f"{kind} by pfor", "by a loop", name, ""))
                continue
            comparison, line = _compared(outcome, number, kind)
            found.append(comparison)
            notes += [] if line is None else [Note(Kind.WARNING, line, name)]
    return found, notes


def _kinds(problem: Problem, number: int) -> dict[str, int]:
    """The Jacobians that exist for a variable, with the number of backward passes each takes."""
    kinds = {"jacobian": problem.base.size}
    outputs, value = problem.own.outputs, problem.own.values[number]
    shape = outputs[0].shape
    # batch_jacobian takes one output whose first axis is that of the variable, and rows of at least one axis.
    batched = len(outputs) == 1 and len(shape) >= 2 and len(value.shape) >= 2 and shape[0] == value.shape[0]
    return kinds | ({"batch_jacobian": problem.base.size // shape[0]} if batched else {})


def _compared(outcome: Outcome, number: int, kind: str) -> tuple[Comparison, str | None]:
    problem, sides = outcome.problem, (f"{kind} by pfor", "by a loop")
    name = problem.names[number]
    try:
        looped, vectorised = (_jacobian(problem, number, kind, pfor=pfor) for pfor in (False, True))
    except Exception as error:  # an operation that pfor has no converter for, or a backward pass in a graph
        line = f"{kind} cannot be taken both ways ({brief(error)}); it was not compared."
        return Comparison.without(*sides, name, ""), line
    if vectorised is None or looped is None:
        apart = np.array(0.0 if vectorised is looped else np.nan)
        return Comparison.of(*sides, name, apart, np.array(0.0)), None
    if vectorised.shape != looped.shape:
        return Comparison.of(*sides, name, np.array(np.nan), np.array(0.0)), None
    dtype = problem.own.values[number].dtype.name
    share = max(tolerance_of(dtype), problem.settings.rtol)
    with np.errstate(invalid="ignore"):
        apart = np.abs(vectorised - looped)
    size = np.maximum(np.abs(vectorised), np.abs(looped))
    # Terms that cancel leave a share of the terms, whose size S tells.
    tolerance = share * size + 16 * eps_of(dtype) * outcome.variables[number].judgement.size.max()
    if not (apart <= tolerance).all():
        tolerance = tolerance + _rounding(problem, number, kind)
    return Comparison.of(*sides, name, apart, tolerance), None


def _rounding(problem: Problem, number: int, kind: str) -> Array:
    """How far rounding the inputs moves the gradient, as the entries of the Jacobian have it."""
    roundings = [eps_of(value.dtype.name) for value in problem.own.values]
    moved = changes(problem.own, problem.own_tape, problem.cotangents, roundings)[number].max(axis=0)
    shape = tuple(problem.own.values[number].shape.as_list())
    if kind == "batch_jacobian":
        outputs = len(problem.own.outputs[0].shape) - 1
        shape = (shape[0], *[1] * outputs, *shape[1:])
    return np.asarray(CONDITIONING * moved.reshape(shape))


def _jacobian(problem: Problem, number: int, kind: str, *, pfor: bool) -> Array | None:
    """The Jacobian by one of the two ways, float64; None where the tape returns none."""
    primal = problem.own.at(problem.own.values)
    value: Any = primal.values[number]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(value)
        # The loop of tape.jacobian takes the output's dtype for that of the gradient.
        outputs = tf.cast(primal.at_point(), value.dtype)
        outputs = tf.reshape(outputs, primal.outputs[0].shape) if kind == "batch_jacobian" else outputs
    function = tape.batch_jacobian if kind == "batch_jacobian" else tape.jacobian
    jacobian = function(outputs, value, experimental_use_pfor=pfor)
    return None if jacobian is None else np.asarray(tf.cast(jacobian, tf.float64).numpy())
