"""How a backward pass uses the upstream gradient r where it is not linear in it.

What is said follows from how it answers (answers.py). What is linear and yet wrong is for mixed.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from gradcheck.arrays.streams import Stream, generator, half_to_whole
from gradcheck.arrays.types import Array
from gradcheck.function.tape import LOUD
from gradcheck.report.answers import FINE, Answers
from gradcheck.report.evidence import Evidence
from gradcheck.report.thresholds import ENOUGH, SAME

USED = "the upstream gradient is used non-linearly: "
ROUNDED_TO = (tf.float16, tf.bfloat16)
"""What an upstream gradient is rounded to by a cast: to eleven bits, to eight."""
ASKED = 8
"""Failing elements that are held against differences for rounded upstream gradients."""


SMALL = 2.0**-10
"""A small upstream gradient, in those that a check tries."""


def ask(e: Evidence) -> Answers:
    """What the backward pass answers."""
    tried, loud = _worst(e)
    r = e.cotangents[tried].astype(np.float64) * loud
    drawn = generator(Stream.UPSTREAM, e.probe.problem.settings.seed).random(r.size)
    q = np.abs(r) * half_to_whole(2 * drawn - 1)
    asked = e.probe.backward([r, q, r + q, 2 * r, -r, SMALL * r, 0 * r])[:, e.failing]
    one, other, both, twice, minus, small, nothing = asked
    return Answers(
        r,
        *(one, other, both, twice, minus, small / SMALL),
        # What divides by its norm gives no number for 0, which says nothing more.
        np.nan_to_num(nothing),
        loud * e.slopes.value[tried][e.failing],
        loud * e.tolerance[e.failing],
        FINE if e.probe.problem.backward.in_float64 else SAME,
    )


def _worst(e: Evidence) -> tuple[int, float]:
    """Which of the upstream gradients tried the tape is most wrong for, and how loud it was."""
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.abs(e.tapes - e.slopes.value)[:, e.failing] / e.tolerance[e.failing]
    worst = np.nan_to_num(off, nan=0.0, posinf=0.0).max(axis=1, initial=0.0)
    last = len(worst) - 1
    tried = int(np.argmax(worst)) if worst.any() else last
    return tried, LOUD if tried == last > 0 else 1.0


def non_linear(e: Evidence, answers: Answers) -> Iterator[str]:
    """What the answers of a backward pass that is not linear say of it; nothing of a linear one."""
    if not answers.known:
        return
    # By accident roundings may add up, to the digits that are looked at.
    yield from _rounded(e, answers)
    if answers.linear:
        return
    if answers.tells(answers.nothing):
        if answers.same(answers.one, answers.other) and answers.same(answers.one, answers.nothing):
            yield "the upstream gradient is ignored: the tape gradient is the same for all of them"
        yield f"{USED}for one of 0 the tape gradient is not 0, so that a term is not multiplied by it"
    yield from _clipped(e, answers)
    if answers.agree(answers.one, answers.twice) and answers.same(answers.one, SMALL * answers.small):
        yield f"{USED}only its direction or sign counts, twice of it gives the same tape gradient"
    even = answers.agree(answers.minus, answers.one)
    if answers.agree(answers.twice, 4 * answers.one):
        what = (
            "its square"
            if even
            else "it times its size"
            if answers.odd
            else "its square or it times its size"
        )
        yield f"{USED}twice of it gives 4 times the tape gradient, as of {what}"
    if even:
        yield f"{USED}the tape gradient for its opposite −r is the same, so that its sign is lost"
    if _one_sided(answers):
        yield (
            f"{USED}for one the tape gradient is 0 and for its opposite it is not, as with a relu or a "
            "mask of it"
        )
    yield f"{USED}{_broken_rule(answers)}"


def _one_sided(answers: Answers) -> bool:
    """Whether the answer for r or −r is 0 at all elements, the other one is not, and 2 r gives twice it."""
    zero = 0 * answers.one
    left = answers.same(answers.one, zero) and answers.tells(answers.minus)
    right = answers.same(answers.minus, zero) and answers.tells(answers.one)
    return (left or right) and answers.same(answers.twice, 2 * answers.one)


def _broken_rule(answers: Answers) -> str:
    """The rule of linear ones that is not kept."""
    double = (
        ", though for twice one it is twice as much, as with a relu, a maximum or a norm of it"
        if answers.agree(answers.twice, 2 * answers.one)
        else ""
    )
    if not answers.additive:
        return f"the tape gradient for a sum of two upstream gradients is not the sum of theirs{double}"
    if not answers.odd:
        return f"the tape gradient for its opposite −r is not that for r with the other sign{double}"
    return "the tape gradient for twice of it is not twice as much"


def _clipped(e: Evidence, answers: Answers) -> Iterator[str]:
    """A tape that is right for small upstream gradients; by value or by norm, where the tapes show it."""
    if not (e.failing & e.moved).any():
        return
    # One by one: of several the last is taken louder.
    tapes, slopes = e.probe.backward(list(e.cotangents)), e.slopes.value
    if np.isfinite(tapes).all():
        yield from _by_value(e, tapes, slopes)
        yield from _by_norm(e, tapes, slopes)
    if answers.right_for_small:
        only = " only" if not answers.same(answers.minus, -np.nan_to_num(answers.right)) else ", not for all"
        yield f"{USED}right for small ones{only}, as where the gradient or the upstream gradient is clipped"


def _rounded(e: Evidence, answers: Answers) -> Iterator[str]:
    """A tape that is the right one for a rounded upstream gradient."""
    flat = np.flatnonzero(e.failing & e.moved)[:ASKED]
    for dtype in ROUNDED_TO:
        fewer = tf.cast(tf.cast(answers.upstream, dtype), tf.float64).numpy()
        if not flat.size or (fewer == answers.upstream).all() or not np.isfinite(fewer).all():
            continue
        tape = e.probe.backward([fewer])[0]
        if not answers.same(tape[e.failing], answers.one, answers.fine) or not answers.tells(answers.one):
            continue
        (value,), (bound,) = e.probe.slopes(flat, fewer[None])
        if (
            np.abs(tape[flat] - value) <= 1e-2 * SAME * np.abs(value) + 2 * (e.tolerance[flat] + bound)
        ).all():
            yield f"the upstream gradient is rounded to {dtype.name}: right for what is left of it"
            return


def _by_value(e: Evidence, tapes: Array, slopes: Array) -> Iterator[str]:
    low, high = float(tapes.min()) + 0.0, float(tapes.max()) + 0.0
    known = np.isfinite(slopes) & e.moved
    tight = SAME * max(abs(low), abs(high))
    with np.errstate(invalid="ignore"):
        below, above = known & (slopes < low - 10 * tight), known & (slopes > high + 10 * tight)
        near = np.abs(tapes - np.clip(slopes, low, high)) <= SAME * np.abs(slopes) + tight + 2 * e.tolerance
    cut = (below | above).any(axis=0)
    inside = known & (slopes > low + 10 * tight) & (slopes < high - 10 * tight)
    if not near[known].all() or cut.sum() < ENOUGH or inside.sum() < ENOUGH:
        return
    if below.any() and above.any():
        yield f"clipped: no tape gradient is below {low:.4g} or above {high:.4g}"
    elif (below | above).sum() > ENOUGH:
        side, end = ("below", low) if below.any() else ("above", high)
        relu = ", as with a relu of the gradient or of the upstream gradient" if end == 0 else ""
        yield f"clipped: no tape gradient is {side} {end:.4g}{relu}"


def _by_norm(e: Evidence, tapes: Array, slopes: Array) -> Iterator[str]:
    # Of one number of output a clipped upstream gradient is the same as a clipped norm.
    if e.scalar or not np.isfinite(slopes).all():
        return
    norms, wanted = np.linalg.norm(tapes, axis=1), np.linalg.norm(slopes, axis=1)
    shares = norms / np.maximum(wanted, np.finfo(float).tiny)
    along = np.abs(tapes - shares[:, None] * slopes) <= SAME * np.abs(slopes) + 2 * e.tolerance
    cut = shares < 1 - 10 * SAME
    if (
        along.all()
        and cut.sum() >= ENOUGH
        and np.ptp(norms[cut]) <= SAME * norms.max()
        and np.ptp(wanted[cut]) > 10 * SAME * wanted.max()
    ):
        norm = f"{float(norms[cut][0]):.4g}"
        yield f"clipped to a norm of {norm}: tape = difference × {norm} / ‖difference‖"
