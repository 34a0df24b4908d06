"""Work that is done by whoever is free: each piece comes to one result, in its place, whoever dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gradcheck.arrays.types import Array
from gradcheck.errors import GradcheckError
from gradcheck.function.primal import Primal
from gradcheck.function.sharing import Work
from gradcheck.suite.seat import Lost, Seat
from gradcheck.suite.seats import Seats


@dataclass(frozen=True)
class Number(Work):
    """A piece of work that is a number."""

    number: int

    def result(self, primal: Primal, outputs: int, kept: dict[Any, Any]) -> int:
        return self.number**2


class Thread(Seat):
    """A seat that does its work in this process, until it dies of a piece."""

    def __init__(self, deadly: Callable[[int], bool] = lambda _: False, refuses: bool = False) -> None:
        self.deadly, self.refuses, self.asked, self.alive_still = deadly, refuses, list[int](), True

    def prepare(self) -> None:
        if self.refuses:
            raise GradcheckError("cannot be built.")

    def result(self, work: Work) -> Any:
        assert isinstance(work, Number)
        self.asked.append(work.number)
        if self.deadly(work.number):
            self.alive_still = False
            raise Lost
        return work.number**2

    @property
    def alive(self) -> bool:
        return self.alive_still

    def close(self) -> None:
        self.alive_still = False


class Given(Seats):
    """Seats that are given."""

    def __init__(self, *seats: Thread) -> None:
        super().__init__(len(seats))
        self.start(seats)

    def open(self, primal: Primal, base: Array) -> None:
        """Nothing: they have begun."""


def waiting_for(seats: Given, done: int) -> Callable[[Work], Any]:
    """This process, that does nothing until others have done so much."""
    begun = threading.Event()

    def own(work: Work) -> Any:
        while seats.done < done and not begun.wait(0.001):
            pass
        assert isinstance(work, Number)
        return work.number**2

    return own


@pytest.mark.parametrize("seats", [[], [Thread()], [Thread(), Thread(), Thread()]], ids=len)
def test_every_piece_comes_to_its_result(seats: list[Thread]) -> None:
    given = Given(*seats)

    for count in (1, 2, 50):
        own = waiting_for(given, 1 if seats and count == 50 else 0)
        assert given.results([Number(n) for n in range(count)], own) == [n**2 for n in range(count)]

    assert (given.done > 0) == bool(seats)
    given.close()


def test_what_is_lost_is_done_once_elsewhere_and_then_here() -> None:
    """Piece 3 takes down two of three seats, and no third one is given it."""
    seats = [Thread(lambda number: number == 3) for _ in range(3)]
    given = Given(*seats)

    found = given.results([Number(n) for n in range(200)], waiting_for(given, 20))

    assert found == [n**2 for n in range(200)]
    asked = [number for seat in seats for number in seat.asked]
    assert asked.count(3) == 2
    assert len(asked) == len({*asked}) + 1
    assert sum(seat.alive for seat in seats) == 1
    given.close()


def test_a_seat_that_cannot_build_the_function_takes_no_part() -> None:
    given = Given(Thread(refuses=True))

    assert given.results([Number(n) for n in range(9)], waiting_for(given, 0)) == [n**2 for n in range(9)]
    given.close()
    assert str(given.refused) == "cannot be built." and given.done == 0


def test_what_is_raised_here_leaves_no_work_behind() -> None:
    given = Given()

    def raising(work: Work) -> Any:
        raise KeyError("of the user")

    with pytest.raises(KeyError, match="of the user"):
        given.results([Number(1), Number(2)], raising)
    asked = []
    assert given.results([Number(5)], lambda work: asked.append(work) or 25) == [25]  # type: ignore[func-returns-value]
    assert asked == [Number(5)]


class Stopped(Thread):
    """A seat that is stopped in the middle of a piece, and dies in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def result(self, work: Work) -> Any:
        assert self.goes_on.wait(10)
        raise Lost


def test_what_takes_another_too_long_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the piece is left for later, when the other one dies at last."""
    monkeypatch.setattr("gradcheck.suite.seats.SILENT", 0.1)
    stopped = Stopped()
    given = Given(stopped)
    own: list[int] = []

    def done_here(work: Work) -> int:
        assert isinstance(work, Number)
        while not own and given.ready == 0:
            time.sleep(0.001)
        time.sleep(0.01)
        own.append(work.number)
        return work.number**2

    assert given.results([Number(n) for n in range(5)], done_here) == [n**2 for n in range(5)]
    assert sorted(own) == [*range(5)] and own[-1] == 0
    assert "has not answered for" in str(given.refused)
    stopped.goes_on.set()
    given.close()
    time.sleep(0.05)
    assert not given._open
