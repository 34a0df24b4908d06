"""NumPy work on pieces of large arrays, on all cores: it lets go of Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Found = TypeVar("Found")


def each(work: Callable[[Piece], Found], pieces: Sequence[Piece]) -> list[Found]:
    """work(piece) for every piece, in their order; no piece may write where another does."""
    if len(pieces) < 2:
        return [work(piece) for piece in pieces]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(work, pieces))
