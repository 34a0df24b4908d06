"""How far a suite is, for whoever waits: the observer that a suite reports to."""

from types import TracebackType
from typing import Any, Self

from gradcheck.report.suite import CheckResult, SuiteReport


class Watch:
    """An observer of checks that begin and end, which shows nothing."""

    def begin(self, name: str) -> None:
        """A check begins."""

    def end(self, result: CheckResult) -> None:
        """A check has ended."""

    def conclude(self, report: SuiteReport) -> None:
        """All have ended that will, and the report of them is made."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        """Take away what was shown."""
