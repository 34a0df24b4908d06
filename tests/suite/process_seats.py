"""Processes on this machine that evaluate for one check: a cluster in small, for tests and benchmarks."""

from __future__ import annotations

from gradcheck.arrays.types import Array
from gradcheck.function.primal import Primal
from gradcheck.suite.evaluating import Evaluating, asking
from gradcheck.suite.seats import Seats
from gradcheck.suite.shared_function import SharedFunction, environment
from gradcheck.targets.spec import TargetSpec


class ProcessSeats(Seats):
    """So many processes, from `open` to `close`."""

    def __init__(self, spec: TargetSpec, device: str | None, count: int) -> None:
        """`spec` is that of the target, `device` as in the settings."""
        super().__init__(count)
        self._spec, self._device = spec, device

    def open(self, primal: Primal, base: Array) -> None:
        """Start the processes."""
        function = asking(SharedFunction.of(self._spec, self._device, primal, base))
        self.start([Evaluating(function, environment()) for _ in range(self.count)])
