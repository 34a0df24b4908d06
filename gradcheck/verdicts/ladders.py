"""Elements by a ladder of steps: a short one, then the full one for what the short one leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import levels_of
from gradcheck.differences.stencils import Estimate, romberg
from gradcheck.differences.step_selection import by_ladders, settle
from gradcheck.sparsity.colouring import Colouring
from gradcheck.verdicts.candidate import Candidate
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.rule import ROUNDED, judge, judge_most, unsettled

BEYOND = 8
"""Steps above the scale in a thorough look, up to 10⁸ times the scale."""
CHUNK = 2**16
"""Elements that a ladder is taken for at once: bounds the memory."""
PRECISE = 1e-15
"""Rounding of the outputs up to which a few fine steps can settle an element."""

Look = Callable[[Candidate, Colouring, Array], Judgement]


def look(candidate: Candidate, colouring: Colouring, flat: Array) -> Judgement:
    """Judge the elements at `flat` by slopes at many steps."""
    return _in_chunks(_look, candidate, colouring, flat)


def look_from_afar(
    candidate: Candidate, colouring: Colouring, flat: Array, near: Estimate
) -> tuple[Judgement, Array]:
    """Judge the elements at `flat` by large steps with extrapolation, where those agree with what is known
    from `near`; also the places in `flat` that are still open."""
    judged, left = Judgement.none(flat.size), np.arange(flat.size)
    for steps in candidate.steps.farther(flat):
        if not left.size:
            break
        open_, own = flat[left], candidate.tape[:, flat[left]]
        ladder = (step[left] for step in steps)
        levels = levels_of(candidate.differences, colouring, open_, ladder, plain=False)
        estimate, known = romberg(levels, candidate.rule.rtol), near.take(left)
        with np.errstate(invalid="ignore"):
            agrees = np.abs(estimate.value - known.value) <= estimate.bound + known.bound
        estimate = replace(estimate, bound=np.where(agrees, estimate.bound, np.inf))
        found = judge_most(estimate, own, candidate.rule)
        judged = judged.put(left, found)
        left = left[unsettled(estimate, found, own, candidate.rule)]
    return judged, left


def look_thoroughly(candidate: Candidate, colouring: Colouring, flat: Array) -> Judgement:
    """Judge the elements at `flat` with the rounding of the tape allowed for.

    The ladder starts farther out, for outputs that move at no ordinary step, and nothing is evaluated in
    batches.
    """
    return _in_chunks(_look_thoroughly, candidate, colouring, flat)


def _in_chunks(judged: Look, candidate: Candidate, colouring: Colouring, flat: Array) -> Judgement:
    if not flat.size:
        return Judgement.none()
    chunks = [flat[start : start + CHUNK] for start in range(0, flat.size, CHUNK)]
    return Judgement.joined([judged(candidate, colouring, chunk) for chunk in chunks])


def _look(candidate: Candidate, colouring: Colouring, flat: Array) -> Judgement:
    steps, tape, rule = candidate.steps, candidate.tape[:, flat], candidate.rule

    def estimate(ladder: Iterable[Array], places: Array) -> Estimate:
        return _estimate(candidate, colouring, flat[places], ladder, plain=False)

    def open_(found: Estimate) -> Array:
        left = unsettled(found, judge_most(found, tape, rule), tape, rule)
        # At steps far above an element's own size a smooth bend looks like a corner.
        corners = np.flatnonzero((found.half > 0).any(axis=0) & steps.tiny(flat))
        return np.union1d(left, corners)

    def full(places: Array) -> Estimate:
        return estimate(steps.ladder(flat[places]), places)

    everything = np.arange(flat.size)
    if candidate.differences.noise.coarsest > PRECISE:
        return judge(full(everything), tape, rule)
    found = by_ladders(
        flat.size, lambda places: estimate(steps.short_ladder(flat[places]), places), full, open_
    )
    return judge(found, tape, rule)


def _look_thoroughly(candidate: Candidate, colouring: Colouring, flat: Array) -> Judgement:
    """Where no step moved any output, the rounding of all of them counts: sums may cancel in the tape, as
    softmax's do for a change of all logits, and leave a gradient that is not 0."""
    ladder = candidate.steps.ladder(flat, BEYOND)
    estimate = _estimate(candidate, colouring, flat, ladder, plain=True)
    unmoved = estimate.output_noise == 0
    natural = candidate.differences.noise.finest * candidate.natural(colouring, flat)
    noise = np.where(unmoved, natural, estimate.output_noise)
    # At a corner the tape may jump when the inputs move, and has the interval.
    moved = np.where(estimate.half > 0, 0.0, candidate.conditioning.rounding(candidate.number, flat))
    tape_noise = np.maximum(candidate.conditioning.tape_noise(candidate.number, flat), noise / ROUNDED)
    return judge(
        replace(estimate, output_noise=noise),
        candidate.tape[:, flat],
        candidate.rule,
        moved + ROUNDED * noise,
        np.where(unmoved, noise, tape_noise),
    )


def _estimate(
    candidate: Candidate, colouring: Colouring, flat: Array, ladder: Iterable[Array], *, plain: bool
) -> Estimate:
    levels = levels_of(candidate.differences, colouring, flat, ladder, plain=plain)
    return settle(levels, candidate.steps.scale(flat))
