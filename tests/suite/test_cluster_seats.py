"""A check shared out to a real Dask cluster: the same report, whatever happens to its workers."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradcheck.arrays.types import Array
from gradcheck.cli import main
from gradcheck.differences import evaluator
from gradcheck.function.primal import Primal
from gradcheck.suite.cluster_seats import ClusterSeats
from tests.suite.apart import apart
from tests.suite.shared import network, report
from tests.suite.test_sharing import wait


class Ready(ClusterSeats):
    """A cluster that is waited for, a process of which gets a signal when some work is done, if any."""

    victim: int | None = None
    signal = signal.SIGKILL

    def open(self, primal: Primal, base: Array) -> None:
        super().open(primal, base)
        wait(lambda: self.ready == self.count)
        if self.victim is not None:
            threading.Thread(target=self._kill, args=[self.victim]).start()

    def _kill(self, victim: int) -> None:
        wait(lambda: self.done > 3)
        os.kill(victim, self.signal)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Any]:
    """A real cluster of two processes with a thread each."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found:
        yield found


@pytest.mark.full
@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("name", ["loss", "wrong"])
def test_a_real_cluster(
    name: str, killed: bool, two_workers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network of 4,640 weights; SIGKILL to a worker in the middle changes nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluator, "PART", 2**14)
    spec = network(name, 87)
    alone = report(spec, tmp_path)
    shared = Ready(two_workers.scheduler_address, spec, None)
    if killed:
        shared.victim = next(iter(shared._client.run(os.getpid).values()))
    try:
        assert report(spec, tmp_path, shared) == alone
    finally:
        shared.close()
    assert shared.done > 10 and shared.refused is None


@pytest.mark.full
@pytest.mark.parametrize("what", ["scheduler killed", "worker stopped"])
def test_a_cluster_that_goes_away(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process does what is left, and says so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluator, "PART", 2**14)
    monkeypatch.setattr("gradcheck.suite.seats.SILENT", 1.0)
    spec = network("wrong", 87)
    alone = report(spec, tmp_path)
    with apart(tmp_path) as (address, scheduler):
        shared = Ready(address, spec, None)
        worker = next(iter(shared._client.run(os.getpid).values()))
        stopped = what == "worker stopped"
        shared.victim, shared.signal = (worker, signal.SIGSTOP) if stopped else (scheduler, signal.SIGKILL)
        try:
            assert report(spec, tmp_path, shared) == alone
        finally:
            shared.close()
            if stopped:
                os.kill(worker, signal.SIGKILL)
    assert shared.done > 3 and shared.refused is not None
    assert ("has not answered" if stopped else "the scheduler has gone") in str(shared.refused)


@pytest.mark.full
def test_the_command_line(
    two_workers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["dense", "--x", "normal:8x4", "--w", "normal:4x3", "--json", "--no-timing"]

    found = []
    for more in ([], ["--dask", two_workers.scheduler_address]):
        with pytest.raises(SystemExit, match="0"):
            main.main([*command, *more], standalone_mode=False)
        found.append(capfd.readouterr().out)

    assert json.loads(found[0])["verdict"] == "pass"
    assert found[0] == found[1]
