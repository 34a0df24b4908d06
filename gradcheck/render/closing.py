"""The lines below the tables, the most important last: notes, tolerance, sensitivity, reasons, verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.text import Text

from gradcheck.notes import Kind
from gradcheck.render.numbers import scale, share
from gradcheck.report.closing import conclusion
from gradcheck.report.findings import Findings
from gradcheck.verdicts.part import told
from gradcheck.verdicts.summary import Summary
from gradcheck.verdicts.verdict import ElementVerdict, Verdict
from gradcheck.verdicts.widening import Applied

CLOSING = {Verdict.PASS: "bold green", Verdict.FAIL: "bold white on red", Verdict.INCONCLUSIVE: "bold yellow"}
S = "S is the sum of the sizes |r_i ∂f_i/∂x_j| of what all outputs i contribute to an element x_j"


def lines(report: Findings) -> Iterator[tuple[Text, str]]:
    """Labels and sentences, without the verdict."""
    yield from _notes(report)
    if report.directions is not None:
        yield Text("directions", style="dim"), _directions(report.directions)
    yield Text("tolerance", style="dim"), _tolerance(report)
    if report.sensitivity is not None:
        yield Text("sensitivity", style="dim"), _sensitivity(*report.sensitivity)
    yield from _reasons(report)


def verdict(report: Findings) -> tuple[Text, str]:
    """The verdict, the sentence that says what it rests on, and how it was reached."""
    time = f" in {report.seconds:.2f} s" if report.timing else ""
    return (
        Text(f" {report.verdict.value.upper()} ", style=CLOSING[report.verdict]),
        f"{conclusion(report)}\n{report.evaluations:,} evaluations{time} · "
        f"{report.precision} · tolerance {_applied(report)}",
    )


def _notes(report: Findings) -> Iterator[tuple[Text, str]]:
    for comparison in report.comparisons:
        if comparison.note:
            line = f"{comparison.variable}, {comparison.what}: {comparison.note}"
            yield Text("note", style="yellow"), line
    for note in report.notes:
        # What a report that passes closes with says how many are at a kink.
        if note.kind is Kind.WARNING and not (report.passed and note.topic == ElementVerdict.KINK.label):
            yield Text(Kind.WARNING.value, style="yellow"), str(note)


def _reasons(report: Findings) -> Iterator[tuple[Text, str]]:
    style = "bold red"
    for line in report.involved:
        yield Text(Kind.OUTPUTS.value, style=style), line
    if report.parts:
        wrong = any(part.wrong for part in report.parts)
        yield (
            Text("where", style=style if wrong else "dim"),
            told(report.parts, failed=report.verdict is Verdict.FAIL),
        )
    diagnosed = {note.variable for note in report.notes if note.kind is Kind.DIAGNOSIS}
    for variable in report.variables:
        if variable.reason is not None and variable.label not in diagnosed:
            yield Text("reason", style=style), f"{variable.label}: {variable.reason}"
    for line in report.diagnosis:
        yield Text(Kind.DIAGNOSIS.value, style=style), line


def _asked(report: Findings) -> str:
    settings = report.settings
    return f"{settings.rtol:g}·S" + (f" + {settings.atol:g}" if settings.atol else "")


def _range(applied: Applied) -> str:
    ends = dict.fromkeys(f"{scale(end)}·S" for end in (applied.least, applied.most))
    return " to ".join(ends)


def _applied(report: Findings) -> str:
    found = report.tolerance
    return _range(found) if found is not None and found.widened else _asked(report)


def _tolerance(report: Findings) -> str:
    """What was allowed, what was asked for where that is less, and what S is."""
    found = report.tolerance
    said = _applied(report)
    if found is not None and found.widened:
        causes = ", ".join(
            f"{words} (in {count:,} of {found.elements:,} elements)" for words, count in found.widened
        )
        said += f", widened from {_asked(report)} since {causes}"
    said += f"; {S}"
    if found is not None and found.own is not None:
        dtype, least = found.own
        said += f"; the tape in {dtype} may be {scale(least)}·S off the one in float64"
    return said


def _sensitivity(median: float, worst: float) -> str:
    if math.isinf(median):
        return "no error in half of the elements or more would have been seen"
    half, least = share(median), share(worst)
    if half == least:
        return f"an error of {half} of S in an element would have been seen"
    said = f"an error of {half} of S would have been seen in half of the elements"
    return f"{said}, none in the least sensitive" if math.isinf(worst) else f"{said}, of {least} in all"


def _directions(found: Summary) -> str:
    """How the elements of variables with many of them were checked, in a sentence."""
    moved = f"{found.one_by_one:,} of {found.elements:,} elements were moved one by one"
    if not found.strata:
        return moved
    where = "one stratum" if found.strata == 1 else f"each of {found.strata:,} strata"
    return (
        f"{moved}, the others along {found.directions} signed directions in {where}; an error of theirs that "
        f"would have been seen is missed with a chance of 1 in {1 / found.chance:,.0f}"
    )
