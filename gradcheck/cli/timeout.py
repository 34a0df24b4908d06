"""The option --timeout: a check that takes longer ends with a sentence, wherever it is."""

import contextlib
import multiprocessing
import os
import signal
import sys
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

        Where that does not end the check, `tell` is called in another thread, and the process ends; that of
        a worker is ended by whoever has started it.
        """
        if self.seconds is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        load_tensorflow()
        self._deadline = self._deadline or time.monotonic() + self.seconds
        left = max(1e-3, self._deadline - time.monotonic())
        error = TimedOut(self.seconds)
        with _watched(left + GRACE, lambda: tell(error)), _alarm(left, error):
            yield


@contextlib.contextmanager
def _watched(seconds: float, tell: Callable[[], None]) -> Iterator[None]:
    """Tell in another thread, and end the process, after so many seconds."""
    if multiprocessing.parent_process() is not None:
        yield
        return
    ended, output, stream = threading.Event(), os.dup(1), sys.stdout

    def leave() -> None:
        if not ended.wait(seconds):
            with contextlib.suppress(Exception), contextlib.redirect_stdout(stream):
                os.dup2(output, 1)  # redirected to standard error while the user's code runs
                tell()
            os._exit(ExitCode.UNUSABLE)
        os.close(output)

    threading.Thread(target=leave, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


@contextlib.contextmanager
def _alarm(seconds: float, error: BaseException) -> Iterator[None]:
    """Raise an error after so many seconds; again at the end, for code under check may have caught it."""
    over = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal over
        over = True
        raise error

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if over:
            raise error
