"""Checks in worker processes of this machine, one a slot, kept for many checks and replaced when it dies."""

import contextlib
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from multiprocessing.connection import wait

from gradcheck.report.suite import CheckResult
from gradcheck.runtime import cores
from gradcheck.suite.executor import Executor, Run
from gradcheck.suite.job import Job
from gradcheck.suite.slot import Slot


class Processes(Executor):
    """So many slots, each a process."""

    def __init__(self, run: Run, slots: int) -> None:
        """`run` runs one job in a worker."""
        self._run, self._slots = run, slots

    def results(self, jobs: Iterable[Job]) -> Generator[CheckResult, None, None]:
        """How each job ended."""
        waiting = iter(jobs)
        slots = [Slot(self._run, max(1, cores() // self._slots)) for _ in range(self._slots)]
        with contextlib.ExitStack() as stack:
            for slot in slots:
                stack.callback(slot.end)
            while True:
                for slot in slots:
                    if slot.job is None and (job := next(waiting, None)) is not None:
                        slot.give(job)
                busy = [slot for slot in slots if slot.job is not None]
                if not busy:
                    return
                for slot in _ready(busy):
                    yield slot.take()


def _ready(busy: Sequence[Slot]) -> Iterator[Slot]:
    """The slots whose job has ended, or has to; waits for one."""
    left = min(slot.left for slot in busy)
    found = set(wait([part for slot in busy for part in slot.waited_for], None if left == math.inf else left))
    return (slot for slot in busy if found & set(slot.waited_for) or not slot.left)
