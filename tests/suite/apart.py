"""A Dask cluster whose scheduler is a process of its own, that a test can kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMIT = "240"
"""Seconds after which all of it ends by itself, whatever becomes of the test."""


@contextmanager
def apart(folder: Path, workers: int = 1) -> Iterator[tuple[str, int]]:
    """The address of the scheduler and its process number; each worker has one thread and a nanny."""
    from distributed import Client

    file = folder / "scheduler.json"
    host = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    kept = ["--local-directory", str(folder), "--nthreads", "1", "--nworkers", str(workers)]
    begun = [_begun("scheduler", *host, "--port", "0")]
    try:
        begun.append(_begun("worker", *host, *kept))
        with Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
            number = client.run_on_scheduler(os.getpid)
        yield json.loads(file.read_text(encoding="utf-8"))["address"], number
    finally:
        for process in begun:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _begun(what: str, *options: str) -> subprocess.Popen[bytes]:
    """A process of the cluster, at the head of a group."""
    command = ["timeout", LIMIT, sys.executable, "-m", f"distributed.cli.dask_{what}", *options]
    return subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
