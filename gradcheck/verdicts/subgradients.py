"""Corners looked at together, and from next to them: what one element at a time cannot see.

Together: at a tie of two maxima each slope may be anything in [0, 1], but along a direction that keeps the
tie (all ones, the signs of x, or x itself, since max, abs and relu are homogeneous) the output is smooth, and
there the tape's slope Σ T_j d_j must equal the difference. Outputs that have a corner along the direction as
well say nothing: outside convex functions a valid subgradient may lie beyond both one-sided slopes.

From next to them: a subgradient is a mean of gradients at points around this one (Clarke 1983). Where several
corners meet in one output it can lie outside the interval of one-sided slopes at the point itself, so the
slopes at random neighbours widen the interval.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gradcheck.arrays.large import view
from gradcheck.arrays.scale import typical
from gradcheck.arrays.streams import Stream, generator
from gradcheck.arrays.types import Array
from gradcheck.differences.compressed import Differences
from gradcheck.differences.rays import Ray
from gradcheck.function.nearby import Draw, Size, nearby
from gradcheck.function.problem import Problem
from gradcheck.function.tape import record
from gradcheck.verdicts.candidate import Confirmed, Examined
from gradcheck.verdicts.judgement import Opinion, Source
from gradcheck.verdicts.verdict import ElementVerdict, error_ratio

NEIGHBOURS = 24
"""Points around this one whose slopes are taken."""
BEYOND = 1e-3
"""Share of a slope by which a valid one may lie beyond those of the neighbours."""
NEAR = 1e-4
"""Distance of the neighbours relative to the tensor's scale: smooth slopes change as little."""
SMOOTH = 1e-4
"""Share of a slope by which the slopes to both sides may differ where the function is smooth."""
TIES: dict[str, Callable[[Array], Array]] = {
    "ones": np.ones_like,
    "signs": np.sign,
    "scaling": lambda values: values,
}
"""Directions that keep ties, from the values at the corners."""


def slack(low: Array, high: Array, size: Array) -> Array:
    """How far beyond the slopes from `low` to `high` a valid one may lie, for slopes of a `size`."""
    return np.asarray(BEYOND * (size + np.abs(high - low)))


def between(values: Array, low: Array, high: Array, beyond: Array) -> Array:
    """Mask of the values that lie between the slopes `low` and `high`, or no farther off than `beyond`."""
    return np.asarray((values >= low - beyond) & (values <= high + beyond))


def from_neighbours(problem: Problem, confirmed: Confirmed) -> list[Opinion]:
    """Corner mismatches that are kinks, since the slopes at neighbouring points reach the tape's value."""
    judged, candidate = confirmed.judgement, confirmed.candidate
    wrong = np.flatnonzero((judged.verdicts == ElementVerdict.MISMATCH) & judged.corner)
    if wrong.size == 0:
        return []
    low, high = _range(problem, confirmed, wrong)
    tape = candidate.tape[:, wrong]
    with np.errstate(invalid="ignore"):
        beyond = slack(low, high, judged.size[wrong])
        inside = between(tape, low, high, beyond)
        reached = inside.all(axis=0) & (inside & (high - low > beyond)).any(axis=0)
    kinks = wrong[reached]
    error = np.abs(candidate.tape[0, kinks] - judged.difference[kinks])
    interval = low[0, reached], high[0, reached], beyond[0, reached]
    return [
        Opinion(Source.NEIGHBOURING_SLOPES, kinks, ElementVerdict.KINK, tolerance=error, interval=interval)
    ]


def _range(problem: Problem, confirmed: Confirmed, wrong: Array) -> tuple[Array, Array]:
    """Smallest and largest slope of the elements at `wrong` over the neighbours, each [K, U]."""
    candidate, random = confirmed.candidate, generator(Stream.SUBGRADIENTS, problem.settings.seed)
    low, high = (np.full((len(problem.cotangents), wrong.size), end) for end in (np.inf, -np.inf))
    # sqrt(eps): close to a neighbour for its corners, far above rounding for its slope.
    share = problem.noise.coarsest ** (1 / 2)
    steps = (share * candidate.steps.scale(wrong)).astype(candidate.steps.point.dtype)
    for _ in range(NEIGHBOURS):
        around = problem.exact.at(nearby(problem.exact.values, NEAR, Size.TENSOR, Draw.NORMAL, random))
        problem.meter.add()
        differences = Differences(
            around,
            candidate.number,
            problem.cotangents,
            problem.noise,
            view(around.evaluate(around.values, problem.base.size)),
            problem.meter,
        )
        sums = differences.of_elements(confirmed.colouring, wrong, steps, plain=False)
        slopes = (sums.up + sums.down) / (2 * steps.astype(np.float64))
        # fmin and fmax: a neighbour outside the domain says nothing.
        low, high = np.fmin(low, slopes), np.fmax(high, slopes)
    return low, high


def together(problem: Problem, examined: Sequence[Examined]) -> list[list[Opinion]]:
    """For each variable, the kinks where the tape's slope along a direction that keeps ties is wrong."""
    found: list[list[Opinion]] = [[] for _ in examined]
    judged = [one.judgement for one in examined]
    # Directions have shown that the tape is the limit of gradients on one side.
    kinks = [np.flatnonzero((one.verdicts == ElementVerdict.KINK) & ~one.along) for one in judged]
    if not any(where.size for where in kinks):
        return found
    for tie in TIES.values():
        directions = [direction_of(*pair, tie) for pair in zip(examined, kinks, strict=True)]
        if any(direction.any() for direction in directions) and (off := _contradiction(problem, directions)):
            for opinions, where, direction in zip(found, kinks, directions, strict=True):
                wrong = where[direction.reshape(-1)[where] != 0]
                ratio = np.full(wrong.size, off)
                opinions.append(Opinion(Source.TIES_TOGETHER, wrong, ElementVerdict.MISMATCH, ratio=ratio))
    return found


def direction_of(examined: Examined, kinks: Array, tie: Callable[[Array], Array]) -> Array:
    """A direction on the corner elements of one variable, in its shape."""
    point = examined.confirmed.candidate.steps.point.astype(np.float64)
    direction = np.zeros(point.size)
    direction[kinks] = tie(point.reshape(-1)[kinks])
    return direction.reshape(point.shape)


def _contradiction(problem: Problem, directions: list[Array]) -> float:
    """Error ÷ tolerance of the tape's slope along the directions, on the outputs that are smooth there; 0
    where it agrees."""
    rise, fall, rounding = along_ties(problem, dict(enumerate(directions)))
    size = (np.abs(rise) + np.abs(fall)) / 2
    with np.errstate(invalid="ignore"):
        smooth = (size > 0) & (np.abs(rise - fall) <= SMOOTH * size + 2 * rounding)
    if not smooth.any():
        return 0.0
    masked = problem.cotangents * smooth
    gradients = record(problem.exact, masked).gradients
    allowed = rounding + (SMOOTH + problem.settings.rtol) * size
    worst = 0.0
    for k, cotangent in enumerate(masked):
        slope = sum(float((g[k] * d).sum()) for g, d in zip(gradients, directions, strict=True))
        mine = cotangent[smooth]
        error = abs(slope - float(mine @ (rise + fall)[smooth]) / 2)
        tolerance = float(np.abs(mine) @ allowed[smooth])
        if not error <= tolerance:
            worst = max(worst, float(error_ratio(np.asarray(error), np.asarray(tolerance))))
    return worst


def along_ties(problem: Problem, directions: Mapping[int, Array]) -> tuple[Array, Array, Array]:
    """Slopes of all outputs to both sides along directions, by variable, and what rounding can do to them."""
    reach = max(float(np.abs(direction).max()) for direction in directions.values())
    scale = min(typical(view(value)) for value in problem.exact.values)
    # sqrt(eps): far below any distance that is not meant as a tie, far above rounding.
    step = problem.noise.coarsest**0.5 * scale / reach
    ray = Ray(problem.exact, problem.base, dict(directions), problem.meter)
    up, down = ray.sides(step)
    return (up - problem.base) / step, (problem.base - down) / step, 4 * problem.noise.noise / step
