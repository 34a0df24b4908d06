"""A process of its own that evaluates the function of one check: the process itself, and the one that asks.

Frames of pickled values go through two pipes: first the function, which is answered by None or a
`GradcheckError`, then work, each answered by its result. A fresh process for each check has the user's files
as they are now, threads as many as the process that asks, and takes nothing down with it when it dies.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
from typing import Any, BinaryIO

from gradcheck.errors import GradcheckError
from gradcheck.function.sharing import Work
from gradcheck.suite.seat import Lost, Seat
from gradcheck.suite.shared_function import SharedFunction

IDLE = 600.0
"""Seconds without a question after which the process ends: who asked has gone without saying so."""
_RUN = "import sys; sys.path[:] = sys.argv[1:]; from gradcheck.suite.evaluating import answer; answer()"


class Evaluating(Seat):
    """Another process, as the one sees it that asks."""

    def __init__(self, function: SharedFunction, environment: dict[str, str]) -> None:
        """Starts the process, and does not wait for it."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUN, *map(os.path.abspath, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | environment,
            start_new_session=True,
        )
        self._function = function

    def prepare(self) -> None:
        """Wait until the function is built there; raises `GradcheckError` where it cannot be."""
        refused = self._asked(self._function)
        if refused is not None:
            raise refused

    def result(self, work: Work) -> Any:
        """What comes of a piece of work; raises `Lost` where the process dies, or the user's code raises."""
        found = self._asked(work)
        if isinstance(found, Lost):
            raise found
        return found

    def _asked(self, value: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump(value, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self.close()
            raise Lost from error

    @property
    def alive(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def answer() -> None:
    """Be the process: answer from standard input to standard output until nobody asks."""
    questions, answers = os.fdopen(os.dup(0), "rb", buffering=0), os.fdopen(os.dup(1), "wb")
    # What the user's code prints or reads has no part in the exchange.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    asked = os.fdopen(os.dup(questions.fileno()), "rb")
    function = pickle.load(asked)
    kept: dict[Any, Any] = {}
    try:
        with function.posed() as primal:
            _send(None, answers)
            while select.select([questions], [], [], IDLE)[0]:
                _send(_result(pickle.load(asked), primal, function.base.size, kept), answers)
    except EOFError:
        return
    except GradcheckError as error:
        _send(GradcheckError(error.found, error.remedy), answers)


def _send(value: Any, answers: BinaryIO) -> None:
    pickle.dump(value, answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()


def _result(work: Work, primal: Any, outputs: int, kept: dict[Any, Any]) -> Any:
    """The result; what the user's function raises is left to the process that asks to see for itself."""
    try:
        return work.result(primal, outputs, kept)
    except Exception:  # whatever a user's function does
        return Lost()
