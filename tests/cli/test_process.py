"""gradcheck as a process of its own: exit codes, pipes, signals, and what TensorFlow tries to write."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.parameters import among, named

COMMAND = [sys.executable, "-m", "gradcheck"]
DENSE = ["dense", "--x", "x.npy", "--w", "w.npy"]
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with two tensors, from which this gradcheck is imported."""
    for name in [*os.environ]:
        if name.startswith("GRADCHECK_") or name in ("NO_COLOR", "TF_CPP_MIN_LOG_LEVEL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    np.save(tmp_path / "x.npy", np.array([[1, 1], [2, 2]], np.float32))
    np.save(tmp_path / "w.npy", np.array([[2], [3]], np.float32))
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, check=False)


@pytest.mark.full
def test_a_pass_says_nothing_on_stderr() -> None:
    """Neither gradcheck nor TensorFlow, whose log lines go to file descriptor 2 on every import."""
    done = run(*DENSE)
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.startswith(b"gradcheck dense\n")
    assert b"\x1b" not in done.stdout


@pytest.mark.full
def test_standard_input_is_npy() -> None:
    stream = io.BytesIO()
    np.save(stream, np.ones((7, 2), np.float32))
    done = run("dense", "--x", "-", "--w", "w.npy", stdin=stream.getvalue())
    assert done.returncode == 0
    assert b"(7, 2)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["maxpool1d", "--x", "[[[1],[1]]]", "--quiet"], 0, marks=pytest.mark.full),
        (["maxpool1d", "--x", "[[[1],[1]]]", "--strict", "--quiet"], 1),
        (["dense", "--x", "nowhere.npy", "--w", "w.npy"], 2),
        (["dense", "--bias", "3"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    assert run(*arguments).returncode == code


def in_python(code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)


CRASH = """
import gradcheck.checking, sys
def crash(*_): raise KeyError("lost")
gradcheck.checking.check_target = crash
from gradcheck.cli import main
main({arguments!r}, prog_name="gradcheck")
"""


def test_a_bug_ends_with_70_and_says_so() -> None:
    done = in_python(CRASH.format(arguments=DENSE))
    assert (done.returncode, done.stdout) == (70, b"")
    assert done.stderr.startswith(
        b"error: this is a bug in gradcheck, not in your gradient (KeyError: 'lost')."
    )
    assert done.stderr.count(b"\n") == 1
    done = in_python(CRASH.format(arguments=[*DENSE, "--traceback"]))
    assert done.returncode == 70
    assert b'raise KeyError("lost")' in done.stderr or b"in crash" in done.stderr


# Pipes.


@pytest.mark.parametrize(
    "arguments",
    named([DENSE, ["--help"], ["dense", "--help"], ["--version"]], " ".join, among([DENSE, ["--help"]])),
)
def test_a_reader_that_has_gone_away_is_no_error(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*COMMAND, *arguments], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.full
def test_head_gets_its_line() -> None:
    big = [*COMMAND, "avgpool1d", "--x", "normal:1x4000x1", "--limit", "0"]
    with subprocess.Popen(big, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"gradcheck avgpool1d\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.full)])
def test_a_locale_without_the_signs_still_gets_a_report(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = run(*DENSE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\nddense/dx\n" in done.stdout
    assert b"  ------" in done.stdout
    assert b"?" not in done.stdout
    assert run("dense", "--help").returncode == 0


# Signals.


@pytest.mark.parametrize("wait", named([0.0, 0.5, 2.0], str, among({0.5})))
def test_ctrl_c_ends_with_130_at_any_moment(wait: float) -> None:
    """From the first moment of TensorFlow's import to when differences are taken, for 10,000 groups.

    A plain run has a moment of the import; what is raised in a check is in `test_commands.py`.
    """
    slow = [*COMMAND, "dense", "--x", "normal:1x10000", "--w", "normal:10000x1"]
    process = subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while "tensorflow" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.01)
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, b""), stderr
    assert stderr in (b"\nInterrupted.\n", b"Interrupted.\n")


# Terminals.


def in_terminal(*arguments: str, columns: int = 100) -> tuple[int, str]:
    """Exit code and what a terminal of so many columns gets to see."""
    main, side = pty.openpty()
    env = os.environ | {"COLUMNS": str(columns), "TERM": os.environ.get("TERM", "xterm")}
    if env["TERM"] == "dumb":
        env["TERM"] = "xterm"
    process = subprocess.Popen([*COMMAND, *arguments], stdin=side, stdout=side, stderr=side, env=env)
    os.close(side)
    seen = b""
    while select.select([main], [], [], 60)[0]:
        try:
            part = os.read(main, 65536)
        except OSError:  # Linux: the other side is closed
            break
        if not part:
            break
        seen += part
    os.close(main)
    return process.wait(), seen.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_its_width() -> None:
    code, text = in_terminal(*DENSE, columns=60)
    assert code == 0
    assert "\x1b[32mmatch" in text
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in text.splitlines()) <= 60


@pytest.mark.full
def test_no_color_takes_the_colours_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    code, text = in_terminal(*DENSE)
    assert code == 0
    assert "\x1b" not in text
    assert " PASS " in text


def test_a_tensor_is_not_awaited_from_a_terminal() -> None:
    code, text = in_terminal("dense", "--x", "-", "--w", "w.npy")
    assert code == 2
    assert "--x - (standard input) is a terminal." in text


# TensorFlow.


def test_what_tensorflow_says_is_shown_when_it_does_not_load(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder / "broken" / "tensorflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import os\nos.write(2, b'libcudart is missing\\n')\nraise ImportError('undefined symbol')\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{package.parent}")
    done = run(*DENSE)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: TensorFlow could not be loaded")
    assert b"undefined symbol" in done.stderr
    assert b"libcudart is missing" in done.stderr
    assert b"bug" not in done.stderr


@pytest.mark.full
def test_standard_error_is_given_back() -> None:
    done = in_python(
        "import os, sys\nfrom gradcheck.runtime import load_tensorflow\nload_tensorflow()\n"
        "os.write(2, b'raw')\nprint(' and python', file=sys.stderr)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"raw and python\n")


def test_a_process_without_standard_error_runs() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, *DENSE], stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == 0
    assert b" PASS " in done.stdout
