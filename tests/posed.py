"""Problems and candidates for tests of one stage of a check, made as the check makes them."""

from __future__ import annotations

from gradcheck.function.primal import Meter
from gradcheck.function.problem import Problem, pose
from gradcheck.progress import Progress, Stage
from gradcheck.settings import Settings
from gradcheck.targets.function import Target
from gradcheck.verdicts.candidate import Candidate, candidate
from tests.corpus.case import Array, Function


class Told(Progress):
    """The stages of a check, with what each was about."""

    def __init__(self) -> None:
        self.stages: list[tuple[Stage, dict[str, int]]] = []

    def stage(self, done: Stage, evaluations: int = 0, of: str = "", **counts: int) -> None:
        self.stages.append((done, counts))


def posed(function: Function, settings: Settings | None = None, **inputs: Array) -> Problem:
    """A function at a point, all inputs variables"""
    target = Target("f", function, inputs)
    return pose(target, settings or Settings(), tuple(inputs), None, Meter(), Progress())


def variable(problem: Problem, number: int = 0) -> Candidate:
    """One variable of a problem"""
    return candidate(problem, number)
