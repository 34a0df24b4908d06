"""Contractions against loops over outputs and cotangents, one for each way to add up outputs."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import AllOutputs, EachOutput, EntriesOnly, Sums, Weighted, contract
from tests.differences.by_loops import assert_same, by_loops, weighted


def test_sums_of_elements_moved_one_by_one() -> None:
    generator = np.random.default_rng(0)
    known, base = weighted(6, generator), generator.standard_normal(6)
    rise, fall = generator.standard_normal((2, 4, 6)) * (generator.uniform(size=(2, 4, 6)) < 0.7)

    rows = contract(known, AllOutputs(), base + rise, base - fall, base, gap=True)

    found = Sums.of(rows, 3)
    for u in range(4):
        truth = by_loops(known, (base + rise[u]) - base, base - (base - fall[u]), [range(6)])
        assert_same(found.take(slice(u, u + 1)), truth)


ENTRIES = np.array([[0, 3, -1], [5, -1, -1], [-1, -1, -1]])


def at_entries(values: Array) -> Array:
    """An entry of −1 is no output: nothing moves there."""
    return np.where(ENTRIES < 0, 0.0, values[ENTRIES])


def test_sums_over_some_entries() -> None:
    generator = np.random.default_rng(0)
    known, base = weighted(6, generator), generator.standard_normal(6)
    up, down = base + generator.standard_normal(6), base - generator.standard_normal(6)
    sides = at_entries(up), at_entries(down), at_entries(base)

    found = Sums.of(contract(known.at(ENTRIES), EntriesOnly(), *sides, gap=True), 3)

    assert_same(found, by_loops(known, up - base, base - down, [[0, 3], [5], []]))


def test_every_output_as_an_element_of_its_own() -> None:
    generator = np.random.default_rng(0)
    base, noise = generator.standard_normal(6), generator.uniform(1e-16, 1e-15, 6)
    ones = np.ones((1, 6))
    known = Weighted(ones, ones[0], noise, np.array([1e-16]))
    up, down = base + generator.standard_normal(6), base - generator.standard_normal(6)

    found = Sums.of(contract(known, EachOutput(), up, down, base, gap=True), 1)

    assert_same(found, by_loops(known, up - base, base - down, [[i] for i in range(6)]))


def test_without_a_gap_the_other_sums_are_the_same() -> None:
    generator = np.random.default_rng(0)
    known = weighted(6, generator)
    up, down, base = generator.standard_normal((3, 4, 6))

    whole, short = (
        Sums.of(contract(known, AllOutputs(), up, down, base, gap=gap), 3) for gap in (True, False)
    )

    assert short.gap.shape == (0, 4)
    assert_same(short, whole, ("up", "down", "size", "noise", "coarse"))


@pytest.mark.parametrize("entries", [np.array([4, 1]), np.array([[4, -1], [0, 2]])])
def test_the_outputs_at_some_indices(entries: Array) -> None:
    """Each tensor of outputs may have a rounding of its own."""
    generator = np.random.default_rng(0)
    cotangents, noise, eps = generator.uniform(-2, 2, (3, 6)), generator.uniform(size=6), np.arange(6.0)

    found = Weighted.of(cotangents, noise, eps).at(entries)

    assert np.array_equal(found.cotangents, cotangents[:, entries])
    assert np.array_equal(found.shown, np.abs(cotangents[0])[entries])
    assert np.array_equal(found.noise, noise[entries])
    assert np.array_equal(found.eps, eps[entries])


def test_each_output_is_rounded_as_its_tensor_is() -> None:
    """Σ w ε (|Δ⁺| + |Δ⁻|) / 2 with a rounding for each output."""
    generator = np.random.default_rng(0)
    cotangents, eps = generator.uniform(-2, 2, (3, 6)), np.array([1e-16] * 4 + [1e-7] * 2)
    known = Weighted.of(cotangents, np.zeros(6), eps)
    up, down, base = generator.standard_normal((3, 1, 6))

    found = Sums.of(contract(known, AllOutputs(), up, down, base, gap=False), 3)

    half = (np.abs(up - base) + np.abs(base - down)) / 2
    truth = sum(abs(cotangents[0, i]) * eps[i] * half[0, i] for i in range(6))
    np.testing.assert_allclose(found.coarse, [truth], rtol=1e-12)


def test_the_outputs_of_one_tensor_have_its_rounding() -> None:
    """Outputs 2 … 7 of 9 as [2, 3], of which the last two columns are covered."""
    generator = np.random.default_rng(0)
    cotangents, noise = generator.uniform(-2, 2, (3, 9)), generator.uniform(size=9)
    eps = np.array([1e-16] * 2 + [1e-7] * 6 + [1e-3])

    found = Weighted.of(cotangents, noise, eps).part(slice(2, 8), (2, 3), (slice(None), slice(1, None)))

    chosen = np.array([[3, 4], [6, 7]])
    assert found.eps.tolist() == [1e-7]
    assert np.array_equal(found.cotangents, cotangents[:, chosen])
    assert np.array_equal(found.shown, np.abs(cotangents[0])[chosen])
    assert np.array_equal(found.noise, noise[chosen])
