"""A variable as values that strict JSON can hold."""

from __future__ import annotations

import math

from gradcheck.report.report import Variable
from gradcheck.verdicts.verdict import ElementVerdict


def number_or_word(value: float) -> float | str:
    """A float that strict JSON can hold."""
    return float(value) if math.isfinite(value) else str(float(value))


def of_variable(variable: Variable, limit: int) -> dict[str, object]:
    """A variable with the elements that `limit` allows."""
    return {
        "name": variable.name,
        "order": variable.order,
        "shape": list(variable.shape),
        "dtype": variable.dtype,
        "verdict": variable.verdict.label,
        "reason": variable.reason,
        "counts": variable.counts,
        "coverage": variable.coverage,
        "max_abs_error": number_or_word(variable.max_abs_error),
        "max_rel_error": number_or_word(variable.max_rel_error),
        "elements": [_of_element(variable, index) for index in variable.rows(limit)],
    }


def _of_element(variable: Variable, index: tuple[int, ...]) -> dict[str, object]:
    element: dict[str, object] = {
        "index": list(index),
        "tape": number_or_word(variable.tape[index]),
        "difference": number_or_word(variable.difference[index]),
    }
    if variable.closed_form is not None:
        element["closed_form"] = number_or_word(variable.closed_form[index])
    return element | {
        "error": number_or_word(variable.error[index]),
        "tolerance": number_or_word(variable.tolerance[index]),
        "verdict": ElementVerdict(int(variable.verdicts[index])).label,
    }
