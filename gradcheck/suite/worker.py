"""A worker process: takes jobs from its pipe, one after the other, and sends back how each ended."""

import atexit
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from gradcheck.errors import text_of
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.runtime import load_tensorflow
from gradcheck.suite.executor import Run
from gradcheck.suite.job import Job


def serve(pipe: Connection, run: Run, log: str, threads: int) -> None:
    """Run every job that comes until the pipe is closed.

    What is written to the standard streams goes to the file `log`; TensorFlow gets so many `threads`.
    """
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # what the code under check starts ends with this process
    _end_with_parent()
    # The terminal sends Ctrl-C to every process that it runs; the one that started this one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _write_to(log)
    load_tensorflow()
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # only what runs nothing yet can be told
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    worker = os.getpid()
    for job in _received(pipe):
        begin = os.path.getsize(log)
        result = _ran(run, job)
        if os.getpid() != worker:
            os._exit(0)  # a fork by the code under check has come back: only the worker answers
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the code under check may have closed it, or replaced it
                stream.flush()
        _send(pipe, replace(result, printed=printed(log, begin)))
    # Temporary files go, TensorFlow's of `tf.function` among them; no thread is waited for.
    atexit._run_exitfuncs()
    os._exit(0)


def _received(pipe: Connection) -> Iterator[Job]:
    with contextlib.suppress(EOFError, OSError):
        while True:
            yield pipe.recv()


def _ran(run: Run, job: Job) -> CheckResult:
    import keras

    try:
        os.chdir(job.folder)
        keras.utils.clear_session(free_memory=False)  # names of layers are counted from 1
        return run(job)
    except BaseException as error:  # KeyboardInterrupt too: whatever the code under check raises
        kind, said = type(error).__name__, " ".join(text_of(error).split())
        return job.ended(Failure(kind, f"{kind} was raised: {said}." if said else f"{kind} was raised."))


def _send(pipe: Connection, result: CheckResult) -> None:
    try:
        pipe.send(result)
    except (BrokenPipeError, ConnectionResetError):
        sys.exit()


def printed(log: str, begin: int) -> str:
    """What was written to a log from a byte on."""
    with Path(log).open("rb") as file:
        file.seek(begin)
        return file.read().decode(errors="replace")


def _write_to(log: str) -> None:
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:  # whoever has started this process was stopped meanwhile
        os._exit(1)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what a crash would lose otherwise
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)


def _end_with_parent() -> None:
    """Nobody else ends a worker in the middle of a check when its parent is killed."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(parent: Any) -> None:
    wait([parent])
    end_group(os.getpid())
    os._exit(1)


def end_group(number: int) -> None:
    """End a worker, and all that the code under check has started in it."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(number, signal.SIGKILL)
