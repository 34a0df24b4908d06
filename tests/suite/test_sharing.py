"""Evaluations shared out: the report is the one of this process alone, byte for byte."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences import evaluator, points
from gradcheck.differences.joined import JoinedGroups
from gradcheck.differences.ways import Batch
from gradcheck.function.primal import Meter, Primal
from gradcheck.function.sharing import Piece, Sharing, Work
from gradcheck.suite.shared_function import SharedFunction
from gradcheck.targets.spec import FunctionSpec
from tests.suite.process_seats import ProcessSeats
from tests.suite.shared import FILE, convolution, elementwise, network, report

CHECKS: dict[str, tuple[FunctionSpec, dict[str, Any]]] = {
    "elements of a function": (elementwise(200), {"method": "elementwise"}),
    "groups of a convolution": (convolution(), {}),
    "directions of a loss": (network("loss", 20), {"method": "directions"}),
    "directions of a wrong loss": (network("wrong", 20), {"method": "directions"}),
    "elements of a wrong loss": (network("wrong", 4), {"method": "elementwise"}),
}
ELEMENTS, GROUPS, *OTHERS = CHECKS
TENSORS = [*network("loss", 20).tensors.values()]
SOON = 300.0
"""Seconds within which processes are ready on a busy machine."""


class Elsewhere(Sharing):
    """All pieces but the first are done by another primal, the last first, as if in another process."""

    def __init__(self, spec: FunctionSpec) -> None:
        self._spec, self.done, self._kept = spec, 0, dict[Any, Any]()
        self.kinds: set[type[Work]] = set()

    @property
    def workers(self) -> int:
        return 3

    def open(self, primal: Primal, base: Array) -> None:
        function = pickle.loads(pickle.dumps(SharedFunction.of(self._spec, None, primal, base)))
        self._outputs = base.size
        with function.posed() as self._primal:
            pass

    def results(self, work: Sequence[Piece], own: Callable[[Piece], Any]) -> list[Any]:
        others = reversed(pickle.loads(pickle.dumps(work[1:])))
        found = [each.result(self._primal, self._outputs, self._kept) for each in others]
        self.done += len(found)
        self.kinds |= {type(each) for each in work}
        return [own(work[0]), *reversed(pickle.loads(pickle.dumps(found)))]


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small checks are shared, and files are in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluator, "PART", 2**12)
    monkeypatch.setattr(evaluator, "AT_ONCE", 2**14)
    (tmp_path / "shared_file.py").write_text(FILE)


@pytest.mark.parametrize(
    "name", [ELEMENTS, GROUPS, *(pytest.param(name, marks=pytest.mark.full) for name in OTHERS)]
)
def test_the_report_is_the_same_whoever_evaluates(name: str, tmp_path: Path) -> None:
    spec, settings = CHECKS[name]
    alone = report(spec, tmp_path, **settings)
    elsewhere = Elsewhere(spec)

    assert report(spec, tmp_path, elsewhere, **settings) == alone
    assert elsewhere.done > 1
    assert elsewhere.kinds == ({JoinedGroups} if name == GROUPS else {Batch})
    assert ('"verdict": "fail"' in alone) == ("wrong" in name)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("count", [20, 300])
def test_moved_points_are_the_same_bit_for_bit(
    count: int, elsewhere: bool, plain: bool, tmp_path: Path
) -> None:
    """One by one (20), in a loop (plain) and at once, at the point and at another one."""
    spec = network("loss", 20)
    random = np.random.default_rng(1)
    moves = {
        n: (np.arange(0, a.size, 2), random.random((9, (a.size + 1) // 2))) for n, a in enumerate(TENSORS)
    }
    moved = points.rays(moves, np.arange(count) % 9, np.geomspace(0.3, 1e-6, count))
    found = []
    for sharing in (None, Elsewhere(spec)):
        target = spec.build().target
        primal = Primal(target, list(spec.tensors), "float64")
        base = np.asarray(primal.at_point())
        if sharing is not None:
            primal.share(sharing, base)
        if elsewhere:
            primal = primal.at([1.01 * value for value in primal.values])
            base = np.asarray(primal.at_point())
        tested = evaluator.Evaluator(primal, range(4), base, Meter())
        found.append(tested.evaluate(moved, plain=plain))

    assert found[0].tobytes() == found[1].tobytes()
    assert sharing is not None and sharing.done > 1
    np.testing.assert_allclose(found[0][-1], base, rtol=1e-14)


class Ready(ProcessSeats):
    """Processes that are waited for, of which the first is killed when some work is done."""

    killed = False

    def open(self, primal: Primal, base: Array) -> None:
        super().open(primal, base)
        wait(lambda: self.ready == self.count)
        threading.Thread(target=self._kill).start()

    def _kill(self) -> None:
        wait(lambda: self.done > 3)
        os.kill(self.seats[0].number, signal.SIGKILL)  # type: ignore[attr-defined]
        self.killed = True


@pytest.mark.full
@pytest.mark.parametrize("name", OTHERS)
def test_a_process_that_is_killed_changes_nothing(name: str, tmp_path: Path) -> None:
    spec, settings = CHECKS[name]
    alone = report(spec, tmp_path, **settings)
    processes = Ready(spec, None, 2)
    try:
        shared = report(spec, tmp_path, processes, **settings)
    finally:
        processes.close()

    assert shared == alone
    assert processes.killed and processes.done > 10 and processes.refused is None
    assert not any(seat.alive for seat in processes.seats)


def wait(until: Callable[[], bool]) -> None:
    """Wait for something that another thread or process does."""
    latest = time.monotonic() + SOON
    while not until():
        assert time.monotonic() < latest
        time.sleep(0.01)
