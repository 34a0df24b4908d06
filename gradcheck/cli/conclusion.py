"""What every check ends with: the check itself, its report in the documents that are wanted, an exit code."""

from dataclasses import replace

from gradcheck import checking
from gradcheck.cli import document
from gradcheck.cli.ending import guard
from gradcheck.cli.group import aside, main
from gradcheck.cli.options import Check
from gradcheck.cli.process import Stoppable
from gradcheck.cli.tensors import read_upstream
from gradcheck.errors import ExitCode
from gradcheck.progress import Progress
from gradcheck.report.suite import CheckResult


@main.result_callback()
def conclude(ended: Check | ExitCode) -> ExitCode:
    """Check what a command hands on, write the report where it is wanted, and say how the process ends."""
    if isinstance(ended, ExitCode):
        return ended
    options = ended.options
    with guard(options.traceback):
        report = report_of(ended, Stoppable(options.progress))
        document.write(CheckResult(report.target, report), options.documents)
        return report.exit_code


def report_of(check: Check, progress: Progress) -> checking.Report:
    """The report of a check as it is to be shown; what cannot be checked raises `GradcheckError`."""
    options = check.options
    upstream = read_upstream(options, check.target.inputs)
    with aside():
        report = checking.check_target(check.target, options.settings, upstream, progress)
    return replace(report, limit=options.limit, timing=not options.no_timing, only_failing=check.only_failing)
