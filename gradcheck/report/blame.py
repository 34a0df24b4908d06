"""Which outputs a wrong gradient is wrong for: tape partial derivatives against differences, one by one."""

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import magnitude
from gradcheck.arrays.types import Array
from gradcheck.differences.evaluator import VariableEvaluator
from gradcheck.differences.stencils import ROUNDINGS
from gradcheck.function import tape
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.verdicts.outcome import VariableOutcome
from gradcheck.verdicts.verdict import ElementVerdict

SHOWN = 3
"""Failing elements of a variable that are looked into."""
ROWS = 64
"""Outputs whose tape partial derivatives are asked for one by one, the most moved first."""
APART = 1e-3
"""Share by which a partial derivative has to be off to be called wrong."""


def blamed_outputs(problem: Problem, number: int, outcome: VariableOutcome, worst_first: Array) -> list[Note]:
    """A note for each of the worst failing elements: the outputs whose partial derivatives are wrong.

    Nothing is said of corners, where there is no partial derivative, nor where all of them agree, as they do
    when a backward pass is wrong for some upstream gradients only; nor where there is no tape gradient.
    `worst_first` are the flat indices of all elements in that order.
    """
    if problem.exact_tape.reasons[number] is not None or problem.own_tape.reasons[number] is not None:
        return []
    judged = outcome.judgement
    wrong = worst_first[judged.verdicts[worst_first] == ElementVerdict.MISMATCH]
    wrong = wrong[~judged.corner[wrong]]
    if wrong.size == 0 or not problem.base.size:
        return []
    evaluator = VariableEvaluator(problem.exact, number, problem.base, problem.meter, problem.settings.memory)
    found = []
    for element in wrong[:SHOWN]:
        outputs, *slopes = _wrong(problem, evaluator, int(element))
        if outputs.size:
            index = [int(i) for i in np.unravel_index(element, outcome.shape)]
            found.append(Note(Kind.OUTPUTS, _line(problem, outputs, *slopes), outcome.name, str(index)))
    return found


def _wrong(problem: Problem, evaluator: VariableEvaluator, element: int) -> tuple[Array, Array, Array]:
    """Of the outputs that one element moves most, those with a wrong partial derivative, by tape and by
    difference."""
    differences, noise = _differences(problem, evaluator, element)
    outputs = np.argsort(-np.abs(differences), kind="stable")[:ROWS]
    differences = differences[outputs]
    tapes = _tapes(problem, evaluator.variable, element, outputs)
    apart = np.abs(tapes - differences)
    size = np.maximum(np.abs(tapes), np.abs(differences))
    off = ~(apart <= APART * size + noise[outputs])
    return outputs[off], tapes[off], differences[off]


def _differences(problem: Problem, evaluator: VariableEvaluator, element: int) -> tuple[Array, Array]:
    """∂f_i/∂x_j for all i by a central difference, [outputs], and its noise."""
    point = view(evaluator.point)
    step = problem.noise.finest ** (1 / 3) * float(magnitude(point).reshape(-1)[element])
    moves = np.array([step, -step]).astype(point.dtype)
    (up, down), _ = evaluator.elements(np.array([element, element]), moves, plain=True)
    with np.errstate(invalid="ignore"):
        return (up - down) / (2 * step), ROUNDINGS * problem.noise.noise / step


def _tapes(problem: Problem, number: int, element: int, outputs: Array) -> Array:
    """∂f_i/∂x_j by the tape for some outputs, a backward pass for each."""
    found = np.empty(outputs.size)
    for place, output in enumerate(outputs):
        one = np.zeros((1, problem.base.size))
        one[0, output] = 1.0
        found[place] = tape.record(problem.backward, one).columns(number)[0, element]
    return found


def _line(problem: Problem, outputs: Array, tapes: Array, differences: Array) -> str:
    worst = int(np.argmax(np.abs(tapes - differences)))
    others = outputs.size - 1
    more = ""
    if others:
        among = "" if problem.base.size <= ROWS else f" of the {ROWS} most moved"
        more = f", and {others:,} other{'s' if others > 1 else ''}{among}"
    return (
        f"wrong for {problem.exact.locate(int(outputs[worst]))}: tape {tapes[worst]:.6g}, "
        f"difference {differences[worst]:.6g}{more}"
    )
