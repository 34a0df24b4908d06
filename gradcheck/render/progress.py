"""The progress bar on standard error."""

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from gradcheck.progress import Forecast, Progress

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Bar(Progress):
    """A bar on standard error, from the first second on."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} elements"),
            BarColumn(),
            TextColumn("{task.fields[evaluations]:,} evaluations"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
        )
        self._bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._began = 0.0
        self._task: Any = None

    def say(self, text: str) -> None:
        """Write a line above the bar, where there is one."""
        self._bar.console.print(Text(text), soft_wrap=True)

    def start(self, ahead: Forecast) -> None:
        """Say what is ahead, if it is long."""
        self._began = time.perf_counter()
        self._task = self._bar.add_task("", total=ahead.elements, evaluations=0)
        if ahead.seconds > PATIENCE:
            self.say(
                f"about {ahead.evaluations:,} evaluations of the function, {ahead.elements:,} elements "
                f"one by one, {ahead.seconds:.0f} s"
            )

    def advance(self, elements: int, evaluations: int) -> None:
        """Move the bar; it appears after a second."""
        if self._task is None:
            return
        self._bar.update(self._task, advance=elements, evaluations=evaluations)
        if not self._bar.live.is_started and time.perf_counter() - self._began > PATIENCE:
            self._bar.start()

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        if self._bar.live.is_started:
            self._bar.stop()
