"""Processes on this machine that evaluate for one check."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gradcheck.arrays.types import Array
from gradcheck.function.primal import Primal
from gradcheck.function.sharing import Lost, Sharing, Work
from gradcheck.suite.evaluating import Evaluating
from gradcheck.suite.shared_function import SharedFunction, environment
from gradcheck.targets.spec import TargetSpec


class Processes(Sharing):
    """So many processes, from `open` to `close`."""

    def __init__(self, spec: TargetSpec, device: str | None, count: int) -> None:
        """`spec` is that of the target, `device` as in the settings."""
        self._spec, self._device, self._count = spec, device, count
        self._threads = ThreadPoolExecutor(count)
        self._free: queue.SimpleQueue[Evaluating | None] = queue.SimpleQueue()
        self.processes: list[Evaluating] = []
        """All that were started."""

    def open(self, primal: Primal, base: Array) -> None:
        """Start the processes."""
        function = SharedFunction.of(self._spec, self._device, primal, base)
        self.processes = [Evaluating(function, environment()) for _ in range(self._count)]
        for process in self.processes:
            self._free.put(process)

    @property
    def workers(self) -> int:
        """How many processes there are."""
        return self._count

    def results(self, work: Sequence[Work]) -> Iterator[Any]:
        """The result of each in order, tried once more elsewhere where a process dies."""
        yield from self._threads.map(self._result, work)

    def _result(self, work: Work) -> Any:
        found: Any = Lost.LOST
        for _ in range(2):
            process = self._free.get()
            try:
                found = Lost.LOST if process is None else process.result(work)
            finally:
                if process is None or process.alive:
                    self._free.put(process)
                elif not any(one.alive for one in self.processes):
                    self._free.put(None)  # nobody is left to wait for
            if found is not Lost.LOST or process is None:
                break
        return found

    def close(self) -> None:
        """End the processes."""
        self._threads.shutdown(cancel_futures=True)
        for process in self.processes:
            process.close()
