"""Worker processes as forks of a server that has imported TensorFlow and run nothing."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, resource_tracker
from typing import Any

SAFE_PATH, SERVER = "PYTHONSAFEPATH", "gradcheck-server"
"""Variable that keeps Python from importing from the working directory, and its value in the server."""
FORKS = "forkserver" in multiprocessing.get_all_start_methods()


def context(run: Callable[..., Any]) -> Any:
    """The `multiprocessing` context of worker processes, whose server has imported where `run` is from."""
    found = multiprocessing.get_context("forkserver" if FORKS else "spawn")
    if FORKS:
        found.set_forkserver_preload(["gradcheck.suite.preload", run.__module__])
    return found


def start(process: Any) -> None:
    """Start a worker process, and the server if there is none yet."""
    if FORKS:
        resource_tracker.ensure_running()  # it would let SIGINT through again
        with _shielded():
            forkserver.ensure_running()
    process.start()


@contextlib.contextmanager
def _shielded() -> Iterator[None]:
    """A server that starts meanwhile gets no Ctrl-C, and imports nothing from the working directory.

    Python runs it with `-c`, so that a file `random.py` there would be imported in the place of Python's.
    """
    before, environment = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]), os.environ.get(SAFE_PATH)
    os.environ.setdefault(SAFE_PATH, SERVER)
    try:
        yield
    finally:
        if environment is None:
            os.environ.pop(SAFE_PATH, None)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
