"""Parameters of tests, of which a plain run takes a part and `--full` all."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import TypeVar

import pytest
from _pytest.mark.structures import ParameterSet

Value = TypeVar("Value")


def named(
    values: Iterable[Value], name: Callable[[Value], str], always: Callable[[int, Value], bool]
) -> list[ParameterSet]:
    """Values with their test ids; those for which `always` (position, value) is false are marked `full`."""
    return [
        pytest.param(value, id=name(value), marks=() if always(number, value) else pytest.mark.full)
        for number, value in enumerate(values)
    ]


def every(step: int) -> Callable[[int, object], bool]:
    """True of the first value and of each `step`-th after it."""
    return lambda number, value: number % step == 0


def among(chosen: Container[object]) -> Callable[[int, object], bool]:
    """True of the values that are chosen."""
    return lambda number, value: value in chosen
