"""Random compositions of TensorFlow operations: right by construction, and with one factor off by 1e-4.

The examples are the same at every run, more of them with --full. `python -m tests.fuzz` draws new ones for as
long as you like.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gradcheck import Verdict, check
from tests.compositions.program import Program, matters, mistaken, programs, tied_programs
from tests.parameters import among, named
from tests.saying import told

FEW, MANY = 2, 15
"""Examples of each kind, in a plain run and with --full."""

RIGHT: dict[str, st.SearchStrategy[Program]] = {
    "smooth": programs(),
    "with corners elsewhere": programs(kinks=True),
    "in float32": programs(kinks=True, dtypes=("float32",)),
    "mixed scales in one tensor": programs(flavours=("mixed",)),
    "many zeros": programs(flavours=("zeros",)),
    "outputs of all scales": programs(structures=("scaled",)),
    "at ties": tied_programs(),
}
"""Programs by what is hard about them."""

WRONG: dict[str, st.SearchStrategy[Program]] = {
    "smooth": mistaken(programs()),
    "with corners elsewhere": mistaken(programs(kinks=True)),
    "in float32": mistaken(programs(dtypes=("float32",))),
    "mixed scales in one tensor": mistaken(programs(flavours=("mixed",))),
    "many zeros": mistaken(programs(flavours=("zeros", "tiny part"))),
}


def passes(program: Program) -> None:
    """A right gradient neither fails nor is inconclusive."""
    report = check(program, program.inputs())

    assert report.verdict is Verdict.PASS, told(report)


def fails(program: Program) -> None:
    """A wrong gradient fails, if the mistake reaches some element with more than the tolerance."""
    assume(matters(program))

    report = check(program, program.inputs())

    assert report.verdict is Verdict.FAIL, told(report)


def for_all(strategy: st.SearchStrategy[Program], holds: Any, **options: Any) -> Any:
    """The property as a function to call; a wrong verdict is shrunk, which takes long, if it is new."""
    phases = (Phase.generate,) if options.get("derandomize") else (Phase.generate, Phase.shrink)
    quiet = list(HealthCheck)
    limits = settings(
        deadline=None, database=None, suppress_health_check=quiet, print_blob=False, phases=phases, **options
    )
    return limits(given(strategy)(holds))


@pytest.mark.parametrize(
    "kind", named(RIGHT, str, among({"in float32", "mixed scales in one tensor", "at ties"}))
)
def test_right_by_construction(kind: str, full: bool) -> None:
    for_all(RIGHT[kind], passes, max_examples=MANY if full else FEW, derandomize=True)()


@pytest.mark.parametrize("kind", named(WRONG, str, among({"with corners elsewhere"})))
def test_one_factor_off_by_a_ten_thousandth(kind: str, full: bool) -> None:
    for_all(WRONG[kind], fails, max_examples=MANY if full else FEW, derandomize=True)()


def test_without_a_mistake_nothing_matters() -> None:
    """The oracle of the wrong programs finds nothing in right ones, so what it finds is the mistake."""
    for_all(programs(kinks=True), lambda program: _silent(program), max_examples=10, derandomize=True)()


def _silent(program: Program) -> None:
    assert not matters(program)
