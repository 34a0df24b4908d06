"""A suite as strict JSON: one document, or a line for each check and a last one with the summary."""

from gradcheck.render.plain import SCHEMA, in_json, of_failure, to_dict
from gradcheck.report.suite import CheckResult, Failure, SuiteReport
from gradcheck.version import __version__


def to_json(suite: SuiteReport) -> str:
    """One document, indented."""
    checks = [_of_check(suite, result) for result in suite.results]
    return in_json({**_summary(suite), "checks": checks}, indent=2)


def to_lines(suite: SuiteReport) -> str:
    """A line for each check, and the summary."""
    lines = [*(_of_check(suite, result) for result in suite.results), _summary(suite)]
    return "".join(in_json(line, indent=None) for line in lines)


def _summary(suite: SuiteReport) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "version": __version__,
        "name": suite.name,
        "exit_code": suite.stopped or int(suite.exit_code),
        "counts": suite.counts,
        "not_run": list(suite.not_run),
        "seconds": _seconds(suite, suite.seconds),
    }


def _of_check(suite: SuiteReport, result: CheckResult) -> dict[str, object]:
    """`report` is what the check alone writes, `error` why it could not run."""
    place = result.place
    failed = isinstance(result.outcome, Failure)
    return {
        "name": result.name,
        "verdict": result.word,
        "expected": result.expected.value,
        "exit_code": int(result.exit_code),
        "seconds": _seconds(suite, result.seconds),
        "place": None if place is None else {"file": place[0], "line": place[1]},
        "command": result.command,
        "error" if failed else "report": (
            of_failure(result.outcome) if isinstance(result.outcome, Failure) else to_dict(result.outcome)
        ),
    }


def _seconds(suite: SuiteReport, seconds: float) -> float | None:
    return round(seconds, 6) if suite.timing else None
