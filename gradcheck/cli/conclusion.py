"""What every check ends with: the check itself, its report in the documents that are wanted, an exit code."""

import sys
from dataclasses import replace
from functools import partial

from gradcheck import checking
from gradcheck.cli import document
from gradcheck.cli.ending import guard
from gradcheck.cli.group import aside, main
from gradcheck.cli.options import Check, Common, Sweeping
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
        with document.telling(options.name, options.documents), guard(options.traceback):
            progress = Stoppable(_progress(options))
            if isinstance(ended, Sweeping):
                document.write(sweep_of(ended, progress), options.documents)
                return ExitCode.PASS
            report = report_of(ended, progress, curve=options.drawn)
        document.write(CheckResult(report.target, report, seconds=report.seconds), options.documents)
        return report.exit_code


def report_of(check: Check, progress: Progress, *, curve: bool = False) -> checking.Report:
    """The report of a check as it is to be shown, with the `curve` of its worst element where one is drawn.

    What cannot be checked raises `GradcheckError`.
    """
    options = check.options
    upstream = read_upstream(options, check.target.inputs)
    made = partial(checking.check_target, curve=True) if curve else checking.check_target
    with aside():
        report = made(check.target, options.settings, upstream, progress)
    return replace(
        report,
        limit=options.limit,
        timing=not options.no_timing,
        only_failing=check.only_failing,
        heatmap=options.heatmap,
    )


def sweep_of(wanted: Sweeping, progress: Progress) -> Sweep:
    """The sweep of an element; what cannot be swept raises `GradcheckError`."""
    target, settings = wanted.target, wanted.options.settings
    upstream = read_upstream(wanted.options, target.inputs)
    with aside():
        if wanted.element is not None:
            return sweep_target(target, settings, wanted.element, upstream, progress)
        found = checking.check_target(target, settings, upstream, progress, curve=True).sweep
    if found is None:
        raise TargetError(f"The worst element of {target.name} could not be swept.", "Name an --element.")
    return found


def _progress(options: Common) -> Progress:
    """A bar where somebody sits at the terminal and has not asked for silence."""
    if sys.stderr is None or not sys.stderr.isatty() or options.quiet:
        return Progress()
    from gradcheck.render.progress import Bar

    return Bar()
