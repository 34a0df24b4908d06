"""TensorFlow is loaded quietly, gives back what it was given, and runs on the device asked for."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import pytest
import tensorflow as tf

from gradcheck import ExitCode, GradcheckError, Verdict, check
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
