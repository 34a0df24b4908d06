"""What the server of worker processes has imported: importing TensorFlow takes seconds, a fork of it 0.2 s.

Nothing is run: threads of a runtime would not survive the fork.
"""

import contextlib
import gc
import os
import signal

from gradcheck.runtime import held_back
from gradcheck.suite.server import SAFE_PATH, SERVER

if os.environ.get(SAFE_PATH) == SERVER:
    del os.environ[SAFE_PATH]  # the code under check gets the environment of the user
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with held_back(), contextlib.suppress(Exception):  # a worker that imports it itself says why it cannot
    import keras  # noqa: F401
    import tensorflow as tf

    import gradcheck.checks.elementwise
    import gradcheck.report.assemble  # noqa: F401

    tf.get_logger().setLevel("ERROR")
# Workers share these pages as long as no garbage collection writes to them.
gc.freeze()
