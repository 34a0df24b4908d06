"""Findings, or why there are none, as strict JSON, and findings as an .npz file."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from gradcheck.arrays.types import Array, number_or_word
from gradcheck.errors import escaped
from gradcheck.report.closing import conclusion
from gradcheck.report.findings import Findings
from gradcheck.report.suite import Failure
from gradcheck.report.variable import Variable, quantiles
from gradcheck.verdicts.part import Part
from gradcheck.verdicts.verdict import Comparison, ElementVerdict
from gradcheck.verdicts.widening import Applied
from gradcheck.version import __version__

SCHEMA = 1


def to_json(findings: Findings, *, indent: int | None = 2) -> str:
    """JSON with a newline at its end, on one line without `indent`; numbers that are not finite are
    strings."""
    return in_json(to_dict(findings), indent)


def failure_to_json(failure: Failure, *, indent: int | None = 2) -> str:
    """The document in the place of a report."""
    error, code = of_failure(failure), int(failure.exit_code)
    return in_json({"schema": SCHEMA, "version": __version__, "error": error, "exit_code": code}, indent)


def in_json(values: object, indent: int | None) -> str:
    """Strict JSON with a newline at its end."""
    return escaped(json.dumps(values, allow_nan=False, indent=indent, ensure_ascii=False)) + "\n"


def of_failure(failure: Failure) -> dict[str, object]:
    """What was found, and what to do."""
    return {"type": failure.kind, "message": failure.found, "remedy": failure.remedy.strip()}


def to_dict(findings: Findings) -> dict[str, object]:
    """Findings as JSON values."""
    directions, source = findings.directions, findings.source
    return {
        "schema": SCHEMA,
        "version": __version__,
        "target": findings.target,
        "verdict": findings.verdict.value,
        "exit_code": int(findings.exit_code),
        "summary": conclusion(findings),
        "settings": findings.settings.to_dict(),
        "precision": findings.precision,
        "tolerance": None if findings.tolerance is None else _of_tolerance(findings.tolerance),
        "sensitivity": _named(findings.sensitivity, ("median", "worst")),
        "directions": None if directions is None else {**asdict(directions), "chance": directions.chance},
        "where": [_of_part(part) for part in findings.parts],
        "source": None if source is None else dict(zip(("file", "line"), source, strict=True)),
        "diagnosis": list(findings.diagnosis),
        "involved": list(findings.involved),
        "warnings": list(findings.warnings),
        "evaluations": findings.evaluations,
        "variables": [_of_variable(variable, findings.rows_of(variable)) for variable in findings.listed],
        "comparisons": [_of_comparison(comparison) for comparison in findings.comparisons],
        "seconds": round(findings.seconds, 6) if findings.timing else None,
    }


def _of_tolerance(applied: Applied) -> dict[str, object]:
    """As shares of S; `widened` counts the elements whose tolerance is wider, by what widened it."""
    own = None if applied.own is None else dict(zip(("dtype", "share"), applied.own, strict=True))
    return {
        "least": applied.least,
        "most": applied.most,
        "elements": applied.elements,
        "widened": dict(applied.widened),
        "own_dtype": own,
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
        "error_over_tolerance": number_or_word(variable.worst_ratio),
        "where": list(variable.worst_index),
        "elements": [_of_element(variable, index) for index in variable.rows(limit)],
    }


def _of_element(variable: Variable, index: tuple[int, ...]) -> dict[str, object]:
    numbers = {name: number_or_word(array[index]) for name, array in arrays(variable).items()}
    interval = variable.interval(index)
    between = {} if interval is None else {"interval": list(interval)}
    verdict = ElementVerdict(int(variable.verdicts[index]))
    return {"index": list(index), **numbers, **between, "verdict": verdict.label}


def _of_comparison(comparison: Comparison) -> dict[str, object]:
    return {
        "what": comparison.what,
        "against": comparison.against,
        "variable": comparison.variable,
        "error": number_or_word(comparison.error) if comparison.made else None,
        "tolerance": number_or_word(comparison.tolerance) if comparison.made else None,
        "error_over_tolerance": number_or_word(comparison.ratio) if comparison.made else None,
        "where": None if comparison.where is None else list(comparison.where),
        "verdict": comparison.verdict.label,
        "note": comparison.note,
    }


def to_npz(findings: Findings) -> bytes:
    """Arrays `x.tape`, `x.difference`, `x.closed_form` and `x.given` where there are such, `x.error`,
    `x.tolerance`, `x.error_over_tolerance`, `x.verdict` (words), and `x.sensitivity` where elements were
    checked along directions.

    Those of higher orders are called `x.order2.tape` and so on.
    """
    words = np.array([verdict.label for verdict in ElementVerdict])
    saved: dict[str, Array] = {}
    for variable in findings.variables:
        name = variable.name if variable.order == 1 else f"{variable.name}.order{variable.order}"
        saved |= {f"{name}.{what}": array for what, array in arrays(variable).items()}
        saved[f"{name}.verdict"] = words[variable.verdicts]
    buffer = io.BytesIO()
    # Not allow_pickle=False, which NumPy before 2.1 saves as an array of that name.
    np.savez(buffer, **saved)  # type: ignore[arg-type]
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
        "error_over_tolerance": variable.error_ratio,
        "sensitivity": variable.sensitivity,
    }
    return {name: array for name, array in known.items() if array is not None}
