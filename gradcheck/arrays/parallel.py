"""NumPy work on pieces of large arrays, on all cores: it lets go of Python's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Piece = TypeVar("Piece")
Found = TypeVar("Found")
NAME = "gradcheck"


SPAN = 2**16
"""Numbers of a large array that are worked on together: a few such spans fit in a core's own cache."""


def spans(size: int) -> list[slice]:
    """0 … size in spans."""
    return [slice(start, min(start + SPAN, size)) for start in range(0, size, SPAN)]


@cache
def _pool() -> ThreadPoolExecutor:
    """One for the process: to start threads takes as long as the work on a small piece."""
    return ThreadPoolExecutor(os.cpu_count() or 1, NAME)


def each(work: Callable[[Piece], Found], pieces: Sequence[Piece]) -> list[Found]:
    """work(piece) for every piece, in their order; no piece may write where another does."""
    # A worker that waited for the others would wait for itself.
    if len(pieces) < 2 or threading.current_thread().name.startswith(NAME):
        return [work(piece) for piece in pieces]
    return list(_pool().map(work, pieces))
