"""What every check ends with: the check itself, its report as a document, and the exit code."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from gradcheck import checking
from gradcheck.cli.ending import guard
from gradcheck.cli.group import aside, main, note, terminal
from gradcheck.cli.options import Check, Common, Format
from gradcheck.cli.outputs import Place
from gradcheck.cli.process import Stoppable
from gradcheck.cli.tensors import read_upstream
from gradcheck.errors import ExitCode, GradcheckError
from gradcheck.function.sharing import Sharing
from gradcheck.progress import Progress


@main.result_callback()
def conclude(ended: Check | ExitCode) -> ExitCode:
    """Check what a command hands on, write the report where it is wanted, and say how the process ends."""
    if isinstance(ended, ExitCode):
        return ended
    options = ended.options
    with guard(options.traceback):
        upstream = read_upstream(options, ended.target.inputs)
        with aside(), _shared(ended) as sharing:
            progress = Stoppable(_progress(options))
            report = checking.check_target(ended.target, options.settings, upstream, progress, sharing)
        _write(
            replace(
                report,
                limit=options.limit,
                timing=not options.no_timing,
                only_failing=ended.only_failing,
            ),
            options,
        )
        return report.exit_code


@contextmanager
def _shared(ended: Check) -> Iterator[Sharing | None]:
    """The cluster that evaluates too, if one is named."""
    if ended.options.dask is None:
        yield None
        return
    from gradcheck.suite.cluster import Cluster

    cluster = Cluster(ended.options.dask, ended.spec, ended.options.settings.device)
    try:
        yield cluster
    finally:
        cluster.close()
    if cluster.refused is not None:
        note(f"not all workers took part: {cluster.refused}", ended.options.quiet)


def _progress(options: Common) -> Progress:
    """A bar where somebody sits at the terminal and has not asked for silence."""
    if sys.stderr is None or not sys.stderr.isatty() or options.quiet:
        return Progress()
    from gradcheck.render.progress import Bar

    return Bar()


def _write(report: checking.Report, options: Common) -> None:
    """Write all documents, also where there is no place for one of them, and then raise for that one."""
    failed: list[GradcheckError] = []
    for place, content in _documents(report, options):
        try:
            place.write(content())
        except GradcheckError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _documents(report: checking.Report, options: Common) -> Iterator[tuple[Place, Callable[[], bytes]]]:
    """The documents that are wanted, and where."""
    if (shown := options.output) is not None:
        width, color = terminal() if shown.standard_output else (None, False)
        text = partial(_rendered, report, options.format, width, color)
        yield shown, lambda: text().encode(*shown.encoding)
    if options.save is not None:
        from gradcheck.render.plain import to_npz

        yield options.save, partial(to_npz, report)


def _rendered(report: checking.Report, form: str, width: int | None, color: bool) -> str:
    if Format(form) is Format.JSON:
        from gradcheck.render.plain import to_json

        return to_json(report)
    from gradcheck.render.table import to_terminal

    return to_terminal(report, width, color)
