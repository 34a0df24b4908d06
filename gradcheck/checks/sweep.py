"""One element at many steps: a problem → `Sweep`. No verdict is decided here.

The element is examined as the check examines it, moved by itself, which tells the step that the check takes.
Then it is moved by every step of a curve, from its scale (or far beyond the check's step, where that is
larger) down to the finest step, by the same evaluator.
"""

import numpy as np

from gradcheck.differences.compressed import levels_of
from gradcheck.differences.step_selection import Table
from gradcheck.function.problem import Problem
from gradcheck.progress import Progress
from gradcheck.sparsity.colouring import elementwise
from gradcheck.verdicts import inner_rounding
from gradcheck.verdicts.candidate import Candidate, Confirmed, Examined, candidate
from gradcheck.verdicts.examination import examine
from gradcheck.verdicts.sweep import Sweep
from gradcheck.verdicts.verdict import ElementVerdict

FARTHER = 32.0
"""Coarsest step as a multiple of the check's, where that is beyond the scale: five octaves of truncation."""


def sweep(problem: Problem, number: int, flat: int) -> Sweep:
    """Sweep the element at `flat` of variable `number`: up to 320 evaluations, and those of its check."""
    confirmed = _examined(problem, number, flat)
    shares = inner_rounding.shares(problem, [Examined(confirmed)])
    if shares is not None:
        problem = problem.rounded_to(shares)
        confirmed = _examined(problem, number, flat)
    one, judged = confirmed.candidate, confirmed.judgement.take(np.array([flat]))
    (step,) = judged.step.tolist()
    table = _table(one, confirmed, flat, step)
    return Sweep(
        problem.target.name,
        problem.names[number],
        tuple(int(i) for i in np.unravel_index(flat, one.shape)),
        float(one.steps.point.reshape(-1)[flat]),
        float(table.scale[0]),
        table.steps[:, 0].astype(np.float64),
        table.up[:, 0, 0],
        table.down[:, 0, 0],
        table.noise()[:, 0],
        float(one.tape[0, flat]),
        step,
        float(judged.difference[0]),
        float(judged.bound[0]),
        float(judged.tolerance[0]),
        float(judged.half[0]),
        problem.precision_in_words(),
        problem.meter.count,
        bool(judged.verdicts[0] != ElementVerdict.INCONCLUSIVE),
    )


def _examined(problem: Problem, number: int, flat: int) -> Confirmed:
    one = candidate(problem, number)
    alone = elementwise(one.shape, len(problem.exact.outputs))
    return examine(one, alone, np.array([flat]), Progress(), problem.meter)


def _table(one: Candidate, confirmed: Confirmed, flat: int, step: float) -> Table:
    """Slopes of the element at the steps of the curve."""
    where = np.array([flat])
    scale = one.steps.scale(where)
    coarsest = float(scale[0]) if step <= 2 * scale[0] else FARTHER * step
    ladder = one.steps.curve(flat, coarsest)
    return Table.of(levels_of(one.differences, confirmed.colouring, where, ladder, plain=False), scale)
