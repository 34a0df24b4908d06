"""A process of its own that evaluates the function of one check: the process itself, and the one that asks.

Pickled values go through two pipes, each after its length: first the function, which is answered by None or a
`GradcheckError`, then work, each answered by its result. A fresh process for each check has the user's files
as they are now, as many threads as the process that asks, and takes nothing down with it when it dies.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
from typing import Any, BinaryIO

from gradcheck.errors import GradcheckError
from gradcheck.function.sharing import Work
from gradcheck.suite.seat import Lost, Seat
from gradcheck.suite.shared_function import rules

IDLE = 600.0
"""Seconds without a question after which the process ends: who asked has gone without saying so."""
ENDING = 1.0
"""Seconds that a process has to end by itself."""
_LENGTH = struct.Struct(">Q")
_RUN = "import sys; sys.path[:] = sys.argv[1:]; from gradcheck.suite.evaluating import answer; answer()"


class Evaluating(Seat):
    """Another process, as the one sees it that asks."""

    def __init__(self, function: bytes, environment: dict[str, str]) -> None:
        """Starts the process for a pickled `SharedFunction`, and does not wait for it; `environment` are the
        variables of who asks that rule how it evaluates."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUN, *map(os.path.abspath, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not rules(name)} | environment,
            start_new_session=True,
        )
        self._function = function

    @property
    def number(self) -> int:
        """That of the process."""
        return self._process.pid

    def prepare(self) -> None:
        """Wait until the function is built there; raises `GradcheckError` where it cannot be."""
        refused = pickle.loads(self.ask(self._function))
        self._function = b""
        if refused is not None:
            raise refused

    def result(self, work: Work) -> Any:
        """What comes of a piece of work; raises `Lost` where the process dies, or the user's code raises."""
        return answered(self.ask(asking(work)))

    def ask(self, question: bytes) -> bytes:
        """The pickled answer to a pickled question; raises `Lost` where the process dies."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            _send(question, self._process.stdin)
            return _received(self._process.stdout)
        except (OSError, EOFError) as error:
            self.close()
            raise Lost from error

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, which takes its files with it unless it is at work."""
        self._process.terminate()
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def asking(value: Any) -> bytes:
    """A value as a question."""
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def answered(answer: bytes) -> Any:
    """The value of an answer; raises `Lost` where that is the answer."""
    found = pickle.loads(answer)
    if isinstance(found, Lost):
        raise found
    return found


def answer() -> None:
    """Be the process: answer from standard input to standard output until nobody asks."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What the user's code prints or reads has no part in the exchange.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with contextlib.suppress(EOFError):
        function = pickle.loads(_received(questions))
        kept: dict[Any, Any] = {}
        try:
            with function.posed() as primal:
                _send(asking(None), answers)
                while select.select([questions], [], [], IDLE)[0]:
                    work = pickle.loads(_received(questions))
                    _send(asking(_result(work, primal, function.base.size, kept)), answers)
        except GradcheckError as error:
            _send(asking(error), answers)


def _send(value: bytes, pipe: Any) -> None:
    pipe.write(_LENGTH.pack(len(value)))
    pipe.write(value)
    pipe.flush()


def _received(pipe: Any) -> bytes:
    return _exactly(pipe, _LENGTH.unpack(_exactly(pipe, _LENGTH.size))[0])


def _exactly(pipe: BinaryIO, count: int) -> bytes:
    found = pipe.read(count)
    if len(found) < count:
        raise EOFError
    return found


def _result(work: Work, primal: Any, outputs: int, kept: dict[Any, Any]) -> Any:
    """The result; what the user's function raises is left to the process that asks to see for itself."""
    try:
        return work.result(primal, outputs, kept)
    except Exception:  # whatever a user's function does
        return Lost()
