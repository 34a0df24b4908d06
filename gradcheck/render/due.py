"""The word of `gradcheck explain` that helps most with a report."""

from gradcheck.notes import Kind
from gradcheck.report.findings import Findings
from gradcheck.verdicts.verdict import ElementVerdict, Verdict


def due(report: Findings) -> str | None:
    """The word for what ails a report: the diagnosis of its worst variable, or else the worst verdict; of one
    that passes, what a reader may wonder at. None after a plain pass."""
    if report.verdict is not Verdict.PASS:
        return _worst(report)
    if any(variable.counts["kink"] for variable in report.variables):
        return ElementVerdict.KINK.label
    return "budget" if any(variable.coverage < 1 for variable in report.variables) else None


def _worst(report: Findings) -> str:
    variables = report.worst_variables
    found = variables[0].verdict if variables else ElementVerdict.UNCHECKED
    if any(comparison.verdict > found for comparison in report.comparisons):
        return "compared"
    topics = {
        note.variable: note.topic for note in report.notes if note.kind is Kind.DIAGNOSIS and note.topic
    }
    return topics.get(variables[0].label, found.label) if variables else found.label
