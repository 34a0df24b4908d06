"""Numbers and words as they are printed, against Python's own formats."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradcheck.render.numbers import digits, interval, number, ratio, scale, share
from gradcheck.render.plain_ascii import PLAIN
from gradcheck.render.words import shortened, told_apart, wrapped


@pytest.mark.parametrize(
    ("value", "other", "tolerance", "shown"),
    [
        (0.00681506697, 0.007408424933, 7e-9, ("0.00682", "0.00741")),
        (1.000004, 1.0, 1e-6, ("1.000004", "1")),
        (1.0001234567890123, 1.0, 1e-6, ("1.0001", "1")),
        (-3.216494352, -3.216494352, 3e-6, ("-3.2164944", "-3.2164944")),
        (0.8923255205, 0.892314319, 1e-4, ("0.892326", "0.892314")),
        (12345.0, 23456.0, 1e-2, ("12345", "23456")),
        (2.589019, 2.589019, 2.6, ("2.58902", "2.58902")),
        (1.0, 0.0, 1e-6, ("1", "0")),
        (3e-12, 0.0, 1e-6, ("3e-12", "0")),
    ],
)
def test_as_many_digits_as_agree_and_two_more(
    value: float, other: float, tolerance: float, shown: tuple[str, str]
) -> None:
    count = digits(value, other, abs(value - other), tolerance)
    assert (number(value, count), number(other, count)) == shown


def test_what_is_apart_is_never_printed_the_same() -> None:
    random = np.random.default_rng(0)
    for _ in range(2000):
        value = float(random.normal() * 10.0 ** random.integers(-8, 8))
        other = value * (1 + float(random.choice([-1, 1]) * 10.0 ** random.uniform(-5.9, 1)))
        count = digits(value, other, abs(value - other), 1e-6 * abs(value))
        assert number(value, count) != number(other, count), (value, other)


def test_a_number_is_rounded_as_python_rounds_it() -> None:
    random = np.random.default_rng(1)
    for _ in range(2000):
        value = float(random.normal() * 10.0 ** random.integers(-9, 9))
        significant = int(random.integers(2, 12))
        text = number(value, significant)
        error = abs(float(text) - value)
        assert error <= abs(float(f"{value:.{significant - 1}e}") - value) * (1 + 1e-9) + 1e-16 * abs(value)
        assert "e" not in text or not 1e-4 <= abs(value) < 1e7


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (2.13e-4, "0.00021"),
        (0.998, "1"),
        (1.0, "1"),
        (1.004, "1.004"),
        (4.06, "4.1"),
        (123.0, "120"),
        (80000.0, "80,000"),
        (2.5e9, "2.5e+09"),
        (math.inf, "inf"),
        (math.nan, "–"),
    ],
)
def test_a_ratio_above_one_is_seen_to_be(value: float, text: str) -> None:
    assert ratio(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-6, "0.0001 %"),
        (1.00001e-6, "0.0001 %"),
        (9.9999e-7, "0.0001 %"),
        (2.5e-4, "0.025 %"),
        (1.0, "100 %"),
        (0.5, "50 %"),
        (2.9e-10, "2.9e-08 %"),
        (10.0, "1000 %"),
        (1e4, "more than 1,000 %"),
    ],
)
def test_a_share_in_per_cent(value: float, text: str) -> None:
    assert share(value) == text


def test_factors_of_s() -> None:
    assert [scale(x) for x in (1e-6, 1.234e-4, 0.25, 1.0, 1e-20)] == [
        "1e-06",
        "1.2e-04",
        "0.25",
        "1",
        "1e-20",
    ]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-3e-11, 1.0000000002, "[0, 1]"),
        (-1.0, 1.0, "[-1, 1]"),
        (0.1 - 1e-12, 0.3, "[0.1, 0.3]"),
        (-2e-15, 1.25e-7, "[0, 1.25e-07]"),
        (99.9999999, 200.0, "[100, 200]"),
    ],
)
def test_the_ends_of_an_interval_are_rounded_as_differences_are(low: float, high: float, text: str) -> None:
    assert interval(low, high) == text


def test_sentences_are_broken_between_words_only() -> None:
    text = (
        "x[3, 1, 20]: an error of 0.0001 % in 1.01 s · and --limit 0, of |r_i ∂f_i/∂x_j| and 1e-06·S + 1e-09"
    )
    for width in range(20, 110):
        rows = wrapped(text, width)
        assert " ".join(rows) == text
        assert max(map(len, rows)) <= width
        for kept in ("[3, 1, 20]", "0.0001 %", "1.01 s ·", "--limit 0", "|r_i ∂f_i/∂x_j|", "1e-06·S + 1e-09"):
            assert any(kept in row for row in rows), (kept, rows)


def test_a_word_that_is_longer_than_a_line_is_broken_at_a_joint() -> None:
    assert wrapped("at layers/dense_1/kernel", 12) == ["at", "layers/", "dense_1/", "kernel"]
    assert wrapped("abcdefgh", 3) == ["abc", "def", "gh"]


def test_names_are_shortened_in_the_middle_and_stay_apart() -> None:
    name = "functional_1/transformer_block_2/attention/query/kernel"
    assert shortened(name, 24) == "functional_…query/kernel"
    assert shortened("kernel", 24) == "kernel"
    assert told_apart([name, name.replace("_2", "_3")], 24) is None
    assert told_apart([name, "b"], 24) == ["functional_…query/kernel", "b"]


def test_signs_that_a_stream_lacks_have_words_in_ascii() -> None:
    text = "∂f/∂x ── 1e-06·S … Σ ☃"
    assert text.encode("ascii", PLAIN) == b"df/dx -- 1e-06*S ~ sum  ?"
    assert text.encode("latin-1", PLAIN) == b"df/dx -- 1e-06\xb7S ~ sum  ?"
    assert text.encode("utf-8", PLAIN) == text.encode()
