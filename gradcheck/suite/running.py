"""The checks of a suite run by an executor, each begun at most once."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gradcheck.report.suite import CheckResult
from gradcheck.report.watch import Watch
from gradcheck.suite.executor import Executor, lost
from gradcheck.suite.job import Job


class Ran(NamedTuple):
    """What has become of the checks."""

    results: tuple[CheckResult, ...]
    """Of those that have ended, in the order of the jobs."""
    not_run: tuple[str, ...]
    """Names of the others."""
    stop: KeyboardInterrupt | None
    """What has stopped the run, before all had ended."""


def run(jobs: Sequence[Job], executor: Executor, watch: Watch, most: int | None = None) -> Ran:
    """Run the checks, until all have ended or a KeyboardInterrupt comes.

    None begins once `most` have ended otherwise than expected; those that run then still end.
    """
    found: dict[str, CheckResult] = {}
    begun: dict[str, Job] = {}
    unexpected = 0

    def due() -> Iterator[Job]:
        for job in jobs:
            if most is not None and unexpected >= most:
                return
            begun[job.name] = job
            watch.begin(job.name)
            yield job

    def answers(results: Iterator[CheckResult]) -> Iterator[CheckResult]:
        yield from results
        for _ in waiting:  # those that the executor has left out are begun, and nobody answers for them
            pass
        for name in [name for name in begun if name not in found]:
            yield lost(begun[name], "nothing has answered for it", "Run it alone.")

    waiting, stop = due(), None
    try:
        with watch, contextlib.closing(executor.results(waiting)) as results:
            for result in answers(results):
                if result.name not in found:
                    found[result.name] = result
                    unexpected += not result.expectedly
                    watch.end(result)
    except KeyboardInterrupt as error:
        stop = error
    ended = tuple(found[job.name] for job in jobs if job.name in found)
    return Ran(ended, tuple(job.name for job in jobs if job.name not in found), stop)
