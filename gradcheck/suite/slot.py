"""A worker process of this machine and the job that it has; a crash is told by how the process ended."""

import contextlib
import math
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any

from gradcheck.report.suite import CheckResult, Failure, overdue
from gradcheck.suite import server, worker
from gradcheck.suite.executor import Run
from gradcheck.suite.job import Job

KEPT_FOR = 200
"""Checks that one process runs, for TensorFlow keeps some 0.5 MB for each. One that runs the user's code is
the last one of its process, whatever it leaves behind: the next one starts in 0.3 s."""
PATIENCE = 1.0
"""Seconds that a process without a job has to put its temporary files away."""
GRACE = 60.0
"""Seconds more than its --timeout that a job has until its process is ended; a new
one loads TensorFlow first."""
LAST = 5
"""Lines of what a process wrote that are shown where it crashed."""


class Slot:
    """A worker process, replaced when it dies or may have been changed, and the job that it has."""

    def __init__(self, run: Run, threads: int) -> None:
        """`run` runs one job in the process, whose TensorFlow gets so many `threads`."""
        self.job: Job | None = None
        self._run, self._threads = run, threads
        self._log = tempfile.NamedTemporaryFile(prefix="gradcheck-", suffix=".log")  # noqa: SIM115
        self._begin, self._started, self._done = 0, 0.0, 0
        self._process: Any = None
        self._pipe: Any = None

    def give(self, job: Job) -> None:
        """Hand a job to the process, or to a new one."""
        if self._process is None or not self._process.is_alive() or self._done >= KEPT_FOR:
            self._end()
            self._start()
        self._begin = os.path.getsize(self._log.name)
        self.job, self._started = job, time.perf_counter()
        self._done += KEPT_FOR if job.runs_users_code else 1
        with contextlib.suppress(OSError):  # it died meanwhile, which shows when its result is taken
            self._pipe.send(job)

    def _start(self) -> None:
        context = server.context(self._run)
        self._pipe, theirs = context.Pipe()
        given = theirs, self._run, self._log.name, self._threads
        process = context.Process(target=worker.serve, args=given, daemon=False)
        server.start(process)
        self._process = process
        theirs.close()
        self._done = 0

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the job, not longer than this; whether it has ended."""
        return bool(wait(self.waited_for, min(seconds, self.left))) or not self.left

    @property
    def left(self) -> float:
        """Seconds until the job is ended from outside: code that no signal interrupts."""
        if self.job is None or self.job.timeout is None:
            return math.inf
        return max(0.0, self._started + self.job.timeout + GRACE - time.perf_counter())

    @property
    def waited_for(self) -> Sequence[Any]:
        """What becomes ready when the job has ended."""
        return self._pipe, self._process.sentinel

    def take(self) -> CheckResult:
        """How the job ended; the process may be gone, and is ended where the time of the job is over."""
        over, job, self.job = not self.left, self.job, None
        assert job is not None
        try:
            # A process that died may have sent its result before.
            if self._pipe.poll():
                result: CheckResult = self._pipe.recv()
                return result
        except (EOFError, OSError):
            pass
        if over:
            self._kill()
        self._process.join()
        seconds = time.perf_counter() - self._started
        said = worker.printed(self._log.name, self._begin)
        late = job.timeout if over else None
        failure = crashed(self._process.exitcode, said) if late is None else overdue(late)
        return job.ended(failure, seconds, said)

    def end(self) -> None:
        """End the process and what it has started; nobody waits for its job any more."""
        self._end()
        self._log.close()

    def _end(self) -> None:
        if self._process is not None:
            self._pipe.close()
            if self.job is None:
                self._process.join(PATIENCE)
            self._kill()
            self._process.join()

    def _kill(self) -> None:
        worker.end_group(self._process.pid)
        self._process.kill()


def _signal(number: int) -> str:
    """The name of a signal; those for real time have numbers only."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def crashed(code: int | None, said: str) -> Failure:
    """Why a job has no result that took its process down, after it had written this."""
    if code is not None and code < 0:
        how = f"was ended by the signal {_signal(-code)}"
    else:
        how = f"ended with the code {code}"
    last = "\n".join(f"  {line}" for line in said.strip().splitlines()[-LAST:])
    remedy = f"\nIt wrote last:\n{last}" if last else "It wrote nothing before."
    return Failure("Crashed", f"the process of this check {how} in the middle of the check.", remedy)
