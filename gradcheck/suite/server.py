"""Worker processes as forks of a server that has imported TensorFlow and run nothing."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, resource_tracker
from typing import Any

SAFE_PATH = "PYTHONSAFEPATH"
"""Variable that keeps Python from importing from the working directory."""
MARK = "GRADCHECK_SERVER"
"""Variable that a server has; it holds what the user has set the other one to."""
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
        with _own_path():
            resource_tracker.ensure_running()  # before: it lets SIGINT through again
            before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            try:
                forkserver.ensure_running()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
    process.start()


@contextlib.contextmanager
def _own_path() -> Iterator[None]:
    """What starts meanwhile imports nothing from the working directory.

    Python runs it with `-c`, so that a file `random.py` there would be imported in the place of Python's.
    """
    environment = os.environ.get(SAFE_PATH)
    os.environ.update({SAFE_PATH: "1", MARK: environment or ""})
    try:
        yield
    finally:
        restore(os.environ.pop(MARK))


def restore(value: str) -> None:
    """Give the variable the value that the user has set it to; empty for none."""
    if value:
        os.environ[SAFE_PATH] = value
    else:
        os.environ.pop(SAFE_PATH, None)
