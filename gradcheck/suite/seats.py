"""Work that is done by whoever is free: this process, and others as soon as they are ready."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradcheck.errors import GradcheckError
from gradcheck.function.sharing import Piece, Sharing
from gradcheck.suite.seat import Lost, Seat

ATTEMPTS = 2
"""Times that a piece of work is given to others before this process does it."""
SILENT = 20.0
"""Seconds without anything to do here after which this process does what others have begun and not ended."""


@dataclass(eq=False)
class _Piece:
    work: Any
    attempts: int = 0
    done: bool = False
    found: Any = None

    def begin(self) -> None:
        """It is given to another process."""
        self.attempts += 1

    def end(self, found: Any) -> None:
        """Its result is there."""
        self.found, self.done = found, True


@dataclass(eq=False)
class Seats(Sharing):
    """Others that evaluate, a thread each."""

    count: int
    """How many there are besides this process."""
    seats: list[Seat] = field(default_factory=list)
    refused: GradcheckError | None = None
    """Why one of them takes no part."""
    ready: int = 0
    """How many take part."""
    done: int = 0
    """Pieces of work that were done elsewhere."""

    def __post_init__(self) -> None:
        self._open: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._closed = False

    @property
    def workers(self) -> int:
        """How many pieces of work are done at once, this process included."""
        return self.count + 1

    def start(self, seats: Sequence[Seat]) -> None:
        """Let some seats take part as soon as they are ready."""
        self.seats += seats
        for seat in seats:
            threading.Thread(target=self._serve, args=[seat], daemon=True).start()

    def results(self, work: Sequence[Piece], own: Callable[[Piece], Any]) -> list[Any]:
        """The result of each in order: this process begins with the last, the others with the first."""
        pieces = [_Piece(each) for each in work]
        with self._changed:
            self._open.extend(pieces)
            self._changed.notify_all()
        try:
            while (piece := self._taken_here(pieces)) is not None:
                piece.end(own(piece.work))
        finally:
            with self._changed:
                self._open.clear()  # where the user's function raises, the rest is wanted no more
        return [piece.found for piece in pieces]

    def _taken_here(self, pieces: Sequence[_Piece]) -> _Piece | None:
        """A piece that nobody does yet, when there is one, or that takes another too long; None when all are
        done."""
        with self._changed:
            if self._changed.wait_for(lambda: self._open or all(piece.done for piece in pieces), SILENT):
                return self._open.pop() if self._open else None
            self.refused = GradcheckError(f"one has not answered for {SILENT:.0f} s; its work was done here.")
            return next(piece for piece in pieces if not piece.done)

    def _serve(self, seat: Seat) -> None:
        try:
            seat.prepare()
        except GradcheckError as error:
            self.refused = error
        except Lost:
            pass
        else:
            with self._changed:
                self.ready += 1
            while (piece := self._taken(seat)) is not None:
                self._give(seat, piece)
        finally:
            seat.close()

    def _taken(self, seat: Seat) -> _Piece | None:
        """The next piece for a seat; None when there will be none."""

        def next_one() -> _Piece | None:
            return next((piece for piece in self._open if piece.attempts < ATTEMPTS), None)

        with self._changed:
            self._changed.wait_for(lambda: self._closed or next_one() is not None)
            piece = None if self._closed or not seat.alive else next_one()
            if piece is not None:
                self._open.remove(piece)
            return piece

    def _give(self, seat: Seat, piece: _Piece) -> None:
        piece.begin()
        try:
            found = seat.result(piece.work)
        except Exception:  # Lost, or an answer that cannot be read: somebody else does the piece
            with self._changed:
                if not piece.done:
                    self._open.appendleft(piece)
                self._changed.notify_all()
            return
        with self._changed:
            piece.end(found)
            self.done += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End all seats."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for seat in self.seats:
            seat.close()
