"""The full arrays of findings as an .npz file."""

from __future__ import annotations

import io

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import ElementVerdict


def to_npz(findings: Findings) -> bytes:
    """Arrays `x.tape`, `x.difference`, `x.closed_form`, `x.error`, `x.tolerance` and `x.verdict` (words).

    Those of higher orders are called `x.order2.tape` and so on.
    """
    words = np.array([verdict.label for verdict in ElementVerdict])
    saved: dict[str, Array] = {}
    for variable in findings.variables:
        name = variable.name if variable.order == 1 else f"{variable.name}.order{variable.order}"
        saved |= {f"{name}.{what}": array for what, array in arrays(variable).items()}
        saved[f"{name}.verdict"] = words[variable.verdicts]
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **saved)
    return buffer.getvalue()


def arrays(variable: Variable) -> dict[str, Array]:
    """The arrays of a variable by name, in the order of every document."""
    known = {
        "tape": variable.tape,
        "difference": variable.difference,
        "closed_form": variable.closed_form,
        "error": variable.error,
        "tolerance": variable.tolerance,
    }
    return {name: array for name, array in known.items() if array is not None}
