"""Points as values: some of them, in parts and in batches, are the points that they are in the whole."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gradcheck.arrays.types import Array
from gradcheck.differences.points import Points, elements, rays, values

FIRST, SECOND = np.array([1.0, 2.0, 3.0]), np.array([[4.0, 5.0]])
WHICH, STEPS = np.array([2, 0, 1, 2, 0, 1, 1]), np.array([0.5, 1.0, 2.0, -0.5, 4.0, -1.0, 0.25])
DIRECTIONS = {
    1: (np.array([1]), np.array([[10.0], [20.0], [30.0]])),
    0: (np.array([0, 2]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])),
}
NAMES = ["rays", "elements", "values"]


def points_of(name: str) -> Points:
    if name == "rays":
        return rays(DIRECTIONS, WHICH, STEPS)
    if name == "elements":
        return elements(0, WHICH, STEPS)
    return values(0, tf.constant(FIRST), np.outer(STEPS, [1.0, 2.0, 3.0]))


def placed(points: Points) -> list[list[float]]:
    """All variables at each point, in one row"""
    here = [tf.constant(FIRST), tf.constant(SECOND)]
    family, found = points.family, []
    fixed = family.tensors(here, points.fixed)
    assert {len(row) for row in points.rows} == {points.count}
    for number in range(points.count):
        row = [part[number] for part in points.rows]
        moved = family.alone(here, row, fixed)
        again = family.place(here, [tf.constant(part) for part in row], fixed)
        rows = [
            np.concatenate([np.ravel(some.get(n, value)) for n, value in enumerate(here)])
            for some in (moved, again)
        ]
        assert rows[0].tolist() == rows[1].tolist()
        found.append(rows[0].tolist())
    return found


def test_rays_are_where_they_say() -> None:
    """x + t u with u of the elements that move; the origin comes last."""
    truth: list[Array] = []
    for which, step in zip([*WHICH, 0], [*STEPS, 0.0], strict=True):
        row = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
        row[[0, 2]] += step * DIRECTIONS[0][1][which]
        row[4] += step * DIRECTIONS[1][1][which, 0]
        truth.append(row.tolist())

    assert placed(points_of("rays")) == truth


@pytest.mark.parametrize("name", NAMES)
def test_some_of_the_points_are_what_they_are_in_the_whole(name: str) -> None:
    points = points_of(name)
    whole = placed(points)

    assert whole[-1] == [1, 2, 3, 4, 5]
    assert placed(points.some(np.array([5, 0, 3]))) == [whole[5], whole[0], whole[3]]
    for count in (1, 2, 3):
        parts = list(points.parts(count))
        assert len(parts) == count
        assert sorted(np.concatenate([chosen for chosen, _ in parts])) == list(range(8))
        for chosen, part in parts:
            assert placed(part) == [whole[number] for number in chosen]
    for most, sizes in ((3, [4, 4, 2]), (6, [7, 2]), (7, [8]), (9, [8])):
        batches = points.batches(most)
        assert [batch.count for batch in batches] == sizes
        assert [row for batch in batches for row in placed(batch)[:-1]] == whole[:-1]
        assert all(placed(batch)[-1] == whole[-1] for batch in batches)


def test_points_along_a_direction_lie_together() -> None:
    """Then a part needs few of the directions."""
    (first, one), (_, two) = points_of("rays").parts(2)

    assert [0, *WHICH, 0][1:][first[0]] == 0
    assert [len(part.fixed[1]) for part in (one, two)] == [2, 2]
