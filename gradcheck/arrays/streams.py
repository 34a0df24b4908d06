"""Every random draw of a check: one stream of numbers a purpose.

Two purposes with one stream would share their draws, so that what one of them cannot see the other cannot see
either. A stream is NumPy's `SeedSequence` of a seed, the purpose's key and further numbers. The seed is that
of the user; only the probes of sparsity/ and of joined copies, and roundings of inputs for tapes, are
the same for each.
"""

from enum import IntEnum, unique

import numpy as np

from gradcheck.arrays.types import Array


@unique
class Stream(IntEnum):
    """What a draw is for."""

    COTANGENTS = 1
    NOISE_LINE = 2
    SUBGRADIENTS = 3
    FAR_PROBES = 4
    ROUNDED_INPUTS = 5
    NEIGHBOUR = 6
    SAMPLE = 7
    DIRECTIONS = 8
    BACKWARD_LINEARITY = 9
    JVP_NEIGHBOURS = 10
    JVP_DIRECTIONS = 11
    EXECUTION_NEIGHBOURS = 12
    STEPS = 13
    ORDER_COTANGENTS = 14
    ORDER_NEIGHBOURS = 15
    TEETH = 16
    HALVES = 17
    UNSETTLED_HALVES = 18
    JOINED_COPIES = 19
    STANDING_STILL = 20
    LINEARITY_WEIGHTS = 21
    JVP_ROUNDED_INPUTS = 22
    PILOT = 23
    SIGNED_DIRECTIONS = 24
    SINGLES = 25
    ELSEWHERE = 26
    UPSTREAM = 27
    OPERATIONS = 28
    CONSTANT_SUM = 29


def generator(stream: Stream, seed: int, *parts: int) -> np.random.Generator:
    """The generator of a purpose; `parts`, such as the start of a span, tell its draws apart."""
    return np.random.default_rng([seed, stream, *parts])


def generator_of_option(seed: int, option: str) -> np.random.Generator:
    """The generator of random tensors asked for with an option such as `--x`, which its name tells apart.

    The bytes of an option are 45 (a hyphen) and more, and no key of `Stream` is.
    """
    return np.random.default_rng([seed, *option.encode()])


def half_to_whole(uniform: Array) -> Array:
    """Numbers from −1 … 1 taken to −1 … −½ and ½ … 1."""
    return np.asarray(np.copysign(0.5 + 0.5 * np.abs(uniform), uniform))
