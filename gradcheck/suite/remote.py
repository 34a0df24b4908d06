"""What happens in a worker of a Dask cluster: each job runs in a process of its own, so that a crash takes no
worker of the cluster down, and several threads of one are several slots."""

import contextlib
import multiprocessing
from typing import Any

from gradcheck.report.suite import CheckResult
from gradcheck.suite.executor import Run
from gradcheck.suite.parcel import Parcel
from gradcheck.suite.slot import Slot

PAUSE = 1.0
"""Seconds between two looks at whether a job is still wanted."""
_idle: list[Slot] = []
"""The processes that have no job."""


def run_parcel(parcel: Parcel, run: Run, threads: int, topic: str) -> CheckResult | None:
    """How the job ended; None where its files are not here, or where nobody waits for it any more.

    The driver counts by `topic` how often a job has begun.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    worker.log_event(topic, key)
    if not parcel.whole:
        return None
    slot = _idle.pop() if _idle else _slot(run, threads)
    with parcel.unpacked() as job:
        slot.give(job)
        while not slot.wait(PAUSE):
            if _cancelled(worker, key):
                slot.end()
                return None
        result = slot.take()
    _idle.append(slot)
    return result


def _slot(run: Run, threads: int) -> Slot:
    # The nanny of a Dask worker makes a daemon of it, which may start no process otherwise.
    with contextlib.suppress(AssertionError):
        multiprocessing.current_process().daemon = False
    return Slot(run, threads)


def _cancelled(worker: Any, key: str) -> bool:
    """Whether whoever has asked for the job has gone."""
    task = worker.state.tasks.get(key)
    return task is None or task.state == "cancelled"
