"""What a tolerance is said to be widened by."""

from __future__ import annotations

import numpy as np

from gradcheck.verdicts.widening import Widening, widening


def test_parts_that_are_more_than_a_hundredth_together_are_told() -> None:
    dtype = np.array([0.004, 0.004, 0.02, 0.0])
    tape = np.array([0.005, 0.007, 0.01, 0.5])

    for asked in (1.0, 1e-12, 1e12):
        codes = widening(np.full(4, asked), {Widening.DTYPE: asked * dtype, Widening.TAPE: asked * tape})

        assert [*codes] == [Widening.NONE, Widening.TAPE, Widening.DTYPE, Widening.TAPE]
