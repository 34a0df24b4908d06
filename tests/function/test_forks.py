"""A function that forks: the second process ends where it comes back, and the check goes on once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck import check

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def _goes_on() -> None:
    """Both return."""


def _raises() -> None:
    raise ValueError("in the child")


def _leaves() -> None:
    sys.exit(5)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("then", [_goes_on, _raises, _leaves])
def test_a_process_that_the_function_forks_ends_where_it_returns(
    then: Callable[[], None], tmp_path: Path
) -> None:
    file = tmp_path / "returned"

    def forks(x: Any) -> Any:
        with file.open("a") as log:
            log.write(f"{os.getpid()}\n")
        if os.fork() == 0:
            then()
        return x * x

    report = check(forks, {"x": np.array([1.0, 2.0])})

    assert report.passed
    assert set(file.read_text().split()) == {str(os.getpid())}  # none of them has evaluated once more
