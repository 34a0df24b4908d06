"""The option --timeout: a check that takes longer ends with a sentence, wherever it is."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from gradcheck.errors import ExitCode, TimedOut
from gradcheck.runtime import load_tensorflow

GRACE = 2.0
"""Seconds more for what cannot be interrupted, such as one operation of TensorFlow."""


class Timeout:
    """The time that a check has, from its first part on, without the import of TensorFlow."""

    def __init__(self, seconds: float | None) -> None:
        """None for as long as it takes."""
        self.seconds = seconds
        self._deadline: float | None = None

    @contextlib.contextmanager
    def limiting(self, tell: Callable[[TimedOut], None]) -> Iterator[None]:
        """Raise `TimedOut` when the time is over.

        Where that does not come up, `tell` is called in another thread, and the process ends; that of a
        worker is ended by whoever has started it.
        """
        if self.seconds is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        load_tensorflow()
        self._deadline = self._deadline or time.monotonic() + self.seconds
        left = max(1e-3, self._deadline - time.monotonic())
        error = TimedOut(self.seconds)
        ended = threading.Event()
        if multiprocessing.parent_process() is None:
            waiting = ended, left + GRACE, lambda: tell(error)
            threading.Thread(target=_leave, args=waiting, daemon=True).start()
        try:
            with _alarm(left, error):
                yield
        finally:
            ended.set()


@contextlib.contextmanager
def _alarm(seconds: float, error: BaseException) -> Iterator[None]:
    """Raise an error after so many seconds."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise error

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _leave(ended: threading.Event, seconds: float, tell: Callable[[], None]) -> None:
    if ended.wait(seconds):
        return
    with contextlib.suppress(Exception):
        tell()
    os._exit(ExitCode.UNUSABLE)
