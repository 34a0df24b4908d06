"""A suite while it runs, in a terminal: done, failing, running, time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gradcheck.render.words import shortened
from gradcheck.report.suite import CheckResult
from gradcheck.report.watch import Watch

RUNNING, FAILING = 8, 5
"""Lines of checks that run, and of those that ended unexpectedly, the latest."""
PER_SECOND = 4
"""Times that the board is drawn."""


class Board(Watch):
    """On standard error, taken away at the end."""

    def __init__(self, total: int) -> None:
        """`total` is the number of checks."""
        self._total, self._done, self._began = total, 0, time.monotonic()
        self._running: dict[str, float] = {}
        self._failing: list[CheckResult] = []
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        settings: dict[str, Any] = {"transient": True, "refresh_per_second": PER_SECOND}
        self._live = Live(get_renderable=self._drawn, console=self._console, **settings)

    def begin(self, name: str) -> None:
        """A check begins."""
        self._running[name] = time.monotonic()

    def end(self, result: CheckResult) -> None:
        """A check has ended."""
        self._running.pop(result.name, None)
        self._done += 1
        if not result.expectedly:
            self._failing.append(result)

    def __enter__(self) -> Board:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._live.stop()
        if kind is not None:  # how far it was
            self._console.print(self._drawn())

    def _drawn(self) -> RenderableType:
        now, width = time.monotonic(), self._console.width
        # The thread that draws sees what the other one changes.
        running, failing = list(self._running.items()), list(self._failing)
        counts = f"{self._done:,} of {self._total:,} checks done, {len(failing):,} failing, "
        counts += f"{len(running):,} running, {_clock(now - self._began)}"
        bar = Table.grid(padding=(0, 2, 0, 0))
        bar.add_row(ProgressBar(total=self._total, completed=self._done, width=width // 4), Text(counts))
        return Group(
            bar,
            *self._lines([(result.word, result.name) for result in failing[-FAILING:]], "red", width),
            *self._lines([(_clock(now - began), name) for name, began in running[:RUNNING]], "dim", width),
        )

    @staticmethod
    def _lines(rows: Sequence[tuple[str, str]], style: str, width: int) -> list[RenderableType]:
        if not rows:
            return []
        table = Table.grid(padding=(0, 2, 0, 0))
        for left, name in rows:
            table.add_row(Text(left, style), Text(shortened(name, max(8, width - 16))))
        return [table]


def _clock(seconds: float) -> str:
    """Minutes and seconds: 0:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
