"""What the failing elements of a variable have in common, in one line; silent rather than wrong.

Each pattern is a mistake that people make. A pattern is named only if it explains every failing element for
every upstream gradient, and where several do that are as simple, all are named.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from gradcheck.notes import Kind, Note
from gradcheck.report.evidence import ENOUGH, MOST, TELLING, Evidence
from gradcheck.report.flat import flat, zero
from gradcheck.report.mixed import mixed
from gradcheck.report.places import places, this_point
from gradcheck.report.rearranged import rearranged
from gradcheck.report.scaled import amounts, factor, spread, summed
from gradcheck.report.third import third
from gradcheck.report.undefined import undefined
from gradcheck.report.unusable import unusable
from gradcheck.report.upstream import non_linear

Pattern = tuple[str, str]
"""The word that `gradcheck explain` takes for a pattern, and what is said of it."""


def diagnose(evidence: Evidence) -> Note | None:
    """What fits all failing elements, or None where nothing does."""
    count, size = int(evidence.failing.sum()), int(evidence.variable.checked.sum())
    if count == 0:
        return None
    found = next(_patterns(evidence), None)
    if found is None:
        return None
    topic, pattern = found
    sampled = " checked" if size < evidence.failing.size else ""
    said = f"{pattern} ({count:,} of {size:,}{sampled} elements fail)"
    return Note(Kind.DIAGNOSIS, said, evidence.variable.name, topic=topic)


def _patterns(e: Evidence) -> Iterator[Pattern]:
    """Every pattern that explains all failing elements, the most telling first."""
    if reason := third(e):
        yield "closed form", reason
    if reason := unusable(e):
        yield "no gradient", reason
    if reason := undefined(e):
        yield "nonfinite", reason
    if e.judgement.corner[e.failing].all():
        yield from _of("tie", _corners(e))
        return
    if e.right.any():
        yield from _of("one point", this_point(e))
    yield from _of("flat", flat(e))
    yield from _of("zero", zero(e, e.variable.checked.reshape(-1)))
    yield from _of("nonlinear", non_linear(e))
    yield from _moved_or_scaled(e)
    if amount := list(amounts(e)):
        yield "amount", ", or ".join(amount)
    yield from _of("mixed", mixed(e))
    yield from _of("zero", zero(e, e.failing))
    yield from _of("missing sum", summed(e))
    yield from _of("mixed", _right_for_some(e))
    yield from _of("no common factor", spread(e))


def _of(topic: str, found: Iterable[str]) -> Iterator[Pattern]:
    return ((topic, said) for said in found)


def _moved_or_scaled(e: Evidence) -> Iterator[Pattern]:
    """The right numbers in other places, or times a factor: everywhere, or in a part."""
    scaled, elsewhere = factor(e), list(rearranged(e))
    whole = [*elsewhere, *([scaled] if scaled and not e.telling.any() else [])]
    if whole:
        yield "rearranged" if elsewhere else "factor", ", or ".join(whole)
    yield from _of("place", places(e, scaled))
    if scaled:
        yield "factor", f"{scaled}, where elements fail"


def _corners(e: Evidence) -> Iterator[str]:
    """Corners at which the tape is no valid slope: ties, where several elements are the same."""
    wrong_elsewhere = e.probe.elsewhere(np.flatnonzero(e.failing)[:MOST], 0)[1]
    if wrong_elsewhere.any():
        return
    said = "wrong only at ties or corners: "
    _, counts = np.unique(e.point[e.failing], return_counts=True)
    if not e.tapes[:, e.failing].any():
        yield f"{said}a tie is not counted at all"
    elif counts.max(initial=0) > 1:
        yield f"{said}a tie is counted twice, or not once in all"
    else:
        yield f"{said}the tape gradient is none of the slopes around"


def _right_for_some(e: Evidence) -> Iterator[str]:
    """A tape that is linear in the upstream gradient, and right for the one that is shown."""
    where = e.failing & e.moved
    right = np.abs(e.tapes[0] - e.difference) <= e.tolerance
    told = np.abs(e.difference) > TELLING * e.tolerance
    if not e.scalar and right[where].all() and int((told & where).sum()) >= ENOUGH:
        what = "ones" if (e.cotangents[0] == 1).all() else "the one shown"
        yield (
            f"right for an upstream gradient of {what}, wrong for others: its entries are mixed up, or a "
            "term that vanishes there is missing or wrong"
        )
