"""A real Dask cluster on this machine: every job ends once, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gradcheck.errors import GradcheckError
from gradcheck.report.suite import CheckResult, Failure
from gradcheck.suite.cluster import Cluster
from gradcheck.suite.files import Files
from gradcheck.suite.parcel import Parcel
from tests.suite.acting import act, job, told
from tests.suite.apart import apart
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


@pytest.mark.full
def test_the_address_of_a_worker_is_one_sentence(two: Any) -> None:
    with distributed.Client(two) as client:
        worker = next(iter(client.nthreads()))

    with pytest.raises(GradcheckError, match=rf"^No Dask scheduler answers at {worker} \(.*\)"):
        list(Cluster(act, worker).results([job("one", "tell", "")]))


@pytest.mark.full
def test_what_has_ended_is_kept_when_the_scheduler_dies(tmp_path: Path) -> None:
    jobs = [job("first", "tell", "me"), *(job(name, "sleep", "30") for name in "abc")]

    with apart(tmp_path) as (address, scheduler):
        running = Cluster(act, address).results(jobs)
        found = [next(running)]
        os.kill(scheduler, signal.SIGKILL)
        began = time.monotonic()
        found += running

    assert time.monotonic() - began < 60  # 10 s are those in which Dask looks for it
    assert [result.name for result in found] == [one.name for one in jobs]
    assert [kind(result) for result in found] == ["Told", "Lost", "Lost", "Lost"]


@pytest.mark.full
def test_a_worker_that_is_stopped_is_given_up_as_dask_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default after 5 minutes, here 3 s."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "3s")
    with apart(tmp_path, workers=2) as (address, _):
        with distributed.Client(address, set_as_default=False) as client:
            stopped = next(iter(client.run(os.getpid).values()))
        running = Cluster(act, address).results([job(str(n), "sleep", "0.2") for n in range(6)])
        found = [next(running)]
        os.kill(stopped, signal.SIGSTOP)
        found += running
        with suppress(ProcessLookupError):  # its nanny ends it
            os.kill(stopped, signal.SIGKILL)

    assert sorted(result.name for result in found) == list("012345")
    assert {told(result) for result in found} == {""}


def kind(result: CheckResult) -> str:
    """What kind of a failure it is."""
    assert isinstance(result.outcome, Failure)
    return result.outcome.kind


class Done:
    """A task that has ended."""

    def __init__(self, key: str, result: CheckResult) -> None:
        self.key, self._result = key, result

    def done(self) -> bool:
        return True

    def exception(self) -> Exception | None:
        """One is cancelled, as all are with a connection, and one broke on its worker."""
        if self._result.name == "cancelled":
            raise CancelledError("scheduler-connection-lost")
        return OSError("No space left on device") if self._result.name == "broken" else None

    def result(self) -> CheckResult:
        return self._result


class Scheduler:
    """The client of a cluster of two threads, where every task ends at once; its scheduler dies when so many
    have, and leaving hangs then."""

    def __init__(self, most: int = 99) -> None:
        self.left, self.cancelled = most, 0

    def nthreads(self) -> dict[str, int]:
        self._live()
        return {"tcp://worker": 2}

    def submit(self, _run: Any, parcel: Parcel, *_: Any, key: str, **__: Any) -> Done:
        self._live()
        self.left -= 1
        return Done(key, act(parcel.job))

    def subscribe_topic(self, *_: Any) -> None:
        pass

    def cancel(self, _: Any) -> None:
        self.cancelled += 1

    def close(self) -> None:
        time.sleep(0 if self.left else 5)

    def _live(self) -> None:
        if not self.left:
            raise OSError("connection refused")


def pretended(client: Scheduler, names: list[str], monkeypatch: pytest.MonkeyPatch) -> list[CheckResult]:
    """The results of checks with these names."""
    monkeypatch.setattr("gradcheck.suite.cluster.connected", lambda *_, **__: (client, []))
    monkeypatch.setattr("gradcheck.suite.cluster._Tasks._pause", lambda _: None)
    return list(Cluster(act, "tcp://there").results([job(name, "tell", name) for name in names]))


@pytest.mark.parametrize("most", [0, 1, 2, 3, 5])
def test_no_check_is_lost_with_the_scheduler_but_reported(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies before any task, in the middle of handing tasks out, and after that."""
    monkeypatch.setattr("gradcheck.suite.connecting.LEAVING", 0.1)
    began = time.monotonic()

    found = pretended(Scheduler(most), list("abcde"), monkeypatch)

    assert sorted(result.name for result in found) == list("abcde")
    lost = [result for result in found if kind(result) == "Lost"]
    assert len(lost) >= 5 - most
    assert all("the scheduler has gone" in str(result.outcome) for result in lost)
    assert time.monotonic() - began < 4


def test_a_task_that_comes_to_nothing_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        result.name: result
        for result in pretended(Scheduler(), ["a", "cancelled", "broken", "b"], monkeypatch)
    }

    assert [kind(found[name]) for name in ("a", "cancelled", "broken", "b")] == [
        "Told",
        "Lost",
        "Lost",
        "Told",
    ]
    assert "scheduler-connection-lost" in str(found["cancelled"].outcome)
    assert "its worker raised OSError: No space left on device" in str(found["broken"].outcome)


def test_no_scheduler_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcheck.suite.connecting.PATIENCE", 1)

    with pytest.raises(GradcheckError, match=rf"No Dask scheduler answers at {UNREACHABLE}"):
        list(Cluster(act, UNREACHABLE).results([job("one", "tell", "")]))
