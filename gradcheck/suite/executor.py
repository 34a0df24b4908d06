"""Who runs the checks of a suite: the port that worker processes and a Dask cluster implement."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable

from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.job import Job

Run = Callable[[Job], CheckResult]
"""Runs one check in this process; a function of a module, so that other processes find it by name."""


def lost(job: Job, why: str, remedy: str) -> CheckResult:
    """The result of a job that has none."""
    return job.ended(Failure("Lost", f"the check did not end: {why}.", remedy))


class Executor(ABC):
    """Runs checks, several at a time."""

    @abstractmethod
    def results(self, jobs: Iterable[Job]) -> Generator[CheckResult, None, None]:
        """How each of the jobs ended, exactly once, as they end.

        A job is taken from `jobs` when there is a place to run it, not earlier. One that takes its process
        down is reported as a `Failure`; closing the iterator ends what still runs.
        """
