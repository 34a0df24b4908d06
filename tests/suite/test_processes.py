"""Worker processes: every job ends once, one that takes its process down is told by name, none sees another.

The oracle is what each job is told to do to its process.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.job import Job
from gradcheck.suite.processes import Processes
from tests.suite.acting import act, job, told

ALONE = """
if __name__ == "__main__":
    from tests.suite.acting import job, told
    from tests.suite.test_processes import results

    print(told(results([job("a", "tell", "me")])["a"]))
"""


def results(jobs: list[Job], slots: int = 1) -> dict[str, CheckResult]:
    """By name."""
    found = list(Processes(act, slots).results(jobs))
    assert sorted(result.name for result in found) == sorted(job.name for job in jobs)
    return {result.name: result for result in found}


def sentence(result: CheckResult) -> str:
    """Of a failure."""
    assert isinstance(result.outcome, Failure)
    return str(result.outcome)


@pytest.mark.parametrize("slots", [1, 3])
def test_a_job_that_takes_its_process_down_is_told_by_name_and_stops_no_other(slots: int) -> None:
    deadly = {
        "aborts": (("abort",), "was ended by the signal SIGABRT"),
        "leaves": (("exit", "7"), "ended with the code 7"),
        "leaves with 0": (("exit", "0"), "ended with the code 0"),
        "is killed": (("kill",), "was ended by the signal SIGKILL"),
        "gets a signal without a name": (("signal", "40"), "was ended by the signal 40"),
    }
    harmless = [job(f"harmless {number}", "tell", str(number)) for number in range(6)]
    jobs = [job(name, *arguments) for name, (arguments, _) in deadly.items()]
    mixed = [one for pair in itertools.zip_longest(jobs, harmless) for one in pair if one]

    found = results(mixed, slots)

    for name, (_, says) in deadly.items():
        assert says in sentence(found[name])
        assert found[name].exit_code == 2
    assert [told(found[one.name]) for one in harmless] == [str(number) for number in range(6)]


def test_a_process_is_kept_for_many_jobs_and_replaced_when_it_dies() -> None:
    dies = job("dies", "dense", "abort")
    named = [job(name, "dense", "pid") for name in "abcd"]

    found = results([*named[:2], dies, *named[2:]])

    assert told(found["a"]) == told(found["b"])
    assert told(found["c"]) == told(found["d"])
    assert told(found["a"]) != told(found["c"])


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "MemoryError"])
def test_what_a_job_raises_is_its_own_matter(name: str) -> None:
    found = results([job("raises", "raise", name), job("after", "tell", "me")])

    assert name in sentence(found["raises"])
    assert "on purpose" in sentence(found["raises"])
    assert told(found["after"]) == "me"


def test_an_exception_that_cannot_say_what_it_is_is_told_by_name() -> None:
    found = results([job("raises", "raise", "_Silent"), job("after", "tell", "me")])

    assert sentence(found["raises"]) == "_Silent was raised."
    assert told(found["after"]) == "me"


def test_what_a_job_has_started_ends_with_the_worker() -> None:
    found = results([job("starts", "start"), job("after", "tell", "me")])

    assert told(found["after"]) == "me"
    assert gone(int(told(found["starts"])))


def test_a_fork_of_a_job_answers_for_no_other() -> None:
    """The process that a job forks is not the worker: what it comes to is nobody's result."""
    found = results([job("forks", "fork"), *(job(str(n), "tell", str(n)) for n in range(3))])

    assert [told(found[name]) for name in ("forks", "0", "1", "2")] == ["forked", "0", "1", "2"]


def test_a_thread_that_does_not_end_keeps_nobody_waiting() -> None:
    """Python would join it at the end of the process."""
    found = results([job("leaves", "thread"), job("after", "tell", "me")])

    assert told(found["after"]) == "me"
    assert gone(int(told(found["leaves"])))


def test_what_a_job_writes_belongs_to_it_also_where_it_crashes() -> None:
    jobs = [job("one", "print", "first"), job("dies", "print and abort", "second"), job("silent", "tell", "")]

    found = results(jobs)

    assert found["one"].printed == "first\nfirst again\n"
    assert found["dies"].printed == "second\nsecond again\n"
    assert sentence(found["dies"]).endswith("It wrote last:\n  second\n  second again")
    assert found["silent"].printed == ""


def test_a_job_finds_what_the_first_one_found() -> None:
    """Environment, folder, paths, settings of Keras, functions of TensorFlow: none of it is left changed."""
    found = results([job("before", "state"), job("pollutes", "pollute"), job("after", "state")])

    assert told(found["after"]) == told(found["before"])


def test_the_names_of_layers_are_counted_from_one_in_each_job_of_a_process() -> None:
    found = results([job(name, "dense", "state") for name in "ab"])

    assert told(found["a"]) == told(found["b"])
    assert '"name": "dense"' in told(found["a"])


@pytest.mark.parametrize(
    ("arguments", "runs_users_code"),
    [
        (("dense", "--x", "normal:2x3"), False),
        (("maxpool1d", "--x", "x.npy"), False),
        (("layer", "LayerNormalization", "--x", "normal:2x3"), False),
        (("layer", "Dense", "--config", '{"units": 2, "kernel_initializer": {"module": "mine"}}'), True),
        (("layer", "Dense", "--config", "config.json"), True),
        (("layer", "Dense", "--config", '{"units": 2}'), False),
        (("layer", "mine.py:Layer", "--x", "normal:2x3"), True),
        (("function", "tensorflow:nn.silu", "--arg", "x=normal:3"), True),
        (("model", "mine.keras", "--x", "normal:2x3"), True),
    ],
)
def test_what_may_run_code_of_the_users(arguments: tuple[str, ...], runs_users_code: bool) -> None:
    assert job("any", *arguments).runs_users_code == runs_users_code


def test_modules_beside_the_suite_do_not_hide_those_of_python(tmp_path: Path) -> None:
    """The server of the workers starts in the working directory."""
    for name in ("random", "selectors", "queue", "keras", "pickle", "socket"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('mine')\n", encoding="utf-8")
    script = tmp_path / "script" / "alone.py"
    script.parent.mkdir()
    script.write_text(ALONE, encoding="utf-8")
    folders = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    given: dict[str, Any] = {
        "cwd": tmp_path,
        "env": environment,
        "capture_output": True,
        "text": True,
        "timeout": 120,
    }

    ended = subprocess.run([sys.executable, str(script)], **given)

    assert ended.stdout == "me\n", ended.stderr


def test_a_job_that_closes_its_streams_has_a_result() -> None:
    found = results([job("closes", "close"), job("after", "tell", "me")])

    assert told(found["closes"]) == "closed"
    assert told(found["after"]) == "me"


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow writes the code of a `tf.function` to a file that it removes at the end of the process."""
    results([job("starts the server", "tell", "")])  # which has a folder there as long as it lives
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = results([job("converts", "convert", str(tmp_path)), job("after", "tell", "me")])

    assert "__autograph_generated_file" in told(found["converts"])
    assert not list(tmp_path.iterdir())


def test_modules_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(f"VALUE = {name!r}\n", encoding="utf-8")

    found = results([job(name, "module", "mine", folder=tmp_path / name) for name in ("one", "two")])

    assert [told(found[name]) for name in ("one", "two")] == ["one", "two"]


def test_a_job_is_taken_when_there_is_a_place_for_it() -> None:
    taken: list[str] = []

    def jobs() -> Iterator[Job]:
        for number in range(4):
            taken.append(str(number))
            yield job(str(number), "tell", "")

    for count, _ in enumerate(Processes(act, 1).results(jobs()), start=1):
        assert len(taken) <= count + 1


def test_a_job_whose_time_is_over_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """From outside: nothing in the process looks at the clock."""
    monkeypatch.setattr("gradcheck.suite.slot.GRACE", 0.0)
    results([job("starts the server", "tell", "")])
    sleeps = replace(job("sleeps", "sleep", "600"), timeout=1.0)

    found = results([sleeps, job("after", "tell", "me")])

    assert sentence(found["sleeps"]).startswith("the check did not end within 1 s")
    assert told(found["after"]) == "me"


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    running = Processes(act, 2).results([job("quick", "tell", ""), job("slow", "sleep", "600", str(file))])

    with contextlib.closing(running):
        assert next(running).name == "quick"
        while not file.exists() or not file.read_text(encoding="utf-8"):
            time.sleep(0.01)

    assert gone(int(file.read_text(encoding="utf-8")))


def gone(process: int) -> bool:
    """Whether a process has ended, within some seconds."""
    for _ in range(1000):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False
