"""Where in the function it is wrong: each call with a gradient of somebody's own, checked by itself.

A network holds a dozen layers and custom gradients. Which weights have a wrong gradient says little of which
of those is to blame: all weights before it have. So each is checked at the inputs and the upstream gradient
that it has at the point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcheck.errors import GradcheckError
from gradcheck.function.call import Call
from gradcheck.function.calls import calls
from gradcheck.function.problem import Problem, pose
from gradcheck.progress import Progress
from gradcheck.settings import Mode, Settings
from gradcheck.verdicts.outcome import Check
from gradcheck.verdicts.part import Part
from gradcheck.verdicts.verdict import ElementVerdict

REPEATED = 8
"""Calls of one function at the same shapes that are looked at: the first, the last, and some between."""
MOST = 24
"""Functions that are looked at."""
SHARE, BESIDES = 2, 5000
"""Times the evaluations of the whole check, and evaluations besides, after which no further one is."""


def look(problem: Problem, check: Check) -> tuple[Part, ...]:
    """The parts of a function, in the order of their first calls, each by a `check` of its own.

    A part that holds a wrong one is not called wrong itself. There are none where the function cannot be
    called once more with functions run eagerly.
    """
    until = SHARE * problem.meter.count + BESIDES
    try:
        found = calls(problem.backward, problem.cotangents[0])
    except Exception:  # whatever a user's function does when it is called with functions run eagerly
        return ()
    repeated: dict[tuple[object, ...], list[Call]] = {}
    # Where no upstream gradient comes by, the backward pass has no part in the gradient.
    for call in (call for call in found if call.upstream):
        repeated.setdefault(call.same, []).append(call)
    verdicts: dict[Call, ElementVerdict] = {}
    for same in list(repeated.values())[:MOST]:
        for call in _some(same):
            if problem.meter.count < until:
                verdicts[call] = _verdict(problem, call, check)
    wrong = {call for call, verdict in verdicts.items() if verdict >= ElementVerdict.MISMATCH}
    holders = {outer for call in wrong for outer in call.around()}
    seen = [
        (same, [verdicts[call] for call in _some(same) if call in verdicts]) for same in repeated.values()
    ]
    return tuple(_part(same, known) for same, known in seen if known and not holders.intersection(same))


def _part(same: Sequence[Call], verdicts: Sequence[ElementVerdict]) -> Part:
    first = same[0]
    return Part(first.name, first.file, first.line, first.inside, len(same), max(verdicts))


def _some(same: Sequence[Call]) -> list[Call]:
    places = np.linspace(0, len(same) - 1, min(REPEATED, len(same))).astype(int)
    return [same[place] for place in places]


def _verdict(problem: Problem, call: Call, check: Check) -> ElementVerdict:
    """The worst verdict of a call by itself; `unchecked` where it cannot be checked so."""
    settings = _settings(problem.settings)
    try:
        target = call.target()
        names = target.floating()
        if not names:
            return ElementVerdict.UNCHECKED
        with target.within():
            part = pose(target, settings, names, call.shown(), problem.meter)
            found = check(part, Progress()).verdict
            unseen = call.variables and found < ElementVerdict.MISMATCH
            return ElementVerdict.UNCHECKED if unseen else found
    except GradcheckError:
        return ElementVerdict.UNCHECKED


def _settings(given: Settings) -> Settings:
    """The settings of the whole check that hold for a part."""
    return replace(given, wrt=None, order=1, mode=Mode.REVERSE, execution=(), check_pfor=False, budget=None)
