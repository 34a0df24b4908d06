"""What a budget pays for, against counting."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.checks.sampling import plan
from gradcheck.settings import Budget
from gradcheck.sparsity.probing import Grouping


def grouping(groups: int) -> Grouping:
    return Grouping((groups, 3), (groups, 1), ((None, None),))


def test_without_a_budget_everything_is_looked_at() -> None:
    planned = plan([grouping(7), grouping(5)], [0.5, 2.0], None, 0)

    assert planned.groups == (None, None)
    assert planned.evaluations == 2 * (7 + 5)
    assert planned.seconds == 7 * 0.5 + 5 * 2.0
    assert not planned.sampled


@pytest.mark.parametrize("budget", ["24", "1000", "13.5s", "1e9s"])
def test_a_budget_that_suffices_changes_nothing(budget: str) -> None:
    assert not plan([grouping(7), grouping(5)], [0.5, 2.0], Budget.of(budget), 0).sampled


@pytest.mark.parametrize(
    ("budget", "counts"), [("120", [50, 10]), ("12", [5, 1]), ("1", [1, 1]), ("60s", [50, 10])]
)
def test_a_small_budget_is_shared_in_proportion(budget: str, counts: list[int]) -> None:
    """500 and 100 groups: 1,200 evaluations, 600 seconds; never less than one group of each."""
    planned = plan([grouping(500), grouping(100)], [1.0, 1.0], Budget.of(budget), 0)

    chosen = [found for found in planned.groups if found is not None]
    assert [found.size for found in chosen] == counts
    assert planned.planned == 2 * sum(counts)
    for found, count in zip(chosen, (500, 100), strict=True):
        assert (np.diff(found) > 0).all()
        assert 0 <= found.min() <= found.max() < count


def test_the_sample_is_seeded() -> None:
    def chosen(seed: int) -> list[int]:
        (found,) = plan([grouping(500)], [1.0], Budget.of("40"), seed).groups
        assert found is not None
        return [int(group) for group in found]

    assert chosen(0) == chosen(0) != chosen(1)


@pytest.mark.parametrize("text", ["", "s", "0", "-3", "nan", "inf", "1m", "ten"])
def test_no_budget(text: str) -> None:
    with pytest.raises(ValueError, match="give seconds, such as 60s, or evaluations"):
        Budget.of(text)
