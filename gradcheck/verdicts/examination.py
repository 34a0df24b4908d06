"""First pass → settled → confirmed: ever closer looks at what the look before leaves open.

A first pass whose colouring does not stand is discarded whole, and the elements are moved one by one. The
worst mismatches are moved by themselves, from far above their scale down, before they count.
"""

from __future__ import annotations

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.function.primal import Meter
from gradcheck.progress import Progress, Stage
from gradcheck.sparsity.colouring import Colouring, flat_indices
from gradcheck.sparsity.verification import stands
from gradcheck.verdicts.candidate import Candidate, Confirmed, FirstPass, Settled
from gradcheck.verdicts.first_pass import first_pass
from gradcheck.verdicts.ladders import look, look_from_afar, look_thoroughly
from gradcheck.verdicts.standing_still import bound_saturated
from gradcheck.verdicts.verdict import ElementVerdict

CONFIRMED = 64
"""Mismatches of a variable that are looked at alone; the rest follows from its groups."""
CLOSELY = 8
"""Mismatches of a variable that get a thorough look, of at most some 90 evaluations each."""
FAINT = 1e-9
"""Bound, as a share of the tensor's scale, that is good enough for an element far below that scale."""


def examine(
    candidate: Candidate,
    colouring: Colouring,
    chosen: Array | None,
    progress: Progress,
    meter: Meter,
    confirmed: int = CONFIRMED,
) -> Confirmed:
    """Judge every element, or those in the groups that are `chosen`; confirm so many mismatches alone."""
    first = first_pass(candidate, colouring, chosen, progress, meter)
    candidate.differences.forget()
    name, groups = candidate.name, colouring.groups if chosen is None else chosen.size
    if first is None or not _stands(first):
        progress.stage(Stage.DISCARDED, meter.count, name, groups=groups)
        # For the cost of a group, its first element.
        elements = None if chosen is None else np.array([_first_of(colouring, int(g)) for g in chosen])
        first = first_pass(candidate, colouring.alone(), elements, progress, meter)
        groups = candidate.tape.shape[1] if elements is None else elements.size
    assert first is not None  # an element alone has no group to leak from
    counts = {"elements" if first.colouring.members == 1 else "groups": groups}
    progress.stage(Stage.DIFFERENCES, meter.count, name, **counts)
    settled = settle(first)
    progress.stage(Stage.SETTLING, meter.count, name, elements=first.left.size)
    return confirm(settled, progress, meter, confirmed)


def _first_of(colouring: Colouring, group: int) -> int:
    return int(flat_indices(colouring.slices(group), colouring.shape, np.zeros(1, np.int64))[0])


def _stands(first: FirstPass) -> bool:
    """Whether no other element moves the outputs of those that the first pass did not settle."""
    judged = first.record.so_far
    unsettled = np.union1d(first.left, judged.having(ElementVerdict.MISMATCH))
    if first.colouring.members == 1 or unsettled.size == 0:
        return True
    differences = first.candidate.differences
    (near,) = differences.changed(first.candidate.steps.near())
    return stands(first.colouring, differences.primal.outputs, unsettled, near)


def settle(first: FirstPass) -> Settled:
    """Take ladders of steps for what the first pass left open: in groups, then alone."""
    record, colouring = first.record, first.colouring
    candidate = first.candidate.at_scale(max(first.candidate.rule.scale, record.so_far.scale()))
    judged, left, lost = record.so_far, first.left, first.lost
    if lost.size:
        found, open_ = look_from_afar(candidate, colouring, left[lost], first.near.take(lost))
        closed = np.delete(np.arange(lost.size), open_)
        record.write(left[lost[closed]], found.take(closed))
        left = np.delete(left, lost[closed])
    good = judged.bound[left] <= np.minimum(
        candidate.rule.limit * judged.size[left], FAINT * candidate.rule.scale
    )
    unclear = left[~(good & (judged.verdicts[left] == ElementVerdict.MATCH))]
    record.write(unclear, look(candidate, colouring, unclear))
    alone = colouring.alone()
    if colouring != alone:
        still_open = record.so_far.having(ElementVerdict.INCONCLUSIVE)
        record.write(still_open, look(candidate, alone, still_open))
    return Settled(candidate, colouring, record)


def confirm(settled: Settled, progress: Progress, meter: Meter, most: int) -> Confirmed:
    """Look at the worst mismatches by themselves; if one of them falls, from nearer at all of them."""
    candidate, colouring, record = settled.candidate, settled.colouring, settled.record
    alone = colouring.alone()
    wrong = record.so_far.worst_first()
    suspected = wrong.size
    if not _stay(settled, alone, wrong[:most]):
        if colouring != alone:
            record.write(wrong, look_thoroughly(candidate, colouring, wrong))
            unclear = np.intersect1d(wrong, record.so_far.having(ElementVerdict.INCONCLUSIVE))
            record.write(unclear, look_thoroughly(candidate, alone, unclear))
            wrong = record.so_far.worst_first()
        if colouring == alone or not _stay(settled, alone, wrong[:most]):
            others = wrong[min(most, CLOSELY) :]
            record.write(others, look_thoroughly(candidate, alone, others))
    progress.stage(Stage.CONFIRMING, meter.count, candidate.name, mismatches=suspected)
    still = bound_saturated(candidate, colouring, record)
    progress.stage(Stage.STANDING_STILL, meter.count, candidate.name, elements=still)
    return Confirmed(candidate, colouring, record.finished())


def _stay(settled: Settled, alone: Colouring, wrong: Array) -> bool:
    """Whether the worst mismatches stay what they are when each is moved by itself."""
    record, closely, others = settled.record, wrong[:CLOSELY], wrong[CLOSELY:]
    record.write(closely, look_thoroughly(settled.candidate, alone, closely))
    record.write(others, look(settled.candidate, alone, others))
    return bool((record.so_far.verdicts[wrong] == ElementVerdict.MISMATCH).all())
