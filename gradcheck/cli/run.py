"""The command run: the checks of a suite, each in a process of its own, and one report of all."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcheck.cli import document, jobs
from gradcheck.cli.document import Document, Form
from gradcheck.cli.group import main, say, write_out
from gradcheck.cli.help import Command, option, with_options
from gradcheck.cli.options import TRACEBACK
from gradcheck.cli.outputs import refuse_overwriting, spares
from gradcheck.cli.process import Stoppable, code_of
from gradcheck.cli.vocabulary import vocabulary
from gradcheck.cli.watching import streams, watching
from gradcheck.cli.written import QUIET, VERBOSE, WRITTEN, documents
from gradcheck.errors import ExitCode, GradcheckError
from gradcheck.option import Section
from gradcheck.progress import Progress
from gradcheck.report.suite import SuiteReport
from gradcheck.report.watch import Watch
from gradcheck.runtime import cores
from gradcheck.suite.finding import OWN, find_suite
from gradcheck.suite.job import Job

if TYPE_CHECKING:
    from gradcheck.suite.executor import Executor
    from gradcheck.suite.reading import Suite
    from gradcheck.suite.record import Record
    from gradcheck.suite.running import Ran
    from gradcheck.suite.selection import Shard

EXAMPLES = (
    "gradcheck run",
    "gradcheck run gradcheck.toml --jobs 4 --output junit=report.xml",
    "gradcheck run --only 'gelu*' --list",
)
AUTO = "auto"


def _slots(ctx: click.Context, param: click.Parameter, text: str) -> int | str:
    if text == AUTO:
        return text
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is no number of processes: give one ≥ 1, or auto.", ctx, param)
    return int(text)


def _shard(ctx: click.Context, param: click.Parameter, text: str | None) -> Shard | None:
    from gradcheck.suite.selection import Shard

    try:
        return None if text is None else Shard.read(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def documented(command: Command) -> Command:
    """Add what says in which form and where the report is written."""
    return with_options(command, *WRITTEN, VERBOSE, QUIET, TRACEBACK)


@main.command("run", examples=EXAMPLES)
@click.argument("file", metavar="[FILE.toml]", required=False, type=click.Path(path_type=Path))
@option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    section=Section.CHECKS,
    help="Checks whose name holds this, or matches it with * and ?; repeat it for more.",
)
@option("--last-failed", is_flag=True, section=Section.CHECKS, help="Those that failed the last time.")
@option(
    "--shard",
    metavar="K/N",
    callback=_shard,
    section=Section.CHECKS,
    help="Part K of N, of about the same time each if all N have the same record of the last run.",
)
@option("--list", is_flag=True, section=Section.CHECKS, help="Print the names, and run nothing.")
@option(
    "--jobs",
    callback=_slots,
    default=AUTO,
    metavar="N|auto",
    section=Section.LIMITS,
    help="Checks at a time, each in a process of its own; auto: one for each processor.",
)
@option(
    "--dask", metavar="ADDRESS", section=Section.LIMITS, help="Run on the Dask cluster of this scheduler."
)
@option(
    "--max-failures",
    type=click.IntRange(1),
    metavar="N",
    section=Section.LIMITS,
    help="Begin no check once N have failed.",
)
@option(
    "--durations",
    type=click.IntRange(1),
    metavar="N",
    section=Section.REPORT,
    help="Also tell the N slowest checks.",
)
@documented
def command(file: Path | None, traceback: bool, **given: Any) -> ExitCode:
    """Run the checks of a suite.

    FILE.toml has a table [[check]] for each, with the options of the command line as keys (pool_size = 3),
    and [defaults] for all; without it gradcheck.toml is taken, or [tool.gradcheck] in pyproject.toml. Paths
    are relative to the file.
    """
    from gradcheck.suite.reading import read_suite
    from gradcheck.suite.record import Record

    wanted = () if given["list"] else documents(given)
    place = find_suite(Path()) if file is None else file
    spared = [one for one in wanted if spares(one.place, place)]
    with document.telling((place or Path(OWN)).name, spared, traceback):
        suite = read_suite(file, vocabulary())
    if wanted:
        _refuse_overwriting(wanted, suite)
    record, began = Record.read(suite.file), time.perf_counter()
    with document.telling(suite.file.name, wanted, traceback):
        chosen = _chosen(suite, record, given)
        if given["list"]:
            write_out("".join(f"{job.name}\n" for job in chosen))
            return ExitCode.PASS
        watch = watching(chosen, wanted, quiet=given["quiet"], timing=not given["no_timing"])
        ran = _ran(chosen, wanted, watch, given)
    record.updated(ran.results, suite.jobs).write()
    return _told(suite, ran, wanted, watch, given, time.perf_counter() - began)


def _refuse_overwriting(wanted: Sequence[Document], suite: Suite) -> None:
    from gradcheck.suite.parcel import files_named

    read = [os.path.join(job.folder, name) for job in suite.jobs for name in files_named(job)]
    refuse_overwriting([one.place for one in wanted], {"the suite": [str(suite.file)], "a check's": read})


def _chosen(suite: Suite, record: Record, given: dict[str, Any]) -> Sequence[Job]:
    """The checks to run; raises where there are none, or where one has no command line."""
    from gradcheck.suite.selection import select

    chosen = select(
        suite.jobs,
        only=given["only"],
        shard=given["shard"],
        last_failed=given["last_failed"],
        record=record,
    )
    chosen = jobs.parsed(chosen, suite.lines)
    if not chosen and not given["list"]:
        if not suite.jobs:
            remedy = "Write a table [[check]] for each, in pyproject.toml [[tool.gradcheck.check]]."
            raise GradcheckError(f"{suite.file} holds no check.", remedy)
        raise GradcheckError(
            f"No check of {suite.file} is left to run.", "Leave out --shard or --last-failed."
        )
    return chosen


def _ran(chosen: Sequence[Job], wanted: Sequence[Document], watch: Watch, given: dict[str, Any]) -> Ran:
    from gradcheck.suite.running import run

    if given["dask"] is not None and given["jobs"] != AUTO:
        raise click.UsageError("--jobs is for this machine, --dask for a cluster: give one of them.")
    curve = any(one.form is Form.HTML for one in wanted)
    given_out = [replace(job, verbose=given["verbose"], curve=curve) for job in chosen]
    with Stoppable(Progress()):
        return run(given_out, _executor(given, len(chosen)), watch, given["max_failures"])


def _told(
    suite: Suite, ran: Ran, wanted: Sequence[Document], watch: Watch, given: dict[str, Any], seconds: float
) -> ExitCode:
    """Write what is wanted; what has stopped the run is raised once more."""
    timing, results = not given["no_timing"], ran.results
    shown = tuple(result.shown(timing=timing) for result in results)
    stopped = code_of(ran.stop) if ran.stop else 0
    report = SuiteReport(suite.file.name, shown, ran.not_run, seconds, timing, stopped)
    if ran.stop:
        say(f"{len(results):,} of {len(results) + len(ran.not_run):,} checks had ended.")
    try:
        _write(report, wanted, watch)
    except GradcheckError as error:
        if not ran.stop:
            raise
        say(f"error: {error}")
    if given["verbose"] and not given["quiet"]:
        for result in results:
            say(f"{result.name}\n{result.printed.rstrip()}")
    slowest = sorted(results, key=lambda result: -result.seconds)[: given["durations"] or 0]
    for result in slowest:
        say(f"{result.seconds:8.2f} s  {result.name}")
    if ran.stop:
        raise ran.stop
    return report.exit_code


def _write(report: SuiteReport, wanted: Sequence[Document], watch: Watch) -> None:
    """Write all documents; of the table in a pipe the lines are written already."""
    try:
        document.write(report, [one for one in wanted if not streams(one)])
    finally:
        watch.conclude(report)


def _executor(given: dict[str, Any], checks: int) -> Executor:
    if given["dask"] is not None:
        from gradcheck.suite.cluster import Cluster

        return Cluster(jobs.run, given["dask"])
    from gradcheck.suite.processes import Processes

    slots = cores() if given["jobs"] == AUTO else given["jobs"]
    return Processes(jobs.run, min(slots, checks))
