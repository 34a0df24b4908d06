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


class Weary(Executor):
    """Takes one job, and stops."""

    def results(self, jobs: Iterable[Job]) -> Generator[CheckResult, None, None]:
        yield act(next(iter(jobs)))


class Stopped(Executor):
    """A signal comes while the third job runs."""

    def results(self, jobs: Iterable[Job]) -> Generator[CheckResult, None, None]:
        waiting = iter(jobs)
        first, second, _ = next(waiting), next(waiting), next(waiting)
        yield act(second)
        yield act(first)
        raise KeyboardInterrupt


class Seen(Watch):
    """Remembers what ends."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def end(self, result: CheckResult) -> None:
        self.ended.append(result.name)


def test_a_check_without_a_result_is_an_error_not_nothing() -> None:
    seen = Seen()

    results, not_run, _ = run([job("a", "tell", "first"), job("b", "tell", "second")], Confused(), seen)

    assert [result.name for result in results] == seen.ended == ["a", "b"]
    assert told(results[0]) == "first"
    assert isinstance(results[1].outcome, Failure)
    assert (results[1].outcome.kind, results[1].exit_code, not_run) == ("Lost", 2, ())


def test_checks_that_an_executor_leaves_out_are_errors_too() -> None:
    results, not_run, _ = run([job(name, "tell", name) for name in "abc"], Weary(), Watch())

    assert [result.name for result in results] == ["a", "b", "c"]
    assert [isinstance(one.outcome, Failure) and one.outcome.kind for one in results] == [
        "Told",
        "Lost",
        "Lost",
    ]
    assert not_run == ()


def test_what_is_left_out_after_so_many_is_not_begun() -> None:
    results, not_run, _ = run([job(name, "tell", name) for name in "abc"], Weary(), Watch(), most=1)

    assert [result.name for result in results] == ["a"]
    assert not_run == ("b", "c")


def test_what_has_ended_is_known_when_the_run_is_stopped() -> None:
    """In the order of the suite; what had begun is without a result like what had not."""
    results, not_run, stop = run([job(name, "tell", name) for name in "abcd"], Stopped(), Watch())

    assert [told(result) for result in results] == ["a", "b"]
    assert not_run == ("c", "d")
    assert type(stop) is KeyboardInterrupt
