"""TensorFlow is loaded quietly, gives back what it was given, and runs on the device asked for."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from gradcheck import ExitCode, GradcheckError, Verdict, check, runtime
from gradcheck.runtime import _uncollected, held_back, load_tensorflow


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_written_meanwhile_is_held(fails: bool, capfd: pytest.CaptureFixture[str]) -> None:
    kept = b""
    try:
        with held_back() as held:
            os.write(2, b"noise of a C++ library\n")
            held.seek(0)
            kept = held.read()
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
    assert kept == b"noise of a C++ library\n"


def test_no_file_descriptor_is_lost() -> None:
    def used() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = used()
    for _ in range(3):
        with held_back():
            pass
    assert used() == before


@pytest.mark.parametrize("collecting", [False, True])
def test_garbage_collection_goes_on_as_before(collecting: bool) -> None:
    (gc.enable if collecting else gc.disable)()
    try:
        with pytest.raises(KeyboardInterrupt), _uncollected():
            assert not gc.isenabled()
            raise KeyboardInterrupt
        assert gc.isenabled() is collecting
    finally:
        gc.enable()


def test_loading_twice_is_nothing() -> None:
    load_tensorflow()
    loaded = sys.modules["tensorflow"]
    load_tensorflow()
    assert sys.modules["tensorflow"] is loaded
    assert gc.isenabled()


def test_what_the_import_makes_is_set_aside() -> None:
    before = gc.get_freeze_count()
    with _uncollected():
        made = [[number] for number in range(1000)]
    assert gc.get_freeze_count() >= before + len(made)
    gc.unfreeze()


# Devices: what exists is used, however it is spelled, and what does not is refused with a list.


@pytest.mark.parametrize("name", ["CPU:0", "cpu:0", "CPU", "/CPU:0", "/device:CPU:0"])
def test_the_function_runs_on_the_device(name: str) -> None:
    seen = set()

    def function(x: Any) -> Any:
        y = tf.sin(x)
        if tf.executing_eagerly():
            seen.add(y.device[-5:])
        return y

    assert check(function, {"x": 1.0}, device=name).verdict is Verdict.PASS
    assert seen == {"CPU:0"}


@pytest.mark.parametrize("name", ["GPU:7", "TPU:0", "CPU:9", "nonsense", ""])
def test_a_device_that_does_not_exist_is_refused_with_those_that_do(name: str) -> None:
    with pytest.raises(GradcheckError, match=r"no device .* Choose from: .*CPU:0") as refused:
        check(tf.sin, {"x": 1.0}, device=name)

    assert refused.value.exit_code is ExitCode.UNUSABLE


def test_memory_is_what_a_container_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_CGROUP", tmp_path)
    for name, text in {
        "max": "50000000",
        "current": "40000000",
        "stat": "anon 35000000\ninactive_file 5000000",
    }.items():
        (tmp_path / f"memory.{name}").write_text(text)

    assert runtime.free_memory() == 50_000_000 - 40_000_000 + 5_000_000

    (tmp_path / "memory.max").write_text("max\n")
    assert runtime.free_memory() > 50_000_000


def test_memory_is_what_ulimit_leaves() -> None:
    limit = 2**29
    code = (
        "import resource; from gradcheck.runtime import free_memory;"
        f"resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit})); print(free_memory())"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert 0 < int(ended.stdout) < limit
