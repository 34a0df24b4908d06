"""The stages of an examination as values: first pass → settled → confirmed → examined.

Each type says what is known: a `FirstPass` may have elements left open, a `Confirmed` has had its worst
mismatches moved by themselves, and an `Examined` has the opinions on corners that follow from differences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from gradcheck.arrays.types import Array
from gradcheck.sparsity.colouring import Colouring
from gradcheck.verdicts.candidate import Candidate
from gradcheck.verdicts.judgement import Judgement, Record
from gradcheck.verdicts.opinions import Opinion, combined


@dataclass(frozen=True)
class FirstPass:
    """What the first pass over a colouring found."""

    candidate: Candidate
    colouring: Colouring
    record: Record
    left: Array
    """Flat indices of the elements whose slope is not settled."""


@dataclass(frozen=True)
class Settled:
    """Every element with the best look that its first one asked for."""

    candidate: Candidate
    colouring: Colouring
    record: Record


@dataclass(frozen=True)
class Confirmed:
    """What the differences say of a variable, its worst mismatches confirmed."""

    candidate: Candidate
    colouring: Colouring
    """The one that stood."""
    judgement: Judgement


@dataclass(frozen=True)
class Examined:
    """One variable with all that differences tell of it."""

    confirmed: Confirmed
    opinions: tuple[Opinion, ...] = ()

    @cached_property
    def judgement(self) -> Judgement:
        """The judgement with the opinions on it."""
        return combined(self.confirmed.judgement, self.opinions)

    def also(self, opinions: list[Opinion]) -> Examined:
        """The same with further opinions."""
        return replace(self, opinions=(*self.opinions, *opinions))
