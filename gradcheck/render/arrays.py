"""A Report's full arrays as an .npz file."""

from __future__ import annotations

import io

import numpy as np

from gradcheck.report import ElementVerdict, Report
from gradcheck.targets import Array


def to_npz(report: Report) -> bytes:
    """Arrays `x.tape`, `x.difference`, `x.closed_form`, `x.error`, `x.tolerance` and `x.verdict` (words)."""
    words = np.array([verdict.label for verdict in ElementVerdict])
    arrays: dict[str, Array] = {}
    for variable in report.variables:
        arrays[f"{variable.name}.tape"] = variable.tape
        arrays[f"{variable.name}.difference"] = variable.difference
        if variable.closed_form is not None:
            arrays[f"{variable.name}.closed_form"] = variable.closed_form
        arrays[f"{variable.name}.error"] = variable.error
        arrays[f"{variable.name}.tolerance"] = variable.tolerance
        arrays[f"{variable.name}.verdict"] = words[variable.verdicts]
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
