"""Losses of networks along signed directions: no false alarm, and no miss above what the report says is seen.

Which weights are wrong is known from TensorFlow's own gradient.
"""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck import ElementVerdict, Report, Verdict, check
from tests.networks.right import Network, drawn
from tests.networks.wrong import MISTAKES, WrongNetwork, broken
from tests.parameters import every, named
from tests.saying import told

MARGIN = 1.5
"""Factor around the stated sensitivity: an error beyond it must be found."""


@pytest.mark.parametrize("seed", named(range(200), str, every(200)))
def test_right_networks_pass(seed: int) -> None:
    network = drawn(seed)

    report = check(network.function, network.weights, method="directions")

    assert report.verdict is Verdict.PASS, f"{network.name}\n{told(report)}"
    assert report.sensitivity is not None
    assert report.sensitivity[0] <= 1e-3, network.name


def missed(report: Report, wrong: WrongNetwork) -> list[str]:
    """Elements that match though their errors are larger than the sensitivity that is stated for them."""
    found = []
    for variable in report.variables:
        error = np.abs(wrong.errors[variable.name])
        matches = variable.verdicts == ElementVerdict.MATCH
        # Elements that were moved by themselves have a tolerance.
        sizes = np.abs(variable.tape)
        if variable.sensitivity is None:
            seen = variable.tolerance
        else:
            seen = np.where(sizes > 0, variable.sensitivity * sizes, variable.tolerance)
        off = matches & (error > MARGIN * seen) & (error > 1e-6 * sizes)
        found += [f"{variable.name}{list(map(int, index))}" for index in np.argwhere(off)]
    return found


@pytest.mark.parametrize("seed", named(range(400), str, every(400)))
def test_wrong_networks_fail(seed: int) -> None:
    """Each with one of the mistakes in turn; what is said to be wrong is."""
    network, (name, mistake) = drawn(1000 + seed), list(MISTAKES.items())[seed % len(MISTAKES)]
    wrong = broken(network, mistake, seed)

    report = check(wrong.function, wrong.weights, method="directions")

    assert_found(report, wrong, f"{name} in {network.name}")


def assert_found(report: Report, wrong: WrongNetwork, title: str) -> None:
    said = f"{title}\n{told(report)}"
    assert missed(report, wrong) == [], said
    for variable in report.variables:
        blamed = variable.verdicts == ElementVerdict.MISMATCH
        right = np.abs(wrong.errors[variable.name]) <= 1e-7 * np.abs(variable.tape)
        assert not (blamed & right).any(), said


def sized(size: int) -> Network:
    """A perceptron of at least so many weights"""
    return next(n for n in map(drawn, range(10_000)) if n.name.startswith("perceptron") and n.size >= size)
