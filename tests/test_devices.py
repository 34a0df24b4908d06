"""Devices: what exists is used, however it is spelled, and what does not is refused with a list."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from gradcheck import ExitCode, GradcheckError, Verdict, check


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
