"""How the checks of a suite ended, in words that all forms share."""

import os
from collections.abc import Sequence
from pathlib import Path

from gradcheck.errors import ExitCode
from gradcheck.render.numbers import ratio
from gradcheck.render.short import to_short
from gradcheck.report.closing import conclusion
from gradcheck.report.suite import WORST_FIRST, CheckResult, Failure, SuiteReport
from gradcheck.verdicts.verdict import Verdict

WORDS = {
    ExitCode.PASS: "PASS",
    ExitCode.FAIL: "FAIL",
    ExitCode.INCONCLUSIVE: "INCONCLUSIVE",
    ExitCode.UNUSABLE: "ERROR",
    ExitCode.BUG: "ERROR",
    ExitCode.INTERRUPTED: "STOPPED",
}
"""What stands before the closing sentence."""


def sentence(result: CheckResult) -> str:
    """What was found, or why the check could not run, and what was expected where that is not a pass."""
    said = result.outcome.found if isinstance(result.outcome, Failure) else conclusion(result.outcome)
    return said if result.expected is Verdict.PASS else f"expected {result.expected.value}; {said}"


def details(result: CheckResult) -> str:
    """The short report, or the error with what to do, and how to run the check alone; several lines."""
    found = str(result.outcome) if isinstance(result.outcome, Failure) else to_short(result.outcome)
    if result.expected is not Verdict.PASS:
        found = f"expected: {result.expected.value}\n{found}"
    return f"{found}\nrun alone: {result.command}" if result.command else found


def closing(suite: SuiteReport) -> str:
    """How many checks ended how, in a sentence without names."""
    count, unexpected = len(suite.results), len(suite.unexpected)
    if not count:
        said = "no check was run"
    else:
        words = ", ".join(f"{number:,} {word}" for word, number in suite.counts.items())
        said = f"{count:,} check{'' if count == 1 else 's'}: {words}"
        if any(result.expected is not Verdict.PASS for result in suite.results):
            said += f"; {unexpected:,} ended otherwise than expected"
    left = f"; {len(suite.not_run):,} not run" if suite.not_run else ""
    return said + left + (f", in {suite.seconds:.2f} s" if suite.timing else "")


def why_not_run(suite: SuiteReport) -> str:
    """Why some checks have no result."""
    return "not ended when the run was stopped" if suite.stopped else "not begun, after too many failures"


def elements(result: CheckResult) -> str:
    """Number of elements that were to be checked; nothing where there are none to count."""
    return f"{result.size:,}" if result.size else ""


def measure(result: CheckResult) -> str:
    """error ÷ tolerance of the worst element; nothing of what could not run."""
    return "" if isinstance(result.outcome, Failure) else ratio(result.worst_ratio)


def relative(file: str, root: Path) -> str:
    """A path below `root` as from there, with slashes; another one whole."""
    path = Path(os.path.abspath(file))
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def worst_first(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Those that fail first, of those the largest error ÷ tolerance."""

    def order(result: CheckResult) -> tuple[int, float]:
        worst = result.worst_ratio
        return WORST_FIRST.index(result.exit_code), 0.0 if worst != worst else -worst

    return sorted(results, key=order)
