"""Gradients that are given to the wrong variables: the tape of one is the difference of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcheck.report.evidence import Evidence


def swapped(every: Sequence[Evidence]) -> dict[str, str]:
    """What is said of variables of one shape whose gradients are permuted, by name.

    All that fail are to be explained by one permutation: that one tape happens to be the gradient of another
    variable, as with a wrong sign in x − y, is no mistake of this kind.
    """
    failing = [e for e in every if e.failing.any() and e.variable.reason is None]
    source: dict[str, str] = {}
    for e in failing:
        alike = [o for o in failing if o is not e and o.variable.shape == e.variable.shape]
        found = [o.variable.name for o in alike if _taken(e, o)]
        source |= {e.variable.name: found[0]} if len(found) == 1 else {}
    permuted = {name for name in source if _returns(name, source)}
    return {name: _in_words(name, source) for name in permuted}


def _taken(e: Evidence, other: Evidence) -> bool:
    """Whether the tape of a variable is the difference of another, for every upstream gradient."""
    flat = np.flatnonzero(e.failing)
    here = np.abs(e.tapes[0, flat] - other.difference[flat])
    with np.errstate(invalid="ignore"):
        near = here <= 1e-3 * np.abs(other.difference[flat]) + 4 * (e.tolerance + other.tolerance)[flat]
    if not near.all():
        return False
    other.slopes.take(flat)
    return e.explains(other.slopes.value)


def _returns(name: str, source: dict[str, str]) -> bool:
    """Whether following the sources leads back."""
    at: str | None = source[name]
    for _ in source:
        if at is None or at == name:
            break
        at = source.get(at)
    return at == name


def _in_words(name: str, source: dict[str, str]) -> str:
    other = source[name]
    said = f"the tape gradient is the difference gradient of {other}"
    return f"{said}: the two are swapped" if source[other] == name else f"{said}: the gradients are permuted"
