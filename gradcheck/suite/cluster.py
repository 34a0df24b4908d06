"""Checks on a Dask cluster: each is a task, and runs in a process beside the worker that has taken it."""

import contextlib
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from gradcheck.report.suite import CheckResult
from gradcheck.suite.connecting import connected
from gradcheck.suite.executor import Executor, Run, lost
from gradcheck.suite.job import Job
from gradcheck.suite.parcel import Parcel
from gradcheck.suite.remote import run_parcel

PAUSE = 1.0
"""Seconds between two looks at which workers there are."""
TRIES = 2
"""How often a check begins whose worker is lost."""
DESERTED = 60
"""Pauses without any worker after which the checks that are left are given up; a nanny takes some 5 s to
start one."""
LOG = "See the log of the worker."
"""What to do about a check that is lost."""


class Cluster(Executor):
    """The workers of a cluster, as many checks at a time as they have threads."""

    def __init__(self, run: Run, address: str) -> None:
        """`address` is that of the scheduler, such as `tcp://10.0.0.1:8786`."""
        self._run, self._address = run, address

    def results(self, jobs: Iterable[Job]) -> Generator[CheckResult, None, None]:
        """How each job ended."""
        with connected(self._address, processor=False) as client:
            tasks = _Tasks(client, self._run)
            waiting, more = iter(jobs), True
            try:
                while (tasks.running or more) and not tasks.deserted:
                    while more and tasks.free > 0:
                        more = (job := next(waiting, None)) is not None
                        if job is not None:
                            tasks.begin(Parcel.of(job))
                    yield from tasks.ended()
                for job in itertools.chain(tasks.left(), waiting):
                    yield lost(job, f"the cluster has no worker for {DESERTED} s", LOG)
            finally:
                client.cancel(list(tasks.running))


class _Tasks:
    """The checks that have begun and not ended."""

    def __init__(self, client: Any, run: Run) -> None:
        self.running: dict[Any, Parcel] = {}
        self._client, self._run, self._topic = client, run, f"gradcheck-{uuid.uuid4().hex}"
        self._begun: Counter[str] = Counter()
        self._alone = 0
        # A worker says when it begins, also when Dask has given it the task of one that is lost.
        client.subscribe_topic(self._topic, lambda event: self._begun.update([event[1]]))

    @property
    def free(self) -> int:
        """How many more checks the workers have threads for."""
        threads: int = sum(self._client.nthreads().values())
        return threads - len(self.running)

    @property
    def deserted(self) -> bool:
        """Whether there is no worker for too long."""
        return self._alone > DESERTED

    def left(self) -> Iterator[Job]:
        """The checks that run, none of which is waited for any more."""
        for task in list(self.running):
            yield self.running.pop(task).job

    def begin(self, parcel: Parcel) -> None:
        """Hand a check to the cluster."""
        key = f"{self._topic}-{uuid.uuid4().hex[:8]}-{parcel.job.name}"
        task = self._client.submit(run_parcel, parcel, self._run, 1, self._topic, key=key, pure=False)
        self.running[task] = parcel

    def ended(self) -> Iterator[CheckResult]:
        """The results of the checks that have ended within a pause."""
        self._pause()
        self._alone = 0 if self._client.nthreads() else self._alone + 1
        for task in [task for task in self.running if task.done()]:  # a result may be lost with its worker
            if (result := self._result(task, self.running.pop(task))) is not None:
                yield result
        for task in [task for task in self.running if self._begun[task.key] > TRIES]:
            task.cancel()
            yield lost(self.running.pop(task).job, f"its worker was lost, {TRIES} times", LOG)

    def _pause(self) -> None:
        """Until a check ends, not longer than `PAUSE`."""
        from distributed import wait

        if not self.running:
            time.sleep(PAUSE)
            return
        with contextlib.suppress(TimeoutError), self._client.as_current():
            wait(list(self.running), timeout=PAUSE, return_when="FIRST_COMPLETED")

    def _result(self, task: Any, parcel: Parcel) -> CheckResult | None:
        """How a check ended; None where it has begun once more, with its files."""
        from distributed import KilledWorker

        error = task.exception()
        if error is None:
            result: CheckResult | None = task.result()
            if result is None:
                self.begin(parcel.packed())
            return result
        if isinstance(error, KilledWorker):
            return lost(parcel.job, "its worker was lost more often than the cluster allows", LOG)
        raise error
