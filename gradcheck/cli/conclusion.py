"""What every check ends with: the check itself, its report in the documents that are wanted, an exit code."""

from gradcheck import checking
from gradcheck.cli import document
from gradcheck.cli.ending import guard
from gradcheck.cli.group import aside, main
from gradcheck.cli.jobs import report_of
from gradcheck.cli.options import Check, Sweeping
from gradcheck.cli.process import Stoppable
from gradcheck.cli.tensors import read_upstream
from gradcheck.errors import ExitCode, TargetError
from gradcheck.progress import Progress
from gradcheck.report.suite import CheckResult
from gradcheck.sweeping import sweep_target
from gradcheck.verdicts.sweep import Sweep


@main.result_callback()
def conclude(ended: Check | ExitCode) -> ExitCode:
    """Check what a command hands on, write the report where it is wanted, and say how the process ends."""
    if isinstance(ended, ExitCode):
        return ended
    options = ended.options
    with guard(options.traceback):
        with document.telling(options.name, options.documents, options.traceback):
            progress = Stoppable(options.progress)
            if isinstance(ended, Sweeping):
                document.write(sweep_of(ended, progress), options.documents)
                return ExitCode.PASS
            report = report_of(ended, progress, curve=options.drawn)
        document.write(CheckResult(report.target, report, seconds=report.seconds), options.documents)
        return report.exit_code


def sweep_of(wanted: Sweeping, progress: Progress) -> Sweep:
    """The sweep of an element; what cannot be swept raises `GradcheckError`."""
    target, settings = wanted.target, wanted.options.settings
    upstream = read_upstream(wanted.options, target.inputs)
    with wanted.options.limiting(), aside():
        if wanted.element is not None:
            return sweep_target(target, settings, wanted.element, upstream, progress)
        found = checking.check_target(target, settings, upstream, progress, curve=True).sweep
    if found is None:
        raise TargetError(f"The worst element of {target.name} could not be swept.", "Name an --element.")
    return found
