"""Processes that begin with TensorFlow and gradcheck imported: in 0.1 s, where importing them takes 3."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@cache
def python() -> list[str]:
    """What to write for `[sys.executable]` before `-m` or `-c`: streams, exit codes and signals are the same.

    The server is started at the first call and ends with this process. Where TensorFlow must not be imported
    yet, or imported under another environment, use `sys.executable` itself.
    """
    address = f"{tempfile.mkdtemp()}/socket"
    command = [sys.executable, "-m", "tests.forked.server", address]
    env = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    server = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    atexit.register(server.kill)
    return [sys.executable, "-IS", str(Path(__file__).with_name("launcher.py")), address]
