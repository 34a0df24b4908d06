"""The outputs that a wrong gradient is wrong for, against a Jacobian with a row spoilt by hand."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import Report, check
from gradcheck.arrays.types import Array
from tests.parameters import every, named
from tests.saying import normal

OUTPUTS, INPUTS = 5, 4
LINE = re.compile(r"x\[(\d+)\]: wrong for output\[(\d+)\]: tape (\S+), difference ([^\s,]+)(.*)")


def linear(jacobian: Array, told: Array) -> Any:
    """y = J x, which says of itself that its Jacobian is `told`"""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def function(x: Any) -> Any:
        def gradient(r: Any) -> Any:
            return tf.linalg.matvec(tf.constant(told, x.dtype), r, transpose_a=True)

        return tf.linalg.matvec(tf.constant(jacobian, x.dtype), x), gradient

    return function


def report(jacobian: Array, told: Array) -> Report:
    return check(linear(jacobian, told), {"x": normal(INPUTS, seed=1)})


@pytest.mark.parametrize("row", named(range(OUTPUTS), str, every(4)))
def test_one_wrong_row_is_named_for_each_of_its_elements(row: int) -> None:
    jacobian = normal(OUTPUTS, INPUTS)
    told = jacobian.copy()
    told[row, [0, 2]] += 0.5
    found = [LINE.fullmatch(line) for line in report(jacobian, told).involved]
    assert all(found)
    assert sorted((int(m[1]), int(m[2])) for m in found if m) == [(0, row), (2, row)]
    for match in filter(None, found):
        entry = row, int(match[1])
        np.testing.assert_allclose(float(match[3]), told[entry], rtol=1e-5)
        np.testing.assert_allclose(float(match[4]), jacobian[entry], rtol=1e-5)
        assert match[5] == ""


def test_the_worst_of_several_outputs_is_named_and_the_others_are_counted() -> None:
    jacobian = normal(OUTPUTS, INPUTS)
    told = jacobian.copy()
    told[:, 3] += [0.1, 0.0, 0.7, -0.2, 0.0]
    (line,) = report(jacobian, told).involved
    match = LINE.fullmatch(line)
    assert match is not None
    assert (match[1], match[2], match[5]) == ("3", "2", ", and 2 others")


def test_a_right_gradient_involves_nothing() -> None:
    jacobian = normal(OUTPUTS, INPUTS)
    assert report(jacobian, jacobian).involved == ()


def test_at_most_three_elements_are_looked_into_the_worst_first() -> None:
    jacobian = normal(OUTPUTS, INPUTS)
    told = jacobian.copy()
    told[1] = 3 * jacobian[1]
    involved = report(jacobian, told).involved
    assert len(involved) == 3
    assert all("wrong for output[1]" in line for line in involved)


def test_the_lines_are_in_table_and_json() -> None:
    jacobian = normal(OUTPUTS, INPUTS)
    made = report(jacobian, -jacobian)
    assert made.to_dict()["involved"] == list(made.involved)
    assert all(line in str(made) for line in made.involved)


def test_no_output_is_blamed_where_the_tape_gave_no_gradient_at_all() -> None:
    refused = tf.custom_gradient(lambda x: (x * x, lambda r: (r, r)))
    made = check(refused, {"x": normal(INPUTS)})
    assert made.involved == ()
    assert "refused the custom gradient" in str(made)
