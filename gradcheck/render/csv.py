"""A suite as comma-separated values (RFC 4180): a row for each element that is shown, and each comparison."""

import csv
import io
from collections.abc import Iterator

from gradcheck.errors import legible
from gradcheck.render.plain import arrays
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.report.variable import Variable
from gradcheck.verdicts.verdict import ElementVerdict

NUMBERS = (
    "tape",
    "difference",
    "closed_form",
    "given",
    "error",
    "tolerance",
    "error_over_tolerance",
    "sensitivity",
)
COLUMNS = ("check", "variable", "order", "index", *NUMBERS, "low", "high", "verdict")
OF_COMPARISONS = ("compared", "against", "note")
"""The last columns: what was held against what, and why a check could not run."""
FORMULA = "=+-@\t\r\n'"
"""What a spreadsheet may take for the beginning of a formula, and the sign that is put before such text."""


def to_csv(suite: SuiteReport) -> str:
    """A header and the rows, each ended by CR LF; text that might be a formula begins with an apostrophe."""
    written = io.StringIO()
    writer = csv.DictWriter(written, [*COLUMNS, *OF_COMPARISONS], restval="")
    writer.writeheader()
    for result in suite.results:
        for row in _rows(result):
            whole = {"check": result.name, **row}
            writer.writerow({key: _cell(value) for key, value in whole.items()})
    return written.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    value = legible(value)
    return f"'{value}" if value.startswith(tuple(FORMULA)) else value


def _rows(result: CheckResult) -> Iterator[dict[str, object]]:
    if isinstance(result.outcome, Failure):
        yield {"verdict": result.word, "note": str(result.outcome)}
        return
    yield from _elements(result.outcome)
    for one in result.outcome.comparisons:
        numbers = {"error": one.error, "tolerance": one.tolerance, "error_over_tolerance": one.ratio}
        yield {
            "variable": one.variable,
            "index": "" if one.where is None else _index(one.where),
            **({name: float(number) for name, number in numbers.items()} if one.made else {}),
            "verdict": one.verdict.label,
            "compared": one.what,
            "against": one.against,
            "note": one.note,
        }


def _elements(findings: Findings) -> Iterator[dict[str, object]]:
    for variable in findings.listed:
        known = arrays(variable)
        for index in variable.rows(findings.rows_of(variable)):
            yield {
                "variable": variable.name,
                "order": variable.order,
                "index": _index(index),
                **{name: float(known[name][index]) for name in NUMBERS if name in known},
                **_ends(variable, index),
                "verdict": ElementVerdict(int(variable.verdicts[index])).label,
            }


def _ends(variable: Variable, index: tuple[int, ...]) -> dict[str, object]:
    found = variable.interval(index)
    return {} if found is None else dict(zip(("low", "high"), found, strict=True))


def _index(index: tuple[int, ...]) -> str:
    return str(list(index))
