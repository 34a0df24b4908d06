"""What the failing elements of a variable have in common, in one line; silent rather than wrong.

Each pattern is a mistake that people make. A pattern is named only if it explains every failing element for
every upstream gradient, and where several do that are as simple, all are named.
"""

from collections.abc import Iterable, Iterator

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
from gradcheck.report.third import closed_form, given
from gradcheck.report.undefined import undefined
from gradcheck.report.unusable import unusable
from gradcheck.report.upstream import non_linear, not_multiplied

Pattern = tuple[str, str]
"""The word that `gradcheck explain` takes for a pattern, and what is said of it."""


def diagnose(evidence: Evidence, swap: str | None = None) -> Note | None:
    """What fits all failing elements, or None where nothing does; `swap` is what swapped.py says of them."""
    count, size = int(evidence.failing.sum()), int(evidence.variable.checked.sum())
    if count == 0:
        return None
    found = next(_patterns(evidence, swap), None)
    if found is None:
        return None
    topic, pattern = found
    sampled = " checked" if size < evidence.failing.size else ""
    said = f"{pattern} ({count:,} of {size:,}{sampled} elements fail)"
    return Note(Kind.DIAGNOSIS, said, evidence.variable.name, topic=topic)


def _patterns(e: Evidence, swap: str | None) -> Iterator[Pattern]:
    """Every pattern that explains all failing elements, the most telling first."""
    yield from _of("closed form", closed_form(e))
    yield from _of("given gradient", given(e))
    if reason := unusable(e):
        yield "no gradient", reason
    if reason := undefined(e):
        yield "nonfinite", reason
    if e.judgement.corner[e.failing].all():
        yield from _of("tie", corners(e))
        return
    if e.right.any():
        yield from _of("one point", this_point(e))
    yield from _of("flat", flat(e))
    yield from _of("zero", zero(e, e.variable.checked.reshape(-1)))
    yield from _of("nonlinear", _non_linear(e))
    yield from _moved_or_scaled(e, swap)
    if amount := list(amounts(e)):
        yield "amount", ", or ".join(amount)
    linear = e.answers.known and e.answers.linear
    if linear:
        yield from _of("mixed", mixed(e))
    yield from _of("zero", zero(e, e.failing))
    if linear:
        yield from _of("missing sum", summed(e))
        yield from _of("mixed", _right_for_some(e))
        yield from _of("no common factor", spread(e))
        yield from _of("no common factor", own_slope(e))


def _of(topic: str, found: Iterable[str]) -> Iterator[Pattern]:
    return ((topic, said) for said in found)


def _moved_or_scaled(e: Evidence, swap: str | None) -> Iterator[Pattern]:
    """The right numbers in other places, or times a factor: everywhere, or in a part."""
    scaled, elsewhere = factor(e), [*([swap] if swap else []), *rearranged(e)]
    whole = [*elsewhere, *([scaled] if scaled and not e.telling.any() else [])]
    if whole:
        yield "rearranged" if elsewhere else "factor", ", or ".join(whole)
    yield from _of("place", places(e, scaled))
    if scaled:
        yield "factor", f"{scaled}, where elements fail"


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


def _right_for_some(e: Evidence) -> Iterator[str]:
    """A tape that is linear in the upstream gradient, and right for the one that is shown."""
    told = e.failing & e.moved & (np.abs(e.difference) > TELLING * e.tolerance)
    if not e.scalar and not e.shown_wrong.any() and int(told.sum()) >= ENOUGH:
        what = "ones" if (e.cotangents[0] == 1).all() else "the one shown"
        yield (
            f"right for an upstream gradient of {what}, wrong for others: its entries are mixed up, or a "
            "term that vanishes there is missing or wrong"
        )
