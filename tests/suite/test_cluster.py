"""A check shared out to a Dask cluster: the same report, and one sentence where that cannot be."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.cli import main
from gradcheck.differences import evaluator
from gradcheck.errors import GradcheckError
from gradcheck.function.primal import Primal
from gradcheck.suite import cluster
from gradcheck.suite.cluster import Cluster
from gradcheck.suite.shared_function import SharedFunction, Versions
from tests.suite.shared import FILE, network, report
from tests.suite.test_sharing import wait


class Ready(Cluster):
    """A cluster that is waited for, one worker of which is killed when some work is done, if any."""

    victim: int | None = None

    def open(self, primal: Primal, base: Array) -> None:
        super().open(primal, base)
        wait(lambda: self.ready == self.count)
        if self.victim is not None:
            threading.Thread(target=self._kill, args=[self.victim]).start()

    def _kill(self, victim: int) -> None:
        wait(lambda: self.done > 3)
        os.kill(victim, signal.SIGKILL)


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


def test_a_cluster_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACHED", 0.1)

    with pytest.raises(GradcheckError, match=r"No Dask scheduler answers at tcp://127.0.0.1:1 within 0.1 s"):
        cluster.connected("tcp://127.0.0.1:1")


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(GradcheckError, match=r"pip install 'gradcheck\[dask\]'"):
        cluster.connected("tcp://127.0.0.1:1")


class Client:
    """A client of a cluster with one worker."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def run(self, called: Any, on_error: str) -> dict[str, Any]:
        return {} if self.answer is None else {"tcp://there": self.answer}


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (replace(Versions.here(), tensorflow="2.0.0"), "tcp://there has tensorflow 2.0.0, not 2"),
        (replace(Versions.here(), gradcheck="0.0.1"), "has gradcheck 0.0.1, not 0"),
        (replace(Versions.here(), python="3.99.0"), "has python 3.99.0, not 3"),
        (replace(Versions.here(), instructions="none"), "has other processor instructions: sums"),
        (ModuleNotFoundError("No module named 'gradcheck'"), "gradcheck does not run on the Dask worker"),
        (ConnectionError("it has just gone"), "has no workers"),
        (None, "The Dask cluster at tcp://it has no workers"),
    ],
)
def test_workers_that_cannot_take_part(there: Any, said: str) -> None:
    with pytest.raises(GradcheckError, match=said):
        cluster.fit_workers(Client(there), "tcp://it")


def test_workers_that_can() -> None:
    assert cluster.fit_workers(Client(Versions.here()), "tcp://it") == ["tcp://there"]


def of(folder: Path, name: str = "loss") -> SharedFunction:
    """The function of a network in a folder, the working directory"""
    (folder / "shared_file.py").write_text(FILE)
    spec = network(name, 3)
    primal = Primal(spec.build().target, list(spec.tensors), "float64")
    return SharedFunction.of(spec, None, primal, np.asarray(primal.at_point()))


def test_files_travel_where_they_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("A = 1")
    function = of(tmp_path)
    with function.placed() as folder:
        assert folder == str(tmp_path)
    for changed in ("changed", None):
        (tmp_path / "shared_file.py").unlink()
        if changed is not None:
            (tmp_path / "shared_file.py").write_text(changed)

        with function.placed() as folder:
            assert Path(folder, "shared_file.py").read_text() == FILE
            assert Path(folder, "helper.py").read_text() == "A = 1"
            with function.posed() as primal:
                assert np.array_equal(primal.at_point(), function.base)
        assert not Path(folder).exists()


def test_a_file_outside_of_the_folder_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outside = replace(of(tmp_path), files=(("../outside.py", b"A = 1"),))

    with pytest.raises(GradcheckError, match=r"\.\./outside\.py cannot be read"), outside.placed():
        pass


def test_a_function_that_is_another_one_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit: the base is off by its last one."""
    monkeypatch.chdir(tmp_path)
    function = of(tmp_path)
    another = replace(function, base=np.nextafter(function.base, np.inf))

    with pytest.raises(GradcheckError, match="not the same in a worker process"), another.posed():
        pass
