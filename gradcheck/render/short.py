"""Findings as the few lines of a failed assertion's message."""

import numpy as np

from gradcheck.render.numbers import number, ratio, significant
from gradcheck.report.closing import conclusion
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import ElementVerdict, Verdict

WORST = 5
"""Elements that a message shows per failing variable."""
HEADINGS = ("element", "tape", "finite difference", "error/tolerance", "verdict")


def to_short(report: Findings) -> str:
    """The diagnosis, and the worst elements of every variable that did not pass, the worst variable first."""
    worst = [*(v.verdict for v in report.variables), *(one.verdict for one in report.comparisons)]
    disagrees = max(worst, default=ElementVerdict.UNCHECKED) >= ElementVerdict.MISMATCH
    fails = "is wrong" if disagrees else "has kinks, which strict counts as failures"
    headline = {
        Verdict.FAIL: f"the gradient of {report.target} {fails}",
        Verdict.INCONCLUSIVE: f"the gradient of {report.target} could not be judged",
        Verdict.PASS: f"the gradient of {report.target} is right",
    }[report.verdict]
    rows = [row for v in report.worst_variables if not report.fine(v) for row in _rows(v)]
    table = _aligned([HEADINGS, *rows]) if rows else []
    said = [] if report.passed else list(report.diagnosis) or [conclusion(report)]
    return "\n".join([headline, *(f"  {line}" for line in [*said, *table])])


def _rows(variable: Variable) -> list[tuple[str, ...]]:
    """The worst elements of the worst verdict."""
    rows: list[tuple[str, ...]] = []
    for flat in variable.worst_first()[:WORST]:
        index = tuple(int(i) for i in np.unravel_index(flat, variable.shape))
        if variable.verdicts[index] == variable.verdict:
            place = variable.name + (f"[{', '.join(map(str, index))}]" if index else "")
            shown = significant(variable, index)
            values = [number(float(array[index]), shown) for array in (variable.tape, variable.difference)]
            measure = ratio(float(variable.error_ratio[index]))
            rows.append((place, *values, measure, variable.verdict.label))
    return rows


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Text to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *numbers, last in rows:
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells, last]))
    return lines
