"""Random draws: every purpose has a stream of its own, the same for the same seed."""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from gradcheck import check
from gradcheck.arrays.streams import Stream, generator, generator_of_option
from gradcheck.arrays.types import Array
from tests.corpus.case import distorted, one_element, scaled
from tests.saying import normal

OPTIONS = ("--x", "--w", "--bias", "-x", "--upstream")


def drawn(random: np.random.Generator) -> tuple[int, ...]:
    return tuple(int(number) for number in random.integers(2**63, size=4))


def test_all_keys_are_distinct() -> None:
    """An alias of a member, which an enum allows, would be two purposes with one stream."""
    assert len(Stream.__members__) == len({stream.value for stream in Stream})


def test_no_key_is_the_first_byte_of_an_option() -> None:
    assert max(Stream) < min(ord(option[0]) for option in OPTIONS) == ord("-")


def test_all_streams_differ() -> None:
    """Also by their parts, by the seed, and from the tensors of the command line.

    NumPy takes a key with zeros at its end for the key without: a part of 0 gives the stream without parts,
    so that a purpose draws either always with parts or always without.
    """
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


def test_no_two_places_draw_with_one_key(monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    """In checks of everything that there is, as NumPy sees the keys: without the zeros at their end."""
    places: dict[tuple[int, ...], set[str]] = defaultdict(set)
    original = np.random.default_rng

    def noting(key: list[int]) -> Any:
        caller = sys._getframe(2)
        if caller.f_globals["__name__"].startswith("gradcheck."):
            numbers = [int(number) for number in key]
            while numbers[-1] == 0:
                numbers.pop()
            places[tuple(numbers)].add(f"{caller.f_globals['__name__']}:{caller.f_lineno}")
        return original(key)

    monkeypatch.setattr(np.random, "default_rng", noting)

    def function(x: Any, y: Any) -> Any:
        return tf.tanh(tf.matmul(x, y)) + tf.reduce_max(x, axis=1, keepdims=True)

    def traced(x: Any) -> Any:
        return x * x if tf.executing_eagerly() else x * tf.stop_gradient(x)

    if full:  # everything at once, which draws at no other place
        small = {"x": np.round(normal(2, 5), 1), "y": normal(5, 3, seed=1)}
        check(function, small, order=2, mode="both", execution="graph", check_pfor=True)
    # A pilot looks at a few of more than 64 groups.
    many = {"x": np.round(normal(6, 70), 1), "y": normal(70, 3, seed=1)}
    check(distorted(function, scaled(1.01)), many, budget=20)
    check(distorted(tf.sin, one_element(1.01)), {"x": normal(9)})
    check(traced, {"x": normal(3)}, execution="graph")
    check(distorted(tf.nn.relu, lambda g: g + 2), {"x": np.array([0.0, 1.0])})
    check(tf.nn.softmax, {"x": normal(3)})
    check(tf.nn.elu, {"x": np.full(5000, -40.0)})
    check(lambda x: tf.nn.relu(x) @ normal(4, 4), {"x": np.zeros((3, 4))}, order=2, mode="both")
    check(lambda x: tf.reduce_sum(tf.sin(x)), {"x": normal(60)}, method="directions")
    # Two of four are wrong, and x > −0.5 there by accident.
    check(distorted(tf.sin, lambda g: g * [1.0, 1.0, 1.5, 0.7]), {"x": np.array([-2.0, -1.0, 1.0, 2.0])})
    check(lambda x: tf.sin(3e4 * x), {"x": normal(20).astype(np.float32)}, mode="both")

    assert {key: found for key, found in places.items() if len(found) > 1} == {}
    unseen = {stream.name for stream in Stream} - {Stream(key[1]).name for key in places if len(key) > 1}
    assert unseen == set()
