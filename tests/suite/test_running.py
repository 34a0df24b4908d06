"""A suite run by an executor: each check that begins has one result, whatever the executor answers."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from gradcheck.report.suite import CheckResult, Failure
from gradcheck.report.watch import Watch
from gradcheck.suite.executor import Executor
from gradcheck.suite.job import Job
from gradcheck.suite.running import run
from tests.suite.acting import act, job, told


class Confused(Executor):
    """Answers every job with the name of the first."""

    def results(self, jobs: Iterable[Job]) -> Generator[CheckResult, None, None]:
        taken = list(jobs)
        for one in taken:
            yield CheckResult(taken[0].name, act(one).outcome)


class Seen(Watch):
    """Remembers what ends."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def end(self, result: CheckResult) -> None:
        self.ended.append(result.name)


def test_a_check_without_a_result_is_an_error_not_nothing() -> None:
    seen = Seen()

    results, not_run = run([job("a", "tell", "first"), job("b", "tell", "second")], Confused(), seen)

    assert [result.name for result in results] == seen.ended == ["a", "b"]
    assert told(results[0]) == "first"
    assert isinstance(results[1].outcome, Failure)
    assert (results[1].outcome.kind, results[1].exit_code, not_run) == ("Lost", 2, ())
