"""Upstream gradients or gradients that are cut off or rounded: by value, by norm, to fewer bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.report.answers import USED
from gradcheck.report.evidence import Evidence
from gradcheck.report.telling import ENOUGH, SAME

ROUNDED_TO = (tf.float16, tf.bfloat16)
"""What an upstream gradient is rounded to by a cast: to eleven bits, to eight."""
ASKED = 8
"""Failing elements that are held against differences for rounded upstream gradients."""


def clipped(e: Evidence) -> Iterator[str]:
    """A tape that is right for small upstream gradients; by value or by norm, where the tapes show it."""
    answers = e.answers
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


def rounded(e: Evidence) -> Iterator[str]:
    """A tape that is the right one for a rounded upstream gradient."""
    flat, answers = np.flatnonzero(e.failing & e.moved)[:ASKED], e.answers
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
