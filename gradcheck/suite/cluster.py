"""Checks on a Dask cluster: each is a task, and runs in a process beside the worker that has taken it."""

import contextlib
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any

from gradcheck.errors import text_of
from gradcheck.report.suite import CheckResult
from gradcheck.suite.connecting import LEAVING, Unreachable, answer, connected, leave
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
SILENT = 60
"""Seconds without an answer after which the scheduler has gone."""
LOG = "See the logs of the cluster."
"""What to do about a check that is lost."""


class Cluster(Executor):
    """The workers of a cluster, as many checks at a time as they have threads."""

    def __init__(self, run: Run, address: str) -> None:
        """`address` is that of the scheduler, such as `tcp://10.0.0.1:8786`."""
        self._run, self._address = run, address

    def results(self, jobs: Iterable[Job]) -> Generator[CheckResult, None, None]:
        """How each job ended."""
        client, _ = connected(self._address, processor=False)
        tasks = _Tasks(client, self._run)
        waiting, more, why = iter(jobs), True, f"the cluster has no worker for {DESERTED} s"
        due: dict[str, Job] = {}
        try:
            while (due or more) and not tasks.deserted:
                while more and tasks.free > 0:
                    more = (job := next(waiting, None)) is not None
                    if job is not None:
                        due[job.name] = job
                        tasks.begin(Parcel.of(job))
                for result in tasks.ended():
                    del due[result.name]
                    yield result
        except Unreachable:
            why = "the scheduler has gone"
        finally:
            tasks.cancel()
            leave(client)
        for job in itertools.chain(due.values(), waiting):
            yield lost(job, why, LOG)


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
        return self._threads() - len(self.running)

    def _threads(self) -> int:
        return sum(answer(self._client.nthreads, limit=SILENT).values())

    @property
    def deserted(self) -> bool:
        """Whether there is no worker for too long."""
        return self._alone > DESERTED

    def begin(self, parcel: Parcel) -> None:
        """Hand a check to the cluster."""
        key = f"{self._topic}-{uuid.uuid4().hex[:8]}-{parcel.job.name}"
        given = parcel, self._run, 1, self._topic
        self.running[answer(self._client.submit, run_parcel, *given, key=key, pure=False)] = parcel

    def cancel(self) -> None:
        """End what still runs."""
        with contextlib.suppress(Unreachable):
            answer(self._client.cancel, list(self.running), limit=LEAVING)

    def ended(self) -> Iterator[CheckResult]:
        """The results of the checks that have ended within a pause."""
        self._pause()
        for task in [task for task in self.running if task.done()]:  # a result may be lost with its worker
            if (result := self._result(task, self.running.pop(task))) is not None:
                yield result
        for task in [task for task in self.running if self._begun[task.key] > TRIES]:
            answer(task.cancel, limit=SILENT)
            yield lost(self.running.pop(task).job, f"its worker was lost, {TRIES} times", LOG)
        self._alone = 0 if self._threads() else self._alone + 1

    def _pause(self) -> None:
        """Until a check ends, not longer than `PAUSE`."""
        from distributed import wait

        if not self.running:
            time.sleep(PAUSE)
            return
        # The tasks of a scheduler that has gone are cancelled.
        with contextlib.suppress(TimeoutError, CancelledError), self._client.as_current():
            wait(list(self.running), timeout=PAUSE, return_when="FIRST_COMPLETED")

    def _result(self, task: Any, parcel: Parcel) -> CheckResult | None:
        """How a check ended; None where it has begun once more, with its files."""
        from distributed import KilledWorker

        try:
            error = answer(task.exception)
            result: CheckResult | None = answer(task.result) if error is None else None
        except Unreachable as unreachable:
            return lost(parcel.job, f"its result does not come ({unreachable})", LOG)
        if isinstance(error, KilledWorker):
            return lost(parcel.job, "its worker was lost more often than the cluster allows", LOG)
        if error is not None:
            return lost(parcel.job, f"its worker raised {type(error).__name__}: {text_of(error)}", LOG)
        if result is None:
            self.begin(parcel.packed())
        return result
