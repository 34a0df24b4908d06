"""The server that `launcher` asks: has all of gradcheck and TensorFlow imported, has run nothing, and forks.

A process that has run an operation of TensorFlow has threads, and forking it hangs.
"""

import atexit
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import traceback
from typing import Any


def import_all() -> None:
    """Import what commands import late, without looking for garbage among a million objects that stay."""
    gc.disable()
    importlib.import_module("tensorflow")
    package = importlib.import_module("gradcheck")
    for module in pkgutil.walk_packages(package.__path__, "gradcheck."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    gc.enable()


def serve(address: str) -> list[str]:
    """Fork a process for each request; returns in those only, with the words of its command line."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the process that waits
    print("ready", flush=True)
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            break
        connection.close()
    else:
        os._exit(0)  # standard input is a pipe from the tests, which ends when they do, however they end
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.load(connection.makefile())
    if process := os.fork():
        connection.sendall(b"%d\n" % process)
        connection.sendall(b"%d\n" % os.waitpid(process, 0)[1])
        os._exit(0)
    return become(request, descriptors)


def become(request: dict[str, Any], descriptors: list[int]) -> list[str]:
    """Take over folder, environment, streams and signals."""
    run_an_operation()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    os.closerange(0, 3)
    for stream, descriptor in zip(request["streams"], descriptors, strict=True):
        os.dup2(descriptor, stream)
    os.closerange(3, 256)
    sys.stdin = opened(request, 0)
    sys.stdout = opened(request, 1)
    sys.stderr = opened(request, 2)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return list(request["words"])


def run_an_operation() -> None:
    """What `load_tensorflow` does after the import. Standard error still goes nowhere."""
    import tensorflow as tf

    tf.add(1.0, 1.0)
    tf.get_logger().setLevel("ERROR")


def opened(request: dict[str, Any], number: int) -> io.TextIOWrapper | None:
    """A standard stream as Python opens it; None where it is closed."""
    if number not in request["streams"]:
        return None
    file = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
    if number == 2:
        file.reconfigure(errors="backslashreplace", line_buffering=True)
    return file


def run(kind: str, what: str, *arguments: str) -> None:
    """`python -m MODULE …` or `python -c CODE …`."""
    sys.path[:0] = ["", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [kind, *arguments]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


def end(code: int) -> None:
    """End as Python does, but for taking TensorFlow's modules apart, which takes 0.3 s of 0.4."""
    atexit._run_exitfuncs()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except OSError:
        code = 120
    os._exit(code)


if __name__ == "__main__":
    import_all()
    words = serve(sys.argv[1])
    try:
        run(*words)
    except SystemExit as left:
        end(left.code if isinstance(left.code, int) else left.code is not None)
    except BaseException:
        traceback.print_exc()
        end(1)
    end(0)
