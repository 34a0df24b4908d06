"""Who sees a suite run: a board in a terminal, one line a check in a pipe, or nobody."""

import contextlib
import sys
from collections.abc import Sequence

from gradcheck.cli.document import Document, Form
from gradcheck.cli.group import write_out
from gradcheck.errors import GradcheckError
from gradcheck.report.suite import CheckResult, SuiteReport
from gradcheck.report.watch import Watch
from gradcheck.suite.job import Job


class Lines(Watch):
    """One line a check on standard output, in the order of the suite, each as soon as those before have
    ended."""

    def __init__(self, jobs: Sequence[Job], *, timing: bool) -> None:
        self._order = [job.name for job in jobs]
        self._longest, self._timing = max(map(len, self._order), default=0), timing
        self._ended: dict[str, CheckResult] = {}
        self._refused: GradcheckError | None = None

    def end(self, result: CheckResult) -> None:
        """Write the lines that are due."""
        self._ended[result.name] = result
        while self._order and self._order[0] in self._ended:
            self._write(self._ended.pop(self._order.pop(0)))

    def _write(self, result: CheckResult) -> None:
        """Write a line; where standard output takes nothing the checks go on, for other documents."""
        from gradcheck.render.suite_table import line

        if self._refused is None:
            try:
                write_out(line(result, self._longest, timing=self._timing) + "\n")
            except GradcheckError as error:
                self._refused = error

    def conclude(self, report: SuiteReport) -> None:
        """Write the lines after one that did not end, and what comes after all; raises `GradcheckError` where
        standard output has taken nothing."""
        from gradcheck.render.suite_table import to_closing

        for result in report.results:
            if result.name in self._ended:
                self._write(result)
        if self._refused is not None:
            raise self._refused
        write_out(to_closing(report, None, False))


def watching(jobs: Sequence[Job], documents: Sequence[Document], *, quiet: bool, timing: bool) -> Watch:
    """Whoever sees it: lines stand for the table in a pipe, where there is one; a board comes on top."""
    if any(streams(document) for document in documents):
        return Lines(jobs, timing=timing)
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        return Watch()
    from gradcheck.render.board import Board

    return Board(len(jobs))


def streams(document: Document) -> bool:
    """Whether the lines of a table are written as checks end."""
    table = document.form is Form.TABLE and document.place.standard_output
    with contextlib.suppress(ValueError):  # closed
        return table and not sys.stdout.isatty()
    return False
