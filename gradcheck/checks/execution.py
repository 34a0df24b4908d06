"""Executions: the tape gradient of a graph, or compiled with XLA, against the eager one and each other.

A function may compute something else as a graph (Python side effects happen once, while it is traced), and a
compiler may get an operation wrong. All run at the tensors' own dtype. A gradient that is off may still be
right: at a tie, or so near to one that rounding decides, every execution may choose its own branch
(tensorflow/tensorflow#118713 is such a "bug"), and where the function is ill-conditioned rounding alone
changes it. So what is off by more than the tolerance is held against the range of eager gradients at points
one rounding away. The outputs are compared in the same way.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from itertools import combinations
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.scale import typical
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array, eps_of
from gradcheck.errors import text_of
from gradcheck.function.nearby import CONDITIONING, Draw, Size, nearby
from gradcheck.function.primal import Primal
from gradcheck.function.problem import Problem
from gradcheck.function.tape import record, usable
from gradcheck.function.traced import traced
from gradcheck.notes import Kind, Note
from gradcheck.settings import Execution
from gradcheck.verdicts.outcome import Outcome
from gradcheck.verdicts.rule import tolerance_of
from gradcheck.verdicts.subgradients import between
from gradcheck.verdicts.verdict import Comparison, ElementVerdict

TRIALS = 32
"""Points one rounding away: a tie of two goes one way in all of them once in 2 billion."""
CANCELLED = 8
"""Roundings of a tensor's typical gradient that every element is allowed."""
TIE = 1e-2
"""Share of S that gradients around a point must differ by to be called a tie; rounding moves them less."""
LOOSE = 10
"""Times the tolerance of the check: XLA's own singular values stop at 1e-6 even in float64."""
SAID = {Execution.EAGER: "eager", Execution.GRAPH: "graph", Execution.XLA: "XLA"}

Values = tuple[Array, ...]
"""Gradients [K, *shape] of the variables, NaN where the shape is another, then outputs [1, outputs]."""


def check(outcome: Outcome) -> tuple[list[Comparison], list[Note]]:
    """A comparison for each pair of executions and variable, and notes on those that are not possible."""
    problem = outcome.problem
    asked = [e for e in (Execution.GRAPH, Execution.XLA) if e in problem.settings.execution]
    known: dict[Execution, Values] = {Execution.EAGER: _eager(problem.own, problem.own_tape.gradients)}
    found: list[Comparison] = []
    notes: list[Note] = []
    numbers = range(len(problem.names) + 1)
    for execution in asked:
        try:
            known[execution] = _gradients(problem, execution)
        except Exception as error:  # whatever a function does when it is traced, or a compiler to it
            verdict, said = _reading(execution, error)
            notes.append(Note(Kind.WARNING, said))
            pair = execution, Execution.EAGER
            found += [Comparison.without(*_words(problem, number, pair), "", verdict) for number in numbers]
    around = cache(partial(_around, problem))  # taken when it is first asked for
    for one, other in combinations(known, 2):
        for number in numbers:
            found.append(_compared(outcome, number, (other, one), known, around))
    return found, notes


def _words(problem: Problem, number: int, pair: tuple[Execution, Execution]) -> tuple[str, str, str]:
    """Both sides and the variable of a comparison; the outputs come after the variables."""
    kind = "tape" if number < len(problem.names) else "output"
    name = problem.names[number] if number < len(problem.names) else kind
    return f"{SAID[pair[0]]} {kind}", f"{SAID[pair[1]]} {kind}", name


def _eager(primal: Primal, gradients: tuple[Array, ...]) -> Values:
    return (*gradients, primal.at_point().numpy()[None])


def _gradients(problem: Problem, execution: Execution) -> Values:
    """The tape gradients of every cotangent, traced once."""
    primal = problem.own.at(problem.own.values)  # a copy, since tracing notes symbolic shapes

    def gradients(values: list[Any], cotangent: Any) -> tuple[list[Any], Any]:
        with tf.GradientTape() as tape:
            tape.watch(values)
            outputs = primal(values)
        found = tape.gradient(outputs, values, output_gradients=cotangent)
        return [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in found], outputs

    graph = traced(gradients, jit_compile=execution is Execution.XLA)
    found = [graph(primal.values, tf.constant(cotangent, tf.float64)) for cotangent in problem.cotangents]
    rows = [
        [usable(gradient, value)[0] for gradient, value in zip(row, primal.values, strict=True)]
        for row, _ in found
    ]
    columns = (np.stack(column) for column in zip(*rows, strict=True))
    return (*columns, found[0][1].numpy()[None])


def _reading(execution: Execution, error: Exception) -> tuple[ElementVerdict, str]:
    """The verdict and the line for an execution that is not possible."""
    said = " ".join(text_of(error).partition("Stack trace for op definition")[0].split())
    if execution is Execution.XLA and isinstance(error, tf.errors.OpError):
        refused = sorted(set(re.findall(r"(\w+) \(No registered '\w+' OpKernel for XLA", said)))
        why = f"the operation {', '.join(refused)}" if refused else f"the function: {said[:300]}"
        return ElementVerdict.UNCHECKED, f"XLA cannot compile {why}; its gradient was not compared."
    said = f"{type(error).__name__}: {said[:300]}"
    return ElementVerdict.INCONCLUSIVE, f"The function does not run as a graph ({execution.value}): {said}"


def _around(problem: Problem) -> list[tuple[Array, Array]]:
    """Smallest and largest eager tape gradient over points one rounding away, of each variable and the
    outputs, as in `Values`."""
    own, random = problem.own, generator(Stream.EXECUTION_NEIGHBOURS, problem.settings.seed)
    shares = [eps_of(value.dtype.name) for value in own.values]
    rows = [_eager(own, problem.own_tape.gradients)]
    for _ in range(TRIALS):
        beside = own.at(nearby(own.values, shares, Size.ELEMENT, Draw.SIGNS, random))
        rows.append(_eager(beside, record(beside, problem.cotangents).gradients))
    columns = (np.stack(column) for column in zip(*rows, strict=True))
    return [(column.min(axis=0), column.max(axis=0)) for column in columns]


def _compared(
    outcome: Outcome,
    number: int,
    pair: tuple[Execution, Execution],
    known: dict[Execution, Values],
    around: Callable[[], list[tuple[Array, Array]]],
) -> Comparison:
    """One variable's gradients, or the outputs, in two executions; the worst over the cotangents."""
    problem = outcome.problem
    a, b = (known[execution][number] for execution in pair)
    size, dtypes = np.abs(a[0]), [output.dtype for output in problem.own.outputs]
    if number < len(problem.names):
        size = outcome.variables[number].judgement.size.reshape(a.shape[1:])
        dtypes = [problem.own.values[number].dtype.name]
    share = max(LOOSE * problem.settings.rtol, *map(tolerance_of, dtypes))
    # S has no part in a corner that lies between x and its roundings, so the gradients' own size counts too.
    scale = np.maximum(size, np.maximum(np.abs(a), np.abs(b)).max(axis=0))
    # Terms that cancel, 1 + erf(x) in a gelu, are rounded as the larger gradients of the tensor are.
    floor = CANCELLED * max(map(eps_of, dtypes)) * typical(scale) + problem.settings.atol
    with np.errstate(invalid="ignore"):
        error = np.abs(a - b)
        close = error <= share * scale + floor
    verdicts = np.where(close, ElementVerdict.MATCH, ElementVerdict.MISMATCH)
    tolerance = np.broadcast_to(share * scale + floor, error.shape).copy()
    if not close.all():
        low, high = around()[number]
        wide = high - low
        # Within its range a gradient may be anything at a tie; what rounding moves, it may move further.
        tie = wide > TIE * scale
        beyond = share * scale + floor + np.where(tie, TIE * wide, CONDITIONING * wide)
        accepted = ~close & between(a, low, high, beyond) & between(b, low, high, beyond)
        verdicts = np.where(accepted, np.where(tie, ElementVerdict.KINK, ElementVerdict.MATCH), verdicts)
        tolerance = np.where(accepted, wide + 2 * beyond, tolerance)
    return Comparison.of(*_words(problem, number, pair), *_worst(error, tolerance, verdicts))


def _worst(error: Array, tolerance: Array, verdicts: Array) -> tuple[Array, Array, Array]:
    """At each element the cotangent with the worst verdict and, among those, the largest error."""
    chosen = np.lexsort((error, verdicts), axis=0)[-1:]
    return (
        np.take_along_axis(error, chosen, axis=0)[0],
        np.take_along_axis(tolerance, chosen, axis=0)[0],
        np.take_along_axis(verdicts, chosen, axis=0)[0],
    )
