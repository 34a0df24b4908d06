"""Reports written by hand, one for each ending of a check, to test the report and its renderers on."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcheck import ElementVerdict, Report, Variable
from gradcheck.arrays.types import Array
from gradcheck.notes import Kind, Note
from gradcheck.settings import Settings
from gradcheck.verdicts.widening import Applied

M, K, X = ElementVerdict.MATCH, ElementVerdict.KINK, ElementVerdict.MISMATCH
N, Q, U = ElementVerdict.NONFINITE, ElementVerdict.INCONCLUSIVE, ElementVerdict.UNCHECKED

PRECISION = "tape and differences in float64, tape also in float32"


def variable(
    verdicts: Any,
    *,
    name: str = "x",
    tape: Any = 2.0,
    difference: Any = 2.0,
    tolerance: Any = 2e-6,
    closed_form: Any = None,
    reason: str | None = None,
    low: Any = None,
    high: Any = None,
    refuted: Any = None,
    given: Any = None,
    untold: str | None = None,
    order: int = 1,
) -> Variable:
    """A variable in the shape of `verdicts`; single numbers stand for arrays full of them."""
    codes = np.array(verdicts, np.uint8)

    def full(value: Any) -> Array:
        return np.broadcast_to(np.asarray(value, np.float64), codes.shape).copy()

    return Variable(
        name,
        "float32",
        full(tape),
        full(difference),
        full(tolerance),
        codes,
        None if closed_form is None else full(closed_form),
        reason,
        low=None if low is None else full(low),
        high=None if high is None else full(high),
        refuted=None if refuted is None else full(refuted),
        given=None if given is None else full(given),
        untold=untold,
        order=order,
    )


def report(
    *variables: Variable,
    target: str = "dense",
    strict: bool = False,
    rtol: float = 1e-6,
    atol: float = 0.0,
    notes: tuple[Note, ...] = (),
    sensitivity: tuple[float, float] | None = None,
    limit: int | None = None,
    tolerance: Applied | None = None,
) -> Report:
    """A report of these variables with plain numbers everywhere else."""
    settings = Settings(strict=strict, rtol=rtol, atol=atol)
    return Report(
        target, variables, settings, 1234, 0.5, PRECISION, notes, sensitivity, limit, tolerance=tolerance
    )


def passing() -> Report:
    """Two variables that agree."""
    return report(
        variable(
            [[M, M], [M, M]],
            tape=[[2, 3], [2, 3]],
            difference=[[2, 3 + 3e-11], [2, 3]],
            closed_form=[[2, 3], [2, 3]],
        ),
        variable([[M], [M]], name="w", tape=3.0, difference=3.0, closed_form=3.0),
        sensitivity=(1e-6, 2.5e-4),
    )


def kinked() -> Report:
    """A tie, where the tape's value is a valid one."""
    return report(
        variable(
            [[[M], [K], [K]]],
            tape=[[[0], [1], [0]]],
            difference=[[[0], [0.5], [0.5]]],
            tolerance=1e-6,
            low=[[[np.nan], [0], [0]]],
            high=[[[np.nan], [1], [1]]],
        ),
        target="maxpool1d",
        notes=(Note(Kind.WARNING, "2 of 3 elements are at a kink (first: [0, 1, 0]).", "x", topic="kink"),),
    )


def failing() -> Report:
    """A wrong element, one that is not finite, and a variable without a gradient; names look like markup."""
    return report(
        variable(
            [M, X, N],
            name="w[kernel]",
            tape=[-1.25e-7, 1.0001234567890123, np.nan],
            difference=[-1.25e-7, 1.0, -np.inf],
            tolerance=[1e-13, 1e-6, 1e-6],
        ),
        variable([X], name="b", tape=0.0, difference=4.0, reason="the tape returned no gradient (None)"),
        target="[/path/x.npy]",
        notes=(
            Note(
                Kind.DIAGNOSIS, "the tape gradient is not finite, [nan] (2 of 3 elements fail)", "w[kernel]"
            ),
            Note(Kind.WARNING, "[red]not red[/red]", "b"),
        ),
        atol=1e-9,
    )


def inconclusive() -> Report:
    """One element that could not be judged."""
    return report(
        variable(
            [M, Q],
            difference=[2.0, 1.9],
            tolerance=[2e-6, 0.3],
            untold="[1], the difference there is known to ± 0.3 only",
        ),
        target="staircase",
        tolerance=Applied(
            2, 1e-6, 0.15, (("the finite difference can be off by as much", 1),), ("float32", 7.6e-6)
        ),
    )


ALL = {"pass": passing, "kink": kinked, "fail": failing, "inconclusive": inconclusive}
