"""The one count of how often the function was evaluated."""

from __future__ import annotations


class Meter:
    """Counts evaluations; a check has one, whatever evaluates."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, evaluations: int = 1) -> None:
        """Some more evaluations were made."""
        self.count += evaluations
