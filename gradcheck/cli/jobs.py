"""A job of a suite in this process: its command line parsed and checked, and nothing written."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from gradcheck.cli.conclusion import report_of
from gradcheck.cli.ending import Ended, Ending
from gradcheck.cli.group import main
from gradcheck.cli.options import Check
from gradcheck.errors import GradcheckError
from gradcheck.option import Section
from gradcheck.progress import Progress
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.job import Job


def run(job: Job) -> CheckResult:
    """Check what a job says; what goes wrong is part of the result.

    The process is left as the code under check leaves it, and without GRADCHECK_OUTPUT and the like: a suite
    says where reports go.
    """
    began = time.perf_counter()
    for option in main.commands[job.arguments[0]].params:
        if getattr(option, "section", None) is Section.REPORT and isinstance(option.envvar, str):
            os.environ.pop(option.envvar, None)
    try:
        with _context(job) as (command, context):
            ended = command.invoke(context)
            assert isinstance(ended, Check)
            outcome = report_of(ended, Progress())
    except (Exception, SystemExit) as error:
        ending = error.ending if isinstance(error, Ended) else Ending.of(error)
        outcome = Failure(ending.kind, ending.found, ending.remedy, ending.code)
    seconds = time.perf_counter() - began
    return CheckResult(job.name, outcome, job.expected, seconds, job.place, job.command)


def refuse_unparsable(job: Job) -> None:
    """Raise `GradcheckError`, with file and line, unless the command line of a job can be parsed."""
    here = os.getcwd()
    os.chdir(job.folder)
    try:
        with _context(job):
            pass
    except click.ClickException as error:
        said = " ".join(error.format_message().split())
        raise GradcheckError(
            f"{'{}:{}: '.format(*job.place) if job.place else ''}{job.name}: {said}"
        ) from error
    finally:
        os.chdir(here)


@contextmanager
def _context(job: Job) -> Iterator[tuple[click.Command, click.Context]]:
    """The command of a job with its arguments parsed."""
    top = click.Context(main, info_name="gradcheck")
    name, command, rest = main.resolve_command(top, list(job.arguments))
    assert command is not None
    with top, command.make_context(name, rest, parent=top) as context:
        yield command, context
