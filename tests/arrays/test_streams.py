"""Random draws: every purpose has a stream of its own, the same for the same seed."""

from __future__ import annotations

import itertools

import numpy as np

from gradcheck.arrays.streams import Stream, generator, generator_of_option
from gradcheck.arrays.types import Array

OPTIONS = ("--x", "--w", "--bias", "-x", "--upstream")


def drawn(random: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(number) for number in random.integers(2**63, size=4))


def test_all_keys_are_distinct() -> None:
    """An alias of a member, which an enum allows, would be two purposes with one stream."""
    assert len(Stream.__members__) == len({stream.value for stream in Stream})


def test_no_key_is_the_first_byte_of_an_option() -> None:
    assert max(Stream) < min(ord(option[0]) for option in OPTIONS) == ord("-")


def test_all_streams_differ() -> None:
    """Also by their parts, by the seed, and from the tensors of the command line."""
    draws: list[tuple[int, ...]] = []
    for seed in (0, 1, 7):
        draws += [drawn(generator(stream, seed)) for stream in Stream]
        draws += [drawn(generator(stream, seed, part)) for stream in Stream for part in (1, 65536)]
        draws += [drawn(generator_of_option(seed, option)) for option in OPTIONS]

    assert len(set(draws)) == len(draws)


def test_the_same_key_gives_the_same_draws() -> None:
    for stream, seed in itertools.product(Stream, (0, 3)):
        assert drawn(generator(stream, seed, 2)) == drawn(generator(stream, seed, 2))
    assert drawn(generator_of_option(3, "--x")) == drawn(generator_of_option(3, "--x"))


def test_streams_are_not_shifted_copies_of_one_another() -> None:
    """Normal numbers of any two purposes are not correlated: 190 pairs, 5 σ."""
    count = 4096
    columns: Array = np.stack([generator(stream, 0).standard_normal(count) for stream in Stream])

    correlation = np.corrcoef(columns)

    assert np.abs(correlation - np.eye(len(columns))).max() < 5 / np.sqrt(count)
