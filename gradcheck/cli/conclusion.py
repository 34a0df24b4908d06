"""What every check ends with: the check itself, its report in the documents that are wanted, an exit code."""

from gradcheck.cli import document
from gradcheck.cli.ending import guard
from gradcheck.cli.group import main
from gradcheck.cli.jobs import report_of
from gradcheck.cli.options import Check
from gradcheck.cli.process import Stoppable
from gradcheck.errors import ExitCode
from gradcheck.report.suite import CheckResult


@main.result_callback()
def conclude(ended: Check | ExitCode) -> ExitCode:
    """Check what a command hands on, write the report where it is wanted, and say how the process ends."""
    if isinstance(ended, ExitCode):
        return ended
    options = ended.options
    with guard(options.traceback):
        with document.telling(options.name, options.documents), guard(options.traceback):
            report = report_of(ended, Stoppable(options.progress))
        document.write(CheckResult(report.target, report, seconds=report.seconds), options.documents)
        return report.exit_code
