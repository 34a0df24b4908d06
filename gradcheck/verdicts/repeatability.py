"""Two runs of a backward pass against each other: does the gradient repeat?"""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.types import Array, eps_of
from gradcheck.function.problem import Problem
from gradcheck.notes import Kind, Note
from gradcheck.verdicts.opinions import Opinion, Source
from gradcheck.verdicts.own_dtype import coarsest
from gradcheck.verdicts.rule import ROUNDED, tolerance_of
from gradcheck.verdicts.verdict import ElementVerdict


def opinions(problem: Problem, number: int, size: Array, natural: Array) -> tuple[list[Opinion], list[Note]]:
    """What a second run of the backward pass says of variable `number`; S and Σ w |f| / |x| are flat."""
    found = problem.again[number]
    if found is None:
        return [], []
    apart = found.reshape(-1)
    said = (
        "the backward pass gave two different gradients in two runs, up to "
        f"{float(np.nanmax(apart)):.3g} apart"
    )
    # Not the tolerance of the verdict: that allows for what moves the tape, and here it moves by itself.
    dtype = coarsest(problem.own)
    share = max(problem.settings.rtol, tolerance_of(dtype))
    allowed = problem.settings.atol + share * size + ROUNDED * eps_of(dtype) * natural
    wrong = np.flatnonzero(apart > allowed)
    if wrong.size:
        return [Opinion(Source.REPEATABILITY, wrong, ElementVerdict.MISMATCH, said)], []
    return [], [Note(Kind.WARNING, f"{said}, which is within the tolerance.", problem.names[number])]
