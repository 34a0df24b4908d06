"""Where in the function it is wrong: each call with a gradient of somebody's own, checked by itself, and
where none of those is wrong each operation of TensorFlow.

A network holds a dozen layers and custom gradients. Which weights have a wrong gradient says little of which
of those is to blame: all weights before it have. So each is checked at the inputs and the upstream gradient
that it has at the point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np
import tensorflow as tf

from gradcheck.arrays.scale import magnitude
from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array, is_floating
from gradcheck.errors import GradcheckError
from gradcheck.function import calls
from gradcheck.function.call import Call
from gradcheck.function.primal import Primal
from gradcheck.function.problem import Problem, pose
from gradcheck.progress import Progress
from gradcheck.settings import Mode, Settings
from gradcheck.verdicts.outcome import Check
from gradcheck.verdicts.part import Part
from gradcheck.verdicts.verdict import ElementVerdict

REPEATED = 8
"""Calls of one function at the same shapes that are looked at: the first, the last, and some between."""
SHARE, BESIDES = 2, 5000
"""Times the evaluations of the whole check, and evaluations besides, after which no further one is."""
APART = 1e-5
"""Share by which one slope of an operation has to be off for the operation to be checked: far more than
rounding and curvature make at a step of eps^(1/3), some 1e-10."""


def functions(problem: Problem, check: Check) -> tuple[Part, ...]:
    """The custom gradients and layers in a function, in the order of their first calls, each by a `check` of
    its own.

    A part that holds a wrong one is not called wrong itself. There are none where the function cannot be
    called once more with functions run eagerly.
    """
    # Where no upstream gradient comes by, the backward pass has no part in the gradient.
    found = [call for call in _found(calls.calls, problem) if call.upstream]
    return _parts(problem, found, check)


def operations(problem: Problem, check: Check) -> tuple[Part, ...]:
    """The operations of TensorFlow in a function that are wrong at its point, such as `Cumprod` at 0 or a
    `StopGradient`: of all those the ones whose slope is not that of the tape along one random direction."""
    found = _found(calls.operations, problem)
    suspects = {call.same for call in found if _is_suspect(problem, call)}
    parts = _parts(problem, [call for call in found if call.same in suspects], check)
    return tuple(part for part in parts if part.wrong)


def _found(find: Callable[[Primal, Array], list[Call]], problem: Problem) -> list[Call]:
    try:
        return find(problem.backward, problem.cotangents[0])
    except Exception:  # whatever a user's function does when it is called with functions run eagerly
        return []


def _parts(problem: Problem, found: Sequence[Call], check: Check) -> tuple[Part, ...]:
    until = SHARE * problem.meter.count + BESIDES
    repeated: dict[tuple[object, ...], list[Call]] = {}
    for call in found:
        repeated.setdefault(call.same, []).append(call)
    verdicts: dict[Call, ElementVerdict] = {}
    # One call of each function before a second one of any.
    for calls_of_all in zip_longest(*(_some(same) for same in repeated.values())):
        for call in calls_of_all:
            if call is not None and problem.meter.count < until:
                verdicts[call] = _verdict(problem, call, check)
    wrong = {call for call, verdict in verdicts.items() if verdict >= ElementVerdict.MISMATCH}
    holders = {outer for call in wrong for outer in call.around()}
    return tuple(
        _part(same, [verdicts[call] for call in same if call in verdicts])
        for same in repeated.values()
        if not holders.intersection(same)
    )


def _part(same: Sequence[Call], verdicts: Sequence[ElementVerdict]) -> Part:
    first, worst = same[0], max(verdicts, default=ElementVerdict.UNCHECKED)
    where = first.kind, first.name, first.file, first.line, first.inside
    return Part(*where, len(same), len(verdicts), worst)


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
            part = pose(target, settings, names, call.shown(), problem.meter, Progress())
            return check(part, Progress()).verdict
    except GradcheckError:
        return ElementVerdict.UNCHECKED


def _settings(given: Settings) -> Settings:
    """The settings of the whole check that hold for a part."""
    return replace(given, wrt=None, order=1, mode=Mode.REVERSE, execution=(), check_pfor=False, budget=None)


def _is_suspect(problem: Problem, call: Call) -> bool:
    """Whether the slope of an operation along a random direction is another than that of its tape."""
    problem.meter.add(2)
    try:
        slope, taped, size = _slopes(call, generator(Stream.OPERATIONS, problem.settings.seed))
    except Exception:  # whatever an operation does that is executed by itself, a little off its point
        return True
    return not abs(slope - taped) <= APART * size


def _slopes(call: Call, random: np.random.Generator) -> tuple[float, float, float]:
    """The slope of <r, f> by a difference and by the tape, and the size of what adds up to them."""
    target = call.target()
    if not all(np.isfinite(array).all() for array in target.inputs.values()):
        return 0.0, 0.0, 0.0
    point = [tf.constant(array) for array in target.inputs.values()]
    # Sizes that differ, so that slopes of ±1 do not add up to nothing.
    shares = [half_to_whole(2 * random.random(array.shape) - 1) for array in target.inputs.values()]
    places = [n for n, array in enumerate(target.inputs.values()) if is_floating(array.dtype)]
    eps = max(np.finfo(point[n].dtype.as_numpy_dtype).eps for n in places)
    moves = {n: shares[n] * magnitude(point[n].numpy()) for n in places}

    def value(share: float) -> Any:
        moved = [
            tensor + tf.cast(share * moves[n], tensor.dtype) if n in moves else tensor
            for n, tensor in enumerate(point)
        ]
        return _weighted(call, target.function(*moved))

    step = float(eps) ** (1 / 3)
    difference = (value(step) - value(-step)) / (2 * step)
    with tf.GradientTape() as tape:
        watched = [point[n] for n in places]
        tape.watch(watched)
        total = tf.reduce_sum(value(0.0))
    gradients = tape.gradient(total, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    taped = np.concatenate(
        [
            (tf.convert_to_tensor(gradient).numpy() * moves[n]).reshape(-1)
            for n, gradient in zip(places, gradients, strict=True)
        ]
    )
    size = np.abs(difference).sum() + np.abs(taped).sum()
    return float(difference.numpy().sum()), float(taped.sum()), float(size)


def _weighted(call: Call, result: Any) -> Any:
    """Every floating output times its upstream gradient, flat."""
    parts = [
        tf.reshape(leaf * tf.cast(call.upstream[number], leaf.dtype), [-1])
        for number, leaf in enumerate(tf.nest.flatten(result))
        if number in call.upstream
    ]
    return tf.concat([tf.cast(part, tf.float64) for part in parts], 0)
