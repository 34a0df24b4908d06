"""Findings as strict JSON, as an .npz file, and as the few lines of a failed assertion's message."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from gradcheck.arrays.types import Array, number_or_word
from gradcheck.report.findings import Findings
from gradcheck.report.variable import Variable, quantiles
from gradcheck.verdicts.part import Part
from gradcheck.verdicts.verdict import Comparison, ElementVerdict, Verdict
from gradcheck.version import __version__

SCHEMA = 1
WORST = 5
"""Elements that a message shows per failing variable."""
HEADINGS = ("element", "tape", "finite difference", "relative error", "verdict")


def to_json(findings: Findings) -> str:
    """Indented JSON with a newline at its end; numbers that are not finite are strings."""
    return json.dumps(to_dict(findings), allow_nan=False, indent=2, ensure_ascii=False) + "\n"


def to_dict(findings: Findings) -> dict[str, object]:
    """Findings as JSON values."""
    directions = findings.directions
    return {
        "schema": SCHEMA,
        "version": __version__,
        "target": findings.target,
        "verdict": findings.verdict.value,
        "exit_code": int(findings.exit_code),
        "settings": findings.settings.to_dict(),
        "precision": findings.precision,
        "sensitivity": _named(findings.sensitivity, ("median", "worst")),
        "directions": None if directions is None else {**asdict(directions), "chance": directions.chance},
        "where": [_of_part(part) for part in findings.parts],
        "diagnosis": list(findings.diagnosis),
        "involved": list(findings.involved),
        "warnings": list(findings.warnings),
        "evaluations": findings.evaluations,
        "variables": [_of_variable(variable, findings.limit) for variable in findings.variables],
        "comparisons": [_of_comparison(comparison) for comparison in findings.comparisons],
        "seconds": round(findings.seconds, 6) if findings.timing else None,
    }


def _of_part(part: Part) -> dict[str, object]:
    return {**asdict(part), "kind": part.kind.value, "verdict": part.verdict.label}


def _named(found: Sequence[float] | None, names: Sequence[str]) -> dict[str, object] | None:
    return None if found is None else dict(zip(names, map(number_or_word, found), strict=True))


def _of_variable(variable: Variable, limit: int) -> dict[str, object]:
    return {
        "name": variable.name,
        "order": variable.order,
        "shape": list(variable.shape),
        "dtype": variable.dtype,
        "verdict": variable.verdict.label,
        "reason": variable.reason,
        "counts": variable.counts,
        "coverage": variable.coverage,
        "one_by_one": int(np.count_nonzero(variable.moved)),
        "sensitivity": _named(quantiles(variable.sensitivity), ("median", "most", "worst")),
        "max_abs_error": number_or_word(variable.max_abs_error),
        "max_rel_error": number_or_word(variable.max_rel_error),
        "elements": [_of_element(variable, index) for index in variable.rows(limit)],
    }


def _of_element(variable: Variable, index: tuple[int, ...]) -> dict[str, object]:
    numbers = {name: number_or_word(array[index]) for name, array in arrays(variable).items()}
    verdict = ElementVerdict(int(variable.verdicts[index]))
    return {"index": list(index), **numbers, "verdict": verdict.label}


def _of_comparison(comparison: Comparison) -> dict[str, object]:
    return {
        "what": comparison.what,
        "against": comparison.against,
        "variable": comparison.variable,
        "error": number_or_word(comparison.error) if comparison.made else None,
        "tolerance": number_or_word(comparison.tolerance) if comparison.made else None,
        "where": None if comparison.where is None else list(comparison.where),
        "verdict": comparison.verdict.label,
        "note": comparison.note,
    }


def to_npz(findings: Findings) -> bytes:
    """Arrays `x.tape`, `x.difference`, `x.closed_form` and `x.given` where there are such, `x.error`,
    `x.tolerance`, `x.verdict` (words), and `x.sensitivity` where elements were checked along directions.

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
        "given": variable.given,
        "error": variable.error,
        "tolerance": variable.tolerance,
        "sensitivity": variable.sensitivity,
    }
    return {name: array for name, array in known.items() if array is not None}


def number(value: float, digits: int = 10) -> str:
    """A gradient to so many significant digits."""
    return f"{value:.{digits}g}"


def small(value: float) -> str:
    """An error: its size matters, not its digits."""
    return "0" if value == 0 else f"{value:.2e}"


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
