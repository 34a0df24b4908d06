"""Groups of elements that can be moved together, against the dependence itself, entry by entry.

The oracle is the pattern of the Jacobian: for functions written as patterns it is given, for TensorFlow's it
is found by moving one element at a time, far and near, up and down, at two points. No output may depend on
two elements of a group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck.arrays.types import Array
from gradcheck.function.output import Output
from gradcheck.sparsity.colouring import Colouring, Rows, elementwise, flat_indices
from gradcheck.sparsity.probing import COMBS, PHASES, PROBES, SMALL, _Axis, _combs, _half, _irregular, colour
from tests.corpus.case import Function
from tests.parameters import named
from tests.saying import normal
from tests.sparsity.by_definition import band

Shape = tuple[int, ...]


@dataclass
class Pattern:
    """Which outputs depend on which inputs, [outputs, inputs], asked as the structure asks."""

    depends: Array
    shape: Shape
    outputs: tuple[Output, ...]
    asked: int = 0
    found: Colouring = field(init=False)

    def __post_init__(self) -> None:
        self.found = colour(self.shape, self.outputs, self.changed, self.changed)

    def changed(self, axis: int, indices: Array) -> Array:
        """An output changes where any of its inputs is moved"""
        self.asked += 1
        moved = np.isin(np.indices(self.shape)[axis], indices).reshape(-1)
        return np.asarray((self.depends & moved).any(axis=1))

    def shared(self) -> int:
        """Outputs that depend on two elements of one group"""
        groups, _ = self.found.place(np.arange(self.depends.shape[1]))
        counts = np.zeros((self.found.groups, len(self.depends)), np.int64)
        np.add.at(counts, groups, self.depends.T)
        return int((counts > 1).sum())

    def unowned(self) -> int:
        """Entries of the pattern that no band foresees"""
        outputs, inputs = np.nonzero(self.depends)
        touched = Rows(self.found, self.outputs).of(inputs)
        return int((touched != outputs[:, None]).all(axis=1).sum())


def output(*shape: int) -> Output:
    return Output("output", shape, "float64")


def along(size: int, count: int, depends: Callable[[Array, Array], Any]) -> Array:
    """The pattern [count, size] of a rule between output o and input j"""
    o, j = np.indices((count, size))
    return np.asarray(depends(o, j), bool)


def window(size: int, length: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Array:
    """The pattern of a convolution whose padding is `before` zeros, and as many after as 'same' needs"""
    reach = (length - 1) * dilation
    count = -(-size // stride) if before else (size - 1 - reach) // stride + 1

    def depends(o: Array, j: Array) -> Any:
        offset = j - (o * stride - before)
        return (offset >= 0) & (offset <= reach) & (offset % dilation == 0)

    return along(size, count, depends)


SIZES = [17, 18, 23, 31, 32, 33, 40, 63, 64, 65, 100, 128, 200]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("padded", [0.0, 0.5, 1.0], ids=["valid", "same", "causal"])
def test_bands_of_stride_1_are_found_as_they_are(length: int, padded: float) -> None:
    """As many groups as an output has inputs."""
    for size in SIZES:
        depends = window(size, length, before=int(padded * (length - 1)))

        pattern = Pattern(depends, (size,), (output(len(depends)),))

        assert pattern.found.periods == (length,), size
        assert pattern.shared() == 0, size
        assert pattern.unowned() == 0, size


@pytest.mark.parametrize(("length", "stride", "dilation"), [(2, 2, 1), (3, 2, 1), (2, 1, 2), (3, 1, 3)])
@pytest.mark.parametrize("padded", [0.0, 0.5, 1.0], ids=["valid", "same", "causal"])
def test_strides_and_dilations_never_share_an_output(
    length: int, stride: int, dilation: int, padded: float
) -> None:
    reach = (length - 1) * dilation
    for size in SIZES:
        depends = window(size, length, stride, dilation, before=int(padded * reach))

        pattern = Pattern(depends, (size,), (output(len(depends)),))

        assert pattern.shared() == 0, size
        assert pattern.unowned() == 0, size
        # On a long axis the bands are found, if not always as short as they are.
        assert size < 64 or pattern.found.groups <= 2 * (reach + stride), size


@pytest.mark.parametrize("stride", [3, 4])
@pytest.mark.parametrize("length", [3, 4, 5])
def test_longer_strides(stride: int, length: int) -> None:
    for size in (64, 100, 128, 200):
        depends = window(size, length, stride)

        pattern = Pattern(depends, (size,), (output(len(depends)),))

        assert pattern.shared() == 0, size
        assert pattern.unowned() == 0, size


@pytest.mark.parametrize("times", [2, 3])
def test_one_input_to_several_outputs(times: int) -> None:
    for size in (17, 33, 100):
        depends = along(size, times * size, lambda o, j: o // times == j)

        pattern = Pattern(depends, (size,), (output(times * size),))

        assert pattern.found.groups <= 2, size
        assert pattern.shared() == 0, size
        assert pattern.unowned() == 0, size


DENSE = {
    "everything": lambda o, j: o == o,
    "all before": lambda o, j: j <= o,
    "all after": lambda o, j: j >= o,
    "its mirror image": lambda o, j: (o == j) | (o == j.max() - j),
    "its mirror image alone": lambda o, j: o == j.max() - j,
    "a partner half way": lambda o, j: (o - j) % ((j.max() + 1) // 2) == 0,
    "the first one": lambda o, j: (o == j) | (j == 0),
    "the last one": lambda o, j: (o == j) | (j == j.max()),
    "any other": lambda o, j: (7 * o + 3) % (j.max() + 1) == j,
}


@pytest.mark.parametrize("name", DENSE)
def test_what_has_no_band_is_moved_apart_or_leaks(name: str) -> None:
    """An output that no element of its group owns is seen when it moves; one with two owners never is."""
    for size in (17, 32, 33, 64, 100, 200, 701):
        pattern = Pattern(along(size, size, DENSE[name]), (size,), (output(size),))

        assert pattern.shared() == 0 or pattern.unowned() > 0, size
        # Along a short axis a guess can look right; its differences will not.
        lonely = name in ("the first one", "the last one")
        assert size < 32 or lonely or pattern.found.groups == size, size


def test_one_far_element_that_moves_all_is_foreseen_by_no_band() -> None:
    """Only index 3 of 701 reaches far; the bands are those of all others."""
    pattern = Pattern(along(701, 701, lambda o, j: (o == j) | (j == 3)), (701,), (output(701),))

    assert pattern.found.groups == 701 or pattern.unowned() >= 699


@st.composite
def patterns(draw: st.DrawFn) -> tuple[Array, Shape, tuple[Output, ...]]:
    """Some axes with bands and some dense, one output or two, in any order of the axes."""
    kinds = draw(st.lists(st.sampled_from(["batch", "window", "dense", "one"]), min_size=1, max_size=3))
    parts: list[Array] = []
    for kind in kinds:
        size = {"one": 1, "dense": draw(st.integers(2, 5))}.get(kind, draw(st.integers(2, 24)))
        if kind == "window":
            length = draw(st.integers(1, min(4, size)))
            parts.append(window(size, length, draw(st.integers(1, 2)), 1, draw(st.integers(0, length - 1))))
        elif kind == "dense":
            parts.append(np.ones((draw(st.integers(1, 4)), size), bool))
        else:
            parts.append(np.eye(size, dtype=bool))
    order = draw(st.permutations(range(len(parts))))
    whole = np.ones((1, 1), bool)
    for part in parts:
        whole = np.kron(whole, part)
    counts = [len(part) for part in parts]
    rows = whole.reshape(*counts, -1).transpose(*order, len(parts)).reshape(len(whole), -1)
    outputs = [output(*(counts[a] for a in order))]
    if draw(st.booleans()):
        rows, outputs = np.concatenate([rows, rows.any(axis=0, keepdims=True)]), [*outputs, output()]
    return rows, tuple(part.shape[1] for part in parts), tuple(outputs)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(patterns())
def test_no_output_of_several_axes_meets_two_elements_unseen(
    drawn: tuple[Array, Shape, tuple[Output, ...]],
) -> None:
    pattern = Pattern(*drawn)

    assert pattern.shared() == 0 or pattern.unowned() > 0
    assert pattern.asked <= PROBES


# The functions of TensorFlow: a variable's shape, and the number of groups at the most.


def probed(function: Function, x: Array) -> Pattern:
    """The structure of a TensorFlow function, and the pattern that one element at a time shows"""
    result = tf.nest.flatten(function(tf.constant(x)))
    outputs = tuple(Output("output", tuple(part.shape), "float64") for part in result)

    compiled = tf.function(function)

    def at(value: Array) -> Array:
        parts = tf.nest.flatten(compiled(tf.constant(value)))
        return np.concatenate([part.numpy().reshape(-1) for part in parts])

    depends = np.zeros((sum(o.size for o in outputs), x.size), bool)
    for point in (x, -x):
        base = at(point)
        for flat in range(x.size):
            for move in (0.3, -0.3, 7.0, -7.0):
                moved = point.copy()
                moved.reshape(-1)[flat] += move
                depends[:, flat] |= at(moved) != base
    return Pattern(depends, x.shape, outputs)


def convolved(length: int, **options: Any) -> Function:
    kernel = normal(length, 2, 3, seed=1)
    return lambda x: tf.nn.conv1d(x, kernel, **{"stride": 1, "padding": "VALID"} | options)


FUNCTIONS: dict[str, tuple[Function, Shape, int]] = {
    "elementwise": (lambda x: tf.sin(x), (5, 7), 1),
    "two axes exchanged": (lambda x: tf.transpose(x) ** 2, (9, 20), 1),
    "a scalar for each row": (lambda x: tf.reduce_sum(x**2, axis=1), (20, 4), 4),
    "one number": (lambda x: tf.reduce_sum(x**3), (4, 5), 20),
    "softmax": (lambda x: tf.nn.softmax(x), (20, 4), 4),
    "a product of matrices": (lambda x: x @ normal(4, 3), (20, 4), 4),
    "maximum pooling": (lambda x: tf.nn.max_pool1d(x, 3, 1, "VALID"), (2, 20, 2), 3),
    "maximum pooling by 2": (lambda x: tf.nn.max_pool1d(x, 2, 2, "VALID"), (1, 40, 2), 4),
    "average pooling": (lambda x: tf.nn.avg_pool1d(x, 4, 1, "SAME"), (2, 20, 1), 4),
    "pooling of images": (lambda x: tf.nn.max_pool2d(x, 2, 1, "SAME"), (1, 9, 9, 1), 4),
    "convolution": (convolved(3), (2, 20, 2), 6),
    "causal convolution": (lambda x: convolved(3)(tf.pad(x, [[0, 0], [2, 0], [0, 0]])), (1, 24, 2), 6),
    "dilated convolution": (convolved(2, dilations=3), (1, 30, 2), 8),
    "convolution by 2": (convolved(3, stride=2), (1, 40, 2), 8),
    "repeated": (lambda x: tf.repeat(x, 2, axis=1), (2, 20), 1),
    "padded by reflection": (lambda x: tf.pad(x, [[0, 0], [3, 3]], "REFLECT"), (2, 25), 25),
    "flattened": (lambda x: tf.reshape(x, [-1]), (20, 5), 5),
    "summed along an axis": (lambda x: tf.cumsum(x, axis=1), (20, 6), 6),
    "normalised": (lambda x: x - tf.reduce_mean(x, axis=-1, keepdims=True), (20, 4), 4),
    "two outputs": (lambda x: (tf.sin(x), tf.reduce_sum(x, axis=1)), (20, 4), 4),
    "overlapping frames": (lambda x: tf.signal.overlap_and_add(x, 2), (20, 6), 18),
    "outputs of other axes": (lambda x: (tf.transpose(x), x[:, 1:] - x[:, :-1]), (8, 20), 3),
    "axes of length 1 and 2": (lambda x: tf.exp(x), (1, 20, 2, 1), 1),
    "an output that stands still": (lambda x: (tf.sin(x), tf.ones(3, tf.float64)), (20,), 1),
    "every third": (lambda x: x[::3], (60,), 60),
    "sorted": (lambda x: tf.sort(x), (30,), 30),
    "turned round": (lambda x: tf.reverse(x, [0]), (30,), 30),
}


@pytest.mark.parametrize(
    "name",
    named(FUNCTIONS, str, lambda number, name: number % 3 == 0 or name in ("two outputs", "convolution")),
)
def test_structure_of_a_function(name: str) -> None:
    function, shape, groups = FUNCTIONS[name]

    pattern = probed(function, normal(*shape))

    assert pattern.shared() == 0 or pattern.unowned() > 0
    assert pattern.found.groups <= groups
    assert pattern.asked <= PROBES


def test_two_axes_never_own_one_axis_of_an_output() -> None:
    pattern = probed(lambda x: tf.linalg.diag_part(x), normal(20, 20))

    assert pattern.found.groups == 20


def test_two_axes_own_no_axis_of_any_of_the_outputs_together() -> None:
    """The diagonal, beside a matrix whose axes are each of their own."""
    every = np.eye(36, dtype=bool)

    pattern = Pattern(np.concatenate([every[::7], every]), (6, 6), (output(6), output(6, 6)))

    assert pattern.found.groups == 6


@pytest.mark.parametrize("shape", [(), (1,), (SMALL,), (4, 4), (1, 16, 1)])
def test_small_tensors_are_asked_nothing(shape: Shape) -> None:
    count = int(np.prod(shape))

    pattern = Pattern(np.eye(count, dtype=bool), shape, (output(*shape),))

    assert pattern.asked == 0
    assert pattern.found == elementwise(shape, 1)
    assert pattern.found.groups == count


def test_evaluations_of_many_axes_are_bounded() -> None:
    """Bands on all of six axes are never worth more than 24 questions."""
    pattern = Pattern(np.eye(3**6, dtype=bool), (3,) * 6, (output(*(3,) * 6),))

    assert 0 < pattern.asked <= PROBES == 24


@pytest.mark.parametrize(("shape", "periods"), [((7, 5), (3, 2)), ((4,), (4,)), ((3, 1, 6), (1, 1, 4))])
def test_every_element_is_in_one_group_and_has_a_number_of_its_own(shape: Shape, periods: Shape) -> None:
    colouring = Colouring(shape, periods, ((None,) * len(shape),))
    seen = np.zeros(shape, int)
    for group in range(colouring.groups):
        seen[colouring.slices(group)] += 1
        flat = np.arange(seen.size).reshape(shape)[colouring.slices(group)].reshape(-1)
        where, number = colouring.place(flat)
        assert (where == group).all()
        assert len(set(number.tolist())) == flat.size <= colouring.members
        assert flat_indices(colouring.slices(group), shape, np.arange(flat.size)).tolist() == flat.tolist()

    assert (seen == 1).all()


@pytest.mark.parametrize("spacing", COMBS)
@pytest.mark.parametrize("size", [17, 32, 63, 64, 100, 701, 5000])
def test_combs_are_far_apart_and_have_eight_phases(size: int, spacing: int) -> None:
    combs = _combs(size, spacing)

    border, first, second, last = combs
    for comb in combs:
        apart = np.diff(comb)
        assert comb[0] >= 0
        assert comb[-1] < size
        # Next to a border a tooth may be as near as half a spacing.
        assert ((apart[1:-1] >= spacing - PHASES) & (apart[1:-1] <= spacing + PHASES)).all()
        assert (apart >= min(spacing // 2 - PHASES, size - 3)).all()
    assert (border[0], border[-1], first[0]) == (1, size - 2, min(min(spacing, size) // 2, size - 1))
    assert first.size == second.size == last.size == max(size // spacing, 1)
    assert abs(border.size - first.size) <= 1
    if first.size > PHASES:
        for comb, phases in ((first, range(8)), (second, range(8)), (last, range(-8, 0))):
            assert {*((comb - first[0]) % spacing)} == {phase % spacing for phase in phases}
        if border.size > PHASES + 2:
            assert {*(border[1:-1] % spacing)} == {*range(8)}


@pytest.mark.parametrize("size", [2, 3, 4, 17, 100])
def test_one_comb_moves_the_second_index_from_either_border(size: int) -> None:
    """Where padding by reflection shows; of two indices that is both."""
    border, *others = _combs(size, COMBS[0])

    assert {1, size - 2} <= {*border}
    assert all(((comb >= 0) & (comb < size)).all() for comb in (border, *others))


@pytest.mark.parametrize("apart", [1, 2, 5, 16])
@pytest.mark.parametrize("size", [17, 64, 701])
def test_indices_in_no_order_are_more_than_so_far_apart(size: int, apart: int) -> None:
    teeth, half = _irregular(size, apart), _half(size, apart)

    assert ((np.diff(teeth) > apart) & (np.diff(teeth) <= 2 * apart + 1)).all()
    assert 0 <= teeth[0] <= min(apart, size // 2)
    assert size - 2 * apart - 1 <= teeth[-1] < size
    runs = np.diff(np.flatnonzero(np.diff(half, prepend=not half[0])))
    assert half.size == size
    assert ((runs >= apart) & (runs <= 2 * apart + 1)).all()
    assert half[0]


@pytest.mark.parametrize("apart", [1, 2, 5])
def test_no_distance_and_no_first_index_is_left_out(apart: int) -> None:
    """As few as one more than `apart` lie between two, and a function may be odd about its first index. On a
    short axis the first may be anywhere up to the middle."""
    drawn = [_irregular(size, apart) for size in range(4 * apart, 60)]
    where = [float(_irregular(size, size - 1)[0] / (size // 2)) for size in range(4, 60)]

    assert {*np.concatenate([np.diff(teeth) for teeth in drawn])} == {*range(apart + 1, 2 * apart + 2)}
    assert {int(teeth[0]) for teeth in drawn} == {*range(apart + 1)}
    assert (min(where), max(where)) == (0, 1)


@pytest.mark.parametrize(
    ("size", "name", "asked"),
    [
        (100, "itself", 3 + 3),
        (60, "everything", 3),
        (64, "everything", 3),
        (65, "everything", 3 + 3),
    ],
)
def test_an_axis_is_asked_no_more_than_it_takes(size: int, name: str, asked: int) -> None:
    """Three combs and three checks; what is dense by three combs is asked once more on a long axis alone."""
    rules = DENSE | {"itself": lambda o, j: o == j}

    assert Pattern(along(size, size, rules[name]), (size,), (output(size),)).asked == asked


@pytest.mark.parametrize(("left", "found"), [(6, True), (5, False), (2, False)])
def test_an_axis_is_asked_nothing_where_the_answers_could_not_be_held_against_the_function(
    left: int, found: bool
) -> None:
    """Three combs and three checks, or none."""
    asked = []

    def changed(axis: int, indices: Array) -> Array:
        asked.append(indices)
        return np.isin(np.arange(100), indices)

    axis = _Axis(0, (100,), (output(100),), changed, changed, left)

    assert axis.bands() == ((band(0, 0, 0),) if found else ())
    assert (len(asked), axis.left) == ((6, 0) if found else (0, left))


@pytest.mark.parametrize(
    ("left", "found", "asked"), [(24, True, 8), (8, True, 8), (7, False, 4), (6, False, 4)]
)
def test_what_three_combs_did_not_meet_is_found_by_one_more(left: int, found: bool, asked: int) -> None:
    """Every fourth index, from 3 on, moves the output after its own as well: of 40 the combs move 1 and 38,
    16, and 17. Then a check fails, and after 15 three checks hold, if there are four questions more."""
    depends = along(40, 40, lambda o, j: (o == j) | ((o == j + 1) & (j % 4 == 3)))
    calls = []

    def changed(axis: int, indices: Array) -> Array:
        calls.append(indices)
        return np.asarray(depends[:, indices].any(axis=1))

    axis = _Axis(0, (40,), (output(40),), changed, changed, left)

    assert axis.bands() == ((band(0, -1, 0),) if found else ())
    assert (len(calls), axis.left) == (asked, left - asked)


@pytest.mark.parametrize(("strides", "asked"), [(("4", "5"), 0), (("2", "5"), 3)])
def test_bands_that_leave_one_index_a_group_are_not_worth_asking_about(
    strides: tuple[str, str], asked: int
) -> None:
    """Of 20 indices: strides of 4 and 5 have 20 as their period, 2 and 5 have 10."""
    calls = []

    def changed(axis: int, indices: Array) -> Array:
        calls.append(indices)
        return np.zeros(9, bool)

    axis = _Axis(0, (20,), (output(5), output(4)), changed, changed, 24)

    assert axis._holds(tuple(band(0, 0, 1, stride) for stride in strides)) is (asked > 0)
    assert len(calls) == asked


def test_an_axis_of_one_index_is_asked_nothing() -> None:
    assert Pattern(np.eye(20, dtype=bool), (1, 20, 1), (output(1, 20, 1),)).asked == 3 + 3


def test_the_longest_axis_is_asked_first() -> None:
    """Six questions for each of five axes are more than there are: a short one is left."""
    shape = (2, 2, 2, 2, 20)

    pattern = Pattern(np.eye(320, dtype=bool), shape, (output(*shape),))

    assert pattern.found.periods[-1] == 1
    assert pattern.found.groups == 2


@pytest.mark.parametrize("place", [0, 1, 50, 98, 99])
def test_every_index_is_held_against_the_bands_close_to_the_point(place: int) -> None:
    """What moves all outputs by a small step alone is seen, wherever it is."""

    def far(axis: int, indices: Array) -> Array:
        return np.isin(np.arange(100), indices)

    def near(axis: int, indices: Array) -> Array:
        return far(axis, indices) | (place in indices)

    assert _Axis(0, (100,), (output(100),), far, far, 24).bands()
    assert not _Axis(0, (100,), (output(100),), far, near, 24).bands()
