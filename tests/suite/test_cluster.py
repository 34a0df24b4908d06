"""A real Dask cluster on this machine: every job ends once, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.cluster import Cluster
from gradcheck.suite.files import Files
from gradcheck.suite.parcel import Parcel
from tests.suite.acting import act, job, told
from tests.suite.test_processes import gone

distributed = pytest.importorskip("distributed", reason="gradcheck[dask] is not installed")
UNREACHABLE = "tcp://127.0.0.1:1"


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """So many worker processes of one thread, each under a nanny."""
    settings = {"processes": True, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(n_workers=workers, **settings) as made:
        yield made


@pytest.fixture(scope="module")
def two() -> Iterator[Any]:
    """A cluster of two workers."""
    with cluster(2) as made:
        yield made


def results(made: Any, jobs: list[Any]) -> dict[str, CheckResult]:
    """By name, when the workers that an earlier test has killed are there again."""
    made.wait_for_workers(len(made.workers), timeout=60)
    found = list(Cluster(act, made.scheduler_address).results(jobs))
    assert sorted(result.name for result in found) == sorted(job.name for job in jobs)
    return {result.name: result for result in found}


def workers(made: Any) -> list[int]:
    """Their process numbers."""
    return [nanny.pid for nanny in made.workers.values()]


@pytest.mark.full
def test_nothing_is_lost_nor_twice_when_a_worker_is_killed_in_the_middle(two: Any) -> None:
    jobs = [job(str(number), "sleep", "0.2") for number in range(12)]
    found: list[CheckResult] = []

    for result in Cluster(act, two.scheduler_address).results(jobs):
        if len(found) == 2:
            os.kill(workers(two)[0], signal.SIGKILL)
        found.append(result)

    assert sorted(result.name for result in found) == sorted(one.name for one in jobs)
    assert {told(result) for result in found} == {""}


@pytest.mark.full
def test_a_check_waits_for_a_worker_where_there_is_none_for_a_while() -> None:
    with cluster(1) as made, distributed.Client(made) as client:
        running = Cluster(act, made.scheduler_address).results([job("a", "tell", "1"), job("b", "tell", "2")])
        first = next(running)
        os.kill(workers(made)[0], signal.SIGKILL)
        while client.nthreads():
            time.sleep(0.01)
        rest = list(running)

    assert [told(result) for result in (first, *rest)] == ["1", "2"]


@pytest.mark.full
def test_a_check_that_no_worker_comes_for_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcheck.suite.cluster.DESERTED", 1)
    with cluster(1) as made, distributed.Client(made) as client:
        running = Cluster(act, made.scheduler_address).results([job(name, "tell", name) for name in "abc"])
        found = [next(running)]
        made.scale(0)
        while client.nthreads():
            time.sleep(0.01)
        found += running

    kinds = [isinstance(one.outcome, Failure) and one.outcome.kind for one in found]
    assert kinds == ["Told", "Lost", "Lost"]


@pytest.mark.full
def test_a_crash_takes_no_worker_of_the_cluster_down(two: Any) -> None:
    before = workers(two)

    found = results(two, [job("dies", "abort"), *(job(str(n), "tell", str(n)) for n in range(4))])

    assert "SIGABRT" in str(found["dies"].outcome)
    assert [told(found[str(n)]) for n in range(4)] == ["0", "1", "2", "3"]
    assert workers(two) == before


@pytest.mark.full
def test_a_job_whose_worker_is_lost_twice_is_reported(two: Any, tmp_path: Path) -> None:
    """It is a job that kills the worker, not only its own process."""
    found = results(two, [job("kills", "kill the worker"), job("other", "tell", "me")])

    assert isinstance(found["kills"].outcome, Failure)
    assert found["kills"].outcome.kind == "Lost"
    assert told(found["other"]) == "me"


@pytest.mark.full
def test_files_go_by_value_where_they_are_not_found_by_path(
    two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers see the folder, unless it is said to be another: the second half says so."""
    (tmp_path / "x.txt").write_text("content", encoding="utf-8")
    asked = [job("reads", "read", "x.txt", folder=tmp_path), job("where", "where", folder=tmp_path)]

    by_path = results(two, asked)
    monkeypatch.setattr("gradcheck.suite.cluster.Parcel.of", staticmethod(elsewhere))
    by_value = results(two, [job("reads", "read", "x.txt", folder=tmp_path)])

    assert told(by_path["reads"]) == told(by_value["reads"]) == "content"
    assert told(by_path["where"]) == str(tmp_path)


def elsewhere(one: Any) -> Any:
    """A parcel whose files are not there: their digests are other ones."""
    return Parcel(one, Files(one.folder, {"x.txt": (0, "")}))


@pytest.mark.full
def test_closing_ends_what_runs_there(two: Any, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    asked = [job("slow", "sleep", "600", str(file)), job("quick", "tell", "")]
    running = Cluster(act, two.scheduler_address).results(asked)

    assert next(running).name == "quick"
    limit = time.monotonic() + 60
    while not file.exists() or not file.read_text(encoding="utf-8"):
        assert time.monotonic() < limit, "the slow check has not begun"
        time.sleep(0.01)
    running.close()

    assert gone(int(file.read_text(encoding="utf-8")))


def test_no_scheduler_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcheck.suite.connecting.PATIENCE", 1)

    with pytest.raises(GradcheckError, match=rf"No Dask scheduler answers at {UNREACHABLE}"):
        list(Cluster(act, UNREACHABLE).results([job("one", "tell", "")]))
