"""How far a check is, for whoever waits: nothing by default, a bar on standard error at a terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck.checks.sampling import Plan

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Progress:
    """An observer that shows nothing."""

    def start(self, plan: Plan, elements: int) -> None:
        """The first pass begins: what it is expected to cost, and the elements it will look at."""

    def advance(self, elements: int, evaluations: int) -> None:
        """Some more elements were judged, with so many evaluations in all."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        """Take away what was shown."""


class Bar(Progress):
    """A bar on standard error, from the first second on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} elements"),
            BarColumn(),
            TextColumn("{task.fields[evaluations]:,} evaluations"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
        )
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._began = time.perf_counter()
        self._task: Any = None
        self._elements = 0

    def start(self, plan: Plan, elements: int) -> None:
        """Say what is ahead, if it is long."""
        self._began = time.perf_counter()
        self._elements = elements
        self._task = self._bar.add_task("", total=elements, evaluations=0)
        if plan.seconds > PATIENCE:
            evaluations = plan.planned if plan.sampled else plan.evaluations
            self._bar.console.print(
                f"about {evaluations:,} evaluations of the function, {elements:,} elements one by one"
                + ("" if plan.sampled else f", {plan.seconds:.0f} s"),
                markup=False,
                highlight=False,
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
