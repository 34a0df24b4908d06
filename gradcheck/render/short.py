"""A Report as the few lines that belong in the message of a failed assertion."""

import numpy as np

from gradcheck.render.table import number, small
from gradcheck.report.findings import Findings, Variable
from gradcheck.verdicts.verdict import ElementVerdict, Verdict

WORST = 5
"""Elements shown per failing variable."""
HEADINGS = ("element", "tape", "finite difference", "relative error", "verdict")


def to_short(report: Findings) -> str:
    """The diagnosis, and the worst elements of every variable that did not pass, the worst variable first."""
    headline = {
        Verdict.FAIL: f"the gradient of {report.target} is wrong",
        Verdict.INCONCLUSIVE: f"the gradient of {report.target} could not be judged",
        Verdict.PASS: f"the gradient of {report.target} is right",
    }[report.verdict]
    harmless = ElementVerdict.MATCH if report.settings.strict else ElementVerdict.KINK
    rows = [row for v in report.worst_variables if v.verdict > harmless for row in _rows(v)]
    table = _aligned([HEADINGS, *rows]) if rows else []
    return "\n".join([headline, *(f"  {line}" for line in [*report.diagnosis, *table])])


def _rows(variable: Variable) -> list[tuple[str, ...]]:
    """The worst elements of the worst verdict."""
    relative = variable.relative_error()
    rows: list[tuple[str, ...]] = []
    for flat in variable.worst_first()[:WORST]:
        index = tuple(int(i) for i in np.unravel_index(flat, variable.shape))
        if variable.verdicts[index] == variable.verdict:
            place = variable.name + (f"[{', '.join(map(str, index))}]" if index else "")
            values = (number(variable.tape[index]), number(variable.difference[index]))
            rows.append((place, *values, small(relative[index]), variable.verdict.label))
    return rows


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Text to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *numbers, last in rows:
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:-1], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells, last]))
    return lines
