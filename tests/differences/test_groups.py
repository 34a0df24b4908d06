"""The contraction of moved groups, against loops over outputs and the definition of a band."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import Sums, Weighted
from gradcheck.differences.groups import PIECE, MovedGroups, Sides
from gradcheck.function.output import Output
from gradcheck.sparsity.colouring import Colouring, alike, flat_indices
from tests.differences.by_loops import assert_same, by_loops, weighted
from tests.sparsity.by_definition import CASES, elements, owned


@pytest.mark.parametrize("name", CASES)
def test_a_group_contracted(name: str) -> None:
    colouring, outputs = CASES[name]
    count = sum(part.size for part in outputs)
    generator = np.random.default_rng(0)
    known, base = weighted(count, generator), generator.standard_normal(count)
    for group in range(colouring.groups):
        places = [owned(colouring, outputs, element) for element in elements(colouring, group)]
        moving = sorted(set(itertools.chain(*places)))
        assert len(moving) == sum(map(len, places)), "the bands of a group meet"
        up, down = base.copy(), base.copy()
        up[moving] += generator.standard_normal(len(moving))
        down[moving] -= generator.standard_normal(len(moving))

        moved = MovedGroups(colouring, [group], outputs, known, Sides(up[None], down[None], base[None]))
        rows = np.concatenate([part.rows() for part in moved.parts()], axis=1)

        truth = by_loops(known, up - base, base - down, places)
        assert_same(Sums.of(rows, 3), truth, ("up", "down", "size", "noise", "coarse"))
        assert not moved.leaks()


ALIKE = [name for name, (colouring, _) in CASES.items() if alike(colouring)]


@pytest.mark.parametrize("piece", [PIECE, 25])
@pytest.mark.parametrize("name", ALIKE)
def test_groups_of_the_same_owners_contracted_together(
    name: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As each is by itself; every group has a base of its own, or all have the same."""
    monkeypatch.setattr("gradcheck.differences.groups.PIECE", piece)
    colouring, outputs = CASES[name]
    count, groups = sum(part.size for part in outputs), list(range(colouring.groups)) * 3
    generator = np.random.default_rng(0)
    known = weighted(count, generator)
    up, down, base = generator.standard_normal((3, len(groups), count))
    for bases in (base, base[:1]):
        together = MovedGroups(colouring, groups, outputs, known, Sides(up, down, bases))
        (part,) = together.parts()
        alone = [
            one.rows()
            for number, group in enumerate(groups)
            for one in MovedGroups(
                colouring, [group], outputs, known, Sides(up, down, bases).of(number)
            ).parts()
        ]
        np.testing.assert_allclose(part.rows(), np.hstack(alone), rtol=1e-12, atol=1e-14)
        places = [
            flat_indices(colouring.slices(g), colouring.shape, np.arange(colouring.members)) for g in groups
        ]
        assert np.array_equal(part.where, np.concatenate(places))


@pytest.mark.parametrize("name", CASES)
def test_an_output_that_no_element_owns_leaks(name: str) -> None:
    """Seen on either side, and only above its rounding."""
    colouring, outputs = CASES[name]
    count = sum(part.size for part in outputs)
    known, base = weighted(count, np.random.default_rng(0)), np.zeros(count)
    for group in range(colouring.groups):
        mine = set(itertools.chain(*(owned(colouring, outputs, e) for e in elements(colouring, group))))
        # Behind the tensor's end members go on, and own what is there.
        for stray in set(range(count)) - mine:
            moved = base.copy()
            moved[stray] = 1e-9
            leaks = leak(colouring, group, outputs, known, moved, base)
            assert leaks == leak(colouring, group, outputs, known, base, moved)
            assert leaks or off_the_end(colouring, outputs, group, stray)
            moved[stray] = known.noise[stray]
            assert not leak(colouring, group, outputs, known, moved, base)


def leak(
    colouring: Colouring, group: int, outputs: tuple[Output, ...], known: Weighted, up: Array, down: Array
) -> bool:
    """Whether a move from 0 leaks"""
    sides = Sides(up[None], down[None], 0 * up[None])
    return MovedGroups(colouring, [group], outputs, known, sides).leaks()


def off_the_end(colouring: Colouring, outputs: tuple[Output, ...], group: int, stray: int) -> bool:
    """Whether an output is owned by a member that is no element of the tensor any more"""
    longer = tuple(n + p for n, p in zip(colouring.shape, colouring.periods, strict=True))
    whole = Colouring(longer, colouring.periods, colouring.bands)
    return any(stray in owned(whole, outputs, element) for element in elements(whole, group))


def test_nan_leaks() -> None:
    colouring, outputs = CASES["one stands still"]
    known, base = weighted(10, np.random.default_rng(0)), np.zeros(10)
    moved = base.copy()
    moved[1] = np.nan

    assert leak(colouring, 0, outputs, known, moved, base)
