"""The lines of --verbose: what was done, how long it took and how many evaluations.

A check says what it has done since it last said something, so that the times add up to the whole.
"""

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from gradcheck.progress import HandingOn, Progress, Stage
from gradcheck.render.numbers import UNKNOWN
from gradcheck.runtime import seconds_of_loading

SHORT = 0.05
"""Seconds up to which a stage that had nothing to do, and evaluated nothing, gets no line of its own."""
WIDTH = max(len(stage.value) for stage in Stage)
HEADS = f"{'time':>9}  evaluations  stage"
SINGULAR = {"mismatches": "mismatch"}
"""Of the plurals that do not just have one letter more."""


class Stages(HandingOn):
    """An observer that writes a line for each stage and one for the whole, and hands on to another one."""

    def __init__(self, shown: Progress, write: Callable[[str], Any]) -> None:
        super().__init__(shown)
        self._write = write
        self._began = self._last = time.perf_counter()
        self._loading = seconds_of_loading()
        self._evaluations = 0
        self._heads = HEADS + "\n"

    def stage(self, done: Stage, evaluations: int = 0, of: str = "", **counts: int) -> None:
        """Write a line, and one before it where TensorFlow was imported meanwhile."""
        now, loading = time.perf_counter(), seconds_of_loading()
        if loading > self._loading:
            version = sys.modules["tensorflow"].__version__
            self._line(loading - self._loading, 0, Stage.TENSORFLOW.value, f"{version} imported")
            self._last += loading - self._loading
            self._loading = loading
        seconds, more = now - self._last, evaluations - self._evaluations
        if more == 0 and seconds < SHORT and counts and not any(counts.values()):
            return  # its time counts as that of the next one
        self._line(seconds, more, done.value, _told(of, counts))
        self._last, self._evaluations = now, evaluations

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        super().__exit__(kind, error, trace)
        now = time.perf_counter()
        if error is not None:
            self._line(now - self._last, None, "broken off")
        self._line(now - self._began, self._evaluations, "in all")

    def _line(self, seconds: float, evaluations: int | None, name: str, told: str = "") -> None:
        spent = UNKNOWN if evaluations is None else f"{evaluations:,}"
        self._write(f"{self._heads}{seconds:7.2f} s  {spent:>11}  {name:{WIDTH}}  {told}".rstrip())
        self._heads = ""


def _told(of: str, counts: Mapping[str, int]) -> str:
    """`x: 32 elements, 4 groups`."""
    counted = ", ".join(_counted(number, plural) for plural, number in counts.items())
    return ": ".join(filter(None, (of, counted)))


def _counted(number: int, plural: str) -> str:
    word = SINGULAR.get(plural, plural.removesuffix("s")) if number == 1 else plural
    return f"{number:,} {word.replace('_', ' ')}"
