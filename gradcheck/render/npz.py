"""The full arrays of findings as an .npz file."""

from __future__ import annotations

import io

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.report.findings import Findings
from gradcheck.verdicts.verdict import ElementVerdict


def to_npz(findings: Findings) -> bytes:
    """Arrays `x.tape`, `x.difference`, `x.closed_form`, `x.error`, `x.tolerance` and `x.verdict` (words).

    Those of higher orders are called `x.order2.tape` and so on.
    """
    words = np.array([verdict.label for verdict in ElementVerdict])
    arrays: dict[str, Array] = {}
    for variable in findings.variables:
        name = variable.name if variable.order == 1 else f"{variable.name}.order{variable.order}"
        arrays[f"{name}.tape"] = variable.tape
        arrays[f"{name}.difference"] = variable.difference
        if variable.closed_form is not None:
            arrays[f"{name}.closed_form"] = variable.closed_form
        arrays[f"{name}.error"] = variable.error
        arrays[f"{name}.tolerance"] = variable.tolerance
        arrays[f"{name}.verdict"] = words[variable.verdicts]
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
