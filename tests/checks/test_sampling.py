"""What a budget pays for, against counting."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.amounts import Budget
from gradcheck.checks.budget import USUAL, Cost, plan
from gradcheck.sparsity.colouring import Colouring

COSTS = [Cost(2, 0.5), Cost(2, 2.0)]


def colouring(groups: int) -> Colouring:
    """So many groups of three elements"""
    return Colouring((groups, 3), (groups, 1), ((None, None),))


def test_without_a_budget_everything_is_looked_at() -> None:
    planned = plan([colouring(7), colouring(5)], COSTS, None, 0)

    assert planned.groups == (None, None)
    assert planned.ahead.evaluations == 2 * (7 + 5)
    assert planned.ahead.seconds == 7 * 0.5 + 5 * 2.0
    assert planned.ahead.elements == 3 * (7 + 5)
    assert not planned.sampled


@pytest.mark.parametrize("budget", ["24e", "1000e", "13.5s", "1e9s"])
def test_a_budget_that_suffices_changes_nothing(budget: str) -> None:
    whole = plan([colouring(7), colouring(5)], COSTS, None, 0)

    assert plan([colouring(7), colouring(5)], COSTS, Budget.of(budget), 0) == whole


@pytest.mark.parametrize("budget", ["23e", "13.4s"])
def test_one_evaluation_less_does_not_suffice(budget: str) -> None:
    assert plan([colouring(7), colouring(5)], COSTS, Budget.of(budget), 0).sampled


@pytest.mark.parametrize(
    ("budget", "counts"), [("120e", [50, 10]), ("12e", [5, 1]), ("1e", [1, 1]), ("60s", [50, 10])]
)
def test_a_small_budget_is_shared_in_proportion(budget: str, counts: list[int]) -> None:
    """500 and 100 groups: 1,200 evaluations, 600 seconds; never less than one group of each."""
    planned = plan([colouring(500), colouring(100)], [Cost(2, 1.0)] * 2, Budget.of(budget), 0)

    chosen = [found for found in planned.groups if found is not None]
    assert [found.size for found in chosen] == counts
    assert planned.ahead.evaluations == 2 * sum(counts)
    assert planned.ahead.seconds == sum(counts)
    assert planned.ahead.elements == 3 * sum(counts)
    for found, count in zip(chosen, (500, 100), strict=True):
        assert (np.diff(found) > 0).all()
        assert 0 <= found.min() <= found.max() < count


def test_a_group_that_costs_more_counts_for_more() -> None:
    """100 groups of 10 evaluations and 100 of 2 are 1,200: half of that are 50 groups of each."""
    planned = plan([colouring(100)] * 2, [Cost(10), Cost(2)], Budget.of(600), 0)

    assert [None if found is None else found.size for found in planned.groups] == [50, 50]
    assert planned.ahead.evaluations == 600


def test_a_group_without_a_pilot_has_the_usual_cost() -> None:
    """Two pairs of evaluations."""
    assert USUAL == 4
    assert plan([colouring(7)], [Cost()], None, 0).ahead.evaluations == 28


def test_the_sample_is_seeded() -> None:
    def chosen(seed: int) -> list[int]:
        (found,) = plan([colouring(500)], [Cost(2)], Budget.of(40), seed).groups
        assert found is not None
        return [int(group) for group in found]

    assert chosen(0) == chosen(0) != chosen(1)


@pytest.mark.parametrize("text", ["", "s", "0", "-3", "nan", "inf", "1d", "ten"])
def test_no_budget(text: str) -> None:
    with pytest.raises(ValueError, match="give time, such as 60s or 1m, or evaluations"):
        Budget.of(text)
