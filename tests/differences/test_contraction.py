"""The contraction of a group, and the outputs that elements touch, against loops over outputs and windows."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from gradcheck.arrays.types import Array
from gradcheck.differences.contraction import PIECE, Pieces, Sides
from gradcheck.differences.weights import Sums, Weights
from gradcheck.function.noise_level import Precision
from gradcheck.function.primal import Output
from gradcheck.sparsity.bands import EMPTY, Window
from gradcheck.sparsity.owners import alike
from gradcheck.sparsity.probing import Grouping, flat_indices
from gradcheck.sparsity.rows import Touched

Index = tuple[int, ...]


def window(axis: int, low: float, high: float, stride: str = "1") -> Window:
    return Window(axis, Fraction(stride), Fraction(low), Fraction(high))


def output(*shape: int) -> Output:
    return Output("output", shape, "float64")


ROW, SAME = window(0, 0, 0), window(1, 0, 0)
CASES: dict[str, tuple[Grouping, tuple[Output, ...]]] = {
    "elementwise": (Grouping((3, 4), (1, 1), ((ROW, SAME),)), (output(3, 4),)),
    "one number": (Grouping((3, 4), (3, 4), ((None, None),)), (output(),)),
    "a scalar": (Grouping((), (), ((),)), (output(5),)),
    "rows": (Grouping((5, 3), (1, 3), ((ROW, None),)), (output(5, 2),)),
    "exchanged": (Grouping((3, 4), (1, 1), ((window(1, 0, 0), window(0, 0, 0)),)), (output(4, 3),)),
    "a window of 3": (Grouping((2, 11, 2), (1, 3, 2), ((ROW, window(1, 0, 2), None),)), (output(2, 9, 3),)),
    "padded": (Grouping((10,), (3,), ((window(0, -1, 1),),)), (output(10),)),
    "shorter than its period": (Grouping((10,), (5,), ((window(0, -1, 1),),)), (output(10),)),
    "by 2": (Grouping((2, 12), (1, 4), ((ROW, window(1, 0, 2, "2")),)), (output(2, 5),)),
    "by 3, padded": (Grouping((13,), (6,), ((window(0, -1, 2, "3"),),)), (output(5),)),
    "repeated": (Grouping((6,), (1,), ((window(0, -0.5, 0, "1/2"),),)), (output(12),)),
    "two outputs": (
        Grouping((4, 6), (1, 2), ((ROW, window(1, 0, 1)), (ROW, window(1, -1, 0)))),
        (output(4, 5), output(4, 7)),
    ),
    "outputs of other axes": (
        Grouping((4, 6), (1, 2), ((ROW, window(1, 0, 1)), (window(1, 0, 0), window(0, 0, 0)))),
        (output(4, 5), output(6, 4)),
    ),
    "one stands still": (Grouping((7,), (1,), ((EMPTY,), (ROW,))), (output(3), output(7))),
}


def owned(grouping: Grouping, outputs: tuple[Output, ...], element: Index) -> list[int]:
    """Flat indices of the outputs in whose windows an element lies, by their definition"""
    found, start = [], 0
    for part, windows in zip(outputs, grouping.windows, strict=True):
        for number, o in enumerate(itertools.product(*map(range, part.shape))):
            if all(
                w is None
                or (w != EMPTY and o[w.axis] * w.stride + w.low <= j <= o[w.axis] * w.stride + w.high)
                for w, j in zip(windows, element, strict=True)
            ):
                found.append(start + number)
        start += part.size
    return found


def elements(grouping: Grouping, group: int) -> list[Index]:
    numbers = np.arange(int(np.prod(grouping.shape))).reshape(grouping.shape)[grouping.slices(group)]
    return [tuple(map(int, np.unravel_index(n, grouping.shape))) for n in np.ravel(numbers)]


def weights(count: int, generator: np.random.Generator) -> Weights:
    noise, eps = generator.uniform(1e-16, 1e-15, count), np.array([1e-16])
    return Weights(generator.uniform(-2, 2, (3, count)), Precision(noise, eps, 0))


def by_loops(known: Weights, rise: Array, fall: Array, places: list[list[int]]) -> Sums:
    """The sums by their definition; `places` are the outputs of each element"""
    count = known.count
    up, down, gap = (np.zeros((count, len(places))) for _ in range(3))
    size, noise, coarse = (np.zeros(len(places)) for _ in range(3))
    for u, row in enumerate(places):
        for i in row:
            w = abs(known.cotangents[0, i])
            half = (abs(rise[i]) + abs(fall[i])) / 2
            size[u] += w * half
            coarse[u] += w * half * 1e-16
            noise[u] += w * known.precision.noise[i] * (half != 0)
            for k in range(count):
                r = known.cotangents[k, i]
                up[k, u] += r * rise[i]
                down[k, u] += r * fall[i]
                gap[k, u] += abs(r) * abs(rise[i] - fall[i])
    return Sums(up, down, gap, size, noise, coarse)


@pytest.mark.parametrize("name", CASES)
def test_a_group_contracted(name: str) -> None:
    grouping, outputs = CASES[name]
    count = sum(part.size for part in outputs)
    generator = np.random.default_rng(0)
    known, base = weights(count, generator), generator.standard_normal(count)
    for group in range(grouping.groups):
        places = [owned(grouping, outputs, element) for element in elements(grouping, group)]
        moving = sorted(set(itertools.chain(*places)))
        assert len(moving) == sum(map(len, places)), "the windows of a group meet"
        up, down = base.copy(), base.copy()
        up[moving] += generator.standard_normal(len(moving))
        down[moving] -= generator.standard_normal(len(moving))

        pieces = Pieces(grouping, [group], outputs, known, Sides(up[None], down[None], base[None]))
        rows = np.concatenate([part.rows() for part in pieces.parts()], axis=1)

        truth = by_loops(known, up - base, base - down, places)
        found = Sums.of(rows, known.count)
        for field in ("up", "down", "size", "noise", "coarse"):
            np.testing.assert_allclose(getattr(found, field), getattr(truth, field), rtol=1e-12, atol=1e-30)
        assert not pieces.leaks()


ALIKE = [name for name, (grouping, _) in CASES.items() if alike(grouping)]


def test_which_groups_are_alike() -> None:
    """Those whose period is that of a window begin at another place each."""
    assert ALIKE == [
        "elementwise", "one number", "a scalar", "rows", "exchanged", "repeated", "one stands still",
    ]  # fmt: skip


@pytest.mark.parametrize("piece", [PIECE, 25])
@pytest.mark.parametrize("name", ALIKE)
def test_groups_of_one_layout_contracted_together(
    name: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As each is by itself; every group has a base of its own, or all have the same."""
    monkeypatch.setattr("gradcheck.differences.contraction.PIECE", piece)
    grouping, outputs = CASES[name]
    count, groups = sum(part.size for part in outputs), list(range(grouping.groups)) * 3
    generator = np.random.default_rng(0)
    known = weights(count, generator)
    up, down, base = generator.standard_normal((3, len(groups), count))
    for bases in (base, base[:1]):
        together = Pieces(grouping, groups, outputs, known, Sides(up, down, bases))
        (part,) = together.parts()
        alone = [
            one.rows()
            for number, group in enumerate(groups)
            for one in Pieces(grouping, [group], outputs, known, Sides(up, down, bases).of(number)).parts()
        ]
        np.testing.assert_allclose(part.rows(), np.hstack(alone), rtol=1e-12, atol=1e-14)
        places = [
            flat_indices(grouping.slices(g), grouping.shape, np.arange(grouping.members)) for g in groups
        ]
        assert np.array_equal(part.where, np.concatenate(places))


@pytest.mark.parametrize("name", CASES)
def test_an_output_that_no_element_owns_leaks(name: str) -> None:
    """Seen on either side, and only above its rounding."""
    grouping, outputs = CASES[name]
    count = sum(part.size for part in outputs)
    known, base = weights(count, np.random.default_rng(0)), np.zeros(count)
    for group in range(grouping.groups):
        mine = set(itertools.chain(*(owned(grouping, outputs, e) for e in elements(grouping, group))))
        # Behind the tensor's end members go on, and own what is there.
        for stray in set(range(count)) - mine:
            moved = base.copy()
            moved[stray] = 1e-9
            leaks = leak(grouping, group, outputs, known, moved, base)
            assert leaks == leak(grouping, group, outputs, known, base, moved)
            assert leaks or off_the_end(grouping, outputs, group, stray)
            moved[stray] = known.precision.noise[stray]
            assert not leak(grouping, group, outputs, known, moved, base)


def leak(
    grouping: Grouping, group: int, outputs: tuple[Output, ...], known: Weights, up: Array, down: Array
) -> bool:
    """Whether a move from 0 leaks"""
    return Pieces(grouping, [group], outputs, known, Sides(up[None], down[None], 0 * up[None])).leaks()


def off_the_end(grouping: Grouping, outputs: tuple[Output, ...], group: int, stray: int) -> bool:
    """Whether an output is owned by a member that is no element of the tensor any more"""
    longer = tuple(n + p for n, p in zip(grouping.shape, grouping.periods, strict=True))
    whole = Grouping(longer, grouping.periods, grouping.windows)
    return any(stray in owned(whole, outputs, element) for element in elements(whole, group))


def test_nan_leaks() -> None:
    grouping, outputs = CASES["one stands still"]
    known, base = weights(10, np.random.default_rng(0)), np.zeros(10)
    moved = base.copy()
    moved[1] = np.nan

    assert leak(grouping, 0, outputs, known, moved, base)


@pytest.mark.parametrize("name", CASES)
def test_touched_outputs(name: str) -> None:
    grouping, outputs = CASES[name]
    flat = np.arange(int(np.prod(grouping.shape)))

    found = Touched(grouping, outputs).of(flat)

    for number, row in zip(flat, found, strict=True):
        element = tuple(map(int, np.unravel_index(number, grouping.shape))) if grouping.shape else ()
        assert sorted(row[row >= 0].tolist()) == owned(grouping, outputs, element)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("all_groups", [True, False])
def test_rounds_give_everyone_a_turn_and_share_no_output(name: str, all_groups: bool) -> None:
    """No more rounds than groups."""
    grouping, outputs = CASES[name]
    flat = np.arange(int(np.prod(grouping.shape)))
    if not all_groups:
        flat = flat[grouping.place(flat)[0] == 0]
    touched = Touched(grouping, outputs)

    rounds = list(touched.rounds(flat))

    assert sorted(np.concatenate(rounds).tolist()) == list(range(flat.size))
    for places in rounds:
        entries = touched.of(flat[places])
        entries = entries[entries >= 0]
        assert len(set(entries.tolist())) == entries.size
    assert len(rounds) <= grouping.groups


def test_sums_of_elements_moved_one_by_one() -> None:
    generator = np.random.default_rng(0)
    known, base = weights(6, generator), generator.standard_normal(6)
    rise, fall = generator.standard_normal((2, 4, 6)) * (generator.uniform(size=(2, 4, 6)) < 0.7)

    found = known.of_elements(base + rise, base - fall, base)

    for u in range(4):
        truth = by_loops(known, (base + rise[u]) - base, base - (base - fall[u]), [list(range(6))])
        for field in ("up", "down", "gap", "size", "noise", "coarse"):
            np.testing.assert_allclose(
                getattr(found, field)[..., u], getattr(truth, field)[..., 0], rtol=1e-12, atol=1e-30
            )


def test_sums_over_some_entries() -> None:
    generator = np.random.default_rng(0)
    known, base = weights(6, generator), generator.standard_normal(6)
    entries = np.array([[0, 3, -1], [5, -1, -1], [-1, -1, -1]])
    up, down = base + generator.standard_normal(6), base - generator.standard_normal(6)

    found = known.of_entries(up[entries], down[entries], base[entries], entries)

    truth = by_loops(known, up - base, base - down, [[0, 3], [5], []])
    for field in ("up", "down", "gap", "size", "noise", "coarse"):
        np.testing.assert_allclose(getattr(found, field), getattr(truth, field), rtol=1e-12, atol=1e-30)
    assert np.array_equal(Sums.of(found.rows, known.count).gap, found.gap)
