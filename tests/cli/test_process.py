"""gradcheck as a process of its own: exit codes, pipes, signals, and what TensorFlow tries to write."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.forked import python
from tests.parameters import among, named

NEW = [sys.executable, "-m", "gradcheck"]
"""The command in a Python that has to import TensorFlow first."""
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


def command(*arguments: str) -> list[str]:
    return [*python(), "-m", "gradcheck", *arguments]


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command(*arguments), input=stdin, capture_output=True, check=False)


def test_a_pass_says_nothing_on_stderr() -> None:
    """Neither gradcheck nor TensorFlow, whose log lines go to file descriptor 2 on every import."""
    done = subprocess.run([*NEW, *DENSE], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.startswith(b"gradcheck dense\n")
    assert b"\x1b" not in done.stdout


def test_standard_input_is_npy() -> None:
    stream = io.BytesIO()
    np.save(stream, np.ones((7, 2), np.float32))
    done = run("dense", "--x", "-", "--w", "w.npy", stdin=stream.getvalue())
    assert done.returncode == 0
    assert b"(7, 2)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["maxpool1d", "--x", "[[[1],[1]]]", "--quiet"], 0),
        (["maxpool1d", "--x", "[[[1],[1]]]", "--strict", "--quiet"], 1),
        (["dense", "--x", "nowhere.npy", "--w", "w.npy"], 2),
        (["dense", "--bias", "3"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int) -> None:
    assert run(*arguments).returncode == code


def in_python(code: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*python(), "-c", code], capture_output=True, check=False)


CRASH = """
import gradcheck.checking, sys
def crash(*_, **__): raise KeyError("lost")
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


@pytest.mark.parametrize("arguments", [DENSE, ["--help"], ["dense", "--help"], ["--version"]], ids=" ".join)
def test_a_reader_that_has_gone_away_is_no_error(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command(*arguments), stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.full
def test_head_gets_its_line() -> None:
    big = command("avgpool1d", "--x", "normal:1x4000x1", "--limit", "0")
    with subprocess.Popen(big, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"gradcheck avgpool1d\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.full
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_locale_without_the_signs_still_gets_a_report(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = subprocess.run([*NEW, *DENSE], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\nddense/dx\n" in done.stdout
    assert b"  ------" in done.stdout
    assert b"?" not in done.stdout
    assert subprocess.run([*NEW, "dense", "--help"], capture_output=True, check=False).returncode == 0


# Signals.


SLOW = """
import sys, time
import gradcheck.checking
from gradcheck.__main__ import run

def check(target, settings, upstream, progress, **_):
    with progress:
        try:
            print("checking", file=sys.stderr, flush=True)
            time.sleep(60)
        finally:
            print("put in order", file=sys.stderr)

gradcheck.checking.check_target = check
sys.argv = ["gradcheck", *sys.argv[1:]]
run()
"""
"""The command line, where a check takes a minute."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_check_by_itself(number: signal.Signals) -> None:
    """The process is killed by it, so that a shell breaks off its loop; what runs is put in order first."""
    words = [*python(), "-c", SLOW, *DENSE, "--output", "report"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"checking\n"
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (-number, b"")
    assert stderr == b"put in order\n\nInterrupted.\n"
    assert not Path("report").exists()


RUNNING = """
import importlib, sys, time
from gradcheck.__main__ import run
from gradcheck.cli import document, process
from gradcheck.report.suite import CheckResult
from gradcheck.suite.executor import Executor
from tests.hand_made import ALL

class Slow(Executor):
    def results(self, jobs):
        waiting = {job.name for job in jobs}
        yield CheckResult("three", ALL["pass"]())
        yield CheckResult("one", ALL["fail"]())
        print("checking", file=sys.stderr, flush=True)
        time.sleep(60)

def write(*_):
    print("writing", file=sys.stderr, flush=True)
    time.sleep(60)

importlib.import_module("gradcheck.cli.run")._executor = lambda *_: Slow()
if "--html" in sys.argv:
    process.TWICE, document.write = 0.0, write
sys.argv = ["gradcheck", *sys.argv[1:]]
run()
"""
"""`gradcheck run`, where one check takes a minute, and with --html the writing too."""
CHECK = '[[check]]\nname = "{}"\nlayer = "dense"\nx = "x.npy"\nw = "w.npy"\n'


@pytest.fixture
def suite(folder: Path) -> list[str]:
    """The command that runs a suite of four checks."""
    names = ("one", "two", "three", "four")
    (folder / "gradcheck.toml").write_text("".join(map(CHECK.format, names)), encoding="utf-8")
    return [*python(), "-c", RUNNING, "run", "--no-timing"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_suite_and_loses_nothing_that_has_ended(
    number: signal.Signals, suite: list[str]
) -> None:
    """As timeout(1) does it, which sends the signal twice."""
    command = [*suite, "--output", "-", "--output", "json=r.json", "--output", "junit=r.xml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"checking\n"
        process.send_signal(number)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)

    assert (process.returncode, stderr) == (-number, b"2 of 4 checks had ended.\n\nInterrupted.\n")
    lines = stdout.decode().splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["one", "fail"], ["three", "pass"]]
    assert lines[-1] == " STOPPED   gradcheck.toml: 2 checks: 1 pass, 1 fail; 2 not run"
    found = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert (found["exit_code"], found["not_run"]) == (128 + number, ["two", "four"])
    cases = ElementTree.parse("r.xml").getroot()[0]
    reasons = {case.get("name"): case[0].get("message", "") for case in cases if len(case)}
    assert reasons.pop("one")
    assert reasons == dict.fromkeys(("two", "four"), "not ended when the run was stopped")
    record = json.loads(Path(".gradcheck_cache/gradcheck.toml.json").read_text(encoding="utf-8"))
    assert {name: entry["word"] for name, entry in record["checks"].items()} == {
        "one": "fail",
        "three": "pass",
    }


def test_a_second_signal_ends_a_suite_at_once(suite: list[str]) -> None:
    with subprocess.Popen([*suite, "--html", "r.html"], stdout=-1, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"checking\n"
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline() == b"2 of 4 checks had ended.\n"
        assert process.stderr.readline() == b"writing\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == -signal.SIGINT


IGNORING = """
import os, signal
from gradcheck.cli.process import Stoppable, Stopped, by_signal
from gradcheck.progress import Progress
signal.signal(signal.SIGINT, signal.SIG_IGN)
try:
    with Stoppable(Progress()):
        assert not by_signal(KeyboardInterrupt())
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
except Stopped as stop:
    print(stop.exit_code, by_signal(stop), signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
"""


def test_what_a_shell_starts_in_the_background_is_put_in_order_too() -> None:
    """It ignores Ctrl-C, and not the other signals."""
    done = in_python(IGNORING)
    assert (done.stdout, done.stderr) == (b"143 True True\n", b"")


@pytest.mark.parametrize("wait", named([0.0, 0.5, 2.0], str, among({0.5})))
def test_ctrl_c_ends_the_import_of_tensorflow(wait: float) -> None:
    """From its first moment to when differences are taken, for 10,000 groups."""
    slow = [*NEW, "dense", "--x", "normal:1x10000", "--w", "normal:10000x1"]
    process = subprocess.Popen(slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while "tensorflow" not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.01)
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (-signal.SIGINT, b""), stderr
    assert stderr in (b"\nInterrupted.\n", b"Interrupted.\n", b"")


def test_a_shell_loop_stops_with_ctrl_c() -> None:
    """A terminal sends the signal to the shell as well, which goes by how the command ended."""
    words = f"{shlex.join(python())} -c '{SLOW}' dense --x [[1.0]] --w [[1.0]]"
    loop = f"for i in 1 2 3; do {words}; echo went on; done"
    with subprocess.Popen(
        ["bash", "-c", loop], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as shell:
        assert shell.stderr is not None
        assert shell.stderr.readline() == b"checking\n"
        os.killpg(shell.pid, signal.SIGINT)
        stdout, _ = shell.communicate(timeout=30)
    assert stdout == b""
    assert shell.returncode == -signal.SIGINT


# Terminals.


def in_terminal(*arguments: str, columns: int = 100) -> tuple[int, str]:
    """Exit code and what a terminal of so many columns gets to see."""
    main, side = pty.openpty()
    env = os.environ | {"COLUMNS": str(columns), "TERM": os.environ.get("TERM", "xterm")}
    if env["TERM"] == "dumb":
        env["TERM"] = "xterm"
    process = subprocess.Popen(command(*arguments), stdin=side, stdout=side, stderr=side, env=env)
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
    done = subprocess.run([*NEW, *DENSE], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: TensorFlow could not be loaded")
    assert b"undefined symbol" in done.stderr
    assert b"libcudart is missing" in done.stderr
    assert b"bug" not in done.stderr


@pytest.mark.full
def test_standard_error_is_given_back() -> None:
    code = (
        "import os, sys\nfrom gradcheck.runtime import load_tensorflow\nload_tensorflow()\n"
        "os.write(2, b'raw')\nprint(' and python', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"raw and python\n")


@pytest.mark.full
def test_a_process_without_standard_error_runs() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *NEW, *DENSE], stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == 0
    assert b" PASS " in done.stdout


# Streams that take nothing, or are not there.

QUICK = """
import sys
import gradcheck.checking
from gradcheck.__main__ import run
from tests.hand_made import ALL
gradcheck.checking.check_target = lambda *_, **__: ALL["pass"]()
sys.argv = ["gradcheck", *sys.argv[1:]]
run()
"""
"""The command line, where each check passes without being made."""


def in_shell(streams: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run with the streams that a shell makes."""
    words = ["sh", "-c", f'exec "$@" {streams}', "sh", *python(), "-c", QUICK, *arguments]
    return subprocess.run(words, stdin=subprocess.PIPE, capture_output=True, check=False)


CLOSED = b"error: Standard output cannot be written: it is closed. Redirect it to another place.\n"
FULL = CLOSED.replace(b"it is closed", b"No space left on device")


@pytest.mark.parametrize(("streams", "said"), [(">&-", CLOSED), (">/dev/full", FULL)])
def test_standard_output_that_takes_nothing(streams: str, said: bytes) -> None:
    for arguments in (DENSE, ["--help"], ["--version"], ["dense", "--help"]):
        done = in_shell(streams, *arguments)
        assert (done.returncode, done.stderr) == (2, said), arguments
    done = in_shell(streams, *DENSE, "--quiet")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("streams", [">&-", ">/dev/full"])
def test_standard_output_that_takes_nothing_leaves_no_old_report(streams: str, folder: Path) -> None:
    (folder / "gradcheck.toml").write_text(CHECK.format("one"), encoding="utf-8")
    for number, arguments in enumerate((DENSE, ["run"])):
        file = folder / f"{number}.json"
        file.write_text("old")
        done = in_shell(streams, *arguments, "--output", "-", "--output", f"json={file}")
        assert done.returncode == 2
        assert json.loads(file.read_text())["error"]["message"] in done.stderr.decode()


def test_what_a_process_starts_has_standard_output_too() -> None:
    """As a worker has, which ends in the middle of a check where there is none."""
    code = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'open(1).close()']))"
    begun = f"from gradcheck.cli import process; process.prepare(); {code}"
    words = ["sh", "-c", 'exec "$@" >&-', "sh", *python(), "-c", begun]
    done = subprocess.run(words, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_what_cannot_be_said_changes_no_exit_code(streams: str) -> None:
    """Also of a note, of what is printed for a user, and of what both streams refuse."""
    assert in_shell(streams, "dense", "--x", "nosuch.npy", "--w", "w.npy").returncode == 2
    assert in_shell(f">/dev/full {streams}", *DENSE).returncode == 2
    done = in_shell(streams, "dense", "--x", "[[1,1]]", "--w", "w.npy")
    assert done.returncode == 0
    assert done.stdout.startswith(b"gradcheck dense\n")


def test_a_closed_standard_input_holds_no_tensor() -> None:
    done = in_shell("<&-", "dense", "--x", "-", "--w", "w.npy")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: --x - (standard input) ")
    assert b"bug" not in done.stderr
    assert in_shell("<&-", *DENSE).returncode == 0


def test_files_do_not_become_standard_streams(folder: Path) -> None:
    """What is opened first gets the lowest number that is free: that of a stream that is closed."""
    done = in_shell(">&- 2>&- <&-", *DENSE, "--output", "report", "--save", "arrays.npz")
    assert done.returncode == 0
    assert (folder / "report").read_text(encoding="utf-8").startswith("gradcheck dense\n")
    assert "x.tape" in np.load(folder / "arrays.npz")
