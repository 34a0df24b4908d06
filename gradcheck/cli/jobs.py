"""A job of a suite in this process: its command line parsed and checked, and nothing written."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import click

from gradcheck import checking
from gradcheck.cli.ending import Ended, Ending
from gradcheck.cli.group import aside, main, note
from gradcheck.cli.options import Check
from gradcheck.cli.tensors import read_upstream
from gradcheck.cli.vocabulary import OF_THE_RUN
from gradcheck.errors import SuiteError
from gradcheck.function.sharing import Sharing
from gradcheck.option import Section
from gradcheck.progress import Progress
from gradcheck.report.findings import Findings
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.job import Job


def run(job: Job) -> CheckResult:
    """Check what a job says; what goes wrong is part of the result.

    The process is left as the code under check leaves it, and without GRADCHECK_OUTPUT, GRADCHECK_DASK and
    the like: a suite says where reports go, and where checks run.
    """
    began = time.perf_counter()
    outcome: Findings | Failure
    for option in main.commands[job.arguments[0]].params:
        decided = getattr(option, "section", None) is Section.REPORT or option.name in OF_THE_RUN
        if decided and isinstance(option.envvar, str):
            os.environ.pop(option.envvar, None)
    try:
        with _context(job) as (command, context):
            ended = command.invoke(context)
            assert isinstance(ended, Check)
            outcome = report_of(ended, ended.options.progress, curve=job.curve)
    except BaseException as error:  # KeyboardInterrupt too: no signal of a terminal comes to a worker
        outcome = (error.ending if isinstance(error, Ended) else Ending.of(error)).failure
    return job.ended(outcome, time.perf_counter() - began)


def report_of(check: Check, progress: Progress, *, curve: bool = False) -> checking.Report:
    """The report of a check as it is to be shown, with the `curve` of its worst element where one is drawn.

    What cannot be checked raises `GradcheckError`.
    """
    options = check.options
    upstream = read_upstream(options, check.target.inputs)
    with options.limiting(), aside(), _shared(check) as sharing:
        report = checking.check_target(
            check.target, options.settings, upstream, progress, curve=curve, sharing=sharing
        )
    return replace(
        report,
        limit=options.limit,
        timing=not options.no_timing,
        only_failing=check.only_failing,
        heatmap=options.heatmap,
    )


@contextmanager
def _shared(check: Check) -> Iterator[Sharing | None]:
    """The cluster that evaluates too, if one is named."""
    address, settings = check.options.dask, check.options.settings
    if address is None:
        yield None
        return
    from gradcheck.suite.cluster_seats import ClusterSeats

    with contextlib.closing(ClusterSeats(address, check.spec, settings.device)) as seats:
        yield seats
    if seats.refused is not None:
        note(f"not all workers took part: {seats.refused}", check.options.quiet)


def parsed(jobs: Sequence[Job], lines: Mapping[str, Mapping[str, int]]) -> tuple[Job, ...]:
    """The jobs with the time that they have; `lines` are those of the options, by the name of the job.

    Raises `SuiteError`, a line for each with its place, unless all command lines can be parsed.
    """
    found, wrong = [], []
    for job in jobs:
        try:
            with contextlib.chdir(job.folder), _context(job) as (_, context):
                found.append(replace(job, timeout=context.params["timeout"]))
        except click.ClickException as error:
            said = f"{job.name}: {' '.join(error.format_message().split())}"
            wrong.append(f"{_place(job, lines[job.name], error)}{said}")
    if wrong:
        raise SuiteError("\n".join(wrong))
    return tuple(found)


def _place(job: Job, lines: Mapping[str, int], error: click.ClickException) -> str:
    """The file and the line of what is wrong with a job: of the option, or of the table of its check."""
    if job.place is None:
        return ""
    option = error.param if isinstance(error, click.BadParameter) else None
    line = lines.get(option.opts[-1], job.place[1]) if option else job.place[1]
    return f"{job.place[0]}:{line}: "


@contextmanager
def _context(job: Job) -> Iterator[tuple[click.Command, click.Context]]:
    """The command of a job with its arguments parsed."""
    # With its settings: Click keeps the option --help, -h of a command as the first context makes it.
    top = click.Context(main, info_name="gradcheck", **main.context_settings)
    name, command, rest = main.resolve_command(top, [*job.arguments, *["--verbose"] * job.verbose])
    assert command is not None
    with top, command.make_context(name, rest, parent=top) as context:
        yield command, context
