"""Jobs that do what their arguments say, for tests of who runs them: no gradient is checked."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.job import Job


def job(name: str, *arguments: str, folder: Path | str = "/") -> Job:
    """A job for `act`."""
    return Job(name, arguments, str(folder))


def act(job: Job) -> CheckResult:
    """Do what a job says; what it tells is in the sentence of a failure, which stands for any result.

    `dense` before it makes it a job that runs none of the user's code.
    """
    what, *more = job.arguments[1:] if job.arguments[0] == "dense" else job.arguments
    return CheckResult(job.name, Failure("Told", ACTIONS[what](*more)), command=job.command)


def told(result: CheckResult) -> str:
    """What a job told."""
    assert isinstance(result.outcome, Failure), result
    assert result.outcome.kind == "Told", result
    return result.outcome.found


def _kill() -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    return "still there"


def _kill_the_worker() -> str:
    """The Dask worker whose process this one was started by."""
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None
    os.kill(parent.pid, signal.SIGKILL)
    time.sleep(60)
    return "still there"


def _fork() -> str:
    """Both processes go on, as after a fork that whoever wrote it has forgotten."""
    os.fork()
    return "forked"


def _leave_a_thread() -> str:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return str(os.getpid())


def _start() -> str:
    """A process that goes on."""
    return str(subprocess.Popen(["sleep", "600"]).pid)


class _Silent(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError(self)


def _raise(name: str) -> str:
    known = {"KeyboardInterrupt": KeyboardInterrupt, "MemoryError": MemoryError, "_Silent": _Silent}
    raise known[name]("on purpose")


def _print(text: str) -> str:
    print(text)
    os.write(2, f"{text} again\n".encode())
    return ""


def _print_and_abort(text: str) -> str:
    _print(text)
    os.abort()


def _sleep(seconds: str, file: str = "") -> str:
    if file:
        Path(file).write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(float(seconds))
    return ""


def _pollute() -> str:
    import keras
    import tensorflow as tf

    keras.config.set_floatx("float16")
    keras.config.set_dtype_policy("mixed_float16")
    keras.layers.Dense(1)
    keras.saving.register_keras_serializable("polluted")(type("Mine", (), {}))
    tf.config.run_functions_eagerly(True)
    tf.nn.silu = tf.nn.relu
    os.environ["GRADCHECK_RTOL"] = "1"
    os.environ.pop("PATH", None)
    os.chdir("/")
    sys.path.insert(0, "/nowhere")
    random.seed(1)
    np.random.seed(1)
    return ""


def _state() -> str:
    import keras
    import tensorflow as tf

    found: dict[str, Any] = {
        "floatx": keras.config.floatx(),
        "policy": keras.config.dtype_policy().name,
        "name": keras.layers.Dense(1).name,
        "registered": sorted(keras.saving.get_custom_objects()),
        "silu": tf.nn.silu.__name__,
        "eager": tf.config.functions_run_eagerly(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": sys.path,
    }
    return json.dumps(found, sort_keys=True)


def _module(name: str) -> str:
    """What the module of this name in the job's folder holds."""
    sys.path.insert(0, os.getcwd())
    value: str = importlib.import_module(name).VALUE
    return value


def _close() -> str:
    sys.stdout.close()
    sys.stderr.close()
    return "closed"


def _convert(folder: str) -> str:
    """What TensorFlow leaves in a temporary folder while a process goes on."""
    import tensorflow as tf

    tempfile.tempdir = folder
    tf.autograph.to_graph(_sign)
    return " ".join(path.name for path in Path(folder).iterdir())


def _sign(x: float) -> float:
    return x if x > 0 else -x


ACTIONS: dict[str, Any] = {
    "tell": lambda text: text,
    "pid": lambda: str(os.getpid()),
    "abort": os.abort,
    "exit": lambda code: os._exit(int(code)),
    "kill": _kill,
    "signal": lambda number: os.kill(os.getpid(), int(number)),
    "kill the worker": _kill_the_worker,
    "fork": _fork,
    "close": _close,
    "convert": _convert,
    "start": _start,
    "thread": _leave_a_thread,
    "raise": _raise,
    "print": _print,
    "print and abort": _print_and_abort,
    "sleep": _sleep,
    "pollute": _pollute,
    "state": _state,
    "module": _module,
    "read": lambda name: Path(name).read_text(encoding="utf-8"),
    "where": os.getcwd,
}
