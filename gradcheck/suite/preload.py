"""What the server of worker processes has imported: importing TensorFlow takes seconds, a fork of it 0.2 s.

Nothing is run: threads of a runtime would not survive the fork.
"""

import contextlib
import gc
import os
import signal
import threading

from gradcheck.runtime import held_back
from gradcheck.suite.server import MARK, restore

if MARK in os.environ:
    restore(os.environ.pop(MARK))  # the code under check gets the environment of the user
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
_imported = threading.Event()


def _follow(parent: int) -> None:
    """End with the process that has started this one: the server sees to that only after its imports."""
    while not _imported.wait(0.2):
        if os.getppid() != parent:
            os._exit(1)


_follower = threading.Thread(target=_follow, args=(os.getppid(),))
_follower.start()
with held_back(), contextlib.suppress(Exception):  # a worker that imports it itself says why it cannot
    import keras  # noqa: F401
    import tensorflow as tf

    import gradcheck.checks.elementwise
    import gradcheck.report.assemble  # noqa: F401

    tf.get_logger().setLevel("ERROR")
_imported.set()
_follower.join()  # a fork has this thread alone
# Workers share these pages as long as no garbage collection writes to them.
gc.freeze()
