"""What the failing elements of a variable have in common, in one line; silent rather than wrong.

Each pattern is a mistake that people make. A pattern is named only if it explains every failing element for
every upstream gradient, and where several do that are as simple, all are named.
"""

from collections.abc import Iterator

import numpy as np

from gradcheck.notes import Kind, Note
from gradcheck.report.evidence import ENOUGH, TELLING, Evidence
from gradcheck.report.flat import flat, zero
from gradcheck.report.mixed import mixed
from gradcheck.report.places import places, this_point
from gradcheck.report.rearranged import rearranged
from gradcheck.report.scaled import amounts, factor, spread, summed
from gradcheck.report.third import third
from gradcheck.report.undefined import undefined
from gradcheck.report.unusable import unusable
from gradcheck.report.upstream import non_linear


def diagnose(evidence: Evidence) -> Note | None:
    """What fits all failing elements, or None where nothing does."""
    count, size = int(evidence.failing.sum()), int(evidence.variable.checked.sum())
    if count == 0:
        return None
    found = third(evidence) or unusable(evidence) or undefined(evidence) or next(_patterns(evidence), None)
    if found is None:
        return None
    sampled = " checked" if size < evidence.failing.size else ""
    said = f"{found} ({count:,} of {size:,}{sampled} elements fail)"
    return Note(Kind.DIAGNOSIS, said, evidence.variable.name)


def _patterns(e: Evidence) -> Iterator[str]:
    """Every pattern that explains all failing elements, the most telling first."""
    if e.judgement.corner[e.failing].all():
        yield _corners(e)
        return
    if e.right.any():
        yield from this_point(e)
    yield from flat(e)
    yield from zero(e, e.variable.checked.reshape(-1))
    yield from non_linear(e)
    scaled = factor(e)
    whole = [*rearranged(e), *([scaled] if scaled and not e.telling.any() else [])]
    if whole:
        yield ", or ".join(whole)
    yield from places(e, scaled)
    if scaled:
        yield f"{scaled}, where elements fail"
    if amount := list(amounts(e)):
        yield ", or ".join(amount)
    yield from mixed(e)
    yield from zero(e, e.failing)
    yield from summed(e)
    yield from _right_for_some(e)
    yield from spread(e)


def _corners(e: Evidence) -> str:
    """Corners at which the tape is no valid slope: ties, where several elements are the same."""
    said = "wrong only at ties or corners: "
    _, counts = np.unique(e.point[e.failing], return_counts=True)
    if not e.tapes[:, e.failing].any():
        return f"{said}a tie is not counted at all"
    if counts.max(initial=0) > 1:
        return f"{said}a tie is counted twice, or not once in all"
    return f"{said}the tape gradient is none of the slopes around"


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
