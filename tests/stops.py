"""Stops checks by signals at random moments: `python -m tests.stops --times 200 --seed 1`.

A single check, a suite in processes and a suite on a Dask cluster are started in turn and get SIGINT, SIGTERM
or SIGHUP after a random time. Each has to end by that signal (or before it, with its own code), to leave no
process and no file in its temporary folder, and its report either whole or as it was before.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LONGEST = 12.0
"""Seconds until the last signal: TensorFlow's import takes some 4."""
PATIENCE = 30.0
"""Seconds that a check has to end after its signal."""
OLD = '{"old": true}'
CODE = """
import subprocess
import time

import tensorflow as tf


def slow(x):
    time.sleep(0.05)
    return tf.nn.softplus(x)


def starts(x):
    subprocess.Popen(["sleep", "300"])
    time.sleep(0.2)
    return tf.nn.softplus(x)
"""
SUITE = """
[defaults]
args = {x = "normal:4"}
[[check]]
function = "ops.py:slow"
matrix = {seed = [1, 2, 3, 4]}
[[check]]
function = "ops.py:starts"
[[check]]
layer = "Dense"
config = {units = 3}
args = {}
x = "normal:2x4"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Stop as many as wanted; 1 if one of them ended otherwise than it has to."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.stops", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--times", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    draw, ended, wrong = random.Random(given.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder, cluster() as address:
        commands = prepared(Path(folder), address)
        for number in range(given.times):
            name = [*commands][number % len(commands)]
            chosen, after = draw.choice(SIGNALS), draw.uniform(0.3, LONGEST)
            found = stopped(commands[name], chosen, after, Path(folder))
            wrong += bool(found.complaints)
            ended[f"{name}, {chosen.name}: {found.code}"] += 1
            for complaint in found.complaints:
                print(f"{number}: {name}, {chosen.name} after {after:.2f} s: {complaint}", flush=True)
    for how, count in sorted(ended.items()):
        print(f"{count:4} {how}")
    print(f"{given.times - wrong} passed, {wrong} failed")
    return int(wrong > 0)


def prepared(folder: Path, address: str | None) -> dict[str, list[str]]:
    """The commands by name, after the files that they read were written."""
    (folder / "ops.py").write_text(CODE, encoding="utf-8")
    (folder / "gradcheck.toml").write_text(SUITE.replace("args = {}\n", ""), encoding="utf-8")
    gradcheck = [sys.executable, "-m", "gradcheck"]
    commands = {
        "check": [*gradcheck, "function", "ops.py:slow", "--arg", "x=normal:40"],
        "suite": [*gradcheck, "run", "--jobs", "2"],
    }
    return commands if address is None else commands | {"cluster": [*gradcheck, "run", "--dask", address]}


class Ended:
    """How a command ended, and what is wrong with that."""

    def __init__(self, code: int, complaints: Sequence[str]) -> None:
        self.code, self.complaints = code, complaints


def stopped(command: Sequence[str], number: signal.Signals, after: float, folder: Path) -> Ended:
    """Start a command, and send it a signal."""
    report, temporary, mark = folder / "report.json", folder / "tmp", f"GRADCHECK_STOPS={random.random()}"
    report.write_text(OLD, encoding="utf-8")
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= dict([mark.split("=")])
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            [*command, "--output", f"json={report}"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True, preexec_fn=_as_in_a_terminal,
        )  # fmt: skip
        time.sleep(after)
        process.send_signal(number)
        complaints = []
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            complaints.append(f"goes on for {PATIENCE:g} s")
            process.kill()
            process.wait()
        said.seek(0)
        text = said.read()
    if process.returncode not in (-number, 0):
        complaints.append(f"ended with {process.returncode}: {text[-500:]!r}")
    if "Traceback" in text and process.returncode == -number:
        complaints.append(f"a traceback: {text[-500:]!r}")
    complaints += remains(mark, temporary, report)
    return Ended(process.returncode, complaints)


def _as_in_a_terminal() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def remains(mark: str, temporary: Path, report: Path) -> list[str]:
    """What a command has left: processes, temporary files, half a report."""
    found = []
    for _ in range(150):
        if not (processes := marked(mark)):
            break
        time.sleep(0.1)
    else:
        told = [
            Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ")[:90] for process in processes
        ]
        found.append(f"left processes: {told}")
        for process in processes:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
    if files := sorted(path.name for path in temporary.iterdir()):
        found.append(f"left files: {files}")
        for path in sorted(temporary.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    try:
        json.loads(report.read_text(encoding="utf-8"))
    except ValueError as error:
        found.append(f"half a report: {error}")
    if beside := [path.name for path in report.parent.glob(".gradcheck-*")]:
        found.append(f"left beside the report: {beside}")
    return found


def marked(mark: str) -> list[int]:
    """The processes that have a variable in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdecimal() and mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


@contextlib.contextmanager
def cluster() -> Iterator[str | None]:
    """The address of a Dask cluster of two workers; None where Dask is not installed."""
    try:
        import distributed
    except ImportError:
        yield None
        return
    settings: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(n_workers=2, **settings) as made:
        yield made.scheduler_address


if __name__ == "__main__":
    sys.exit(main())
