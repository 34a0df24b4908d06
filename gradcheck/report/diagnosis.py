"""What the failing elements of a variable have in common, in one line; silent rather than wrong.

Each pattern is a mistake that people make. A pattern is named only if it explains every failing element for
every upstream gradient, and where several do that are as simple, all are named.
"""

from collections.abc import Iterator

import numpy as np

from gradcheck.notes import Kind, Note
from gradcheck.report.clipped import clipped, rounded
from gradcheck.report.corners import corners
from gradcheck.report.evidence import Evidence
from gradcheck.report.flat import flat, zero
from gradcheck.report.mixed import mixed
from gradcheck.report.own_slope import own_slope
from gradcheck.report.places import places, this_point
from gradcheck.report.rearranged import rearranged
from gradcheck.report.scaled import amounts, factor, spread, summed
from gradcheck.report.telling import ENOUGH, TELLING
from gradcheck.report.undefined import undefined
from gradcheck.report.unusable import unusable
from gradcheck.report.upstream import non_linear, not_multiplied


def diagnose(evidence: Evidence, swap: str | None = None) -> Note | None:
    """What fits all failing elements, or None where nothing does; `swap` is what swapped.py says of them."""
    count, size = int(evidence.failing.sum()), int(evidence.variable.checked.sum())
    if count == 0:
        return None
    found = unusable(evidence) or undefined(evidence) or next(_patterns(evidence, swap), None)
    if found is None:
        return None
    sampled = " checked" if size < evidence.failing.size else ""
    said = f"{found} ({count:,} of {size:,}{sampled} elements fail)"
    return Note(Kind.DIAGNOSIS, said, evidence.variable.name)


def _patterns(e: Evidence, swap: str | None) -> Iterator[str]:
    """Every pattern that explains all failing elements, the most telling first."""
    if e.judgement.corner[e.failing].all():
        yield from corners(e)
        return
    if _only_closed_form(e):
        yield "tape and difference agree with one another, but not with the closed form"
        return
    if e.right.any():
        yield from this_point(e)
    yield from flat(e)
    yield from zero(e, e.variable.checked.reshape(-1))
    yield from _non_linear(e)
    scaled = factor(e)
    whole = [*([swap] if swap else []), *rearranged(e), *([scaled] if scaled and not e.telling.any() else [])]
    if whole:
        yield ", or ".join(whole)
    yield from places(e, scaled)
    if scaled:
        yield f"{scaled}, where elements fail"
    if amount := list(amounts(e)):
        yield ", or ".join(amount)
    linear = e.answers.known and e.answers.linear
    if linear:
        yield from mixed(e)
    yield from zero(e, e.failing)
    if linear:
        yield from summed(e)
        yield from _right_for_some(e)
        yield from spread(e)
        yield from own_slope(e)


def _non_linear(e: Evidence) -> Iterator[str]:
    """What is said of a backward pass that is not linear in the upstream gradient."""
    if not e.answers.known:
        return
    # By accident roundings may add up, to the digits that are looked at.
    yield from rounded(e)
    if not e.answers.linear:
        yield from not_multiplied(e.answers)
        yield from clipped(e)
        yield from non_linear(e.answers)


def _only_closed_form(e: Evidence) -> bool:
    """Whether the third opinion stands alone at every failing element."""
    if e.variable.closed_form is None:
        return False
    agree = np.abs(e.tapes[0] - e.difference) <= e.tolerance
    apart = ~(np.abs(e.variable.closed_form.reshape(-1) - e.difference) <= e.tolerance)
    return bool((agree & apart)[e.failing].all())


def _right_for_some(e: Evidence) -> Iterator[str]:
    """A tape that is linear in the upstream gradient, and right for the one that is shown."""
    told = e.failing & e.moved & (np.abs(e.difference) > TELLING * e.tolerance)
    if not e.scalar and not e.shown_wrong.any() and int(told.sum()) >= ENOUGH:
        what = "ones" if (e.cotangents[0] == 1).all() else "the one shown"
        yield (
            f"right for an upstream gradient of {what}, wrong for others: its entries are mixed up, or a "
            "term that vanishes there is missing or wrong"
        )
