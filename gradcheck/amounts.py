"""Amounts with a unit: what a check may cost, and what a batch of evaluations may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from numbers import Integral

_SECONDS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_EVALUATIONS = ("e", "eval", "evaluation")
_NUMBER = re.compile(r"\s*(\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE)
_BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Budget:
    """What a check may cost: evaluations of the function, or seconds."""

    amount: float
    unit: str
    """`s` for seconds, else evaluations."""

    @staticmethod
    def of(value: Budget | str | int) -> Budget:
        """A budget: `60s`, `1m`, `1h`, `5000e`, `5000 evaluations`, or an int of evaluations.

        Text without a unit is none: 60 would be evaluations to one reader and seconds to another. Raises
        ValueError that states the rule.
        """
        if isinstance(value, Budget):
            return value
        if isinstance(value, Integral) and not isinstance(value, bool):
            amount, unit = float(value), "e"
        else:
            found = _NUMBER.fullmatch(str(value))
            amount, unit = (float(found[1]), found[2].lower()) if found else (0.0, "")
            unit = unit if unit in (*_SECONDS, *_EVALUATIONS) else unit.removesuffix("s")
        known = unit in _SECONDS or unit in _EVALUATIONS
        if known and 0 < amount < float("inf"):
            seconds = _SECONDS.get(unit)
            return Budget(amount, "") if seconds is None else Budget(amount * seconds, "s")
        given = repr(str(value))
        if not unit and amount > 0:
            raise ValueError(f"{given} has no unit: write {value}s for seconds, or {value}e for evaluations.")
        raise ValueError(
            f"{given} is no budget: give time, such as 60s or 1m, or evaluations, such as 5000e."
        )

    def share(self, evaluations: float, seconds: float) -> float:
        """The share of a check that the budget pays for, by its estimate."""
        return self.amount / max(seconds if self.timed else evaluations, 1e-9)

    @property
    def timed(self) -> bool:
        """Whether the budget is one of seconds."""
        return self.unit == "s"

    @property
    def in_words(self) -> str:
        """For a sentence."""
        return str(self) if self.timed else f"{self.amount:,g} evaluations"

    def __str__(self) -> str:
        return f"{self.amount:.15g}{self.unit or 'e'}"


def read_memory(value: str | int) -> int:
    """Bytes from `2GiB`, `500MB`, `4G` or plain bytes; ValueError states the rule."""
    text = str(value)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    amount = float(found[1]) * _BYTES[found[2].upper()] if found else 0.0
    if amount < 1:
        raise ValueError(f"{text!r} is no amount of memory: give bytes, or such as 500MB or 2GiB.")
    return int(amount)
