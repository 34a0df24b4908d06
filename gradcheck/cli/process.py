"""The process that the command line runs in: its three streams, and the signals that stop it."""

import io
import os
import signal
import sys
import time
from typing import Any, Self

from gradcheck.errors import ExitCode
from gradcheck.progress import HandingOn

_STOPS = [
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if name in signal.Signals.__members__
]
STOPPED = {128 + number: number for number in _STOPS}
"""Exit codes by which a shell tells these signals."""
TWICE = 1.0
"""Seconds in which a signal that comes again is the same one: timeout(1) sends it to the process, and then to
the group that the process is in."""
_came: list[float] = []
"""When the first signal came."""


class Stopped(KeyboardInterrupt):
    """A signal that ends the process arrived."""

    def __init__(self, number: int) -> None:
        """The exit code is that of the signal `number`."""
        super().__init__(number)
        self.exit_code = 128 + number


class Stoppable(HandingOn):
    """An observer of a check that from its beginning on lets signals unwind.

    A progress bar is then taken away, and `finally` in the user's code runs.
    """

    def __enter__(self) -> Self:
        super().__enter__()
        # With Python's handler in place somebody else has started the process: its signals are left alone. A
        # shell without job control has what it starts with & ignore Ctrl-C.
        if signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, signal.SIG_IGN):
            for number in _STOPS:
                if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
                    signal.signal(number, _stop)
        return self


def _stop(number: int, frame: Any) -> None:
    """Unwind at the first signal; at another one the process ends at once."""
    if not _came:
        _came.append(time.monotonic())
        raise Stopped(number)
    if time.monotonic() - _came[0] > TWICE:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def code_of(stop: BaseException | None) -> int:
    """The exit code of what has stopped the process."""
    return stop.exit_code if isinstance(stop, Stopped) else ExitCode.INTERRUPTED


def end_by(number: int) -> None:
    """End this process by a signal; what multiprocessing has in the temporary folder goes first.

    Python does that at its end, after all threads have ended, which may be never.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._run_finalizers()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def by_signal(error: BaseException) -> bool:
    """Whether an exception may come from a signal: a KeyboardInterrupt where Python's handler is in place, or
    ours raised it."""
    ours = any(signal.getsignal(number) is _stop for number in _STOPS)
    return isinstance(error, Stopped if ours else KeyboardInterrupt)


class _Forgiving(io.TextIOWrapper):
    """Standard error where writing never fails: what has no place is lost, and all that comes after it.

    It deals in text, not in bytes: an exception that a signal raises between the writing of bytes and what
    the buffer knows of that would have them written twice.
    """

    def write(self, text: str) -> int:
        """Write as much as there is place for, and say that it was all."""
        try:
            super().write(text)
        except OSError:
            self._lose()
        return len(text)

    def flush(self) -> None:
        """Write what is left."""
        try:
            super().flush()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())


def prepare() -> None:
    """Open what the shell has closed; and let a note that cannot be written change no exit code."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free, so that no file opened later becomes a standard stream. Nothing
            # comes out of it, and writing to it fails as it does where there is nothing. A process that this
            # one starts has it too, for the same reason.
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
    if sys.stderr is not None:
        raw, encoding, errors = os.fdopen(2, "wb", closefd=False), sys.stderr.encoding, sys.stderr.errors
        sys.stderr = _Forgiving(raw, encoding, errors, line_buffering=True)


def writable(stream: Any) -> OSError | None:
    """Why nothing can be written to a standard stream, as far as that shows before; None where it can."""
    try:
        os.write(stream.fileno(), b"")
    except io.UnsupportedOperation:  # no file, as in a test
        return None
    except OSError as error:
        return error
    return None
